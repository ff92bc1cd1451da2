//===- CallTensors.h - The tensors that a call is made from -----*- C++ -*-===//
//
// Those of files, and those that follow from them. A checkpoint has the weights
// of all layers: a name may lack the parts that lead to one of them.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_RUN_CALLTENSORS_H
#define COMPILER_RUN_CALLTENSORS_H

#include "compiler/AlignedBytes.h"
#include "compiler/Safetensors.h"
#include "llvm/ADT/SmallVector.h"

#include <deque>
#include <optional>

namespace attn {

class CallTensors {
public:
  explicit CallTensors(llvm::ArrayRef<const SafetensorsFile *> files)
      : files(files.begin(), files.end()) {}

  /// Finds the names of layer `number` in checkpoints too, those that begin
  /// with the parts of `prefix` if that is not empty: "model.layers.3".
  void chooseLayer(int64_t number, llvm::StringRef prefix);
  /// Where a layer's module was not chosen, takes the only one that has all of
  /// `names`, but for those that a tensor has exactly.
  void chooseModule(llvm::ArrayRef<llvm::StringRef> names);
  /// Makes this the tensor called `name`, before those of files; its `size`
  /// bytes are kept.
  void add(std::string name, std::string dtype, std::vector<int64_t> shape,
           AlignedBytes bytes, uint64_t size);

  /// The tensor of that very name, the first that has it; null: none.
  const StoredTensor *findExact(llvm::StringRef name) const;
  /// The same, or the layer's. Fails where several layers' may be meant.
  llvm::Expected<const StoredTensor *> find(llvm::StringRef name) const;

  /// " of layer 3", of which names are found in checkpoints; empty without one.
  std::string ofLayer() const;
  /// What the files hold.
  llvm::SmallVector<const StoredTensor *> stored() const;

private:
  bool isOfLayer(llvm::StringRef leading) const;
  /// What leads to `name` in that of `tensor`, if that is of the layer.
  std::optional<llvm::StringRef> leadingOf(const StoredTensor &tensor,
                                           llvm::StringRef name) const;

  llvm::SmallVector<const SafetensorsFile *> files;
  /// A deque: its elements stay where they are.
  std::deque<StoredTensor> made;
  std::deque<AlignedBytes> madeBytes;
  bool hasLayer = false;
  int64_t number = 0;
  std::string prefix;
};

} // namespace attn

#endif // COMPILER_RUN_CALLTENSORS_H
