//===- CallTensorsTest.cpp - The tensors that a call is made from ---------===//
//
// A checkpoint has the weights of all layers, and other modules' in between; a
// call takes those of one attention module, whatever leads to it.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/CallTensors.h"

#include "tests/unit/FakeFile.h"

#include "gtest/gtest.h"

using namespace attn;
using attn::test::fileOf;
using attn::test::Given;

/// The name of what is found in a file of tensors called `names` for layer
/// `number` as --layer `chosen` means it, in a call that needs `all`; "none",
/// or why not.
static std::string found(const std::vector<std::string> &names,
                         llvm::StringRef name, int64_t number = 1,
                         llvm::StringRef chosen = "",
                         llvm::ArrayRef<llvm::StringRef> all = {}) {
  std::map<std::string, Given> given;
  for (const std::string &stored : names)
    given[stored] = {"F32", {1}};
  SafetensorsFile file = fileOf(given);
  CallTensors tensors({&file, &file});
  tensors.chooseLayer(number, chosen);
  tensors.chooseModule(all);
  auto tensor = tensors.find(name);
  if (!tensor)
    return llvm::toString(tensor.takeError());
  return *tensor ? (*tensor)->name : "none";
}

static const std::vector<std::string> checkpoint = {
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.1.self_attn.q_proj.weight",
    "model.layers.11.self_attn.q_proj.weight",
};

TEST(CallTensorsTest, ExactNamesWin) {
  std::vector<std::string> names = checkpoint;
  names.push_back("q_proj.weight");
  EXPECT_EQ(found(names, "q_proj.weight"), "q_proj.weight");
  EXPECT_EQ(found(names, "q_proj.weight", 1, "model.layers.1.self_attn"),
            "q_proj.weight");
}

TEST(CallTensorsTest, TakesTheLayerOfThatNumber) {
  for (const char *chosen : {"", "1"})
    EXPECT_EQ(found(checkpoint, "q_proj.weight", 1, chosen),
              "model.layers.1.self_attn.q_proj.weight");
  EXPECT_EQ(found(checkpoint, "q_proj.weight", 11),
            "model.layers.11.self_attn.q_proj.weight");
  EXPECT_EQ(found(checkpoint, "q_proj.weight", 2), "none");
}

TEST(CallTensorsTest, TakesWhatThePrefixLeadsTo) {
  EXPECT_EQ(found(checkpoint, "q_proj.weight", 11, "model.layers.11.self_attn"),
            "model.layers.11.self_attn.q_proj.weight");
  for (const char *prefix :
       {"model.layers.1", "model.layers.1.", "model.layers.1.self_attn."})
    EXPECT_EQ(found(checkpoint, "q_proj.weight", 1, prefix),
              "model.layers.1.self_attn.q_proj.weight");
  EXPECT_EQ(found(checkpoint, "q_proj.weight", 1, "layers.1.self_attn"), "none")
      << "a prefix is whole";
}

TEST(CallTensorsTest, PartsWithoutANumberLeadToAnyLayer) {
  EXPECT_EQ(found({"attn.q_proj.weight"}, "q_proj.weight", 7),
            "attn.q_proj.weight");
}

TEST(CallTensorsTest, OwnNamesAreWhole) {
  EXPECT_EQ(found({"model.layers.1.self_attn.qkv_proj.weight",
                   "model.layers.1.self_attn.my_q_proj.weight"},
                  "q_proj.weight"),
            "none");
}

TEST(CallTensorsTest, FailsWhereALayerHasSeveral) {
  std::vector<std::string> names = {"h.1.attn.c_proj.weight",
                                    "h.1.mlp.c_proj.weight"};
  EXPECT_EQ(found(names, "c_proj.weight"),
            "tensor 'c_proj.weight' may be 'h.1.attn.c_proj.weight' or "
            "'h.1.mlp.c_proj.weight': choose the layer's attention module with "
            "--layer, as in --layer model.layers.0.self_attn");
  EXPECT_EQ(found(names, "c_proj.weight", 1, "h.1.attn"),
            "h.1.attn.c_proj.weight");
}

TEST(CallTensorsTest, TakesTheModuleThatHasAll) {
  std::vector<std::string> names = {
      "x", "h.1.attn.c_attn.weight", "h.1.attn.c_proj.weight",
      "h.1.mlp.c_proj.weight", "h.0.attn.c_attn.weight"};
  llvm::SmallVector<llvm::StringRef> all = {"x", "c_attn.weight",
                                            "c_proj.weight"};
  EXPECT_EQ(found(names, "c_proj.weight", 1, "1", all),
            "h.1.attn.c_proj.weight");
  EXPECT_EQ(found(names, "c_proj.weight", 1, "h.1.mlp", all),
            "h.1.mlp.c_proj.weight")
      << "what was chosen stays";
  names.push_back("h.1.mlp.c_attn.weight");
  EXPECT_EQ(
      found(names, "c_attn.weight", 1, "1", all).substr(0, 65),
      "tensor 'c_attn.weight' may be 'h.1.attn.c_attn.weight' or 'h.1.ml");
}

TEST(CallTensorsTest, WithoutALayerOnlyExactNamesCount) {
  SafetensorsFile file = fileOf({{checkpoint[1], {"F32", {1}}}});
  CallTensors tensors({&file});
  auto tensor = tensors.find("q_proj.weight");
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(*tensor, nullptr);
}

TEST(CallTensorsTest, TheFirstFileAndWhatWasMadeComeFirst) {
  SafetensorsFile first = fileOf({{"h.1.w", {"F32", {2}}}});
  SafetensorsFile second =
      fileOf({{"h.1.w", {"F32", {3}}}, {"b", {"F32", {4}}}});
  CallTensors tensors({&first, &second});
  tensors.chooseLayer(1, "");
  auto weight = tensors.find("w");
  ASSERT_TRUE(bool(weight)) << llvm::toString(weight.takeError());
  ASSERT_NE(*weight, nullptr);
  EXPECT_EQ((*weight)->describe(), "F32 [2]");
  EXPECT_EQ(tensors.findExact("b")->describe(), "F32 [4]");
  tensors.add("b", "I32", {1}, allocateAligned(4), 4);
  EXPECT_EQ(tensors.findExact("b")->describe(), "I32 [1]");
  EXPECT_EQ(tensors.stored().size(), 3u) << "of files alone";
}
