//===- AttnTileOps.cpp - programs, phases and tile steps ------------------===//
//
// Verifiers, labelled with the constraints of the documentation, and the text
// forms of programs and phases.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileOps.h"

#include "dialects/attn/AttnAsm.h"
#include "dialects/attn_tile/AttnTileSizesImpl.h"
#include "mlir/IR/Builders.h"

#include <map>

using namespace mlir;
using namespace attn::tile;

//===----------------------------------------------------------------------===//
// Values of parameters
//===----------------------------------------------------------------------===//

/// [0.125, 4096, unbounded]
static ParseResult parseValues(OpAsmParser &parser, ArrayAttr &values) {
  Builder &b = parser.getBuilder();
  SmallVector<Attribute> list;
  auto parseValue = [&]() -> ParseResult {
    if (failed(parser.parseOptionalKeyword("unbounded")))
      return parser.parseAttribute(list.emplace_back());
    list.push_back(b.getI64IntegerAttr(attn::KeyInterval::kUnbounded));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseValue))
    return failure();
  values = b.getArrayAttr(list);
  return success();
}

static void printValue(OpAsmPrinter &printer, Attribute value) {
  auto integer = dyn_cast<IntegerAttr>(value);
  auto number = dyn_cast<FloatAttr>(value);
  if (number)
    attn::printNumber(printer, number);
  else if (integer && integer.getType().isInteger(64) &&
           integer.getInt() == attn::KeyInterval::kUnbounded)
    printer << "unbounded";
  else
    printer.printAttributeWithoutType(value);
}

static void printValues(OpAsmPrinter &printer, Operation *, ArrayAttr values) {
  printer << '[';
  llvm::interleaveComma(values, printer,
                        [&](Attribute value) { printValue(printer, value); });
  printer << ']';
}

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

/// layers [0 to 4, 6], [5]: a list for each row of constants.
static ParseResult parseLayerLists(OpAsmParser &parser,
                                   SmallVectorImpl<int64_t> &layers,
                                   SmallVectorImpl<int64_t> &rows) {
  if (failed(parser.parseOptionalKeyword("layers")))
    return success();
  SmallVector<std::pair<int64_t, int64_t>> found;
  int64_t row = 0;
  auto parseList = [&]() -> ParseResult {
    SmallVector<int64_t> numbers;
    if (parser.parseLSquare() || attn::parseLayerNumbers(parser, numbers) ||
        parser.parseRSquare())
      return failure();
    for (int64_t layer : numbers)
      found.emplace_back(layer, row);
    ++row;
    return success();
  };
  if (parser.parseCommaSeparatedList(parseList))
    return failure();
  llvm::sort(found);
  llvm::append_range(layers, llvm::make_first_range(found));
  llvm::append_range(rows, llvm::make_second_range(found));
  return success();
}

static void printLayerLists(OpAsmPrinter &printer, ProgramOp program) {
  std::map<int64_t, SmallVector<int64_t>> lists;
  for (auto [layer, row] :
       llvm::zip(program.getLayers(), program.getLayerRows()))
    lists[row].push_back(layer);
  if (lists.empty())
    return;
  printer << " layers ";
  llvm::interleaveComma(lists, printer, [&](const auto &list) {
    printer << '[';
    attn::printLayerNumbers(printer, list.second);
    printer << ']';
  });
}

/// program @name(%query: !view, ...) layers [...] attributes {...} { ... }
ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name),
                             result.attributes))
    return failure();
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<int64_t> layers, rows;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parseLayerLists(parser, layers, rows) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Builder &b = parser.getBuilder();
  StringAttr layersName = getLayersAttrName(result.name);
  bool haveAttribute = bool(result.attributes.get(layersName));
  if (haveAttribute && !layers.empty())
    return parser.emitError(location) << "'layers' are given twice";
  if (!haveAttribute) {
    result.attributes.set(layersName, b.getDenseI64ArrayAttr(layers));
    result.attributes.set(getLayerRowsAttrName(result.name),
                          b.getDenseI64ArrayAttr(rows));
  }
  return parser.parseRegion(*result.addRegion(), arguments);
}

void ProgramOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument arg) { printer.printRegionArgument(arg); });
  printer << ')';
  printLayerLists(printer, *this);
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getSymNameAttrName(), getLayersAttrName(), getLayerRowsAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void ProgramOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn setName) {
  for (auto [arg, name] : llvm::zip(
           region.getArguments(), getArgumentNames().getAsRange<StringAttr>()))
    setName(arg, name.getValue());
}

