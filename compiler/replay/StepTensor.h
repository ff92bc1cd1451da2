//===- StepTensor.h - A tensor of one call of a replay ----------*- C++ -*-===//
//
// Row-major memory that the call reads or writes.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_STEPTENSOR_H
#define COMPILER_REPLAY_STEPTENSOR_H

#include "runtime/attn.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace attn::replay {

/// A row-major tensor of bytes that a call reads or writes.
class StepTensor {
public:
  StepTensor(DLDataType type, std::vector<int64_t> extents)
      : shape(std::move(extents)) {
    size_t bytes = type.bits / 8;
    for (int64_t extent : shape)
      bytes *= static_cast<size_t>(extent);
    // Never NULL, for that is an absent tensor.
    memory.resize(bytes + 8);
    tensor = {.data = memory.data(),
              .device = {kDLCPU, 0},
              .ndim = static_cast<int32_t>(shape.size()),
              .dtype = type,
              .shape = shape.data(),
              .strides = nullptr,
              .byte_offset = 0};
  }
  StepTensor(StepTensor &&) = default;

  template <typename T>
  T *as() {
    return reinterpret_cast<T *>(memory.data());
  }
  const DLTensor *get() const { return &tensor; }
  llvm::ArrayRef<uint8_t> bytes() const {
    return llvm::ArrayRef(memory).drop_back(8);
  }
  uint8_t *data() { return memory.data(); }

private:
  std::vector<int64_t> shape;
  std::vector<uint8_t> memory;
  DLTensor tensor = {};
};

} // namespace attn::replay

#endif // COMPILER_REPLAY_STEPTENSOR_H
