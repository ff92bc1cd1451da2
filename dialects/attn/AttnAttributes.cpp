//===- AttnAttributes.cpp - masks and positions ---------------------------===//
//
// Bands of the symbolic masks, and what makes a window or a rotation valid.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnAttributes.h"

#include "dialects/attn/AttnAsm.h"
#include "dialects/attn/AttnDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attn;

#include "dialects/attn/AttnEnums.cpp.inc"

#include "dialects/attn/AttnAttrInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/attn/AttnAttributes.cpp.inc"

Band BidirectionalAttr::getBand() const { return {}; }

Band CausalAttr::getBand() const {
  return {.right = 1, .alignment = getAlignment()};
}

Band WindowAttr::getBand() const {
  return {.left = std::min(getLeft(), Band::kUnbounded),
          .right = std::min(getRight(), Band::kUnbounded),
          .alignment = getAlignment()};
}

LogicalResult WindowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t left, int64_t right, Alignment) {
  // window_c1
  if (left <= 0)
    return emitError() << "window left is " << left << ", expected at least 1";
  if (right <= 0)
    return emitError() << "window right is " << right
                       << ", expected at least 1";
  return success();
}

static bool isPositive(FloatAttr number) {
  double value = number.getValueAsDouble();
  return value > 0 && std::isfinite(value);
}

LogicalResult RopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               FloatAttr theta, Pairing, RopeScaling,
                               FloatAttr factor) {
  // rope_c1
  if (!isPositive(theta))
    return emitError() << "rope theta is " << theta.getValueAsDouble()
                       << ", expected a positive finite number";
  // rope_c2
  if (factor && !isPositive(factor))
    return emitError() << "rope factor is " << factor.getValueAsDouble()
                       << ", expected a positive finite number";
  return success();
}

void AttnDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/attn/AttnAttributes.cpp.inc"
      >();
}
