//===- TokenPhasesTest.cpp - Which phases treat tokens one by one ---------===//
//
// A projection and a norm do; whatever looks at another token, at where a token
// stands or at a cache does not.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/TokenPhases.h"
#include "dialects/attn/AttnDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <string>

using namespace mlir;
using namespace attn;

namespace {
class TokenPhasesTest : public ::testing::Test {
protected:
  TokenPhasesTest() {
    context.loadDialect<tile::AttnTileDialect, attn::AttnDialect,
                        arith::ArithDialect, scf::SCFDialect>();
  }

  /// The token phases of a program with one phase, `body`, over the rows of
  /// %x into %y, after `views`.
  SmallVector<int64_t> phasesOf(const std::string &views,
                                const std::string &body) {
    std::string text = R"(
      attn_tile.program @p(%x: !attn_tile.view<?x?x64xf32>,
          %cache: !attn_tile.view<?x?x64xf32>,
          %weight: !attn_tile.view<64x64xf32>,
          %lengths: !attn_tile.view<?xi32>,
          %y: !attn_tile.view<?x?x64xf32>) layers [0] attributes {
          argument_axes = [["batch", "query_length", ""],
            ["batch", "kv_capacity", ""], ["", ""], ["batch"],
            ["batch", "query_length", ""]],
          argument_names = ["x", "cache", "w", "lengths", "y"], kernel = "k",
          result_count = 1 : i64, schedule = #attn_tile.schedule<
            name = "graph", max_queries = 2147483647, query_block = 8,
            key_block = 64, split_keys = 64, max_splits = 1,
            split_tasks = false>, scope = #attn.scope<layer>} {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c8 = arith.constant 8 : index
        %zero = arith.constant 0.0 : f32
        %b = attn_tile.dim %x, 0 : <?x?x64xf32>
        %n = attn_tile.dim %x, 1 : <?x?x64xf32>
        %capacity = attn_tile.dim %cache, 1 : <?x?x64xf32>
        %size = arith.muli %b, %n : index
        %blocks = arith.ceildivui %size, %c8 : index
)" + views + R"(
        attn_tile.phase "p" grid(%block = %blocks) {
          %row = arith.muli %block, %c8 : index
          %left = arith.subi %size, %row : index
          %count = arith.minsi %left, %c8 : index
          %tile = attn_tile.load_rows %x[%row, %c0] count %count
              : <?x?x64xf32> -> <?x64xf32>
)" + body + R"(
        }
      })";
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    if (!module)
      return {-1};
    return tile::tokenPhases(*module->getOps<tile::ProgramOp>().begin());
  }

  const SmallVector<int64_t> none, first = {0};
  const std::string store = R"(
          attn_tile.store_rows %tile, %y[%row, %c0] count %count
              : <?x64xf32>, <?x?x64xf32>
)";
  const std::string product = R"(
          %start = attn_tile.fill %zero rows %count : f32 -> <?x64xf32>
          %sum = attn_tile.multiply %start, %tile, %w transposed
              : <?x64xf32>, <?x64xf32>, <64x64xf32>
          attn_tile.store_rows %sum, %y[%row, %c0] count %count
              : <?x64xf32>, <?x?x64xf32>
)";

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(TokenPhasesTest, RowsThroughViewsAndBuffers) {
  EXPECT_EQ(phasesOf("", store), first);
  EXPECT_EQ(phasesOf(R"(
        %between = attn_tile.buffer[%b, %n] : <?x?x2x32xf32>
        %merged = attn_tile.merge_dims %between, 2
            : <?x?x2x32xf32> -> <?x?x64xf32>
)",
                     R"(
          attn_tile.store_rows %tile, %merged[%row, %c0] count %count
              : <?x64xf32>, <?x?x64xf32>
)"),
            first);
}

TEST_F(TokenPhasesTest, ProductsWithWeights) {
  EXPECT_EQ(phasesOf("", R"(
          %w = attn_tile.load_rows %weight[%c0, %c0] count %c8
              : <64x64xf32> -> <64x64xf32>
)" + product),
            first);
  // Rows of other tokens as a weight.
  EXPECT_EQ(phasesOf("", R"(
          %w = attn_tile.load_rows %x[%row, %c0] count %c8
              : <?x?x64xf32> -> <64x64xf32>
)" + product),
            none);
}

TEST_F(TokenPhasesTest, OtherRowsThanTheTokensOwn) {
  EXPECT_EQ(phasesOf("", R"(
          %next = arith.addi %row, %c1 : index
          %other = attn_tile.load_rows %x[%next, %c0] count %count
              : <?x?x64xf32> -> <?x64xf32>
)" + store),
            none);
  EXPECT_EQ(phasesOf("", R"(
          %other = attn_tile.load_rows %cache[%row, %c0] count %count
              : <?x?x64xf32> -> <?x64xf32>
)" + store),
            none);
}

