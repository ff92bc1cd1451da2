//===- StoredElements.h - elements as tensors keep them ---------*- C++ -*-===//
//
// What is computed with is f32, i32 or i1; in memory floats may have 16 bits,
// and an i1 has a byte. Conversions are instructions, never calls.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_STOREDELEMENTS_H
#define CODEGEN_CPU_STOREDELEMENTS_H

#include "codegen/cpu/KernelBuilder.h"

#include <string>
#include <utility>

namespace attn::cpu {

/// Bytes of an element in memory, and elements of a line of 64 bytes.
int64_t bytesOf(Type element);
int64_t elementsOfLine(Type element);

/// What tells functions of different stored types apart: nothing for f32, else
/// "_f16" or "_bf16".
llvm::StringRef storedSuffix(Type element);

/// The address of element `column` of a row.
Value elementAt(KernelBuilder &k, Type element, Value row, Value column);
Value elementAt(KernelBuilder &k, Type element, Value row, int64_t column);

/// One element; a whole vector of them; a vector whose first `count` lanes are
/// loaded, the others zero and not read. Floats become f32.
Value loadElement(KernelBuilder &k, Type element, Value place);
Value loadElements(KernelBuilder &k, Type element, Value place);
Value loadFirstElements(KernelBuilder &k, Type element, Value place,
                        int64_t count);

/// A vector of `count` floats as they are stored; one whose first `count` lanes
/// are loaded; how such are stored again, and what they are as f32, which f32
/// is already.
Value loadStored(KernelBuilder &k, Type element, Value place, int64_t count);
Value loadFirstStored(KernelBuilder &k, Type element, Value place,
                      int64_t count);
void storeStored(KernelBuilder &k, Type element, Value stored, Value place);
Value widen(KernelBuilder &k, Type element, Value stored);
/// f32, or i1, as `element` is stored: what `widen` takes; an i1 is a byte.
Value narrow(KernelBuilder &k, Type element, Value value);

/// A vector of pairs of bf16 that follow each other, each pair in an i32; the
/// first ones of such pairs as f32, and the second ones.
Value loadPairs(KernelBuilder &k, Value place);
std::pair<Value, Value> widenPairs(KernelBuilder &k, Value pairs);

/// One value or a vector of them; the first `count` lanes of a vector. f32 is
/// rounded to the nearest, ties to even; a NaN stays one.
void storeElement(KernelBuilder &k, Type element, Value value, Value place);
void storeFirstElements(KernelBuilder &k, Type element, Value value,
                        Value place, int64_t count);

} // namespace attn::cpu

#endif // CODEGEN_CPU_STOREDELEMENTS_H
