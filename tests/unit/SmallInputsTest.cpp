// Inputs of hand-written functions mean something: masks show a key in every
// row, in the polarity that their users give them, and positions ascend.

#include "compiler/verify/SmallInputs.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

static SmallVector<SmallInputs> inputsOf(StringRef text, MLIRContext &context) {
  context.loadDialect<AttnDialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(text, &context);
  return makeSmallInputs(*module->getOps<func::FuncOp>().begin());
}

/// Whether key 0 of every row is `first`, and other elements differ from it.
static void expectMask(const Tensor &mask, double first) {
  int64_t keys = mask.shape().back(), others = 0;
  for (int64_t i = 0; i < mask.size(); ++i) {
    double value = mask.data()[i];
    EXPECT_TRUE(value == 0 || value == 1);
    if (i % keys == 0)
      EXPECT_EQ(value, first);
    others += value != first;
  }
  EXPECT_GT(others, 0);
}

TEST(SmallInputsTest, MasksShowAKeyInEveryRow) {
  MLIRContext context;
  auto cases = inputsOf(R"(
    func.func @masks(%s: tensor<2x3x5x7xf32>, %hidden: tensor<5x7xi1>,
                     %shown: tensor<2x1x1x7xi1>, %padding: tensor<2x7xi1>)
        -> tensor<2x3x5x7xf32> {
      %a = attn.masked_fill %s, %hidden {value = 0xFFF0000000000000 : f64}
          : tensor<2x3x5x7xf32>, tensor<5x7xi1>
      %valid = attn.not %padding : tensor<2x7xi1>
      %rows = attn.expand %valid {dim = 1} : tensor<2x7xi1> -> tensor<2x1x7xi1>
      %all = attn.expand %rows {dim = 1} : tensor<2x1x7xi1> -> tensor<2x1x1x7xi1>
      %both = attn.and %shown, %all : tensor<2x1x1x7xi1>, tensor<2x1x1x7xi1>
          -> tensor<2x1x1x7xi1>
      %inf = attn.full {value = 0xFFF0000000000000 : f64} : tensor<1xf32>
      %b = attn.where %both, %a, %inf : tensor<2x1x1x7xi1>, tensor<2x3x5x7xf32>,
          tensor<1xf32> -> tensor<2x3x5x7xf32>
      return %b : tensor<2x3x5x7xf32>
    })",
                        context);
  ASSERT_FALSE(cases.empty());
  for (const SmallInputs &inputs : cases) {
    expectMask(inputs.tensors[1], 0);
    expectMask(inputs.tensors[2], 1);
    expectMask(inputs.tensors[3], 0);
  }
}

TEST(SmallInputsTest, PositionsAscend) {
  MLIRContext context;
  auto cases = inputsOf(R"(
    func.func @rope(%x: tensor<2x5x3x4xf32>, %positions: tensor<2x5xi32>)
        -> tensor<2x5x3x4xf32> {
      %r = attn.rope %x positions(%positions : tensor<2x5xi32>)
          {position = #attn.rope<theta = 1.0e4>} : tensor<2x5x3x4xf32>
      return %r : tensor<2x5x3x4xf32>
    })",
                        context);
  ASSERT_FALSE(cases.empty());
  const Tensor &positions = cases.front().tensors[1];
  for (int64_t batch = 0; batch < 2; ++batch)
    for (int64_t token = 1; token < 5; ++token)
      EXPECT_EQ(positions(batch, token), positions(batch, token - 1) + 1);
  EXPECT_NE(positions(0, 0), positions(1, 0));
}
