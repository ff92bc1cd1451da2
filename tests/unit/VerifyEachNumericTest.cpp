// A deliberately wrong pass between right ones is caught and named, with the
// function and the element; right passes are not.

#include "compiler/verify/VerifyEachNumeric.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace attn;
using namespace attn::verify;

namespace {
/// Every causal mask sees one key too many.
struct WidenMaskPass
    : public PassWrapper<WidenMaskPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WidenMaskPass)
  StringRef getArgument() const override { return "test-widen-mask"; }
  void runOnOperation() override {
    getOperation().walk([](MaskOp op) {
      op.setMaskAttr(WindowAttr::get(op.getContext(), KeyInterval::kUnbounded,
                                     2, Alignment::BottomRight));
    });
  }
};

/// The scale is applied twice.
struct RepeatScalePass
    : public PassWrapper<RepeatScalePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RepeatScalePass)
  StringRef getArgument() const override { return "test-repeat-scale"; }
  void runOnOperation() override {
    getOperation().walk([](ScaleOp op) {
      double by = op.getBy().convertToDouble();
      op.setByAttr(Builder(op.getContext()).getF64FloatAttr(by * by));
    });
  }
};

class VerifyEachNumericTest : public testing::Test {
protected:
  VerifyEachNumericTest() { context.loadDialect<AttnDialect>(); }

  void parse(StringRef body) {
    module = parseSourceString<ModuleOp>(body, &context);
    ASSERT_TRUE(module);
  }

  /// Runs `passes` and keeps the first error.
  bool runPasses(PassManager &passes) {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (message.empty())
        message = diagnostic.str();
    });
    passes.addInstrumentation(createNumericInstrumentation(check));
    EXPECT_TRUE(succeeded(passes.run(*module)));
    return !check.hasFailed();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  NumericCheck check;
  std::string message;
};
} // namespace

static constexpr StringLiteral kGraph = R"(
  func.func @layer_core(%query: tensor<?x?x2x4xf32>, %key: tensor<?x?x1x4xf32>,
                        %value: tensor<?x?x1x4xf32>, %lengths: tensor<?xi32>)
      -> (tensor<?x?x2x4xf32>, tensor<?x?x2xf32>) {
    %s = attn.score %query, %key
        : tensor<?x?x2x4xf32>, tensor<?x?x1x4xf32> -> tensor<?x2x?x?xf32>
    %t = attn.scale %s {by = 0.5} : tensor<?x2x?x?xf32>
    %u = attn.mask %t lengths(%lengths : tensor<?xi32>) {mask = #attn.causal}
        : tensor<?x2x?x?xf32>
    %p, %lse = attn.softmax %u
        : tensor<?x2x?x?xf32> -> tensor<?x2x?x?xf32>, tensor<?x?x2xf32>
    %o = attn.weighted_sum %p, %value
        : tensor<?x2x?x?xf32>, tensor<?x?x1x4xf32> -> tensor<?x?x2x4xf32>
    return %o, %lse : tensor<?x?x2x4xf32>, tensor<?x?x2xf32>
  })";

TEST_F(VerifyEachNumericTest, RightPassesPass) {
  parse(kGraph);
  PassManager passes(&context);
  passes.addPass(createCanonicalizerPass());
  passes.addNestedPass<func::FuncOp>(createCSEPass());
  EXPECT_TRUE(runPasses(passes));
  EXPECT_EQ(message, "");
  EXPECT_EQ(check.comparisons(), 2u);
  EXPECT_EQ(check.coverage().describe(),
            "compared 1 function after 2 of 2 passes");
}

TEST_F(VerifyEachNumericTest, NamesTheFirstWrongPass) {
  parse(kGraph);
  PassManager passes(&context);
  passes.addPass(createCanonicalizerPass());
  passes.addPass(std::make_unique<RepeatScalePass>());
  passes.addNestedPass<func::FuncOp>(std::make_unique<WidenMaskPass>());
  EXPECT_FALSE(runPasses(passes));
  EXPECT_TRUE(StringRef(message).starts_with(
      "pass 'test-repeat-scale' changed 'layer': result 0 at ["))
      << message;
}

