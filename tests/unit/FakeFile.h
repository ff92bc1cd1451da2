//===- FakeFile.h - Files of tensors without a file -------------*- C++ -*-===//
//
// What tests of calls write down in place of a file: types, shapes and, where
// they matter, values.
//
//===----------------------------------------------------------------------===//

#ifndef TESTS_UNIT_FAKEFILE_H
#define TESTS_UNIT_FAKEFILE_H

#include "compiler/Safetensors.h"

#include <map>

namespace attn::test {

struct Given {
  /// F32, I32 or I64.
  std::string dtype;
  std::vector<int64_t> shape;
  /// In row-major order; zeros without them.
  std::vector<int64_t> values = {};
};

/// A file of these tensors.
SafetensorsFile fileOf(const std::map<std::string, Given> &given);

/// The elements of `tensor`, which is of one of those types.
std::vector<int64_t> valuesOf(const StoredTensor &tensor);

} // namespace attn::test

#endif // TESTS_UNIT_FAKEFILE_H
