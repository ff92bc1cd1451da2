//===- StoredElements.cpp - elements as tensors keep them -----------------===//
//
// f16 is converted by the instructions that every target has for it (F16C,
// fcvtl and fcvtn); bf16 is the upper half of an f32, rounded in integers,
// because LLVM would call the compiler's runtime for it.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/StoredElements.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn::cpu;

static constexpr int64_t lineBytes = 64;

static bool isHalf(Type element) { return element.isF16() || element.isBF16(); }

int64_t attn::cpu::bytesOf(Type element) {
  if (isHalf(element))
    return 2;
  return element.isInteger(1) ? 1 : 4;
}

int64_t attn::cpu::elementsOfLine(Type element) {
  return lineBytes / bytesOf(element);
}

StringRef attn::cpu::storedSuffix(Type element) {
  return element.isF16() ? "_f16" : element.isBF16() ? "_bf16" : "";
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

Value attn::cpu::elementAt(KernelBuilder &k, Type element, Value row,
                           Value column) {
  if (isHalf(element))
    return LLVM::GEPOp::create(k.builder(), k.loc(), k.ptrType,
                               k.builder().getI16Type(), row,
                               ArrayRef<LLVM::GEPArg>{column});
  return bytesOf(element) == 1 ? k.atByte(row, column) : k.at(row, column);
}

Value attn::cpu::elementAt(KernelBuilder &k, Type element, Value row,
                           int64_t column) {
  if (element.isF32())
    return k.at(row, column);
  return column ? elementAt(k, element, row, k.i64(column)) : row;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// `element` in as many lanes as `like` has.
static Type shapedLike(Value like, Type element) {
  auto vector = dyn_cast<VectorType>(like.getType());
  return vector ? Type(vector.clone(element)) : element;
}

/// `bits` in all lanes of a value of integers of that shape.
static Value constantLike(KernelBuilder &k, Value like, uint32_t bits) {
  Type type = shapedLike(like, k.i32Type);
  auto number = k.builder().getI32IntegerAttr(static_cast<int32_t>(bits));
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(k.builder(), k.loc(),
                                     DenseElementsAttr::get(vector, number));
  return arith::ConstantOp::create(k.builder(), k.loc(), number);
}

Value attn::cpu::widen(KernelBuilder &k, Type element, Value stored) {
  OpBuilder &b = k.builder();
  Type f32 = shapedLike(stored, k.f32Type);
  if (stored.getType() == f32)
    return stored;
  if (element.isF16()) {
    Value half = arith::BitcastOp::create(b, k.loc(),
                                          shapedLike(stored, element), stored);
    return arith::ExtFOp::create(b, k.loc(), f32, half);
  }
  if (!element.isBF16())
    return stored;
  Value wide =
      arith::ExtUIOp::create(b, k.loc(), shapedLike(stored, k.i32Type), stored);
  Value bits =
      arith::ShLIOp::create(b, k.loc(), wide, constantLike(k, wide, 16));
  return arith::BitcastOp::create(b, k.loc(), f32, bits);
}

Value attn::cpu::loadPairs(KernelBuilder &k, Value place) {
  return LLVM::LoadOp::create(k.builder(), k.loc(), k.intVecType, place,
                              bytesOf(k.builder().getBF16Type()));
}

std::pair<Value, Value> attn::cpu::widenPairs(KernelBuilder &k, Value pairs) {
  OpBuilder &b = k.builder();
  Type f32 = shapedLike(pairs, k.f32Type);
  Value first =
      arith::ShLIOp::create(b, k.loc(), pairs, constantLike(k, pairs, 16));
  Value second = arith::AndIOp::create(b, k.loc(), pairs,
                                       constantLike(k, pairs, 0xffff0000));
  return {arith::BitcastOp::create(b, k.loc(), f32, first),
          arith::BitcastOp::create(b, k.loc(), f32, second)};
}

/// The upper half of an f32, rounded: adding 0x7fff, and 1 more to an odd half,
/// carries where that is nearer. A NaN gets its quiet bit instead, or the carry
/// could make an infinity of it.
static Value roundToBf16(KernelBuilder &k, Value value) {
  OpBuilder &b = k.builder();
  auto number = [&](uint32_t bits) { return constantLike(k, value, bits); };
  Value bits =
      arith::BitcastOp::create(b, k.loc(), shapedLike(value, k.i32Type), value);
  Value half = arith::ShRUIOp::create(b, k.loc(), bits, number(16));
  Value isOdd = arith::AndIOp::create(b, k.loc(), half, number(1));
  Value bias = arith::AddIOp::create(b, k.loc(), isOdd, number(0x7fff));
  Value rounded = arith::AddIOp::create(b, k.loc(), bits, bias);
  Value quiet = arith::OrIOp::create(b, k.loc(), bits, number(0x00400000));
  Value isNan = arith::CmpFOp::create(b, k.loc(), arith::CmpFPredicate::UNO,
                                      value, value);
  Value chosen = arith::SelectOp::create(b, k.loc(), isNan, quiet, rounded);
  Value upper = arith::ShRUIOp::create(b, k.loc(), chosen, number(16));
  return arith::TruncIOp::create(b, k.loc(), shapedLike(value, b.getI16Type()),
                                 upper);
}

Value attn::cpu::narrow(KernelBuilder &k, Type element, Value value) {
  OpBuilder &b = k.builder();
  if (element.isBF16())
    return roundToBf16(k, value);
  if (element.isF16()) {
    Value half =
        arith::TruncFOp::create(b, k.loc(), shapedLike(value, element), value);
    return arith::BitcastOp::create(b, k.loc(),
                                    shapedLike(value, b.getI16Type()), half);
  }
  if (element.isInteger(1))
    return arith::ExtUIOp::create(b, k.loc(), shapedLike(value, b.getI8Type()),
                                  value);
  return value;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Of one stored element.
static Type memoryType(KernelBuilder &k, Type element) {
  if (isHalf(element))
    return k.builder().getI16Type();
  return element.isInteger(1) ? k.builder().getI8Type() : element;
}

/// Loads `type`, one stored element or a vector of them.
static Value loadAs(KernelBuilder &k, Type element, Value place, Type type) {
  OpBuilder &b = k.builder();
  Value raw = LLVM::LoadOp::create(b, k.loc(), type, place, bytesOf(element));
  if (!element.isInteger(1))
    return widen(k, element, raw);
  Value zero = arith::ConstantOp::create(b, k.loc(), type, b.getZeroAttr(type));
  return arith::CmpIOp::create(b, k.loc(), arith::CmpIPredicate::ne, raw, zero);
}

Value attn::cpu::loadElement(KernelBuilder &k, Type element, Value place) {
  return loadAs(k, element, place, memoryType(k, element));
}

Value attn::cpu::loadElements(KernelBuilder &k, Type element, Value place) {
  return loadAs(k, element, place,
                VectorType::get(k.getTarget().lanes, memoryType(k, element)));
}

Value attn::cpu::loadStored(KernelBuilder &k, Type element, Value place,
                            int64_t count) {
  return LLVM::LoadOp::create(k.builder(), k.loc(),
                              VectorType::get(count, memoryType(k, element)),
                              place, bytesOf(element));
}

Value attn::cpu::loadFirstStored(KernelBuilder &k, Type element, Value place,
                                 int64_t count) {
  if (!isHalf(element))
    return k.loadFirst(place, count);
  int64_t lanes = k.getTarget().lanes;
  if (count >= lanes)
    return loadStored(k, element, place, lanes);
  OpBuilder &b = k.builder();
  auto type = VectorType::get(lanes, memoryType(k, element));
  Value none = arith::ConstantOp::create(b, k.loc(), b.getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(
      b, k.loc(), type, place, k.firstLanes(count), none, bytesOf(element));
}

void attn::cpu::storeStored(KernelBuilder &k, Type element, Value stored,
                            Value place) {
  LLVM::StoreOp::create(k.builder(), k.loc(), stored, place, bytesOf(element));
}

Value attn::cpu::loadFirstElements(KernelBuilder &k, Type element, Value place,
                                   int64_t count) {
  return widen(k, element, loadFirstStored(k, element, place, count));
}

void attn::cpu::storeElement(KernelBuilder &k, Type element, Value value,
                             Value place) {
  storeStored(k, element, narrow(k, element, value), place);
}

void attn::cpu::storeFirstElements(KernelBuilder &k, Type element, Value value,
                                   Value place, int64_t count) {
  if (!isHalf(element))
    return k.storeFirst(value, place, count);
  if (count >= k.getTarget().lanes)
    return storeElement(k, element, value, place);
  LLVM::MaskedStoreOp::create(k.builder(), k.loc(), narrow(k, element, value),
                              place, k.firstLanes(count), bytesOf(element));
}
