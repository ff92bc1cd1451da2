//===- AttnTileOps.cpp - programs, phases and tile steps ------------------===//
//
// Verifiers, labelled with the constraints of the documentation, and the text
// forms of programs and phases.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileOps.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace attn::tile;

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

/// program @name(%query: !view, ...) attributes {...} { ... }
ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name),
                             result.attributes))
    return failure();
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
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
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getSymNameAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void ProgramOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn setName) {
  for (auto [arg, name] : llvm::zip(
           region.getArguments(), getArgumentNames().getAsRange<StringAttr>()))
    setName(arg, name.getValue());
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
  // program_c3
  for (auto parameter : getBody().getOps<ParameterOp>())
    for (int64_t row : getLayerRows())
      if (row < 0 || row >= static_cast<int64_t>(parameter.getValues().size()))
        return parameter.emitOpError()
               << "has " << parameter.getValues().size()
               << " values, but layer row " << row << " is in use";
  return success();
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
  for (auto [arg, name] : llvm::zip(region.getArguments(), kNames))
    setName(arg, name);
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

LogicalResult ContractOp::verify() {
  ArrayRef<int64_t> query = getQuery().getType().getShape();
  ArrayRef<int64_t> key = getKey().getType().getShape();
  ArrayRef<int64_t> score = getScore().getType().getShape();
  if (query.size() != 2 || key.size() != 2 || score.size() != 2)
    return emitOpError() << "expects tiles of rows and columns";
  // contract_c1
  if (query[1] != key[1])
    return emitOpError() << "columns of query and key differ: " << query[1]
                         << " and " << key[1];
  // contract_c2
  if (score[0] != query[0] || score[1] != key[0])
    return emitOpError() << "score is " << getScore().getType()
                         << ", expected the query's rows and " << key[0]
                         << " columns";
  return success();
}

LogicalResult MapOp::verify() {
  // map_c1
  Builder builder(getContext());
  SmallVector<Type> expected = {builder.getF32Type(), builder.getIndexType(),
                                builder.getIndexType(), builder.getIndexType()};
  if (!llvm::equal(getBody().getArgumentTypes(), expected))
    return emitOpError()
           << "region takes " << getBody().getArgumentTypes()
           << ", expected (f32 score, index row, index column, index head)";
  return success();
}

#define GET_OP_CLASSES
#include "dialects/attn_tile/AttnTileOps.cpp.inc"
