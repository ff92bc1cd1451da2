//===- AttnTileDialect.h - the attn_tile dialect ----------------*- C++ -*-===//
//
// Declares dialect, types and attributes; operations are in AttnTileOps.h.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILEDIALECT_H
#define DIALECTS_ATTN_TILE_ATTNTILEDIALECT_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"

#include "dialects/attn_tile/AttnTileDialect.h.inc"
#include "dialects/attn_tile/AttnTileEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/attn_tile/AttnTileTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/attn_tile/AttnTileAttributes.h.inc"

namespace attn::tile {

/// Discardable attribute that the dialect defines on functions: the memory that
/// a lowered program asks for.
inline constexpr llvm::StringLiteral kFootprintAttr = "attn_tile.footprint";

/// The same: the schedules, of one target, that a function becomes programs of.
inline constexpr llvm::StringLiteral kSchedulesAttr = "attn_tile.schedules";

} // namespace attn::tile

#endif // DIALECTS_ATTN_TILE_ATTNTILEDIALECT_H
