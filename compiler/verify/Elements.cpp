//===- Elements.cpp - What a tensor's bytes mean --------------------------===//
//
// See Elements.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Elements.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

using namespace attn;
using namespace attn::verify;

Elements verify::elementsOf(llvm::StringRef type) {
  return llvm::StringSwitch<Elements>(type)
      .Case("f16", Elements::F16)
      .Case("bf16", Elements::BF16)
      .Case("i32", Elements::I32)
      .Case("bool", Elements::Bool)
      .Default(Elements::F32);
}

DLDataType verify::dlTypeOf(Elements elements) {
  switch (elements) {
  case Elements::F32:
    return {.code = kDLFloat, .bits = 32, .lanes = 1};
  case Elements::F16:
    return {.code = kDLFloat, .bits = 16, .lanes = 1};
  case Elements::BF16:
    return {.code = kDLBfloat, .bits = 16, .lanes = 1};
  case Elements::I32:
    return {.code = kDLInt, .bits = 32, .lanes = 1};
  case Elements::Bool:
    return {.code = kDLBool, .bits = 8, .lanes = 1};
  }
  llvm_unreachable("all elements are handled");
}

/// Magnitudes as bits of a float: of infinity, of the least that rounds to
/// f16's infinity (65520), and of the least normal f16 (2^-14).
static constexpr uint32_t kInfinity = 0x7f800000, kHalfOverflow = 0x477ff000,
                          kHalfNormal = 0x38800000;

/// `bits` without the lowest `count`, rounded to the nearest, ties to even.
static uint32_t dropBits(uint32_t bits, unsigned count) {
  uint32_t isOdd = bits >> count & 1;
  return (bits + (uint32_t(1) << (count - 1)) - 1 + isOdd) >> count;
}

static uint32_t toHalf(float value) {
  auto bits = llvm::bit_cast<uint32_t>(value);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > kInfinity)
    return sign | 0x7e00 | (magnitude >> 13 & 0x3ff);
  if (magnitude >= kHalfOverflow)
    return sign | 0x7c00;
  // Subnormal: a multiple of 2^-24.
  if (magnitude < kHalfNormal)
    return sign |
           static_cast<uint32_t>(std::nearbyint(std::fabs(value) * 0x1p24f));
  constexpr uint32_t kBiases = 127 - 15;
  return sign | (dropBits(magnitude, 13) - (kBiases << 10));
}

static double fromHalf(uint32_t bits) {
  uint64_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  constexpr uint64_t kBiases = 1023 - 15;
  double magnitude =
      exponent == 0x1f ? (fraction ? std::numeric_limits<double>::quiet_NaN()
                                   : std::numeric_limits<double>::infinity())
      : exponent == 0
          ? static_cast<double>(fraction) * 0x1p-24
          : llvm::bit_cast<double>((exponent + kBiases) << 52 | fraction << 42);
  return bits & 0x8000 ? -magnitude : magnitude;
}

static uint32_t toBf16(float value) {
  auto bits = llvm::bit_cast<uint32_t>(value);
  bool isNan = (bits & 0x7fffffff) > kInfinity;
  return isNan ? bits >> 16 | 0x40 : dropBits(bits, 16);
}

uint32_t verify::encode(Elements elements, double value) {
  switch (elements) {
  case Elements::F32:
    return llvm::bit_cast<uint32_t>(static_cast<float>(value));
  case Elements::F16:
    return toHalf(static_cast<float>(value));
  case Elements::BF16:
    return toBf16(static_cast<float>(value));
  case Elements::I32:
  case Elements::Bool:
    return static_cast<uint32_t>(static_cast<int64_t>(value));
  }
  llvm_unreachable("all elements are handled");
}

double verify::decode(Elements elements, uint32_t bits) {
  switch (elements) {
  case Elements::F32:
    return llvm::bit_cast<float>(bits);
  case Elements::F16:
    return fromHalf(bits);
  case Elements::BF16:
    return llvm::bit_cast<float>(bits << 16);
  case Elements::I32:
    return static_cast<int32_t>(bits);
  case Elements::Bool:
    return bits;
  }
  llvm_unreachable("all elements are handled");
}

double verify::lowest(Elements elements) {
  assert(isFloat(elements) && "integers hide nothing");
  if (elements == Elements::F32)
    return std::numeric_limits<float>::lowest();
  // The bits before those of -inf.
  return decode(elements,
                encode(elements, -std::numeric_limits<double>::infinity()) - 1);
}

/// Calls body with `elements` as a constant, and what holds the bits of one:
/// loops that know both are several times as fast.
template <typename Body>
static void withConstant(Elements elements, Body body) {
  switch (elements) {
  case Elements::F32:
    return body(std::integral_constant<Elements, Elements::F32>(), uint32_t());
  case Elements::F16:
    return body(std::integral_constant<Elements, Elements::F16>(), uint16_t());
  case Elements::BF16:
    return body(std::integral_constant<Elements, Elements::BF16>(), uint16_t());
  case Elements::I32:
    return body(std::integral_constant<Elements, Elements::I32>(), uint32_t());
  case Elements::Bool:
    return body(std::integral_constant<Elements, Elements::Bool>(), uint8_t());
  }
  llvm_unreachable("all elements are handled");
}

void verify::encode(Elements elements, llvm::ArrayRef<double> values,
                    uint8_t *bytes) {
  withConstant(elements, [&](auto constant, auto bits) {
    for (double value : values) {
      bits = static_cast<decltype(bits)>(encode(constant, value));
      std::memcpy(bytes, &bits, sizeof(bits));
      bytes += sizeof(bits);
    }
  });
}

void verify::decode(Elements elements, const uint8_t *bytes,
                    llvm::MutableArrayRef<double> values) {
  withConstant(elements, [&](auto constant, auto bits) {
    for (double &value : values) {
      std::memcpy(&bits, bytes, sizeof(bits));
      bytes += sizeof(bits);
      value = decode(constant, bits);
    }
  });
}

void verify::store(Elements elements, reference::Tensor &tensor) {
  withConstant(elements, [&](auto constant, auto) {
    for (double &element : tensor.data())
      element = stored(constant, element);
  });
}
