// The interpreter's rule for each operation, through parsed IR: the declared
// layer, the graph and the fused forms agree with each other and with values
// computed by hand.

#include "compiler/reference/Interpreter.h"

#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace attn;
using namespace attn::reference;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
class InterpreterTest : public testing::Test {
protected:
  InterpreterTest() { context.loadDialect<AttnDialect>(); }

  void parse(StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
  }

  SmallVector<Tensor> run(ArrayRef<Tensor> inputs) {
    FailureOr<SmallVector<Tensor>> results;
    if (auto function = firstOf<func::FuncOp>())
      results = interpret(function, inputs);
    else
      results = interpret(firstOf<GroupedOp>(), inputs);
    EXPECT_TRUE(succeeded(results));
    return results.value_or(SmallVector<Tensor>());
  }

  template <typename Op>
  Op firstOf() {
    auto ops = module->getOps<Op>();
    return ops.empty() ? Op() : *ops.begin();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

/// Small distinct numbers between -2 and 2.
static Tensor pattern(ArrayRef<int64_t> shape, int seed) {
  Tensor tensor(shape);
  for (auto [i, value] : llvm::enumerate(tensor.data()))
    value = static_cast<double>((i * 37 + seed * 11) % 41) / 10 - 2;
  return tensor;
}

static SmallVector<Tensor> inputsOf(int64_t queries, int64_t keys) {
  return {pattern({2, queries, 4, 3}, 1), pattern({2, keys, 2, 3}, 2),
          pattern({2, keys, 2, 5}, 3),
          Tensor({2}, std::vector<double>{double(keys), double(keys / 2)}),
          pattern({4}, 4)};
}

static void expectNear(ArrayRef<Tensor> left, ArrayRef<Tensor> right) {
  ASSERT_EQ(left.size(), right.size());
  for (auto [a, b] : llvm::zip(left, right)) {
    ASSERT_EQ(a.shape(), b.shape());
    for (auto [x, y] : llvm::zip(a.data(), b.data()))
      EXPECT_TRUE(x == y || std::fabs(x - y) < 1e-6) << x << " and " << y;
  }
}

static constexpr StringLiteral kDeclared = R"(
  attn.grouped @layer {hidden = 12, heads = 4, kv_heads = 2, head_dim = 3,
    value_dim = 5, layers = array<i64: 0>, scale = 0.5, softcap = 2.0, sinks,
    mask = #attn.window<left = 3, right = 1>})";

static constexpr StringLiteral kLatent = R"(
  attn.latent @layer {hidden = 12, heads = 2, kv_rank = 3, nope_dim = 2,
    rope_dim = 2, value_dim = 4, layers = array<i64: 0>, scale = 0.5,
    mask = #attn.causal})";

static constexpr StringLiteral kAbsorb = R"(
  func.func @absorb(%query: tensor<?x?x2x2xf32>, %weight: tensor<2x2x3xf32>)
      -> (tensor<?x?x2x3xf32>, tensor<?x?x2x2xf32>) {
    %absorbed = attn.head_linear %query, %weight {transposed}
        : tensor<?x?x2x2xf32>, tensor<2x2x3xf32> -> tensor<?x?x2x3xf32>
    %back = attn.head_linear %absorbed, %weight
        : tensor<?x?x2x3xf32>, tensor<2x2x3xf32> -> tensor<?x?x2x2xf32>
    return %absorbed, %back : tensor<?x?x2x3xf32>, tensor<?x?x2x2xf32>
  })";

static constexpr StringLiteral kGraph = R"(
  func.func @graph(%query: tensor<?x?x4x3xf32>, %key: tensor<?x?x2x3xf32>,
                   %value: tensor<?x?x2x5xf32>, %lengths: tensor<?xi32>,
                   %sinks: tensor<4xf32>)
      -> (tensor<?x?x4x5xf32>, tensor<?x?x4xf32>) {
    %k = attn.repeat_kv %key {times = 2}
        : tensor<?x?x2x3xf32> -> tensor<?x?x4x3xf32>
    %v = attn.repeat_kv %value {times = 2}
        : tensor<?x?x2x5xf32> -> tensor<?x?x4x5xf32>
    %s = attn.score %query, %k
        : tensor<?x?x4x3xf32>, tensor<?x?x4x3xf32> -> tensor<?x4x?x?xf32>
    %t = attn.scale %s {by = 0.5} : tensor<?x4x?x?xf32>
    %c = attn.softcap %t {cap = 2.0} : tensor<?x4x?x?xf32>
    %u = attn.mask %c lengths(%lengths : tensor<?xi32>)
        {mask = #attn.window<left = 3, right = 1>} : tensor<?x4x?x?xf32>
    %p, %lse = attn.softmax %u sinks(%sinks : tensor<4xf32>)
        : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
    %o = attn.weighted_sum %p, %v
        : tensor<?x4x?x?xf32>, tensor<?x?x4x5xf32> -> tensor<?x?x4x5xf32>
    return %o, %lse : tensor<?x?x4x5xf32>, tensor<?x?x4xf32>
  })";

static constexpr StringLiteral kMaskedSoftmax = R"(
  func.func @masked(%query: tensor<?x?x4x3xf32>, %key: tensor<?x?x2x3xf32>,
                    %value: tensor<?x?x2x5xf32>, %lengths: tensor<?xi32>,
                    %sinks: tensor<4xf32>)
      -> (tensor<?x?x4x5xf32>, tensor<?x?x4xf32>) {
    %s = attn.score %query, %key
        : tensor<?x?x4x3xf32>, tensor<?x?x2x3xf32> -> tensor<?x4x?x?xf32>
    %p, %lse = attn.masked_softmax %s lengths(%lengths : tensor<?xi32>)
        sinks(%sinks : tensor<4xf32>)
        {scale = 0.5, softcap = 2.0, mask = #attn.window<left = 3, right = 1>}
        : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
    %o = attn.weighted_sum %p, %value
        : tensor<?x4x?x?xf32>, tensor<?x?x2x5xf32> -> tensor<?x?x4x5xf32>
    return %o, %lse : tensor<?x?x4x5xf32>, tensor<?x?x4xf32>
  })";

static constexpr StringLiteral kFlash = R"(
  func.func @flash(%query: tensor<?x?x4x3xf32>, %key: tensor<?x?x2x3xf32>,
                   %value: tensor<?x?x2x5xf32>, %lengths: tensor<?xi32>,
                   %sinks: tensor<4xf32>)
      -> (tensor<?x?x4x5xf32>, tensor<?x?x4xf32>) {
    %o, %lse = attn.flash %query, %key, %value
        lengths(%lengths : tensor<?xi32>) sinks(%sinks : tensor<4xf32>)
        {scale = 0.5, mask = #attn.window<left = 3, right = 1>}
        : tensor<?x?x4x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x5xf32>
        -> tensor<?x?x4x5xf32>, tensor<?x?x4xf32>
        score_mod(%score: f32, %row: index, %column: index, %head: index) {
          %cap = arith.constant 2.0 : f32
          %a = arith.divf %score, %cap : f32
          %b = math.tanh %a : f32
          %c = arith.mulf %b, %cap : f32
          attn.yield %c : f32
        }
    return %o, %lse : tensor<?x?x4x5xf32>, tensor<?x?x4xf32>
  })";

TEST_F(InterpreterTest, LevelsAgree) {
  for (auto [queries, keys] :
       {std::pair<int64_t, int64_t>{5, 7}, {1, 7}, {7, 3}, {0, 4}, {3, 0}}) {
    SmallVector<Tensor> inputs = inputsOf(queries, keys);
    parse(kDeclared);
    SmallVector<Tensor> declared = run(inputs);
    for (StringRef level : {kGraph, kMaskedSoftmax, kFlash}) {
      parse(level);
      expectNear(run(inputs), declared);
    }
  }
}

/// One batch row, one head of size 1, scale 1, scores ln 1, ln 3, then a key
/// that the causal row 0 does not see.
TEST_F(InterpreterTest, DeclaredLayerByHand) {
  parse(R"(attn.grouped @layer {hidden = 1, heads = 1, kv_heads = 1,
    head_dim = 1, layers = array<i64: 0>, mask = #attn.causal})");
  Tensor query({1, 2, 1, 1}, 1.0);
  Tensor key({1, 3, 1, 1}, std::vector<double>{0, std::log(3.0), 0});
  Tensor value({1, 3, 1, 1}, std::vector<double>{4, 8, 100});
  SmallVector<Tensor> results =
      run({query, key, value, Tensor({1}, std::vector<double>{3})});
  EXPECT_DOUBLE_EQ(results[0](0, 0, 0, 0), 7);
  EXPECT_DOUBLE_EQ(results[0](0, 1, 0, 0), (4 + 24 + 100) / 5.0);
  EXPECT_DOUBLE_EQ(results[1](0, 0, 0), std::log(4.0));
}

TEST_F(InterpreterTest, ScaleDefaultsToTheRootOfTheHeadSize) {
  parse(R"(attn.grouped @layer {hidden = 4, heads = 1, kv_heads = 1,
    head_dim = 4, value_dim = 1, layers = array<i64: 0>,
    mask = #attn.bidirectional})");
  SmallVector<Tensor> results =
      run({Tensor({1, 1, 1, 4}, 1.0), Tensor({1, 1, 1, 4}, 3.0),
           Tensor({1, 1, 1, 1}, 2.0), Tensor({1}, 1.0)});
  EXPECT_DOUBLE_EQ(results[1](0, 0, 0), 6); // 4 * 3 / sqrt(4)
  EXPECT_DOUBLE_EQ(results[0](0, 0, 0, 0), 2);
}

TEST_F(InterpreterTest, NothingBehindTheKeyLengthIsRead) {
  SmallVector<Tensor> clean = inputsOf(3, 6);
  SmallVector<Tensor> poisoned = clean;
  for (Tensor *tensor : {&poisoned[1], &poisoned[2]})
    for (int64_t key = 3; key < 6; ++key)
      for (int64_t head = 0; head < 2; ++head)
        std::fill_n(tensor->row(1, key, head), tensor->dim(3), std::nan(""));
  for (StringRef level : {StringRef(kDeclared), StringRef(kGraph),
                          StringRef(kMaskedSoftmax), StringRef(kFlash)}) {
    parse(level);
    expectNear(run(poisoned), run(clean));
  }
}

TEST_F(InterpreterTest, NanTouchesOnlyTheRowsThatSeeIt) {
  SmallVector<Tensor> inputs = inputsOf(6, 6);
  inputs[3](1) = 6;
  inputs[2](0, 2, 0, 1) = std::nan("");
  parse(kFlash);
  Tensor output = run(inputs)[0];
  for (int64_t position = 0; position < output.size(); ++position) {
    auto at = output.coordinates(position);
    // A window of 3 keys: rows 2, 3 and 4 see key 2; heads 0 and 1 share it.
    bool sees = at[0] == 0 && at[1] >= 2 && at[1] < 5 && at[2] < 2;
    EXPECT_EQ(std::isnan(output.data()[position]), sees && at[3] == 1);
  }
}

TEST_F(InterpreterTest, EmptySequenceInABatch) {
  SmallVector<Tensor> inputs = inputsOf(2, 4);
  inputs[3](1) = 0;
  parse(kGraph);
  SmallVector<Tensor> results = run(inputs);
  for (int64_t head = 0; head < 4; ++head) {
    EXPECT_EQ(results[0](1, 0, head, 0), 0);
    EXPECT_EQ(results[1](1, 0, head), inputs[4](head));
  }
  EXPECT_GT(results[1](0, 0, 0), -kInfinity);
}

TEST_F(InterpreterTest, RefusesShapesThatDoNotFit) {
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  parse(kGraph);
  SmallVector<Tensor> inputs = inputsOf(3, 4);
  inputs[1] = pattern({3, 4, 2, 3}, 1);
  EXPECT_TRUE(failed(interpret(firstOf<func::FuncOp>(), inputs)));
  EXPECT_TRUE(
      failed(interpret(firstOf<func::FuncOp>(), ArrayRef(inputs).drop_back())));
}

TEST_F(InterpreterTest, RefusesMasksThatDoNotFit) {
  parse(R"(func.func @f(%q: tensor<?x?x1x2xf32>, %m: tensor<?x1x?x?xf16>)
      -> tensor<?x?x1x2xf32> {
    %o, %lse = attn.flash %q, %q, %q tensor_mask(%m : tensor<?x1x?x?xf16>)
        {scale = 1.0, mask = #attn.bidirectional}
        : tensor<?x?x1x2xf32>, tensor<?x?x1x2xf32>, tensor<?x?x1x2xf32>
        -> tensor<?x?x1x2xf32>, tensor<?x?x1xf32>
    return %o : tensor<?x?x1x2xf32>
  })");
  auto function = firstOf<func::FuncOp>();
  Tensor query({2, 3, 1, 2}, 1.0);
  EXPECT_TRUE(succeeded(interpret(function, {query, Tensor({1, 1, 1, 3})})));
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    EXPECT_EQ(diagnostic.str(), "'attn.flash' op keys of tensor_mask is 4, "
                                "expected 3");
  });
  EXPECT_TRUE(failed(interpret(function, {query, Tensor({2, 1, 3, 4})})));
}

TEST_F(InterpreterTest, TraceReportsTheLargestScore) {
  parse(kFlash);
  Trace trace;
  SmallVector<Tensor> inputs = inputsOf(3, 4);
  inputs[0](0, 2, 0, 0) = 1e30;
  ASSERT_TRUE(succeeded(
      interpret(firstOf<func::FuncOp>(), inputs, Precision::F64, &trace)));
  EXPECT_DOUBLE_EQ(trace.maxScore, 2);
}

/// A flash function whose score_mod is `region`.
static std::string flashWith(StringRef region) {
  return (R"(func.func @flash(%query: tensor<?x?x4x3xf32>,
      %key: tensor<?x?x2x3xf32>, %value: tensor<?x?x2x5xf32>)
      -> (tensor<?x?x4x5xf32>, tensor<?x?x4xf32>) {
    %o, %lse = attn.flash %query, %key, %value
        {scale = 0.5, mask = #attn.bidirectional}
        : tensor<?x?x4x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x5xf32>
        -> tensor<?x?x4x5xf32>, tensor<?x?x4xf32>
        score_mod(%score: f32, %row: index, %column: index, %head: index) {)" +
          region + R"(attn.yield %x : f32
        }
    return %o, %lse : tensor<?x?x4x5xf32>, tensor<?x?x4xf32>
  })")
      .str();
}

/// One key: the lse is what the score_mod yields for column 0.
TEST_F(InterpreterTest, IntegersOfAScoreModKeepTheirWidth) {
  parse(flashWith(R"(%i = arith.index_cast %head : index to i32
    %most = arith.constant 2147483647 : i32
    %j = arith.addi %i, %most : i32
    %k = arith.constant -7 : i32
    %l = arith.constant 2 : i32
    %d = arith.floordivsi %k, %l : i32
    %m = arith.subi %j, %d : i32
    %x = arith.sitofp %m : i32 to f32
  )"));
  SmallVector<Tensor> inputs = inputsOf(1, 1);
  inputs.truncate(3);
  Tensor lse = run(inputs)[1];
  EXPECT_EQ(lse(0, 0, 0), -2147483645.0);
  EXPECT_EQ(lse(0, 0, 1), -2147483644.0);
}

TEST_F(InterpreterTest, ScoreModHoldsNothingWithoutARule) {
  auto isTaken = [&](StringRef region) {
    parse(flashWith(region));
    return isInterpretable(firstOf<func::FuncOp>());
  };
  EXPECT_TRUE(isTaken("%x = math.exp %score : f32\n"));
  EXPECT_FALSE(isTaken("%x = math.sin %score : f32\n"));
  EXPECT_FALSE(isTaken(R"(%y = arith.extf %score : f32 to f64
    %x = arith.truncf %y : f64 to f32
  )"));
}

TEST_F(InterpreterTest, HeadsHaveLinearLayersOfTheirOwn) {
  parse(kAbsorb);
  Tensor query({1, 1, 2, 2}, {1, 2, 3, 4});
  Tensor weight({2, 2, 3}, {1, 2, 3, 4, 5, 6, 1, 0, 0, 0, 1, 0});
  SmallVector<Tensor> results = run({query, weight});
  ASSERT_EQ(results.size(), 2u);
  // Head 0: [1 2] [[1 2 3] [4 5 6]]; head 1: [3 4] [[1 0 0] [0 1 0]].
  expectNear(results,
             {Tensor({1, 1, 2, 3}, {9, 12, 15, 3, 4, 0}),
              Tensor({1, 1, 2, 2}, {9 + 24 + 45, 36 + 60 + 90, 3, 4})});
}

/// Expanding the latents and attending to every head's own keys is attending to
/// the latents with absorbed queries, up to the products with the weights.
TEST_F(InterpreterTest, FormsOfALatentLayerAgree) {
  parse(kLatent);
  auto layer = firstOf<LatentOp>();
  Tensor weight = pattern({2, 2, 3}, 5); // [heads, nope, latent]
  Tensor latent = pattern({1, 4, 3}, 1), rope = pattern({1, 4, 2}, 2);
  Tensor query = pattern({1, 3, 2, 4}, 3), lengths({1}, 4);
  Tensor key({1, 4, 2, 4}), value({1, 4, 2, 4}), absorbed({1, 3, 2, 5});
  for (int64_t head = 0; head < 2; ++head) {
    for (int64_t j = 0; j < 4; ++j)
      for (int64_t d = 0; d < 2; ++d) {
        key(0, j, head, d + 2) = rope(0, j, d);
        for (int64_t c = 0; c < 3; ++c) {
          key(0, j, head, d) += latent(0, j, c) * weight(head, d, c);
          value(0, j, head, c) = latent(0, j, c);
        }
      }
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t d = 0; d < 2; ++d) {
        absorbed(0, i, head, d + 3) = query(0, i, head, d + 2);
        for (int64_t c = 0; c < 3; ++c)
          absorbed(0, i, head, c) += query(0, i, head, d) * weight(head, d, c);
      }
  }
  auto expanded =
      interpret(layer, LatentForm::Expanded, {query, key, value, lengths});
  auto onLatents =
      interpret(layer, LatentForm::Absorbed, {absorbed, latent, rope, lengths});
  ASSERT_TRUE(succeeded(expanded) && succeeded(onLatents));
  expectNear((*expanded)[1], (*onLatents)[1]);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t head = 0; head < 2; ++head)
      for (int64_t c = 0; c < 3; ++c)
        EXPECT_NEAR((*expanded)[0](0, i, head, c),
                    (*onLatents)[0](0, i, head, c), 1e-9);
}

TEST_F(InterpreterTest, LatentLayersTakeTheMaskOfACall) {
  parse(R"(attn.latent @layer {hidden = 12, heads = 2, kv_rank = 3,
    nope_dim = 2, rope_dim = 2, value_dim = 4, layers = [0],
    mask = #attn.bidirectional, mask_operand = i1})");
  Tensor query = pattern({1, 2, 2, 5}, 3), lengths({1}, 4);
  Tensor latent = pattern({1, 4, 3}, 1), rope = pattern({1, 4, 2}, 2);
  // Row 0 sees key 1, row 1 sees none.
  Tensor mask({1, 1, 2, 4}, {0, 1, 0, 0, 0, 0, 0, 0});
  auto results = interpret(firstOf<LatentOp>(), LatentForm::Absorbed,
                           {query, latent, rope, lengths, mask});
  ASSERT_TRUE(succeeded(results));
  for (int64_t head = 0; head < 2; ++head) {
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ((*results)[0](0, 0, head, c), latent(0, 1, c));
      EXPECT_EQ((*results)[0](0, 1, head, c), 0);
    }
    EXPECT_EQ((*results)[1](0, 1, head), -kInfinity);
  }
}

// Neighbours of 1 are 2^-10 away in f16 and 2^-7 in bf16.
TEST_F(InterpreterTest, NaivelyRoundsWhatCallersTensorsHold) {
  parse(R"(func.func @f(%cache: tensor<1x2x2xf16>, %x: tensor<1x1x2xf32>,
      %lengths: tensor<1xi32>) -> (tensor<1x2x2xf16>, tensor<1x1x2xbf16>) {
    %rows = attn.cache_append %cache, %x lengths(%lengths : tensor<1xi32>)
        : tensor<1x2x2xf16>, tensor<1x1x2xf32>
    %last = attn.slice %rows {dim = 1, offset = 1}
        : tensor<1x2x2xf16> -> tensor<1x1x2xf16>
    %between = attn.scale %last {by = 1.001953125} : tensor<1x1x2xf16>
    %one = attn.full {value = 1.0} : tensor<2x2xbf16>
    %y = attn.matmul %between, %one
        : tensor<1x1x2xf16>, tensor<2x2xbf16> -> tensor<1x1x2xbf16>
    return %rows, %y : tensor<1x2x2xf16>, tensor<1x1x2xbf16>
  })");
  auto function = firstOf<func::FuncOp>();
  SmallVector<Tensor> inputs = {Tensor({1, 2, 2}, 3.0),
                                Tensor({1, 1, 2}, 1 + 0x1.8p-11),
                                Tensor({1}, 2.0)};
  auto exact = interpret(function, inputs);
  auto naive = interpret(function, inputs, Precision::F32);
  ASSERT_TRUE(succeeded(exact) && succeeded(naive));
  EXPECT_EQ((*exact)[0].data()[2], 1 + 0x1.8p-11);
  EXPECT_EQ((*naive)[0].data()[0], 3);
  EXPECT_EQ((*naive)[0].data()[2], 1 + 0x1p-10);
  // What lies between is f32: 2 (1 + 2^-10) (1 + 2^-9), rounded once.
  EXPECT_EQ((*naive)[1].data()[0], 2);
}

// The largest f16 is 65504, its normal numbers begin at 2^-14, and others are
// multiples of 2^-24.
TEST_F(InterpreterTest, ResultsAreRoundedAtTheEdgesOfTheirType) {
  parse(R"(func.func @f(%x: tensor<?xf16>) -> tensor<?xf16> {
    %y = attn.scale %x {by = 1.0} : tensor<?xf16>
    return %y : tensor<?xf16>
  })");
  std::vector<double> numbers = {-0.0,    65504,     65519,     65520,
                                 0x1p-14, 0x1.4p-24, 0x1.8p-25, 0x1p-26,
                                 -1.5,    kInfinity, 1e30,      3e-14};
  std::vector<double> expected = {-0.0,    65504,     65504,     kInfinity,
                                  0x1p-14, 0x1p-24,   0x1p-24,   0,
                                  -1.5,    kInfinity, kInfinity, 0};
  int64_t size = static_cast<int64_t>(numbers.size());
  auto results = interpret(firstOf<func::FuncOp>(), {Tensor({size}, numbers)},
                           Precision::F32);
  ASSERT_TRUE(succeeded(results));
  for (auto [number, got, rounded] :
       llvm::zip_equal(numbers, results->front().data(), expected))
    EXPECT_EQ(got, rounded) << number;
}