// program_c3
static LogicalResult verifyRows(ProgramOp program) {
  SmallVector<int64_t> rows(program.getLayerRows());
  llvm::sort(rows);
  int64_t count = 0;
  for (int64_t row : rows) {
    if (row < 0 || row > count)
      return program.emitOpError()
             << "uses layer row " << row << ", but not row " << count;
    count = std::max(count, row + 1);
  }
  for (auto parameter : program.getBody().getOps<ParameterOp>())
    if (static_cast<int64_t>(parameter.getValues().size()) < count)
      return parameter.emitOpError()
             << "has " << parameter.getValues().size()
             << " values, but layer row " << count - 1 << " is in use";
  return success();
}

/// argument_axes and result_count fit the arguments.
static LogicalResult verifySignature(ProgramOp program) {
  auto arguments = program.getBody().getArguments();
  int64_t results = program.getResultCount().value_or(0);
  if (results < 0 || results > static_cast<int64_t>(arguments.size()))
    return program.emitOpError() << "has " << results << " results among "
                                 << arguments.size() << " arguments";
  std::optional<ArrayAttr> axes = program.getArgumentAxes();
  if (!axes)
    return success();
  if (axes->size() != arguments.size())
    return program.emitOpError()
           << "has axes of " << axes->size() << " tensors for "
           << arguments.size() << " arguments";
  for (auto [names, argument] : llvm::zip_equal(*axes, arguments)) {
    auto list = dyn_cast<ArrayAttr>(names);
    auto isName = [](Attribute name) { return isa<StringAttr>(name); };
    if (!list || !llvm::all_of(list, isName) ||
        static_cast<int64_t>(list.size()) != rankOf(argument))
      return program.emitOpError()
             << "has the axes " << names << " for argument "
             << argument.getArgNumber() << " of type " << argument.getType();
  }
  return success();
}

LogicalResult ProgramOp::verify() {
  // program_c1
  if (getArgumentNames().size() != getBody().getNumArguments())
    return emitOpError() << "has " << getArgumentNames().size()
                         << " argument names for "
                         << getBody().getNumArguments() << " arguments";
  for (BlockArgument arg : getBody().getArguments())
    if (!isa<ViewType>(arg.getType()))
      return emitOpError() << "argument " << arg.getArgNumber() << " is "
                           << arg.getType() << ", expected a view";
  // program_c2
  if (getLayers().size() != getLayerRows().size())
    return emitOpError() << "has " << getLayers().size() << " layers and "
                         << getLayerRows().size() << " layer rows";
  if (!getLayers().empty() &&
      failed(LayersAttr::verify([&] { return emitOpError(); }, getLayers())))
    return failure();
  if (failed(verifyRows(*this)))
    return failure();
  // program_c4
  return verifySignature(*this);
}

//===----------------------------------------------------------------------===//
// Phase
//===----------------------------------------------------------------------===//

/// phase "name" grid(%i = %extent, ...) { ... }
ParseResult PhaseOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> points;
  SmallVector<OpAsmParser::UnresolvedOperand> extents;
  Type index = parser.getBuilder().getIndexType();
  auto parsePoint = [&]() -> ParseResult {
    points.emplace_back().type = index;
    return failure(parser.parseArgument(points.back()) || parser.parseEqual() ||
                   parser.parseOperand(extents.emplace_back()));
  };
  if (parser.parseAttribute(name, getPhaseNameAttrName(result.name),
                            result.attributes) ||
      parser.parseKeyword("grid") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     parsePoint) ||
      parser.resolveOperands(extents, index, result.operands) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), points);
}

void PhaseOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getPhaseNameAttr() << " grid(";
  llvm::interleaveComma(llvm::zip_equal(getBody().getArguments(), getExtents()),
                        printer, [&](auto pair) {
                          printer << std::get<0>(pair) << " = "
                                  << std::get<1>(pair);
                        });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getPhaseNameAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void PhaseOp::getAsmBlockArgumentNames(Region &region,
                                       OpAsmSetValueNameFn setName) {
  static constexpr StringLiteral kNames[] = {"batch", "kv_head", "block",
                                             "split"};
  // What built the phase may have given better names.
  for (auto [arg, name] : llvm::zip(region.getArguments(), kNames)) {
    auto location = dyn_cast<NameLoc>(arg.getLoc());
    setName(arg, location ? location.getName().getValue() : StringRef(name));
  }
}

