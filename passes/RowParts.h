//===- RowParts.h - keys that stand in several tensors ----------*- C++ -*-===//
//
// The key of a latent layer is `[latent, rope_key]`, and its value the latent
// again. At the fused level both are arranged by operations that move nothing:
// what follows reads rows from where they are.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_ROWPARTS_H
#define PASSES_ROWPARTS_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace attn {

/// The tensors whose rows, side by side, are those of `heads`, the key or value
/// of an attn.flash: [batch, keys, heads, size], or [batch, keys, size] where
/// all heads share the rows. Looks through arrangements; `heads` itself if
/// there are none.
llvm::SmallVector<mlir::Value> rowPartsOf(mlir::Value heads);

/// `op` arranges rows for keys or values of attn.flash and for nothing else:
/// an attn.expand to one head, or an attn.concat of heads' elements.
bool isRowArrangement(mlir::Operation *op);

} // namespace attn

#endif // PASSES_ROWPARTS_H
