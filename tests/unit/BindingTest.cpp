//===- BindingTest.cpp - tensors of files as arguments of a kernel --------===//
//
// Wrong tensors are named with what they are and what is expected; lengths may
// be wider in files than in calls.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/Binding.h"

#include "tests/unit/FakeFile.h"

#include "gtest/gtest.h"

using namespace attn;
using attn::test::fileOf;
using attn::test::Given;

/// A kernel over 4 query heads and 2 key/value heads of size 8.
static LibraryKernel exampleKernel() {
  LibraryKernel kernel;
  kernel.symbol = "m_core";
  kernel.tensors = {
      {"query", "f32", {"batch", "queries", "4", "8"}, false, false},
      {"key", "f32", {"batch", "keys", "2", "8"}, false, false},
      {"kv_lengths", "i32", {"batch"}, false, true},
      {"output", "f32", {"batch", "queries", "4", "8"}, true, false},
      {"lse", "f32", {"batch", "queries", "4"}, true, true},
  };
  return kernel;
}

static const std::map<std::string, Given> valid = {
    {"query", {"F32", {3, 5, 4, 8}}},
    {"key", {"F32", {3, 7, 2, 8}}},
    {"kv_lengths", {"I64", {3}}},
    {"stranger", {"F32", {1}}},
};

static std::string errorWith(const std::string &name, const Given &given) {
  std::map<std::string, Given> tensors = valid;
  tensors[name] = given;
  SafetensorsFile file = fileOf(tensors);
  LibraryKernel kernel = exampleKernel();
  auto call = bindTensors(kernel, CallTensors({&file}));
  return call ? "no error" : llvm::toString(call.takeError());
}

TEST(BindingTest, BindsInManifestOrderAndSizesResults) {
  SafetensorsFile file = fileOf(valid);
  LibraryKernel kernel = exampleKernel();
  auto call = bindTensors(kernel, CallTensors({&file}));
  ASSERT_TRUE(bool(call)) << llvm::toString(call.takeError());
  auto arguments = call->arguments();
  ASSERT_EQ(arguments.size(), 5u);
  EXPECT_EQ(arguments[1]->shape[1], 7);
  EXPECT_EQ(arguments[2]->dtype.bits, 32) << "int64 lengths are narrowed";
  EXPECT_EQ(uintptr_t(arguments[3]->data) % 64, 0u);
  std::vector<StoredTensor> results = call->results(kernel);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].describe(), "F32 [3, 5, 4, 8]");
  EXPECT_EQ(results[1].describe(), "F32 [3, 5, 4]");
}

TEST(BindingTest, LeavesAbsentOptionalTensorsOut) {
  std::map<std::string, Given> tensors = valid;
  tensors.erase("kv_lengths");
  SafetensorsFile file = fileOf(tensors);
  LibraryKernel kernel = exampleKernel();
  auto call = bindTensors(kernel, CallTensors({&file}));
  ASSERT_TRUE(bool(call)) << llvm::toString(call.takeError());
  EXPECT_EQ(call->arguments()[2], nullptr);
}

TEST(BindingTest, PackedWeightsStandForAllWeights) {
  std::map<std::string, Given> tensors = valid;
  tensors.erase("key");
  tensors["packed_weights"] = {"U8", {128}};
  SafetensorsFile file = fileOf(tensors);
  LibraryKernel kernel = exampleKernel();
  kernel.weights = {"key"};
  kernel.packedWeights.shape = {"128"};
  auto call = bindTensors(kernel, CallTensors({&file}));
  ASSERT_TRUE(bool(call)) << llvm::toString(call.takeError());
  EXPECT_EQ(call->arguments()[1], nullptr);
  ASSERT_TRUE(call->packedWeights);
  EXPECT_EQ(call->packedWeights->tensor.shape[0], 128);
  kernel.weights = {};
  auto raw = bindTensors(kernel, CallTensors({&file}));
  ASSERT_FALSE(bool(raw));
  EXPECT_EQ(llvm::toString(raw.takeError()).find("no tensor 'key'"), 0u);
}

TEST(BindingTest, MasksMayHaveOneOfEachSizeAndMoreKeys) {
  LibraryKernel kernel = exampleKernel();
  LibraryTensor mask = {"mask", "f32", {"batch", "4", "queries", "keys"}};
  mask.mask = true;
  kernel.tensors.insert(kernel.tensors.begin() + 3, mask);
  auto bind = [&](const std::vector<int64_t> &shape) {
    std::map<std::string, Given> tensors = valid;
    tensors["mask"] = {"F32", shape};
    SafetensorsFile file = fileOf(tensors);
    auto call = bindTensors(kernel, CallTensors({&file}));
    return call ? "no error" : llvm::toString(call.takeError());
  };
  for (const std::vector<int64_t> &shape :
       {std::vector<int64_t>{3, 4, 5, 7}, {1, 1, 1, 7}, {1, 4, 1, 9}})
    EXPECT_EQ(bind(shape), "no error");
  std::string expected = ", expected F32 [batch 3 or 1, 4 or 1, queries 5 or "
                         "1, keys 7 or more]";
  EXPECT_EQ(bind({1, 2, 1, 7}),
            "tensor 'mask': is F32 [1, 2, 1, 7]" + expected);
  EXPECT_EQ(bind({4, 5, 7}), "tensor 'mask': is F32 [4, 5, 7]" + expected);
}

