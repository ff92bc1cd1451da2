//===- Checkpoint.h - the files of a checkpoint -----------------*- C++ -*-===//
//
// Large checkpoints come in several safetensors files and an index that says
// which tensor is where (Hugging Face: model.safetensors.index.json).
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_RUN_CHECKPOINT_H
#define COMPILER_RUN_CHECKPOINT_H

#include "compiler/Safetensors.h"

#include <string>
#include <vector>

namespace attn {

class Checkpoint {
public:
  /// Opens a safetensors file, or all that an index (`*.json`) names. Errors
  /// begin with the path of what is wrong.
  static llvm::Expected<Checkpoint> open(llvm::StringRef path);

  /// Fails if `out` is one of the files, which `option` names.
  llvm::Error checkOutput(llvm::StringRef out, llvm::StringRef option) const;

  std::vector<const SafetensorsFile *> files() const;

private:
  /// The files, and the index that names them.
  std::vector<std::string> paths;
  std::vector<SafetensorsFile> opened;
};

} // namespace attn

#endif // COMPILER_RUN_CHECKPOINT_H