LogicalResult PhaseOp::verify() {
  // phase_c1
  if (getBody().getNumArguments() != getExtents().size())
    return emitOpError() << "has " << getBody().getNumArguments()
                         << " grid points for " << getExtents().size()
                         << " extents";
  for (BlockArgument arg : getBody().getArguments())
    if (!arg.getType().isIndex())
      return emitOpError() << "grid point " << arg.getArgNumber() << " is "
                           << arg.getType() << ", expected index";
  return success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

LogicalResult ParameterOp::verify() {
  // parameter_c1
  if (getValues().empty())
    return emitOpError() << "has no values";
  // parameter_c2
  Builder builder(getContext());
  Type expected = getResult().getType().isIndex() ? Type(builder.getI64Type())
                                                  : builder.getF64Type();
  for (Attribute value : getValues())
    if (auto typed = dyn_cast<TypedAttr>(value);
        !typed || typed.getType() != expected)
      return emitOpError() << "has the value " << value << ", expected an "
                           << expected;
  return success();
}

ArrayRef<int64_t> attn::tile::shapeOf(Value value) {
  if (auto tile = dyn_cast<TileType>(value.getType()))
    return tile.getShape();
  return cast<ViewType>(value.getType()).getShape();
}

int64_t attn::tile::rankOf(Value value) {
  return static_cast<int64_t>(shapeOf(value).size());
}

int64_t attn::tile::sizeOf(Value value, unsigned dimension) {
  return shapeOf(value)[dimension];
}

std::string attn::tile::formatSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

LogicalResult attn::tile::checkSizes(Operation *op, StringRef what,
                                     int64_t left, int64_t right) {
  if (left == right)
    return success();
  return op->emitOpError() << what << " differ: " << formatSize(left) << " and "
                           << formatSize(right);
}

LogicalResult attn::tile::checkElements(Operation *op, Value left,
                                        Value right) {
  auto elementOf = [](Value value) {
    if (auto tile = dyn_cast<TileType>(value.getType()))
      return tile.getElementType();
    return cast<ViewType>(value.getType()).getElementType();
  };
  if (elementOf(left) == elementOf(right))
    return success();
  return op->emitOpError() << "has elements of type " << elementOf(left)
                           << " and " << elementOf(right);
}

/// A running state: maximum, denominator and sum have the same rows.
template <typename OpT>
static LogicalResult checkState(OpT op) {
  int64_t rows = sizeOf(op.getSum(), 0);
  if (failed(checkSizes(op, "rows of maximum and sum",
                        sizeOf(op.getMaximum(), 0), rows)))
    return failure();
  return checkSizes(op, "rows of denominator and sum",
                    sizeOf(op.getDenominator(), 0), rows);
}

/// `op` names one place of the workspace that made `states`.
template <typename OpT>
static LogicalResult checkPlace(OpT op) {
  auto workspace = op.getStates().template getDefiningOp<WorkspaceOp>();
  if (!workspace)
    return success();
  if (op.getIndices().size() != workspace.getExtents().size())
    return op.emitOpError()
           << "has " << op.getIndices().size() << " indices for "
           << workspace.getExtents().size() << " extents of the workspace";
  return checkSizes(op, "columns of sum and workspace", sizeOf(op.getSum(), 1),
                    workspace.getColumns());
}

LogicalResult WorkspaceOp::verify() {
  // workspace_c1
  if (getExtents().empty() || getExtents().size() > 4)
    return emitOpError() << "has " << getExtents().size()
                         << " extents, expected 1 to 4";
  return success();
}

LogicalResult DimOp::verify() {
  // dim_c1
  int64_t rank = getView().getType().getShape().size();
  int64_t dimension = getDimension();
  if (dimension >= 0 && dimension < rank)
    return success();
  return emitOpError() << "asks for dimension " << dimension << " of a view of "
                       << rank;
}

LogicalResult EntryOp::verify() {
  // entry_c1
  Type type = getView().getType().getElementType();
  if (type.isInteger(32))
    return success();
  return emitOpError() << "reads elements of type " << type << ", expected i32";
}

LogicalResult LoadQueriesOp::verify() {
  // load_queries_c1
  return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                    sizeOf(getView(), 3));
}

