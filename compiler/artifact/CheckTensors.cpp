//===- CheckTensors.cpp - What the ABI asks of a function -----------------===//
//
// See CheckTensors.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/CheckTensors.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace mlir;

/// What `flash` uses its operand `value` as.
static StringRef roleOf(FlashOp flash, Value value) {
  if (value == flash.getQuery())
    return "query";
  if (value == flash.getKey())
    return "key";
  if (value == flash.getValue())
    return "value";
  if (value == flash.getLengths())
    return "kv_lengths";
  return value == flash.getPrefix() ? "prefix_lengths" : "sinks";
}

static LogicalResult checkName(Attribute name, StringRef role, Location loc,
                               const Twine &tensor) {
  if (name == StringAttr::get(loc.getContext(), role))
    return success();
  return emitError(loc) << tensor << " is the " << role
                        << " of 'attn.flash', but its 'attn.name' is " << name
                        << ", expected \"" << role << "\"";
}

LogicalResult artifact::checkTensors(func::FuncOp function) {
  FlashOp flash = *function.getOps<FlashOp>().begin();
  std::string where = (" of function '" + function.getSymName() + "'").str();
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    std::string tensor = "argument " + std::to_string(index) + where;
    auto uses = llvm::count(flash->getOperands(), argument);
    if (!uses)
      return emitError(argument.getLoc())
             << tensor << " is no operand of 'attn.flash'";
    if (uses > 1)
      return emitError(argument.getLoc())
             << tensor << " is " << uses
             << " operands of 'attn.flash', expected one argument for each";
    if (failed(checkName(function.getArgAttr(index, kNameAttr),
                         roleOf(flash, argument), argument.getLoc(), tensor)))
      return failure();
  }
  constexpr StringRef results[] = {"output", "lse"};
  for (auto [index, role] : llvm::enumerate(results))
    if (failed(checkName(function.getResultAttr(index, kNameAttr), role,
                         function.getLoc(), "result " + Twine(index) + where)))
      return failure();
  return success();
}
