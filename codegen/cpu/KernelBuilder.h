//===- KernelBuilder.h - what microkernels are written with --- -*- C++ -*-===//
//
// What every CPU microkernel is written with: vectors of one target's width,
// plain pointers with constant strides, and functions local to the object.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_KERNELBUILDER_H
#define CODEGEN_CPU_KERNELBUILDER_H

#include "codegen/cpu/CpuTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn::cpu {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// Emits f32 vector code into the functions of one module. Integers are i64,
/// pointers count f32 elements; a vector access needs only f32's alignment.
class KernelBuilder {
public:
  KernelBuilder(mlir::ModuleOp module, const CpuTarget &target);

  const CpuTarget &getTarget() const { return target; }
  mlir::ModuleOp getModule() const { return module; }
  mlir::OpBuilder &builder() { return b; }
  mlir::Location loc() const { return location; }

  // Types.
  Type ptrType, i64Type, i32Type, i1Type, f32Type;
  mlir::VectorType vecType, intVecType;

  /// The function of that name, if the module has it already.
  mlir::func::FuncOp lookup(llvm::StringRef name);
  /// Opens a function and continues inside it; `end` returns from it and
  /// continues where `begin` was called, which may be in another function.
  /// A local function is never inlined, so that schedules share its code.
  mlir::func::FuncOp begin(llvm::StringRef name, llvm::ArrayRef<Type> arguments,
                           llvm::ArrayRef<Type> results, bool local);
  void end(ValueRange results = {});
  Value argument(unsigned index);
  Value call(mlir::func::FuncOp callee, ValueRange arguments);

  // Scalars.
  Value i1(bool value);
  Value i64(int64_t value);
  Value i32(int32_t value);
  Value f32(float value);
  Value add(Value lhs, Value rhs);
  Value add(Value lhs, int64_t rhs) { return add(lhs, i64(rhs)); }
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value mul(Value lhs, int64_t rhs) { return mul(lhs, i64(rhs)); }
  /// Quotients of non-negative integers, rounded down and up.
  Value div(Value lhs, Value rhs);
  Value div(Value lhs, int64_t rhs) { return div(lhs, i64(rhs)); }
  Value ceilDiv(Value lhs, int64_t rhs);
  Value rem(Value lhs, Value rhs);
  Value minimum(Value lhs, Value rhs);
  Value maximum(Value lhs, Value rhs);
  Value less(Value lhs, Value rhs);
  Value equal(Value lhs, Value rhs);
  Value both(Value lhs, Value rhs);
  Value either(Value lhs, Value rhs);
  Value select(Value condition, Value yes, Value no);
  /// The low 32 bits.
  Value narrow(Value number);
  /// 32 bits, signed, as 64.
  Value widen(Value number);

  // Memory. Offsets count elements of 4 bytes.
  Value at(Value base, Value offset);
  Value at(Value base, int64_t offset);
  Value atByte(Value base, Value offset);
  /// The same address, of which LLVM does not know where it comes from.
  Value opaque(Value base);
  Value loadPtr(Value base, int64_t byteOffset);
  Value loadI64(Value base, int64_t byteOffset);
  Value loadI32(Value base);
  Value loadF32(Value base);
  Value load(Value base);
  void store(Value value, Value base);
  /// The first `count` lanes; the others are zero, and are not touched.
  Value loadFirst(Value base, int64_t count);
  void storeFirst(Value value, Value base, int64_t count);
  /// base[index] for each lane; the indices are of 32 bits.
  Value gather(Value base, Value indices);
  /// i1: true in these lanes.
  Value firstLanes(int64_t count);
  /// Asks for a line in the cache of that level; any address is allowed.
  void prefetch(Value base, int level = 2);

  // Vectors.
  Value splat(float value);
  Value splatInt(int32_t value);
  Value broadcast(Value scalar);
  /// first, first + 1, first + 2 ..., of 32 bits.
  Value numbersFrom(Value first);
  Value fma(Value a, Value b, Value c);
  Value addf(Value a, Value b);
  Value subf(Value a, Value b);
  Value mulf(Value a, Value b);
  Value divf(Value a, Value b);
  /// a > b ? a : b. A NaN in `a` is dropped, one in `b` is kept.
  Value maxf(Value a, Value b);
  /// a < b ? a : b, with NaNs as in `maxf`. Scalars too.
  Value minf(Value a, Value b);
  /// Lane 0.
  Value first(Value vector);
  /// Every lane of a vector of i1 is true.
  Value all(Value lanes);
  Value shuffle(Value a, Value b, llvm::ArrayRef<int64_t> lanes);
  /// The elements of `a`, then those of `b`; both have one length.
  Value concat(Value a, Value b);
  /// One tree of halves, the same for every kernel: part of a row's bits.
  Value reduceAdd(Value vector);
  Value reduceMax(Value vector);
  Value reduceMin(Value vector);

  // Control.
  using Body = llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)>;
  llvm::SmallVector<Value> loop(Value from, Value to, int64_t step,
                                ValueRange inits, Body body);
  void loop(Value from, Value to, int64_t step,
            llvm::function_ref<void(Value)> body);
  void when(Value condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise = nullptr);
  /// What one of two bodies computes; the other is not run.
  using Results = llvm::function_ref<llvm::SmallVector<Value>()>;
  llvm::SmallVector<Value> choose(Value condition, mlir::TypeRange types,
                                  Results yes, Results no);
  Value choose(Value condition, llvm::function_ref<Value()> yes,
               llvm::function_ref<Value()> no);
  /// The first of from, from + step, from + 2 step ... that does not meet the
  /// condition.
  Value advance(Value from, int64_t step,
                llvm::function_ref<Value(Value)> condition);

private:
  Value reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine);

  mlir::ModuleOp module;
  const CpuTarget &target;
  mlir::OpBuilder b;
  mlir::Location location;
  /// The function being written last; those that wait for it to end before.
  struct Frame {
    mlir::func::FuncOp function;
    mlir::OpBuilder::InsertPoint resume;
  };
  llvm::SmallVector<Frame, 2> frames;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_KERNELBUILDER_H
