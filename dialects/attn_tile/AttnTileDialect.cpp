//===- AttnTileDialect.cpp - the attn_tile dialect ------------------------===//
//
// Registers operations, types and attributes, prints shaped types, and verifies
// the attribute that the dialect puts on functions.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileDialect.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::tile;

#include "dialects/attn_tile/AttnTileDialect.cpp.inc"
#include "dialects/attn_tile/AttnTileEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/attn_tile/AttnTileTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/attn_tile/AttnTileAttributes.cpp.inc"

void AttnTileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/attn_tile/AttnTileTypes.cpp.inc"
      >();
}

void AttnTileDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/attn_tile/AttnTileAttributes.cpp.inc"
      >();
}

namespace {
/// Constants stay in a map: what it computes on scalars is no arithmetic on the
/// sizes of a program.
struct AttnTileFoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;

  bool shouldMaterializeInto(Region *region) const override {
    return isa<MapOp, MapRowsOp>(region->getParentOp());
  }
};
} // namespace

void AttnTileDialect::initialize() {
  addInterfaces<AttnTileFoldInterface>();
  addOperations<
#define GET_OP_LIST
#include "dialects/attn_tile/AttnTileOps.cpp.inc"
      >();
  registerTypes();
  registerAttributes();
}

/// <?x128xf32>
template <typename ShapedT>
static Type parseShaped(AsmParser &parser) {
  SMLoc location = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(element) || parser.parseGreater())
    return {};
  return ShapedT::getChecked([&] { return parser.emitError(location); },
                             parser.getContext(), shape, element);
}

static void printShaped(AsmPrinter &printer, ArrayRef<int64_t> shape,
                        Type element) {
  printer << '<';
  for (int64_t size : shape) {
    if (ShapedType::isDynamic(size))
      printer << '?';
    else
      printer << size;
    printer << 'x';
  }
  printer << element << '>';
}

/// Sizes are positive or dynamic; there are `1 .. most` of them.
static LogicalResult verifyShape(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef what, ArrayRef<int64_t> shape,
                                 size_t most) {
  if (shape.empty() || shape.size() > most)
    return emitError() << what << " has " << shape.size()
                       << " dimensions, expected 1 to " << most;
  for (int64_t size : shape)
    if (!ShapedType::isDynamic(size) && size <= 0)
      return emitError() << what << " has a dimension of " << size
                         << ", expected at least 1";
  return success();
}

LogicalResult ViewType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<int64_t> shape, Type) {
  // view_c1
  return verifyShape(emitError, "view", shape, 6);
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<int64_t> shape, Type element) {
  // tile_c1
  if (failed(verifyShape(emitError, "tile", shape, 2)))
    return failure();
  // tile_c2
  if (!element.isF32() && !element.isInteger(1) && !element.isInteger(32))
    return emitError() << "tile has elements of type " << element
                       << ", expected f32, i1 or i32";
  return success();
}

Type ViewType::parse(AsmParser &parser) {
  return parseShaped<ViewType>(parser);
}

void ViewType::print(AsmPrinter &printer) const {
  printShaped(printer, getShape(), getElementType());
}

Type TileType::parse(AsmParser &parser) {
  return parseShaped<TileType>(parser);
}

void TileType::print(AsmPrinter &printer) const {
  printShaped(printer, getShape(), getElementType());
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   StringRef, int64_t maxQueries,
                                   int64_t queryBlock, int64_t keyBlock,
                                   int64_t splitKeys, int64_t maxSplits, bool,
                                   int64_t productRows) {
  const std::pair<StringRef, int64_t> sizes[] = {{"max_queries", maxQueries},
                                                 {"query_block", queryBlock},
                                                 {"key_block", keyBlock},
                                                 {"split_keys", splitKeys},
                                                 {"max_splits", maxSplits}};
  // schedule_c1
  for (auto [name, size] : sizes)
    if (size <= 0)
      return emitError() << name << " is " << size << ", expected at least 1";
  if (productRows < 0)
    return emitError() << "product_rows is " << productRows
                       << ", expected at least 1, or none";
  // schedule_c2
  if (splitKeys % keyBlock != 0)
    return emitError() << "key_block " << keyBlock
                       << " does not divide split_keys " << splitKeys;
  return success();
}

LogicalResult
FootprintAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      int64_t scratchBytes, int64_t stateBytes) {
  const std::pair<StringRef, int64_t> sizes[] = {
      {"scratch_bytes", scratchBytes}, {"state_bytes", stateBytes}};
  // footprint_c1
  for (auto [name, size] : sizes)
    if (size < 0)
      return emitError() << name << " is " << size << ", expected at least 0";
  return success();
}

LogicalResult
AttnTileDialect::verifyOperationAttribute(Operation *op,
                                          NamedAttribute attribute) {
  // attn_tile_function: what it defines stands on functions, and has its types
  bool isSchedules = attribute.getName() == kSchedulesAttr;
  if ((!isSchedules && attribute.getName() != kFootprintAttr) ||
      !isa<FunctionOpInterface>(op))
    return op->emitOpError()
           << "has attribute '" << attribute.getName().getValue()
           << "', which the attn_tile dialect does not define here";
  auto list = dyn_cast<ArrayAttr>(attribute.getValue());
  bool isOfType = isSchedules
                      ? list && !list.empty() &&
                            llvm::all_of(list, llvm::IsaPred<ScheduleAttr>)
                      : isa<FootprintAttr>(attribute.getValue());
  if (isOfType)
    return success();
  return op->emitOpError() << "has '" << attribute.getName().getValue()
                           << "' = " << attribute.getValue() << ", expected "
                           << (isSchedules ? "[#attn_tile.schedule<...>, ...]"
                                           : "#attn_tile.footprint<...>");
}