TEST(BindingTest, LooksIntoTheSecondFileForWhatTheFirstLacks) {
  SafetensorsFile first = fileOf({{"query", {"F32", {1, 1, 4, 8}}}});
  SafetensorsFile second =
      fileOf({{"query", {"F32", {2, 2}}}, {"key", {"F32", {1, 6, 2, 8}}}});
  LibraryKernel kernel = exampleKernel();
  auto call = bindTensors(kernel, CallTensors({&first, &second}));
  ASSERT_TRUE(bool(call)) << llvm::toString(call.takeError());
  EXPECT_EQ(call->extents["keys"], 6);
}

TEST(BindingTest, NamesMissingTensors) {
  std::map<std::string, Given> tensors = valid;
  tensors.erase("key");
  SafetensorsFile file = fileOf(tensors);
  LibraryKernel kernel = exampleKernel();
  auto call = bindTensors(kernel, CallTensors({&file}));
  ASSERT_FALSE(bool(call));
  EXPECT_EQ(llvm::toString(call.takeError()),
            "no tensor 'key', which kernel 'm_core' needs as [batch 3, keys, "
            "2, 8]");
}

TEST(BindingTest, NamesWrongRankTypeAndShape) {
  EXPECT_EQ(errorWith("query", {"F32", {5, 4, 8}}),
            "tensor 'query': is F32 [5, 4, 8], expected F32 [batch, queries, "
            "4, 8]");
  EXPECT_EQ(errorWith("query", {"I32", {3, 5, 4, 8}}),
            "tensor 'query': is I32 [3, 5, 4, 8], expected F32 [batch, "
            "queries, 4, 8]");
  EXPECT_EQ(errorWith("key", {"F32", {3, 7, 3, 8}}),
            "tensor 'key': is F32 [3, 7, 3, 8], expected F32 [batch 3, keys, "
            "2, 8]");
  EXPECT_EQ(errorWith("key", {"F32", {2, 7, 2, 8}}),
            "tensor 'key': is F32 [2, 7, 2, 8], expected F32 [batch 3, keys, "
            "2, 8]");
  EXPECT_EQ(errorWith("kv_lengths", {"F32", {3}}),
            "tensor 'kv_lengths': is F32 [3], expected I32 or I64 [batch 3]");
  for (const char *type : {"I32", "I64"}) {
    EXPECT_EQ(errorWith("kv_lengths", {type, {3, 1}}),
              std::string("tensor 'kv_lengths': is ") + type +
                  " [3, 1], expected I32 or I64 [batch 3]");
    EXPECT_EQ(errorWith("kv_lengths", {type, {}}),
              std::string("tensor 'kv_lengths': is ") + type +
                  " [], expected I32 or I64 [batch 3]");
  }
}

TEST(BindingTest, TellsWhatAMisspeltTensorMayHaveMeant) {
  LibraryKernel kernel = exampleKernel();
  auto warningsFor = [&](const std::map<std::string, Given> &given) {
    SafetensorsFile file = fileOf(given);
    return findMisspelt(kernel, CallTensors({&file}));
  };
  Given lengths = {"I32", {2}};
  EXPECT_EQ(warningsFor({{"kv_length", lengths}}),
            std::vector<std::string>{
                "tensor 'kv_length' is ignored; did you mean 'kv_lengths', "
                "which is optional and not given?"});
  EXPECT_TRUE(warningsFor({{"lengths", lengths}, {"quer", lengths}}).empty());
  EXPECT_TRUE(
      warningsFor({{"kv_length", lengths}, {"kv_lengths", lengths}}).empty());
}

TEST(BindingTest, TellsWhatACallOfALayerMayHaveMeant) {
  LibraryKernel kernel = exampleKernel();
  kernel.scope = "attend";
  kernel.tensors[1] = {"key_cache",        "f32", {"batch", "keys", "2", "8"},
                       /*output=*/false,
                       /*optional=*/false,
                       /*updated=*/true};
  kernel.tensors[2].optional = false;
  auto warningsFor = [&](const std::map<std::string, Given> &given) {
    SafetensorsFile file = fileOf(given);
    CallTensors tensors({&file});
    // What is made in place of a tensor does not make it given.
    tensors.add("kv_lengths", "I32", {1}, allocateAligned(4), 4);
    return findMisspelt(kernel, tensors);
  };
  auto mean = [](const std::string &given, const std::string &meant) {
    return std::vector<std::string>{"tensor '" + given +
                                    "' is ignored; did you mean '" + meant +
                                    "', which is optional and not given?"};
  };
  Given some = {"F32", {1}};
  EXPECT_EQ(warningsFor({{"kv_length", some}}),
            mean("kv_length", "kv_lengths"));
  EXPECT_EQ(warningsFor({{"past_keys", some}}), mean("past_keys", "past_key"));
  EXPECT_EQ(warningsFor({{"present_key", some}}),
            mean("present_key", "past_key"));
  EXPECT_TRUE(warningsFor({{"past_key", some}, {"present_key", some}}).empty());
  EXPECT_TRUE(warningsFor({{"querys", some}}).empty());
}
