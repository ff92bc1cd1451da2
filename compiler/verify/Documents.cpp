//===- Documents.cpp - Sequences of packed documents ----------------------===//
//
// See Documents.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Documents.h"

#include "llvm/Support/ErrorHandling.h"

using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

/// The number of document `index`, whose last key so far is `key`.
static int64_t numberOf(Documents kind, int64_t index, int64_t key) {
  switch (kind) {
  case Documents::Growing:
    return 7 * index - 20;
  case Documents::Descending:
    return 20 - 7 * index;
  case Documents::OfOneKey:
    return 2 * key - 5;
  case Documents::One:
    return -3;
  }
  llvm_unreachable("all kinds are handled");
}

Tensor verify::makeDocuments(llvm::ArrayRef<int64_t> shape, Documents kind) {
  Tensor documents(shape);
  for (int64_t batch = 0; batch < shape[0]; ++batch) {
    int64_t index = 0, end = 2 + batch;
    for (int64_t key = 0; key < shape[1]; ++key) {
      if (key == end)
        end += 2 + batch + 3 * ++index;
      documents(batch, key) = static_cast<double>(numberOf(kind, index, key));
    }
  }
  return documents;
}
