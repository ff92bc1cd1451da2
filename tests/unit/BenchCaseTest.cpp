// Work is counted from the pairs that the mask lets through.

#include "compiler/bench/Cases.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace attn;

namespace {
class BenchCaseTest : public testing::Test {
protected:
  BenchCaseTest() { context.loadDialect<AttnDialect>(); }

  static constexpr int64_t kKeyBytes = 2 * (8 + 16) * 4;

  BenchCase make(llvm::StringRef mask, int64_t queries, int64_t keys) {
    return {.name = "case",
            .shape = {.queryLength = queries,
                      .kvLength = keys,
                      .queryHeads = 4,
                      .kvHeads = 2,
                      .headDim = 8,
                      .valueDim = 16},
            .mask = llvm::cast<MaskAttrInterface>(
                mlir::parseAttribute(mask, &context))};
  }
  double countPairs(llvm::StringRef mask, int64_t queries, int64_t keys) {
    return make(mask, queries, keys).countFlops() / (2.0 * 4 * (8 + 16));
  }

  mlir::MLIRContext context;
};
} // namespace

TEST_F(BenchCaseTest, CountsVisiblePairsOnly) {
  EXPECT_EQ(countPairs("#attn.bidirectional", 3, 5), 15);
  EXPECT_EQ(countPairs("#attn.causal", 4, 4), 1 + 2 + 3 + 4);
  EXPECT_EQ(countPairs("#attn.causal", 2, 5), 4 + 5);
  EXPECT_EQ(countPairs("#attn.causal<alignment = top_left>", 2, 5), 1 + 2);
  EXPECT_EQ(countPairs("#attn.window<left = 2, right = 1>", 4, 4), 1 + 2 * 3);
  EXPECT_EQ(countPairs("#attn.window<left = 2, right = 2>", 3, 3), 2 + 3 + 2);
}

TEST_F(BenchCaseTest, CountsKeysAndValuesThatSomeRowSees) {
  EXPECT_EQ(make("#attn.causal", 1, 100).countKvBytes(), 100.0 * kKeyBytes);
  EXPECT_EQ(make("#attn.window<left = 10, right = 1>", 1, 100).countKvBytes(),
            10.0 * kKeyBytes);
}

TEST_F(BenchCaseTest, CountsWeightsOnceForEachRow) {
  BenchCase prefill = make("#attn.causal", 3, 3);
  double flops = prefill.countFlops(), bytes = prefill.countBytes();
  EXPECT_EQ(bytes, prefill.countKvBytes());
  prefill.shape.batch = 2;
  prefill.weights = 1000;
  prefill.dtype = Dtype::BF16;
  EXPECT_EQ(prefill.countFlops(), 2 * flops + 2.0 * 2 * 3 * 1000);
  EXPECT_EQ(prefill.countBytes(), 2 * bytes + 1000 * 2);
}

TEST_F(BenchCaseTest, LatentsAreKeysAndValues) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "attn.latent @mla {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,"
      " rope_dim = 4, value_dim = 6, layers = array<i64: 2>,"
      " mask = #attn.causal}",
      &context);
  ASSERT_TRUE(module);
  auto layer = *module->getOps<LatentOp>().begin();
  BenchCase decode = decodeCase(layer), prefill = prefillCase(layer);
  EXPECT_EQ(decode.name, "decode_4096_absorbed");
  EXPECT_EQ(decode.countKvBytes(), 4096 * (16 + 4) * 4);
  EXPECT_EQ(decode.countFlops(), 2.0 * 4096 * 4 * (20 + 16));
  EXPECT_EQ(decode.layer, 2);
  EXPECT_EQ(prefill.name, "prefill_2048_expanded");
  EXPECT_EQ(prefill.countFlops(), 2.0 * (2048 * 2049 / 2) * 4 * (12 + 6));
  EXPECT_EQ(prefill.countKvBytes(), 2048.0 * 4 * (12 + 6) * 4);

  // The other scopes store latents, whatever they make of them.
  BenchCase attend = prefillCase(layer, Scope::Attend);
  EXPECT_EQ(attend.name, "attend_prefill_512");
  EXPECT_EQ(attend.countKvBytes(), 512.0 * (16 + 4) * 4);
  EXPECT_EQ(decodeCase(layer, Scope::Layer).name, "layer_decode_4096");
}

TEST_F(BenchCaseTest, CountsBytesAsTheCachesAreStored) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      R"(attn.grouped @a {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
           value_dim = 8, layers = array<i64: 0>, mask = #attn.causal,
           storage = #attn.storage<activation = bf16, key = f16, value = f32>})",
      &context);
  BenchCase decode = decodeCase(*module->getOps<GroupedOp>().begin());
  EXPECT_EQ(decode.countKvBytes(), 16384.0 * 2 * (16 * 2 + 8 * 4));
  EXPECT_EQ(decode.dtype, Dtype::BF16);
  EXPECT_EQ(decode.kDtype, Dtype::F16);
  EXPECT_EQ(decode.vDtype, Dtype::F32);
}

TEST_F(BenchCaseTest, ReferencesAreTheDocumentedOnes) {
  std::vector<std::string_view> names;
  for (const ReferenceCase &reference : referenceCases()) {
    names.push_back(reference.name);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        declareReference(reference, Dtype::BF16), &context);
    ASSERT_TRUE(module);
    auto layer = *module->getOps<GroupedOp>().begin();
    EXPECT_EQ(layer.getHeads(), 32u);
    EXPECT_EQ(layer.getKvHeads(), 8u);
    EXPECT_EQ(int64_t(layer.getHeadDim()), reference.headDim);
    EXPECT_EQ(decodeCase(layer).dtype, Dtype::BF16);
  }
  EXPECT_EQ(names, (std::vector<std::string_view>{"prefill_2048_noncausal_d128",
                                                  "prefill_2048_noncausal_d64",
                                                  "prefill_2048_causal_d128",
                                                  "decode_16384_d128"}));
}
