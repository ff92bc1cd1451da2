//===- LayerCallTest.cpp - What a call of a layer leaves to run -----------===//
//
// A cache is the past with room behind it; lengths and positions follow from it
// unless they are given; what cannot be is told with both numbers.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/LayerCall.h"

#include "tests/unit/FakeFile.h"

#include "gtest/gtest.h"

#include <limits>

using namespace attn;
using attn::test::fileOf;
using attn::test::Given;
using attn::test::valuesOf;

/// One key/value head of size 2 over rows of 3 elements.
static LibraryKernel exampleKernel(const std::string &cache = "f32") {
  auto tensor = [](std::string name, std::string type,
                   std::vector<std::string> shape, bool updated = false) {
    return LibraryTensor{std::move(name),    std::move(type),
                         std::move(shape),   /*output=*/false,
                         /*optional=*/false, updated};
  };
  LibraryKernel kernel;
  kernel.symbol = "m_layer";
  kernel.scope = "layer";
  kernel.tensors = {
      tensor("hidden_states", "f32", {"batch", "query_length", "3"}),
      tensor("position_ids", "i32", {"batch", "query_length"}),
      tensor("key_cache", cache, {"batch", "kv_capacity", "1", "2"}, true),
      tensor("value_cache", cache, {"batch", "kv_capacity", "1", "2"}, true),
      tensor("kv_lengths", "i32", {"batch"}),
      {"output", "f32", {"batch", "query_length", "3"}, true, false},
  };
  return kernel;
}

namespace {
/// A call that has been completed, or why it could not be.
struct Completed {
  explicit Completed(const std::map<std::string, Given> &given,
                     const std::string &cache = "f32")
      : file(fileOf(given)), tensors({&file}) {
    if (llvm::Error failure = completeLayerCall(exampleKernel(cache), tensors))
      error = llvm::toString(std::move(failure));
  }

  std::vector<int64_t> values(llvm::StringRef name) const {
    const StoredTensor *tensor = tensors.findExact(name);
    return tensor ? valuesOf(*tensor) : std::vector<int64_t>();
  }
  std::string describe(llvm::StringRef name) const {
    const StoredTensor *tensor = tensors.findExact(name);
    return tensor ? tensor->describe() : "none";
  }

  SafetensorsFile file;
  CallTensors tensors;
  std::string error;
};
} // namespace

