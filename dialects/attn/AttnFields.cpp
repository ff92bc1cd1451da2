//===- AttnFields.cpp - attributes that operations define -----------------===//
//
// See AttnFields.h.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnFields.h"

using namespace mlir;

/// "; did you mean 'softcap'?" for the nearest field of `op`, or nothing.
static std::string suggest(Operation *op, StringRef name) {
  StringRef best;
  unsigned bestDistance = 3;
  for (StringAttr field : op->getName().getAttributeNames()) {
    unsigned distance = name.edit_distance(field, true, bestDistance);
    if (distance >= bestDistance)
      continue;
    best = field;
    bestDistance = distance;
  }
  return best.empty() ? "" : ("; did you mean '" + best + "'?").str();
}

LogicalResult attn::verifyFields(Operation *op) {
  for (NamedAttribute field : op->getDiscardableAttrs()) {
    StringRef name = field.getName();
    if (!name.contains('.'))
      return op->emitOpError()
             << "has no field '" << name << "'" << suggest(op, name);
  }
  return success();
}
