//===- Documents.h - Sequences of packed documents --------------*- C++ -*-===//
//
// Numbers of documents as a mask looks at them: any, but those of one document
// follow each other.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_DOCUMENTS_H
#define COMPILER_VERIFY_DOCUMENTS_H

#include "compiler/reference/Tensor.h"

namespace attn::verify {

enum class Documents {
  /// Each longer than the one before; their numbers ascend from below 0, with
  /// gaps.
  Growing,
  /// The same with descending numbers.
  Descending,
  OfOneKey,
  One,
};

/// The document of each key, [batch, keys]; other ones in each sequence.
reference::Tensor makeDocuments(llvm::ArrayRef<int64_t> shape, Documents kind);

} // namespace attn::verify

#endif // COMPILER_VERIFY_DOCUMENTS_H