TEST_F(TokenPhasesTest, RowsOfAWeightForEachToken) {
  // A table of positions, read where the token stands.
  EXPECT_EQ(phasesOf("", R"(
          %other = attn_tile.load_rows %weight[%row, %c0] count %count
              : <64x64xf32> -> <?x64xf32>
)" + store),
            none);
  // One row for all tokens, and one for each of two heads.
  const char *repeated = R"(
          %other = attn_tile.load_rows %same[%row, %c0] count %count
              : <?x?x64xf32> -> <?x64xf32>
)";
  EXPECT_EQ(phasesOf(R"(
        %flat = attn_tile.merge_dims %weight, 0 : <64x64xf32> -> <4096xf32>
        %part = attn_tile.slice %flat, 0 from 0
            : !attn_tile.view<4096xf32> -> !attn_tile.view<64xf32>
        %same = attn_tile.broadcast %part[%b, %n] : <64xf32> -> <?x?x64xf32>
)",
                     repeated + store),
            first);
}

TEST_F(TokenPhasesTest, SumsOverTokens) {
  EXPECT_EQ(phasesOf("", R"(
          %sum = scf.for %i = %c0 to %row step %c1 iter_args(%so_far = %tile)
              -> (!attn_tile.tile<?x64xf32>) {
            %next = attn_tile.load_rows %x[%i, %c0] count %count
                : <?x?x64xf32> -> <?x64xf32>
            %more = attn_tile.map_rows %so_far, %next
                : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?x64xf32>
                -> <?x64xf32> {
            ^bb0(%a: f32, %c: f32):
              %s = arith.addf %a, %c : f32
              attn_tile.yield %s : f32
            }
            scf.yield %more : !attn_tile.tile<?x64xf32>
          }
)" + store),
            none);
}

TEST_F(TokenPhasesTest, RowsOfDifferentSizes) {
  const char *body = R"(
          attn_tile.store_rows %half, %heads[%row, %c0] count %count
              : <?x32xf32>, <?x?x32xf32>
)";
  // Row 3 is token 3 in %x and a half of token 1 in %heads.
  EXPECT_EQ(phasesOf(R"(
        %split = attn_tile.split_dim %y, 2 : <?x?x64xf32> -> <?x?x2x32xf32>
        %heads = attn_tile.merge_dims %split, 1 : <?x?x2x32xf32> -> <?x?x32xf32>
)",
                     std::string(R"(
          %half = attn_tile.load_rows %x[%row, %c0] count %count
              : <?x?x64xf32> -> <?x32xf32>
)") + body),
            none);
}

TEST_F(TokenPhasesTest, RowsInAnotherOrder) {
  // Heads first where the phase reads, tokens first where it stores.
  EXPECT_EQ(phasesOf(R"(
        %split = attn_tile.split_dim %x, 2 : <?x?x64xf32> -> <?x?x2x32xf32>
        %first = attn_tile.permute %split [2, 0, 1, 3]
            : <?x?x2x32xf32> -> <2x?x?x32xf32>
        %out = attn_tile.split_dim %y, 2 : <?x?x64xf32> -> <?x?x2x32xf32>
)",
                     R"(
          %head = attn_tile.load_rows %first[%row, %c0] count %count
              : <2x?x?x32xf32> -> <?x32xf32>
          attn_tile.store_rows %head, %out[%row, %c0] count %count
              : <?x32xf32>, <?x?x2x32xf32>
)"),
            none);
}

TEST_F(TokenPhasesTest, TokensCutIntoPieces) {
  const char *body = R"(
          attn_tile.store_rows %tile, %half[%row, %c0] count %count
              : <?x64xf32>, <?x?x64xf32>
)";
  EXPECT_EQ(phasesOf(R"(
        %pairs = attn_tile.split_dim %y, 1 : <?x?x64xf32> -> <?x?x2x64xf32>
        %one = attn_tile.slice %pairs, 2 from 0
            : <?x?x2x64xf32> -> <?x?x1x64xf32>
        %half = attn_tile.merge_dims %one, 1 : <?x?x1x64xf32> -> <?x?x64xf32>
)",
                     body),
            none);
}

TEST_F(TokenPhasesTest, WhereATokenStands) {
  EXPECT_EQ(phasesOf("", R"(
          %position = attn_tile.coordinates %x, 1 [%row, %c0] count %count
              : !attn_tile.view<?x?x64xf32> -> !attn_tile.tile<?xi32>
)" + store),
            none);
  EXPECT_EQ(phasesOf("", R"(
          %length = attn_tile.length %cache[%c0]
              lengths(%lengths : !attn_tile.view<?xi32>) : <?x?x64xf32>
)" + store),
            none);
}

TEST_F(TokenPhasesTest, BuffersOfOtherRows) {
  EXPECT_EQ(phasesOf("%other = attn_tile.buffer[%b, %capacity] : <?x?x64xf32>",
                     store),
            none);
}
