//===- Safetensors.cpp - Tensors in files ---------------------------------===//
//
// Format: https://huggingface.co/docs/safetensors. Tensors may neither overlap
// nor leave bytes between them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Safetensors.h"

#include "compiler/Files.h"
#include "compiler/import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

static constexpr size_t kLengthBytes = 8;

static Error fail(StringRef path, const std::string &message) {
  return llvm::createStringError(
      fmt::format("{}: {}", std::string_view(path), message));
}

static Error fail(StringRef path, StringRef tensor,
                  const std::string &message) {
  return fail(
      path, fmt::format("tensor '{}': {}", std::string_view(tensor), message));
}

std::string StoredTensor::describe() const {
  return fmt::format("{} {}", dtype, shape);
}

/// Bytes of one element; 0: no such type.
static int64_t elementBytes(StringRef dtype) {
  struct Row {
    StringRef name;
    int64_t bytes;
  };
  static constexpr Row rows[] = {
      {"BF16", 2}, {"BOOL", 1}, {"C64", 8},     {"F16", 2},
      {"F32", 4},  {"F64", 8},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"I32", 4},  {"I64", 8},     {"I8", 1},
      {"U16", 2},  {"U32", 4},  {"U64", 8},     {"U8", 1},
  };
  for (const Row &row : rows)
    if (row.name == dtype)
      return row.bytes;
  return 0;
}

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

namespace {
/// Where a tensor's bytes are, relative to the end of the header.
struct Range {
  int64_t begin, end;
};
} // namespace

static std::optional<std::vector<int64_t>>
readSizes(const llvm::json::Object &entry, StringRef key) {
  const llvm::json::Array *list = entry.getArray(key);
  if (!list)
    return std::nullopt;
  std::vector<int64_t> sizes;
  for (const llvm::json::Value &element : *list) {
    std::optional<int64_t> size = element.getAsInteger();
    if (!size || *size < 0)
      return std::nullopt;
    sizes.push_back(*size);
  }
  return sizes;
}

/// Reads one entry of the header and checks it against `dataBytes`.
static Expected<Range> readEntry(StringRef path, StringRef name,
                                 const llvm::json::Value &value,
                                 int64_t dataBytes, StoredTensor &tensor) {
  const llvm::json::Object *entry = value.getAsObject();
  if (!entry)
    return fail(path, name, "header entry is not an object");
  std::optional<StringRef> dtype = entry->getString("dtype");
  if (!dtype)
    return fail(path, name, "header entry has no dtype");
  int64_t bytes = elementBytes(*dtype);
  if (!bytes)
    return fail(path, name,
                fmt::format("unknown dtype '{}'", std::string_view(*dtype)));
  auto shape = readSizes(*entry, "shape");
  if (!shape)
    return fail(path, name, "shape is not a list of sizes");
  auto offsets = readSizes(*entry, "data_offsets");
  if (!offsets || offsets->size() != 2)
    return fail(path, name, "data_offsets are not two offsets");
  Range range = {offsets->front(), offsets->back()};
  if (range.begin > range.end || range.end > dataBytes)
    return fail(path, name,
                fmt::format("bytes {} to {} are not within the {} of the file",
                            range.begin, range.end, dataBytes));
  tensor = {name.str(), dtype->str(), std::move(*shape), {}};
  bool overflows = false;
  for (int64_t size : tensor.shape)
    overflows |= llvm::MulOverflow(bytes, size, bytes);
  // A size of 0 makes the product 0 whatever overflowed before it.
  if (llvm::is_contained(tensor.shape, 0)) {
    bytes = 0;
    overflows = false;
  }
  if (overflows || bytes != range.end - range.begin)
    return fail(path, name,
                fmt::format("{} does not fill the {} bytes that it is given",
                            tensor.describe(), range.end - range.begin));
  return range;
}

