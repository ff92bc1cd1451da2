//===- AttnTileOps.cpp - programs and phases ------------------------------===//
//
// Their text forms, and verifiers, labelled with the constraints of the
// documentation.
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
    auto isAxis = [](Attribute name) {
      auto text = dyn_cast<StringAttr>(name);
      return text && symbolizeAxis(text.getValue());
    };
    if (!list || !llvm::all_of(list, isAxis) ||
        static_cast<int64_t>(list.size()) != rankOf(argument))
      return program.emitOpError()
             << "has the axes " << names << " for argument "
             << argument.getArgNumber() << " of type " << argument.getType();
  }
  return success();
}

// program_c5
static LogicalResult verifyUpdated(ProgramOp program) {
  int64_t inputs = program.getBody().getNumArguments() -
                   program.getResultCount().value_or(0);
  int64_t previous = -1;
  for (int64_t index : program.getUpdated().value_or(ArrayRef<int64_t>())) {
    if (index <= previous || index >= inputs)
      return program.emitOpError()
             << "updates argument " << index << " after " << previous
             << ", expected ascending numbers below " << inputs;
    previous = index;
  }
  return success();
}

// program_c6
static LogicalResult verifyLengths(ProgramOp program) {
  std::optional<int64_t> index = program.getLengths();
  if (!index)
    return success();
  int64_t inputs = program.getBody().getNumArguments() -
                   program.getResultCount().value_or(0);
  if (*index < 0 || *index >= inputs)
    return program.emitOpError()
           << "has its lengths in argument " << *index << " of " << inputs;
  Type type = program.getBody().getArgument(*index).getType();
  if (cast<ViewType>(type).getShape().size() != 1 ||
      !cast<ViewType>(type).getElementType().isInteger(32))
    return program.emitOpError()
           << "has its lengths in argument " << *index << " of type " << type
           << ", expected one dimension of i32";
  return success();
}

Axis ProgramOp::axisOf(unsigned argument, unsigned dimension) {
  std::optional<ArrayAttr> axes = getArgumentAxes();
  if (!axes)
    return Axis::None;
  auto names = cast<ArrayAttr>((*axes)[argument]);
  return *symbolizeAxis(cast<StringAttr>(names[dimension]).getValue());
}

std::optional<std::pair<unsigned, unsigned>> ProgramOp::findAxis(Axis axis) {
  for (BlockArgument argument : getBody().getArguments())
    for (unsigned dim = 0, rank = rankOf(argument); dim < rank; ++dim)
      if (axisOf(argument.getArgNumber(), dim) == axis)
        return std::pair(argument.getArgNumber(), dim);
  return std::nullopt;
}

bool ProgramOp::isUpdated(unsigned argument) {
  return llvm::is_contained(getUpdated().value_or(ArrayRef<int64_t>()),
                            argument);
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
  if (failed(verifySignature(*this)))
    return failure();
  if (failed(verifyUpdated(*this)))
    return failure();
  return verifyLengths(*this);
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

#define GET_OP_CLASSES
#include "dialects/attn_tile/AttnTileOps.cpp.inc"
