//===- FakeFile.cpp - Files of tensors without a file ---------------------===//
//
// See FakeFile.h.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeFile.h"

#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"

#include <cstring>

using namespace attn;
using namespace attn::test;

template <typename T>
static void write(char *to, int64_t value) {
  auto element = T(value);
  std::memcpy(to, &element, sizeof(element));
}

template <typename T>
static int64_t read(const char *from) {
  T element;
  std::memcpy(&element, from, sizeof(element));
  return int64_t(element);
}

static size_t sizeOf(const std::string &dtype) {
  return dtype == "I64" ? 8 : dtype == "U8" ? 1 : 4;
}

static std::string bytesOf(const Given &tensor) {
  size_t element = sizeOf(tensor.dtype), size = element;
  for (int64_t extent : tensor.shape)
    size *= extent;
  std::string bytes(size, '\0');
  for (auto [index, value] : llvm::enumerate(tensor.values))
    (tensor.dtype == "I64" ? write<int64_t>
     : tensor.dtype == "I32"
         ? write<int32_t>
         : write<float>)(bytes.data() + index * element, value);
  return bytes;
}

SafetensorsFile attn::test::fileOf(const std::map<std::string, Given> &given) {
  std::string header = "{", data;
  for (const auto &[name, tensor] : given) {
    std::string bytes = bytesOf(tensor), shape;
    for (int64_t extent : tensor.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    header += (header.size() > 1 ? ",\"" : "\"") + name + R"(":{"dtype":")" +
              tensor.dtype + R"(","shape":[)" + shape + "],\"data_offsets\":[" +
              std::to_string(data.size()) + "," +
              std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  }
  header += "}";
  std::string text(8, '\0');
  text[0] = char(header.size() & 0xff);
  text[1] = char(header.size() >> 8);
  text += header + data;
  auto file = SafetensorsFile::read(
      llvm::MemoryBuffer::getMemBufferCopy(text, "x"), "x");
  EXPECT_TRUE(bool(file)) << llvm::toString(file.takeError());
  return std::move(*file);
}

std::vector<int64_t> attn::test::valuesOf(const StoredTensor &tensor) {
  size_t size = sizeOf(tensor.dtype);
  std::vector<int64_t> values;
  for (size_t at = 0; at < tensor.bytes.size(); at += size)
    values.push_back((tensor.dtype == "I64" ? read<int64_t>
                      : tensor.dtype == "I32"
                          ? read<int32_t>
                          : read<float>)(tensor.bytes.data() + at));
  return values;
}
