// What the passes know of constant masks is what the interpreter computes,
// element by element.

#include "passes/ConstantTensor.h"

#include "compiler/reference/Interpreter.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace attn;

/// Compares the results of the function in `body` with their interpretation.
static void expectExact(StringRef body) {
  MLIRContext context;
  context.loadDialect<AttnDialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(body, &context);
  ASSERT_TRUE(module);
  func::FuncOp function = *module->getOps<func::FuncOp>().begin();
  auto expected = reference::interpret(function, {});
  ASSERT_TRUE(succeeded(expected));
  ConstantEvaluator constants;
  Operation *terminator = function.front().getTerminator();
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    const ConstantTensor *constant = constants.evaluate(value);
    ASSERT_TRUE(constant) << "result " << i;
    const reference::Tensor &tensor = (*expected)[i];
    ASSERT_TRUE(llvm::equal(constant->shape, tensor.shape())) << "result " << i;
    for (int64_t at = 0; at < tensor.size(); ++at)
      ASSERT_EQ(constant->at(tensor.coordinates(at)), tensor.data()[at])
          << "result " << i << " at " << at;
  }
}

TEST(ConstantTensorTest, TrianglesAndLogic) {
  expectExact(R"(
    func.func @f() -> (tensor<2x5x7xi1>, tensor<5x7xi1>, tensor<7x5xi1>,
                       tensor<5x7xi1>) {
      %ones = attn.full {value = true} : tensor<2x5x7xi1>
      %one = attn.full {value = true} : tensor<5x7xi1>
      %a = attn.triu %ones {diagonal = -2} : tensor<2x5x7xi1>
      %b = attn.tril %one {diagonal = 3} : tensor<5x7xi1>
      %c = attn.and %a, %b : tensor<2x5x7xi1>, tensor<5x7xi1> -> tensor<2x5x7xi1>
      %d = attn.not %b : tensor<5x7xi1>
      %e = attn.transpose %d {permutation = array<i64: 1, 0>}
          : tensor<5x7xi1> -> tensor<7x5xi1>
      %far = attn.tril %one {diagonal = -9} : tensor<5x7xi1>
      %g = attn.or %far, %d : tensor<5x7xi1>, tensor<5x7xi1> -> tensor<5x7xi1>
      return %c, %d, %e, %g : tensor<2x5x7xi1>, tensor<5x7xi1>, tensor<7x5xi1>,
          tensor<5x7xi1>
    })");
}

TEST(ConstantTensorTest, ShapesAndParts) {
  expectExact(R"(
    func.func @f() -> (tensor<3x2xf32>, tensor<5x4x7xf32>, tensor<9x7xf32>,
                       tensor<5x12xf32>, tensor<20x7xf32>, tensor<7x4x5xf32>,
                       tensor<2x10xf32>) {
      %two = attn.full {value = 2.0 : f64} : tensor<5x7xf32>
      %a = attn.triu %two {diagonal = 1} : tensor<5x7xf32>
      %b = attn.slice %a {dim = 0, offset = 1} : tensor<5x7xf32> -> tensor<3x7xf32>
      %c = attn.slice %b {dim = 1, offset = 2} : tensor<3x7xf32> -> tensor<3x2xf32>
      %d = attn.expand %a {dim = 1} : tensor<5x7xf32> -> tensor<5x4x7xf32>
      %four = attn.full {value = 4.0 : f64} : tensor<4x7xf32>
      %e = attn.concat %a, %four {dim = 0}
          : tensor<5x7xf32>, tensor<4x7xf32> -> tensor<9x7xf32>
      %g = attn.slice %two {dim = 1, offset = 0} : tensor<5x7xf32> -> tensor<5x5xf32>
      %h = attn.concat %a, %g {dim = 1}
          : tensor<5x7xf32>, tensor<5x5xf32> -> tensor<5x12xf32>
      %i = attn.flatten %d {dim = 0} : tensor<5x4x7xf32> -> tensor<20x7xf32>
      %j = attn.transpose %d {permutation = array<i64: 2, 1, 0>}
          : tensor<5x4x7xf32> -> tensor<7x4x5xf32>
      %k = attn.full {value = 3.0 : f64} : tensor<2x2x5xf32>
      %l = attn.flatten %k {dim = 1} : tensor<2x2x5xf32> -> tensor<2x10xf32>
      return %c, %d, %e, %h, %i, %j, %l : tensor<3x2xf32>, tensor<5x4x7xf32>,
          tensor<9x7xf32>, tensor<5x12xf32>, tensor<20x7xf32>,
          tensor<7x4x5xf32>, tensor<2x10xf32>
    })");
}

TEST(ConstantTensorTest, Arithmetic) {
  expectExact(R"(
    func.func @f() -> (tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>) {
      %one = attn.full {value = 1.0 : f64} : tensor<5x7xf32>
      %past = attn.tril %one {diagonal = 1} : tensor<5x7xf32>
      %rest = attn.sub %one, %past
          : tensor<5x7xf32>, tensor<5x7xf32> -> tensor<5x7xf32>
      %low = attn.full {value = -1.0e4 : f64} : tensor<1xf32>
      %a = attn.mul %rest, %low
          : tensor<5x7xf32>, tensor<1xf32> -> tensor<5x7xf32>
      %truth = attn.full {value = true} : tensor<5x1xi1>
      %b = attn.masked_fill %a, %truth {value = 0xFFF0000000000000 : f64}
          : tensor<5x7xf32>, tensor<5x1xi1>
      %c = attn.where %truth, %low, %past
          : tensor<5x1xi1>, tensor<1xf32>, tensor<5x7xf32> -> tensor<5x7xf32>
      %d = attn.scale %a {by = 0.5} : tensor<5x7xf32>
      return %b, %c, %d : tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>
    })");
}

TEST(ConstantTensorTest, ArgumentsAreNotKnown) {
  MLIRContext context;
  context.loadDialect<AttnDialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      %one = attn.full {value = 1.0 : f64} : tensor<4xf32>
      %sum = attn.add %x, %one : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
      return %sum : tensor<4xf32>
    })",
                                            &context);
  func::FuncOp function = *module->getOps<func::FuncOp>().begin();
  Value sum = function.front().getTerminator()->getOperand(0);
  ConstantEvaluator constants;
  EXPECT_FALSE(constants.evaluate(sum));
  EXPECT_EQ(constants.splat(sum.getDefiningOp()->getOperand(1)), 1.0);
}