TEST_F(VerifyEachNumericTest, NamesAWrongNestedPass) {
  parse(kGraph);
  PassManager passes(&context);
  passes.addNestedPass<func::FuncOp>(std::make_unique<WidenMaskPass>());
  EXPECT_FALSE(runPasses(passes));
  EXPECT_TRUE(StringRef(message).starts_with("pass 'test-widen-mask' changed"))
      << message;
}

TEST_F(VerifyEachNumericTest, DeclaredLayerIsComparedWithItsFunction) {
  parse(R"(attn.grouped @layer {hidden = 8, heads = 2, kv_heads = 1,
    head_dim = 4, layers = array<i64: 0>, mask = #attn.causal})");
  check.record(*module);
  parse(kGraph);
  check.check(*module, "attn-expand-layers");
  EXPECT_FALSE(check.hasFailed());
  EXPECT_EQ(check.comparisons(), 1u);

  parse(R"(attn.grouped @other {hidden = 8, heads = 2, kv_heads = 1,
    head_dim = 4, layers = array<i64: 0>, mask = #attn.causal})");
  check.record(*module);
  std::string renamed = kGraph.str();
  renamed.replace(renamed.find("@layer_core"), 11, "@other_core");
  renamed.replace(renamed.find("#attn.causal"), 12,
                  "#attn.causal<alignment = top_left>");
  parse(renamed);
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  check.check(*module, "attn-expand-layers");
  EXPECT_TRUE(check.hasFailed());
}

// inf - inf under a mask that is added is no NaN of attention, whatever the
// pass is called that finds it.
TEST_F(VerifyEachNumericTest, RespelledMasksMayGiveNansValues) {
  std::string added = R"(
  func.func @f(%query: tensor<1x2x2x2xf32>, %key: tensor<1x3x2x2xf32>,
               %value: tensor<1x3x2x2xf32>) -> tensor<1x2x2x2xf32> {
    %s = attn.score %query, %key
        : tensor<1x2x2x2xf32>, tensor<1x3x2x2xf32> -> tensor<1x2x2x3xf32>
    %ones = attn.full {value = 0xFFF0000000000000 : f64} : tensor<2x3xf32>
    %future = attn.triu %ones {diagonal = 2} : tensor<2x3xf32>
    %t = attn.add %s, %future
        : tensor<1x2x2x3xf32>, tensor<2x3xf32> -> tensor<1x2x2x3xf32>
    %p = attn.softmax %t : tensor<1x2x2x3xf32> -> tensor<1x2x2x3xf32>
    %o = attn.weighted_sum %p, %value
        : tensor<1x2x2x3xf32>, tensor<1x3x2x2xf32> -> tensor<1x2x2x2xf32>
    return %o : tensor<1x2x2x2xf32>
  })";
  std::string masked = added;
  size_t begin = masked.find("%ones"), end = masked.find("%p =");
  masked.replace(begin, end - begin, R"(
    %t = attn.mask %s {mask = #attn.causal} : tensor<1x2x2x3xf32>
    )");
  parse(added);
  check.record(*module);
  parse(masked);
  check.check(*module, "test-renamed");
  EXPECT_FALSE(check.hasFailed());
  EXPECT_EQ(check.comparisons(), 1u);
}

// inf / inf of other functions is what they mean.
TEST_F(VerifyEachNumericTest, OtherNansStay) {
  std::string quotient = R"(
  func.func @f(%query: tensor<?x?x2x4xf32>, %key: tensor<?x?x2x4xf32>)
      -> tensor<?x2x?x?xf32> {
    %t = attn.score %query, %key
        : tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32> -> tensor<?x2x?x?xf32>
    %o = attn.div %t, %t
        : tensor<?x2x?x?xf32>, tensor<?x2x?x?xf32> -> tensor<?x2x?x?xf32>
    return %o : tensor<?x2x?x?xf32>
  })";
  std::string bounded = quotient;
  bounded.replace(bounded.find("%t ="), 4, "%s =");
  bounded.insert(bounded.find("%o ="),
                 "%t = attn.tanh %s : tensor<?x2x?x?xf32>\n");
  parse(quotient);
  check.record(*module);
  parse(bounded);
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  check.check(*module, "attn-raise-attention");
  EXPECT_TRUE(check.hasFailed());
  EXPECT_TRUE(StringRef(message).contains("nan")) << message;
}
