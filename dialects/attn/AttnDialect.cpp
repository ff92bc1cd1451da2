//===- AttnDialect.cpp - the attn dialect ---------------------------------===//
//
// Registers operations and attributes; verifies the attributes that the
// dialect puts on functions of other dialects and on modules.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnDialect.h"

#include "dialects/attn/AttnAsm.h"
#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnRanks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace attn;

#include "dialects/attn/AttnDialect.cpp.inc"

namespace {
/// Types of a layer's tensors print as !h32x128_heads and the like.
struct AttnAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Type type, raw_ostream &stream) const override {
    std::string name = nameTensorType(type);
    stream << name;
    return name.empty() ? AliasResult::NoAlias : AliasResult::FinalAlias;
  }
};

/// Constants stay in a score_mod: the region is to be read, and cloned, alone.
struct AttnFoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;

  bool shouldMaterializeInto(Region *region) const override {
    return isa<FlashOp>(region->getParentOp());
  }
};
} // namespace

void AttnDialect::initialize() {
  addInterfaces<AttnAsmInterface, AttnFoldInterface>();
  addOperations<
#define GET_OP_LIST
#include "dialects/attn/AttnOps.cpp.inc"
      >();
  registerAttributes();
}

//===----------------------------------------------------------------------===//
// Attributes on functions
//===----------------------------------------------------------------------===//

static InFlightDiagnostic emitUnknown(Operation *op, NamedAttribute attribute) {
  return op->emitOpError() << "has attribute '"
                           << attribute.getName().getValue()
                           << "', which the attn dialect does not define here";
}

/// attn_kernel: a name in quotes; attn_max_queries: a positive i64, of a kernel
static LogicalResult verifyKernel(Operation *op, NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  auto fail = [&](const Twine &expected) {
    return op->emitOpError() << "has '" << attribute.getName().getValue()
                             << "' = " << value << ", expected " << expected;
  };
  if (attribute.getName() == kKernelAttr) {
    auto name = dyn_cast<StringAttr>(value);
    return name && !name.empty() ? success() : fail("a name in quotes");
  }
  auto queries = dyn_cast<IntegerAttr>(value);
  if (!queries || !queries.getType().isInteger(64) || queries.getInt() < 1)
    return fail("an i64 of at least 1");
  return op->hasAttr(kKernelAttr) ? success() : fail("an attn.kernel too");
}

LogicalResult AttnDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  StringAttr name = attribute.getName();
  if (auto module = dyn_cast<ModuleOp>(op))
    return verifyRanks(module, attribute);
  if (!isa<FunctionOpInterface>(op))
    return emitUnknown(op, attribute);
  if (name == kKernelAttr || name == kMaxQueriesAttr)
    return verifyKernel(op, attribute);
  if (name != kLayersAttr && name != kScopeAttr)
    return emitUnknown(op, attribute);
  Attribute value = attribute.getValue();
  // attn_layers, attn_scope: on functions, of the dialect's own types
  bool isKnown = name == kLayersAttr ? isa<LayersAttr>(value)
                                     : isa<KernelScopeAttr>(value);
  if (isKnown)
    return success();
  return op->emitOpError() << "has '" << name.getValue() << "' = " << value
                           << ", expected #" << name.getValue() << "<...>";
}

/// `attribute` is a name for a tensor.
static LogicalResult verifyName(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != kNameAttr || !isa<FunctionOpInterface>(op))
    return emitUnknown(op, attribute);
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!name || name.empty())
    return op->emitOpError() << "has 'attn.name' = " << attribute.getValue()
                             << ", expected a name in quotes";
  return success();
}

/// No two tensors of a function have the same name: callers bind by it. Only
/// tensors before the one at `end`, arguments first, are compared.
static LogicalResult verifyUnique(Operation *op, Attribute name, unsigned end) {
  auto function = cast<FunctionOpInterface>(op);
  unsigned arguments = function.getNumArguments();
  for (unsigned i = 0; i < end; ++i) {
    Attribute other = i < arguments
                          ? function.getArgAttr(i, kNameAttr)
                          : function.getResultAttr(i - arguments, kNameAttr);
    if (other == name)
      return op->emitOpError() << "has two tensors with 'attn.name' = " << name
                               << ", expected different names";
  }
  return success();
}

LogicalResult AttnDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned index,
                                                    NamedAttribute attribute) {
  // attn_name: a name in quotes, unique in the function
  if (failed(verifyName(op, attribute)))
    return failure();
  return verifyUnique(op, attribute.getValue(), index);
}

/// `attribute` names the argument of the same type that the result `index`
/// takes the place of, alone.
static LogicalResult verifyUpdates(FunctionOpInterface function, unsigned index,
                                   NamedAttribute attribute) {
  auto fail = [&]() -> InFlightDiagnostic {
    return function->emitOpError()
           << "has 'attn.updates' = " << attribute.getValue();
  };
  if (function.getResultAttr(index, kNameAttr))
    return fail() << " and 'attn.name' on one result, expected one of them";
  for (unsigned other = 0; other < index; ++other)
    if (function.getResultAttr(other, kUpdatesAttr) == attribute.getValue())
      return fail() << " on two results, expected one";
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (function.getArgAttr(i, kNameAttr) != attribute.getValue())
      continue;
    Type argument = function.getArgumentTypes()[i];
    Type result = function.getResultTypes()[index];
    if (argument == result)
      return success();
    return fail() << ", which is " << argument << ", on a result " << result;
  }
  return fail() << ", expected the name of an argument";
}

LogicalResult AttnDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned index, NamedAttribute attribute) {
  // attn_updates: the name of an argument, in quotes
  if (attribute.getName() == kUpdatesAttr && isa<FunctionOpInterface>(op))
    return verifyUpdates(cast<FunctionOpInterface>(op), index, attribute);
  if (failed(verifyName(op, attribute)))
    return failure();
  unsigned arguments = cast<FunctionOpInterface>(op).getNumArguments();
  return verifyUnique(op, attribute.getValue(), arguments + index);
}
