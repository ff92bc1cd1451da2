//===- Elements.h - What a tensor's bytes mean ------------------*- C++ -*-===//
//
// Elements of kernels' tensors as bits and as numbers. Floats of 16 bits are
// rounded here in integers, as IEEE 754 says, and share no code with what
// kernels do.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_ELEMENTS_H
#define COMPILER_VERIFY_ELEMENTS_H

#include "compiler/reference/Tensor.h"
#include "runtime/attn.h"
#include "llvm/ADT/StringRef.h"

namespace attn::verify {

enum class Elements { F32, F16, BF16, I32, Bool };

inline bool isFloat(Elements elements) {
  return elements != Elements::I32 && elements != Elements::Bool;
}

/// Of a type as manifests spell it.
Elements elementsOf(llvm::StringRef type);
DLDataType dlTypeOf(Elements elements);

/// The bits of a value: of the nearest float, ties to even, or of an integer.
uint32_t encode(Elements elements, double value);
double decode(Elements elements, uint32_t bits);

/// The same of many elements; their bits lie one after the other.
void encode(Elements elements, llvm::ArrayRef<double> values, uint8_t *bytes);
void decode(Elements elements, const uint8_t *bytes,
            llvm::MutableArrayRef<double> values);

/// The value that is left of `value` when it is stored.
inline double stored(Elements elements, double value) {
  return decode(elements, encode(elements, value));
}
void store(Elements elements, reference::Tensor &tensor);
/// The lowest finite float.
double lowest(Elements elements);

} // namespace attn::verify

#endif // COMPILER_VERIFY_ELEMENTS_H