LogicalResult LoadKeysOp::verify() {
  // load_keys_c2
  if (getViews().empty())
    return emitOpError() << "has no view, expected at least one";
  // load_keys_c1
  if (ShapedType::isDynamic(sizeOf(getTile(), 0)))
    return emitOpError() << "loads a tile of dynamic rows, expected the "
                            "schedule's key_block";
  int64_t columns = 0;
  for (Value view : getViews()) {
    int64_t size = cast<ViewType>(view.getType()).getShape().back();
    if (ShapedType::isDynamic(size))
      return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                        size);
    columns += size;
  }
  return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                    columns);
}

LogicalResult StoreOp::verify() {
  // store_c1
  size_t tileRank = getTile().getType().getShape().size();
  size_t viewRank = getView().getType().getShape().size();
  if (viewRank != tileRank + 2)
    return emitOpError() << "stores a tile of " << tileRank
                         << " dimensions to a view of " << viewRank
                         << ", expected " << tileRank + 2;
  if (tileRank == 1)
    return success();
  return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                    sizeOf(getView(), 3));
}

LogicalResult SaveStateOp::verify() {
  // save_state_c1, save_state_c2
  if (failed(checkPlace(*this)))
    return failure();
  // save_state_c3
  return checkState(*this);
}

LogicalResult LoadStateOp::verify() {
  // load_state_c1, load_state_c2
  if (failed(checkPlace(*this)))
    return failure();
  // load_state_c3
  return checkState(*this);
}

LogicalResult StartOp::verify() {
  // start_c1
  return checkState(*this);
}

LogicalResult ContractOp::verify() {
  // contract_c1
  if (failed(checkSizes(*this, "columns of query and key",
                        sizeOf(getQuery(), 1), sizeOf(getKey(), 1))))
    return failure();
  // contract_c2
  if (failed(checkSizes(*this, "rows of query and score", sizeOf(getQuery(), 0),
                        sizeOf(getScore(), 0))))
    return failure();
  return checkSizes(*this, "rows of key and columns of score",
                    sizeOf(getKey(), 0), sizeOf(getScore(), 1));
}

LogicalResult MapOp::verify() {
  // map_c1
  if (getBody().front().empty() ||
      !isa<attn::tile::YieldOp>(getBody().front().back()))
    return emitOpError() << "region ends without 'attn_tile.yield'";
  Builder builder(getContext());
  SmallVector<Type> expected = {builder.getF32Type(), builder.getIndexType(),
                                builder.getIndexType(), builder.getIndexType()};
  if (!llvm::equal(getBody().getArgumentTypes(), expected))
    return emitOpError()
           << "region takes " << getBody().getArgumentTypes()
           << ", expected (f32 score, index row, index column, index head)";
  Type yielded = getBody().front().back().getOperand(0).getType();
  if (!yielded.isF32())
    return emitOpError() << "region yields " << yielded << ", expected f32";
  return success();
}

LogicalResult SoftmaxStepOp::verify() {
  // softmax_step_c1
  return checkSizes(*this, "rows of score and maximum", sizeOf(getScore(), 0),
                    sizeOf(getMaximum(), 0));
}

LogicalResult AccumulateOp::verify() {
  int64_t rows = sizeOf(getSum(), 0);
  // accumulate_c1
  if (failed(checkSizes(*this, "rows of alpha and sum", sizeOf(getAlpha(), 0),
                        rows)) ||
      failed(checkSizes(*this, "rows of weight and sum", sizeOf(getWeight(), 0),
                        rows)))
    return failure();
  // accumulate_c2
  if (failed(checkSizes(*this, "columns of weight and rows of value",
                        sizeOf(getWeight(), 1), sizeOf(getValue(), 0))))
    return failure();
  // accumulate_c3
  return checkSizes(*this, "columns of sum and value", sizeOf(getSum(), 1),
                    sizeOf(getValue(), 1));
}

LogicalResult MergeOp::verify() {
  // merge_c1
  return checkState(*this);
}

LogicalResult FinishOp::verify() {
  // finish_c1
  return checkState(*this);
}

#define GET_OP_CLASSES
#include "dialects/attn_tile/AttnTileOps.cpp.inc"