/// Checks that `ranges`, in the order of the file, cover `dataBytes` once.
static Error checkCoverage(StringRef path, llvm::ArrayRef<StoredTensor> tensors,
                           llvm::ArrayRef<Range> ranges, int64_t dataBytes) {
  std::vector<size_t> order(ranges.size());
  for (auto [index, slot] : llvm::enumerate(order))
    slot = index;
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::pair(ranges[a].begin, ranges[a].end) <
           std::pair(ranges[b].begin, ranges[b].end);
  });
  int64_t covered = 0;
  for (size_t index : order) {
    if (ranges[index].begin < covered)
      return fail(path, tensors[index].name, "overlaps another tensor");
    if (ranges[index].begin > covered)
      break;
    covered = ranges[index].end;
  }
  if (covered != dataBytes)
    return fail(path,
                fmt::format("bytes from {} on belong to no tensor", covered));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The header's text: what the first 8 bytes say, checked.
static Expected<StringRef> readHeader(StringRef path, StringRef text) {
  if (text.size() < kLengthBytes)
    return fail(path, fmt::format("has {} bytes, too few for safetensors",
                                  text.size()));
  uint64_t length = llvm::support::endian::read64le(text.data());
  uint64_t rest = text.size() - kLengthBytes;
  if (length > rest)
    return fail(path, fmt::format("header of {} bytes does not fit into the {} "
                                  "that follow its length",
                                  length, rest));
  if (length > JsonDocument::kMaxBytes)
    return fail(path, fmt::format("header has {} bytes, at most {} are read",
                                  length, JsonDocument::kMaxBytes));
  return text.substr(kLengthBytes, length);
}

Expected<SafetensorsFile>
SafetensorsFile::read(std::unique_ptr<llvm::MemoryBuffer> buffer,
                      StringRef path) {
  StringRef text = buffer->getBuffer();
  Expected<StringRef> header = readHeader(path, text);
  if (!header)
    return header.takeError();
  TextError problem;
  auto document = JsonDocument::parse(*header, problem);
  if (!document)
    return fail(path, fmt::format("header: {}:{}: {}", problem.where.line,
                                  problem.where.column, problem.message));
  StringRef data = text.drop_front(kLengthBytes + header->size());

  SafetensorsFile file;
  std::vector<Range> ranges;
  for (const auto &[key, value] : document->root()) {
    if (StringRef(key) == "__metadata__")
      continue;
    StoredTensor &tensor = file.list.emplace_back();
    Expected<Range> range =
        readEntry(path, key, value, int64_t(data.size()), tensor);
    if (!range)
      return range.takeError();
    tensor.bytes = {data.data() + range->begin, data.data() + range->end};
    ranges.push_back(*range);
  }
  if (Error error =
          checkCoverage(path, file.list, ranges, int64_t(data.size())))
    return std::move(error);
  llvm::sort(file.list, [](const StoredTensor &a, const StoredTensor &b) {
    return a.name < b.name;
  });
  file.buffer = std::move(buffer);
  return file;
}

Expected<SafetensorsFile> SafetensorsFile::open(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return fail(path, llvm::toString(buffer.takeError()));
  return read(std::move(*buffer), path);
}

const StoredTensor *SafetensorsFile::find(StringRef name) const {
  auto found = llvm::find_if(
      list, [&](const StoredTensor &tensor) { return tensor.name == name; });
  return found == list.end() ? nullptr : &*found;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The header of `tensors`, padded so that their bytes begin aligned.
static std::string spellHeader(llvm::ArrayRef<StoredTensor> tensors) {
  std::string header = "{";
  size_t offset = 0;
  for (const StoredTensor &tensor : tensors) {
    std::string name;
    llvm::raw_string_ostream(name) << llvm::json::Value(tensor.name);
    size_t end = offset + tensor.bytes.size();
    header += fmt::format(
        "{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
        header.size() > 1 ? "," : "", name, tensor.dtype,
        fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  header += '}';
  header.resize(llvm::alignTo(header.size() + kLengthBytes, 64) - kLengthBytes,
                ' ');
  return header;
}

Error attn::writeSafetensors(StringRef path,
                             llvm::ArrayRef<StoredTensor> tensors) {
  std::string header = spellHeader(tensors);
  char length[kLengthBytes];
  llvm::support::endian::write64le(length, header.size());
  auto file = PendingFile::write(path, [&](llvm::raw_ostream &out) {
    out.write(length, kLengthBytes);
    out << header;
    for (const StoredTensor &tensor : tensors)
      out.write(tensor.bytes.data(), tensor.bytes.size());
  });
  Error error = file ? file->keep() : file.takeError();
  if (error)
    return fail(path, llvm::toString(std::move(error)));
  return Error::success();
}
