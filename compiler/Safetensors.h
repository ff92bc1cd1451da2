//===- Safetensors.h - Tensors in files -------------------------*- C++ -*-===//
//
// Reads and writes the safetensors format: an 8-byte length, a JSON header,
// the tensors' bytes. Everything that the header claims is checked against the
// file before a byte is used.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_SAFETENSORS_H
#define COMPILER_SAFETENSORS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>
#include <vector>

namespace attn {

/// A tensor in row-major order. Its bytes belong to somebody else and need not
/// be aligned.
struct StoredTensor {
  std::string name;
  /// As the format spells it: "F32", "BF16", "I64".
  std::string dtype;
  std::vector<int64_t> shape;
  llvm::ArrayRef<char> bytes;

  /// "F32 [1, 2, 3]", for messages.
  std::string describe() const;
};

class SafetensorsFile {
public:
  /// Opens and checks the file at `path`. Errors begin with the path.
  static llvm::Expected<SafetensorsFile> open(llvm::StringRef path);
  /// The same for bytes that are called `path` in messages.
  static llvm::Expected<SafetensorsFile>
  read(std::unique_ptr<llvm::MemoryBuffer> buffer, llvm::StringRef path);

  /// The tensor called `name`, or null.
  const StoredTensor *find(llvm::StringRef name) const;
  llvm::ArrayRef<StoredTensor> tensors() const { return list; }

private:
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  std::vector<StoredTensor> list;
};

/// Writes `tensors` in the given order to a temporary sibling of `path`, which
/// then takes its name: the file appears whole or not at all. Equal tensors
/// give equal bytes.
llvm::Error writeSafetensors(llvm::StringRef path,
                             llvm::ArrayRef<StoredTensor> tensors);

} // namespace attn

#endif // COMPILER_SAFETENSORS_H
