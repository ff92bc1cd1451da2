//===- KernelBuilder.cpp - short spellings of vector code -----------------===//
//
// Thin spellings over arith, scf, vector and llvm, so that the emitters beside
// this file read as the algorithm.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>
#include <string>

using namespace mlir;
using namespace attn::cpu;

/// Every access is aligned to one f32: strides of a tensor are arbitrary.
static constexpr unsigned f32Alignment = 4;

KernelBuilder::KernelBuilder(ModuleOp module, const CpuTarget &target)
    : module(module), target(target), b(module.getContext()),
      location(module.getLoc()) {
  ptrType = LLVM::LLVMPointerType::get(b.getContext());
  i64Type = b.getI64Type();
  i32Type = b.getI32Type();
  i1Type = b.getI1Type();
  f32Type = b.getF32Type();
  vecType = VectorType::get(target.lanes, f32Type);
  intVecType = VectorType::get(target.lanes, i32Type);
}

func::FuncOp KernelBuilder::lookup(StringRef name) {
  return module.lookupSymbol<func::FuncOp>(name);
}

func::FuncOp KernelBuilder::begin(StringRef name, ArrayRef<Type> arguments,
                                  ArrayRef<Type> results, bool local) {
  OpBuilder::InsertPoint resume = b.saveInsertionPoint();
  b.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(b, location, name,
                                       b.getFunctionType(arguments, results));
  frames.push_back({function, resume});
  std::string width = std::to_string(32 * target.lanes);
  SmallVector<Attribute> hints{
      b.getStringAttr("nounwind"),
      b.getStrArrayAttr({"prefer-vector-width", width})};
  if (local) {
    function->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    hints.push_back(b.getStringAttr("noinline"));
  }
  function->setAttr("passthrough", b.getArrayAttr(hints));
  b.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void KernelBuilder::end(ValueRange results) {
  func::ReturnOp::create(b, location, results);
  b.restoreInsertionPoint(frames.pop_back_val().resume);
}

Value KernelBuilder::argument(unsigned index) {
  return frames.back().function.getBody().front().getArgument(index);
}

Value KernelBuilder::call(func::FuncOp callee, ValueRange arguments) {
  auto op = func::CallOp::create(b, location, callee, arguments);
  return op.getNumResults() ? op.getResult(0) : Value();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value KernelBuilder::i1(bool value) {
  return arith::ConstantOp::create(b, location, b.getBoolAttr(value));
}
Value KernelBuilder::i64(int64_t value) {
  return arith::ConstantOp::create(b, location, b.getI64IntegerAttr(value));
}
Value KernelBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(b, location, b.getI32IntegerAttr(value));
}
Value KernelBuilder::f32(float value) {
  return arith::ConstantOp::create(b, location, b.getF32FloatAttr(value));
}
Value KernelBuilder::add(Value lhs, Value rhs) {
  return b.createOrFold<arith::AddIOp>(location, lhs, rhs);
}
Value KernelBuilder::sub(Value lhs, Value rhs) {
  return b.createOrFold<arith::SubIOp>(location, lhs, rhs);
}
Value KernelBuilder::mul(Value lhs, Value rhs) {
  return b.createOrFold<arith::MulIOp>(location, lhs, rhs);
}
Value KernelBuilder::div(Value lhs, Value rhs) {
  return b.createOrFold<arith::DivUIOp>(location, lhs, rhs);
}
Value KernelBuilder::ceilDiv(Value lhs, int64_t rhs) {
  return div(add(lhs, rhs - 1), rhs);
}
Value KernelBuilder::rem(Value lhs, Value rhs) {
  return b.createOrFold<arith::RemUIOp>(location, lhs, rhs);
}
Value KernelBuilder::minimum(Value lhs, Value rhs) {
  return b.createOrFold<arith::MinSIOp>(location, lhs, rhs);
}
Value KernelBuilder::maximum(Value lhs, Value rhs) {
  return b.createOrFold<arith::MaxSIOp>(location, lhs, rhs);
}
Value KernelBuilder::less(Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::slt, lhs,
                               rhs);
}
Value KernelBuilder::equal(Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::eq, lhs, rhs);
}
Value KernelBuilder::both(Value lhs, Value rhs) {
  return b.createOrFold<arith::AndIOp>(location, lhs, rhs);
}
Value KernelBuilder::either(Value lhs, Value rhs) {
  return b.createOrFold<arith::OrIOp>(location, lhs, rhs);
}
Value KernelBuilder::select(Value condition, Value yes, Value no) {
  return b.createOrFold<arith::SelectOp>(location, condition, yes, no);
}