static const Given twoRows = {"F32", {2, 2, 3}};
/// Three tokens of two sequences.
static const Given past = {
    "F32", {2, 3, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
using Values = std::vector<int64_t>;

static std::string errorWith(const std::map<std::string, Given> &more) {
  std::map<std::string, Given> given = {
      {"hidden_states", twoRows}, {"past_key", past}, {"past_value", past}};
  for (const auto &[name, tensor] : more)
    given[name] = tensor;
  return Completed(given).error;
}

TEST(LayerCallTest, BeginsWithoutAPast) {
  Completed call({{"hidden_states", twoRows}});
  ASSERT_EQ(call.error, "");
  EXPECT_EQ(call.describe("key_cache"), "F32 [2, 2, 1, 2]");
  EXPECT_EQ(call.values("key_cache"), Values(8, 0));
  EXPECT_EQ(call.describe("kv_lengths"), "I32 [2]");
  EXPECT_EQ(call.values("kv_lengths"), Values({2, 2}));
  EXPECT_EQ(call.describe("position_ids"), "I32 [2, 2]");
  EXPECT_EQ(call.values("position_ids"), Values({0, 1, 0, 1}));
  EXPECT_EQ(call.describe("output"), "none") << "results are no input";
}

TEST(LayerCallTest, ContinuesThePast) {
  Completed call(
      {{"hidden_states", twoRows}, {"past_key", past}, {"past_value", past}});
  ASSERT_EQ(call.error, "");
  EXPECT_EQ(call.describe("value_cache"), "F32 [2, 5, 1, 2]");
  EXPECT_EQ(
      call.values("key_cache"),
      Values({1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0}));
  EXPECT_EQ(call.values("kv_lengths"), Values({5, 5}));
  EXPECT_EQ(call.values("position_ids"), Values({3, 4, 3, 4}));
}

TEST(LayerCallTest, KeepsCachesAsTheyAreStored) {
  Completed call({{"hidden_states", twoRows}}, "bf16");
  ASSERT_EQ(call.error, "");
  const StoredTensor *cache = call.tensors.findExact("value_cache");
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->describe(), "BF16 [2, 2, 1, 2]");
  EXPECT_EQ(cache->bytes.size(), 16U);
  Completed other(
      {{"hidden_states", twoRows}, {"past_key", past}, {"past_value", past}},
      "f16");
  EXPECT_EQ(other.error, "tensor 'past_key': is F32 [2, 3, 1, 2], expected F16 "
                         "[2, tokens, 1, 2]");
}

TEST(LayerCallTest, CountsFromLengthsThatAreGiven) {
  for (const char *type : {"I32", "I64"}) {
    Completed call({{"hidden_states", twoRows},
                    {"past_key", past},
                    {"past_value", past},
                    {"kv_lengths", {type, {2}, {4, 1}}}});
    ASSERT_EQ(call.error, "");
    EXPECT_EQ(call.describe("key_cache"), "F32 [2, 4, 1, 2]")
        << "room for the longest";
    EXPECT_EQ(call.values("position_ids"), Values({2, 3, 0, 0}))
        << "rows in front of a sequence stand at 0";
    EXPECT_EQ(call.values("kv_lengths"), Values({4, 1})) << "as given";
  }
}

TEST(LayerCallTest, KeepsWhatIsGiven) {
  Completed call({{"hidden_states", twoRows},
                  {"position_ids", {"I64", {2, 2}, {7, 8, 9, 10}}},
                  {"key_cache", past}});
  ASSERT_EQ(call.error, "");
  EXPECT_EQ(call.describe("position_ids"), "I64 [2, 2]");
  EXPECT_EQ(call.describe("key_cache"), "F32 [2, 3, 1, 2]");
  EXPECT_EQ(call.describe("value_cache"), "F32 [2, 2, 1, 2]");
}

TEST(LayerCallTest, RepeatsPositionsOfOneSequence) {
  for (const char *type : {"I32", "I64"}) {
    Completed call(
        {{"hidden_states", twoRows}, {"position_ids", {type, {1, 2}, {7, 8}}}});
    ASSERT_EQ(call.error, "");
    EXPECT_EQ(call.describe("position_ids"), "I32 [2, 2]");
    EXPECT_EQ(call.values("position_ids"), Values({7, 8, 7, 8}));
  }
  EXPECT_EQ(
      errorWith({{"position_ids", {"I64", {1, 2}, {7, int64_t(1) << 40}}}}),
      "tensor 'position_ids': element 1 is 1099511627776, which int32 "
      "cannot hold");
}

TEST(LayerCallTest, FailsForAPastOfAnotherTypeOrShape) {
  std::vector<Given> wrong = {{"I32", {2, 3, 1, 2}},
                              {"F32", {2, 3, 2, 2}},
                              {"F32", {2, 3, 2, 1}},
                              {"F32", {2, 3, 2}},
                              {"F32", {1, 3, 1, 2}}};
  for (const Given &given : wrong) {
    SafetensorsFile file = fileOf({{"x", given}});
    EXPECT_EQ(errorWith({{"past_value", given}}),
              "tensor 'past_value': is " + file.find("x")->describe() +
                  ", expected F32 [2, tokens, 1, 2]");
  }
}

TEST(LayerCallTest, FailsForHalfAPast) {
  EXPECT_EQ(Completed({{"hidden_states", twoRows}, {"past_key", past}}).error,
            "no tensor 'past_value', but 'past_key' holds 3 tokens");
  EXPECT_EQ(Completed({{"hidden_states", twoRows}, {"past_value", past}}).error,
            "no tensor 'past_key', but 'past_value' holds 3 tokens");
}

TEST(LayerCallTest, FailsForPastsOfTwoLengths) {
  EXPECT_EQ(errorWith({{"past_value", {"F32", {2, 4, 1, 2}}}}),
            "tensor 'past_key' holds 3 tokens, 'past_value' holds 4: expected "
            "as many");
}

TEST(LayerCallTest, FailsForLengthsBeyondPastAndNewTokens) {
  EXPECT_EQ(errorWith({{"kv_lengths", {"I32", {2}, {3, 6}}}}),
            "tensor 'kv_lengths': a length is 6, but 3 tokens and 2 new ones "
            "make 5");
  EXPECT_EQ(errorWith({{"kv_lengths", {"I64", {2}, {int64_t(1) << 40, 5}}}}),
            "tensor 'kv_lengths': a length is 1099511627776, but 3 tokens and "
            "2 new ones make 5");
}

TEST(LayerCallTest, LeavesWhatIsMissingOrWrongToBinding) {
  EXPECT_EQ(Completed({}).error, "");
  // Sizes of rows without elements are nobody's.
  EXPECT_EQ(errorWith({{"hidden_states", {"F32", {2, int64_t(1) << 40, 0}}}}),
            "");
  EXPECT_EQ(
      errorWith({{"kv_lengths",
                  {"I64", {2}, {std::numeric_limits<int64_t>::min(), 5}}}}),
      "");
  EXPECT_EQ(errorWith({{"kv_lengths", {"F32", {2}}}}), "");
}

TEST(LayerCallTest, FailsForACacheOfUnknownSize) {
  LibraryKernel kernel = exampleKernel();
  kernel.tensors[2].shape[2] = "heads";
  SafetensorsFile file = fileOf({{"hidden_states", twoRows}});
  CallTensors tensors({&file});
  EXPECT_EQ(llvm::toString(completeLayerCall(kernel, tensors)),
            "tensor 'key_cache': no input tells what 'heads' is");
}

TEST(LayerCallTest, NamesTheContentsOfCaches) {
  EXPECT_EQ(pastName("rope_key_cache"), "past_rope_key");
  EXPECT_EQ(presentName("key_cache"), "present_key");
  EXPECT_EQ(presentName("state"), "present_state");
}
