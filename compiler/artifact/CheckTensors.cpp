//===- CheckTensors.cpp - What the ABI asks of a function -----------------===//
//
// See CheckTensors.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/CheckTensors.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "passes/RowParts.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace mlir;

/// What `flash` uses an argument as; empty if it does not, or in a way that no
/// call has a name for.
static StringRef roleOf(FlashOp flash, Value argument) {
  if (argument == flash.getQuery())
    return "query";
  if (argument == flash.getKey())
    return "key";
  if (argument == flash.getValue())
    return "value";
  if (argument == flash.getLengths())
    return "kv_lengths";
  if (argument == flash.getSinks())
    return "sinks";
  // A latent layer: key = [latent, rope_key], value = latent.
  SmallVector<Value> key = rowPartsOf(flash.getKey());
  SmallVector<Value> value = rowPartsOf(flash.getValue());
  if (key.size() != 2 || value.size() != 1 || value[0] != key[0])
    return "";
  return argument == key[0] ? "latent" : argument == key[1] ? "rope_key" : "";
}

/// How many operands of `flash` the argument is, or is part of.
static int64_t countUses(FlashOp flash, Value argument) {
  if (roleOf(flash, argument) == "latent")
    return 1;
  return llvm::count_if(flash->getOperands(), [&](Value operand) {
    return llvm::is_contained(rowPartsOf(operand), argument);
  });
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
    int64_t uses = countUses(flash, argument);
    if (!uses)
      return emitError(argument.getLoc())
             << tensor << " is no operand of 'attn.flash'";
    if (uses > 1)
      return emitError(argument.getLoc())
             << tensor << " is " << uses
             << " operands of 'attn.flash', expected one argument for each";
    StringRef role = roleOf(flash, argument);
    if (role.empty())
      return emitError(argument.getLoc())
             << tensor
             << " is a part of the key or value of 'attn.flash', but they are "
                "not [latent, rope_key] and latent";
    if (failed(checkName(function.getArgAttr(index, kNameAttr), role,
                         argument.getLoc(), tensor)))
      return failure();
  }
  constexpr StringRef results[] = {"output", "lse"};
  for (auto [index, role] : llvm::enumerate(results))
    if (failed(checkName(function.getResultAttr(index, kNameAttr), role,
                         function.getLoc(), "result " + Twine(index) + where)))
      return failure();
  return success();
}