Value KernelBuilder::narrow(Value number) {
  return arith::TruncIOp::create(b, location, i32Type, number);
}

Value KernelBuilder::widen(Value number) {
  return arith::ExtSIOp::create(b, location, i64Type, number);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::at(Value base, Value offset) {
  return LLVM::GEPOp::create(b, location, ptrType, f32Type, base,
                             ArrayRef<LLVM::GEPArg>{offset});
}
Value KernelBuilder::at(Value base, int64_t offset) {
  if (offset == 0)
    return base;
  // A constant beyond GEP's 32 bits is a value like any other.
  if (offset != static_cast<int32_t>(offset))
    return at(base, i64(offset));
  return LLVM::GEPOp::create(
      b, location, ptrType, f32Type, base,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
}
Value KernelBuilder::atByte(Value base, Value offset) {
  return LLVM::GEPOp::create(b, location, ptrType, b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{offset});
}
Value KernelBuilder::opaque(Value base) {
  return LLVM::LaunderInvariantGroupOp::create(b, location, base);
}
Value KernelBuilder::loadPtr(Value base, int64_t byteOffset) {
  return LLVM::LoadOp::create(b, location, ptrType,
                              atByte(base, i64(byteOffset)));
}
Value KernelBuilder::loadI64(Value base, int64_t byteOffset) {
  return LLVM::LoadOp::create(b, location, i64Type,
                              atByte(base, i64(byteOffset)));
}
Value KernelBuilder::loadI32(Value base) {
  return LLVM::LoadOp::create(b, location, i32Type, base, f32Alignment);
}
Value KernelBuilder::loadF32(Value base) {
  return LLVM::LoadOp::create(b, location, f32Type, base, f32Alignment);
}
Value KernelBuilder::load(Value base) {
  return LLVM::LoadOp::create(b, location, vecType, base, f32Alignment);
}
void KernelBuilder::store(Value value, Value base) {
  LLVM::StoreOp::create(b, location, value, base, f32Alignment);
}

Value KernelBuilder::firstLanes(int64_t count) {
  SmallVector<bool> lanes(target.lanes, false);
  std::fill_n(lanes.begin(), count, true);
  auto type = VectorType::get(target.lanes, i1Type);
  return arith::ConstantOp::create(b, location,
                                   DenseElementsAttr::get(type, lanes));
}
Value KernelBuilder::loadFirst(Value base, int64_t count) {
  if (count >= target.lanes)
    return load(base);
  return LLVM::MaskedLoadOp::create(
      b, location, vecType, base, firstLanes(count), splat(0.0f), f32Alignment);
}
void KernelBuilder::storeFirst(Value value, Value base, int64_t count) {
  if (count >= target.lanes)
    return store(value, base);
  LLVM::MaskedStoreOp::create(b, location, value, base, firstLanes(count),
                              f32Alignment);
}

Value KernelBuilder::gather(Value base, Value indices) {
  auto pointers = VectorType::get(target.lanes, ptrType);
  Value places = LLVM::GEPOp::create(b, location, pointers, f32Type, base,
                                     ArrayRef<LLVM::GEPArg>{indices});
  return LLVM::masked_gather::create(b, location, vecType, places,
                                     firstLanes(target.lanes), ValueRange(),
                                     f32Alignment);
}

void KernelBuilder::prefetch(Value base, int level) {
  // LLVM counts locality, from 3 for the first level down.
  constexpr int read = 0, data = 1;
  LLVM::Prefetch::create(b, location, base, read, 4 - level, data);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value KernelBuilder::splat(float value) {
  return arith::ConstantOp::create(b, location,
                                   DenseElementsAttr::get(vecType, value));
}
Value KernelBuilder::splatInt(int32_t value) {
  return arith::ConstantOp::create(b, location,
                                   DenseElementsAttr::get(intVecType, value));
}
Value KernelBuilder::broadcast(Value scalar) {
  auto type = VectorType::get(target.lanes, scalar.getType());
  return vector::BroadcastOp::create(b, location, type, scalar);
}
Value KernelBuilder::numbersFrom(Value first) {
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, target.lanes));
  Value lane = arith::ConstantOp::create(
      b, location, DenseElementsAttr::get(intVecType, ArrayRef(numbers)));
  return arith::AddIOp::create(b, location, broadcast(narrow(first)), lane);
}
Value KernelBuilder::fma(Value x, Value y, Value z) {
  // math.fma is one rounding by definition; vector.fma only allows it.
  return math::FmaOp::create(b, location, x, y, z);
}
Value KernelBuilder::addf(Value x, Value y) {
  return arith::AddFOp::create(b, location, x, y);
}
Value KernelBuilder::subf(Value x, Value y) {
  return arith::SubFOp::create(b, location, x, y);
}
Value KernelBuilder::mulf(Value x, Value y) {
  return arith::MulFOp::create(b, location, x, y);
}
Value KernelBuilder::divf(Value x, Value y) {
  return arith::DivFOp::create(b, location, x, y);
}
Value KernelBuilder::maxf(Value x, Value y) {
  // The form of x86's max, one instruction; arith.maximumf takes five.
  Value greater =
      arith::CmpFOp::create(b, location, arith::CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, location, greater, x, y);
}
Value KernelBuilder::minf(Value x, Value y) {
  Value less =
      arith::CmpFOp::create(b, location, arith::CmpFPredicate::OLT, x, y);
  return arith::SelectOp::create(b, location, less, x, y);
}
Value KernelBuilder::first(Value vector) {
  return vector::ExtractOp::create(b, location, vector, ArrayRef<int64_t>{0});
}
Value KernelBuilder::all(Value lanes) {
  return vector::ReductionOp::create(b, location, vector::CombiningKind::AND,
                                     lanes);
}
Value KernelBuilder::shuffle(Value x, Value y, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(b, location, x, y, lanes);
}
Value KernelBuilder::concat(Value x, Value y) {
  int64_t size = cast<VectorType>(x.getType()).getNumElements();
  return shuffle(x, y, llvm::to_vector(llvm::seq<int64_t>(0, 2 * size)));
}

Value KernelBuilder::reduce(Value vector,
                            function_ref<Value(Value, Value)> combine) {
  for (int64_t half = target.lanes / 2; half; half /= 2) {
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, half));
    auto high = llvm::to_vector(llvm::seq<int64_t>(half, 2 * half));
    vector =
        combine(shuffle(vector, vector, low), shuffle(vector, vector, high));
  }
  return first(vector);
}
Value KernelBuilder::reduceAdd(Value vector) {
  return reduce(vector, [&](Value x, Value y) { return addf(x, y); });
}
Value KernelBuilder::reduceMax(Value vector) {
  return reduce(vector, [&](Value x, Value y) { return maxf(x, y); });
}
Value KernelBuilder::reduceMin(Value vector) {
  return reduce(vector, [&](Value x, Value y) { return minf(x, y); });
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

SmallVector<Value> KernelBuilder::loop(Value from, Value to, int64_t step,
                                       ValueRange inits, Body body) {
  auto op = scf::ForOp::create(b, location, from, to, i64(step), inits);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  SmallVector<Value> results =
      body(op.getInductionVar(), op.getRegionIterArgs());
  // Without results the loop comes with its terminator.
  if (!inits.empty())
    scf::YieldOp::create(b, location, results);
  return llvm::to_vector_of<Value>(op.getResults());
}

void KernelBuilder::loop(Value from, Value to, int64_t step,
                         function_ref<void(Value)> body) {
  loop(from, to, step, ValueRange(), [&](Value index, ValueRange) {
    body(index);
    return SmallVector<Value>();
  });
}

void KernelBuilder::when(Value condition, function_ref<void()> body,
                         function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(b, location, condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(op.elseBlock());
  otherwise();
}

SmallVector<Value> KernelBuilder::choose(Value condition, TypeRange types,
                                         Results yes, Results no) {
  OpBuilder::InsertionGuard guard(b);
  auto op = scf::IfOp::create(b, location, types, condition,
                              /*addThenBlock=*/true, /*addElseBlock=*/true);
  for (auto [block, body] :
       {std::pair(op.thenBlock(), yes), std::pair(op.elseBlock(), no)}) {
    b.setInsertionPointToStart(block);
    scf::YieldOp::create(b, location, body());
  }
  return llvm::to_vector_of<Value>(op.getResults());
}

Value KernelBuilder::choose(Value condition, function_ref<Value()> yes,
                            function_ref<Value()> no) {
  auto op = scf::IfOp::create(
      b, location, condition,
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, location, yes()); },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, location, no()); });
  return op.getResult(0);
}

Value KernelBuilder::advance(Value from, int64_t step,
                             function_ref<Value(Value)> condition) {
  auto op = scf::WhileOp::create(
      b, location, from.getType(), from,
      [&](OpBuilder &, Location, ValueRange now) {
        scf::ConditionOp::create(b, location, condition(now[0]), now);
      },
      [&](OpBuilder &, Location, ValueRange now) {
        scf::YieldOp::create(b, location, add(now[0], step));
      });
  return op.getResult(0);
}
