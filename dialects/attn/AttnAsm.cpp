//===- AttnAsm.cpp - how the dialect reads and prints ---------------------===//
//
// A dump is read by people who know attention: attributes come in the order in
// which a model card gives them, numbers without digits or types that say
// nothing.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnAsm.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <charconv>

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// The shortest text of a finite number that MLIR reads as a float: 0.125,
/// 5.0e5. Unlike C, MLIR wants a point before an exponent.
static std::string formatFinite(double value) {
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  assert(error == std::errc() && "32 characters hold every double");
  auto [digits, exponent] = StringRef(buffer, end - buffer).split('e');
  std::string text = digits.str();
  if (!digits.contains('.'))
    text += ".0";
  if (exponent.empty())
    return text;
  exponent.consume_front("+");
  text += exponent.consume_front("-") ? "e-" : "e";
  return text + exponent.ltrim('0').str();
}

/// An f64 has a short form; NaN and infinity are hexadecimal in MLIR.
static bool isShort(FloatAttr number) {
  return number.getType().isF64() && number.getValue().isFinite();
}

void attn::printNumber(AsmPrinter &printer, FloatAttr number) {
  if (isShort(number))
    printer << formatFinite(number.getValueAsDouble());
  else
    printer << number;
}

ParseResult attn::parseNumber(AsmParser &parser, FloatAttr &number) {
  return parser.parseAttribute(number, parser.getBuilder().getF64Type());
}

ParseResult attn::parseNumbers(AsmParser &parser, DenseF64ArrayAttr &numbers) {
  SmallVector<double> values;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseFloat(values.emplace_back());
      }))
    return failure();
  numbers = parser.getBuilder().getDenseF64ArrayAttr(values);
  return success();
}

void attn::printNumbers(AsmPrinter &printer, DenseF64ArrayAttr numbers) {
  printer << '[';
  llvm::interleaveComma(numbers.asArrayRef(), printer, [&](double number) {
    printer << formatFinite(number);
  });
  printer << ']';
}

ParseResult attn::parseDims(AsmParser &parser, int64_t &dims) {
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseInteger(dims))
    return failure();
  // rope_c2
  if (dims == 0)
    return parser.emitError(location,
                            "rope dims are 0, expected an even number over 0");
  return success();
}

void attn::printDims(AsmPrinter &printer, int64_t dims) { printer << dims; }

ParseResult attn::parseScaling(AsmParser &parser,
                               RopeScalingInterface &scaling) {
  SMLoc location = parser.getCurrentLocation();
  Attribute attribute;
  if (parser.parseAttribute(attribute))
    return failure();
  scaling = dyn_cast<RopeScalingInterface>(attribute);
  if (scaling)
    return success();
  return parser.emitError(location)
         << attribute << " is no scaling of a rotation";
}

void attn::printScaling(AsmPrinter &printer, RopeScalingInterface scaling) {
  printer << scaling;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// 4 or 4 to 9. Checked before it grows: a short text can be a long range.
static ParseResult parseLayerRange(AsmParser &parser,
                                   SmallVectorImpl<int64_t> &numbers) {
  SMLoc location = parser.getCurrentLocation();
  int64_t first, last;
  if (parser.parseInteger(first))
    return failure();
  last = first;
  if (succeeded(parser.parseOptionalKeyword("to")) && parser.parseInteger(last))
    return failure();
  int64_t previous = numbers.empty() ? -1 : numbers.back();
  auto fail = [&](int64_t layer, int64_t before) {
    return parser.emitError(location)
           << "layer " << layer << " follows " << before
           << ", expected layers ascending from 0";
  };
  if (first <= previous)
    return fail(first, previous);
  if (last < first)
    return fail(last, first);
  if (last > kMaxLayer)
    return parser.emitError(location)
           << "layer is " << last << ", expected at most " << kMaxLayer;
  llvm::append_range(numbers, llvm::seq_inclusive(first, last));
  return success();
}

ParseResult attn::parseLayerNumbers(AsmParser &parser,
                                    SmallVectorImpl<int64_t> &numbers) {
  return parser.parseCommaSeparatedList(
      [&] { return parseLayerRange(parser, numbers); });
}

static raw_ostream &writeLayerNumbers(raw_ostream &stream,
                                      ArrayRef<int64_t> numbers) {
  StringRef separator = "";
  while (!numbers.empty()) {
    size_t count = 1;
    while (count < numbers.size() && numbers[count] == numbers[count - 1] + 1)
      ++count;
    // Two layers are no range yet.
    count = count == 2 ? 1 : count;
    stream << separator << numbers.front();
    if (count > 1)
      stream << " to " << numbers[count - 1];
    separator = ", ";
    numbers = numbers.drop_front(count);
  }
  return stream;
}

void attn::printLayerNumbers(AsmPrinter &printer, ArrayRef<int64_t> numbers) {
  writeLayerNumbers(printer.getStream(), numbers);
}

/// [0, 2, 4 to 9], or an attribute.
static ParseResult parseLayers(OpAsmParser &parser, Attribute &layers) {
  SMLoc location = parser.getCurrentLocation();
  SmallVector<int64_t> numbers;
  if (succeeded(parser.parseOptionalLSquare())) {
    if (failed(parser.parseOptionalRSquare()) &&
        (parseLayerNumbers(parser, numbers) || parser.parseRSquare()))
      return failure();
  } else {
    if (parser.parseAttribute(layers))
      return failure();
    auto array = dyn_cast<DenseI64ArrayAttr>(layers);
    if (!array)
      return success();
    llvm::append_range(numbers, array.asArrayRef());
  }
  auto fail = [&] { return parser.emitError(location); };
  if (failed(LayersAttr::verify(fail, numbers)))
    return failure();
  layers = LayersAttr::get(parser.getContext(), numbers);
  return success();
}

//===----------------------------------------------------------------------===//
// Attributes of operations
//===----------------------------------------------------------------------===//

/// name = value, or name alone for a flag.
static ParseResult parseField(OpAsmParser &parser, NamedAttrList &attributes) {
  SMLoc location = parser.getCurrentLocation();
  std::string name;
  if (parser.parseKeywordOrString(&name))
    return failure();
  if (attributes.get(name))
    return parser.emitError(location) << "'" << name << "' is given twice";
  Attribute value = parser.getBuilder().getUnitAttr();
  if (succeeded(parser.parseOptionalEqual()))
    if (name == "layers" ? parseLayers(parser, value)
                         : parser.parseAttribute(value))
      return failure();
  attributes.append(name, value);
  return success();
}

ParseResult attn::parseFields(OpAsmParser &parser, NamedAttrList &attributes,
                              StringRef name) {
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalBraces, [&] {
        return parseField(parser, attributes);
      }))
    return failure();
  OperationName operation(name, parser.getContext());
  return operation.verifyInherentAttrs(
      attributes, [&] { return parser.emitError(location); });
}

/// What is printed elsewhere in the text form, or follows from it.
static bool isImplied(StringRef field) {
  return field == "sym_name" || field == "why" ||
         field == "operandSegmentSizes";
}

/// The order in which a model card speaks: sizes, layers, positions, then what
/// happens to scores, in the order in which it happens.
static constexpr StringLiteral kFieldOrder[] = {
    "hidden",        "heads",    "kv_heads",     "query_rank",      "kv_rank",
    "head_dim",      "nope_dim", "rope_dim",     "value_dim",       "layers",
    "projections",   "qkv_bias", "output_bias",  "projection_bias", "qk_norm",
    "value_norm",    "norm_eps", "position",     "times",           "dim",
    "offset",        "by",       "cap",          "scale",           "softcap",
    "position_bias", "mask",     "mask_operand", "sinks",           "gate"};

/// The attributes to print: those of the dialect in their order, then others.
static SmallVector<NamedAttribute> orderFields(DictionaryAttr attributes) {
  SmallVector<NamedAttribute> order;
  for (StringRef name : kFieldOrder)
    if (std::optional<NamedAttribute> field = attributes.getNamed(name))
      order.push_back(*field);
  for (NamedAttribute field : attributes)
    if (!isImplied(field.getName()) &&
        !llvm::is_contained(kFieldOrder, field.getName().getValue()))
      order.push_back(field);
  return order;
}

/// "name = value", or "name" alone for a flag.
static std::string formatField(NamedAttribute field) {
  std::string text = field.getName().str();
  Attribute value = field.getValue();
  if (isa<UnitAttr>(value))
    return text;
  llvm::raw_string_ostream stream(text);
  stream << " = ";
  auto number = dyn_cast<FloatAttr>(value);
  auto integer = dyn_cast<IntegerAttr>(value);
  if (number && isShort(number))
    stream << formatFinite(number.getValueAsDouble());
  else if (integer && integer.getType().isSignlessInteger(64))
    stream << integer.getInt();
  else if (auto layers = dyn_cast<LayersAttr>(value))
    writeLayerNumbers(stream << '[', layers.getNumbers()) << ']';
  else
    stream << value;
  return text;
}

void attn::printFields(OpAsmPrinter &printer, Operation *op,
                       DictionaryAttr attributes, StringRef name) {
  SmallVector<NamedAttribute> order = orderFields(attributes);
  if (order.empty())
    return;
  // Declarations have much to say: their lines are filled as a person would.
  constexpr size_t kWidth = 84;
  auto symbol = attributes.getAs<StringAttr>("sym_name");
  size_t column = symbol ? name.size() + symbol.size() + 3 : 0;
  printer << '{';
  llvm::interleave(
      order,
      [&](NamedAttribute field) {
        std::string text = formatField(field);
        column += text.size() + 2;
        if (symbol && column > kWidth && field != order.front()) {
          printer.printNewline();
          printer << "    ";
          column = text.size() + 6;
        } else if (field != order.front()) {
          printer << ' ';
        }
        // A rotation with its scaling fills more than a line.
        size_t scaling = StringRef(text).find("scaling = ");
        if (symbol && column > kWidth && scaling != StringRef::npos) {
          printer << StringRef(text).take_front(scaling).rtrim();
          printer.printNewline();
          printer << "        ";
          text.erase(0, scaling);
          column = text.size() + 10;
        }
        printer << text;
      },
      [&] { printer << ','; });
  printer << '}';
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

ParseResult attn::parseScoreMod(OpAsmParser &parser, Region &region) {
  if (failed(parser.parseOptionalKeyword("score_mod")))
    return success();
  SmallVector<OpAsmParser::Argument> arguments;
  return failure(parser.parseArgumentList(arguments,
                                          OpAsmParser::Delimiter::Paren,
                                          /*allowType=*/true) ||
                 parser.parseRegion(region, arguments));
}

void attn::printScoreMod(OpAsmPrinter &printer, Operation *, Region &region) {
  if (region.empty())
    return;
  printer.printNewline();
  printer << "    score_mod (";
  llvm::interleaveComma(region.getArguments(), printer, [&](BlockArgument arg) {
    printer.printRegionArgument(arg);
  });
  printer << ") ";
  printer.printRegion(region, /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

std::string attn::nameTensorType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getEncoding())
    return {};
  Type element = tensor.getElementType();
  StringRef stored = element.isF16() ? "_f16" : element.isBF16() ? "_bf16" : "";
  if (!element.isF32() && stored.empty())
    return {};
  // Only what has dynamic sizes where a layer has them: its shape is its role.
  SmallVector<bool> dynamic =
      llvm::map_to_vector(tensor.getShape(), [](int64_t size) {
        return ShapedType::isDynamic(size);
      });
  auto size = [&](unsigned i) { return std::to_string(tensor.getDimSize(i)); };
  if (dynamic == SmallVector<bool>{true, true, false, false})
    return "h" + size(2) + "x" + size(3) + "_heads" + stored.str();
  if (dynamic == SmallVector<bool>{true, false, true, true})
    return "h" + size(1) + "_scores" + stored.str();
  if (dynamic == SmallVector<bool>{true, true, false})
    return "h" + size(2) + "_rows" + stored.str();
  return {};
}

//===----------------------------------------------------------------------===//
// Names of values
//===----------------------------------------------------------------------===//

/// "keys" or "values", where the uses tell which.
void RepeatKvOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  if (llvm::all_of(getResult().getUsers(), llvm::IsaPred<ScoreOp>))
    setName(getResult(), "keys");
  else if (llvm::all_of(getResult().getUsers(), llvm::IsaPred<WeightedSumOp>))
    setName(getResult(), "values");
  else
    setName(getResult(), "repeated");
}

/// What a person would call the only result of an operation.
#define ATTN_RESULT_NAME(Op, name)                                             \
  void Op::getAsmResultNames(OpAsmSetValueNameFn setName) {                    \
    setName(getResult(), name);                                                \
  }
ATTN_RESULT_NAME(AddOp, "sum")
ATTN_RESULT_NAME(AndOp, "both")
ATTN_RESULT_NAME(CacheAppendOp, "cache")
ATTN_RESULT_NAME(ConcatOp, "joined")
ATTN_RESULT_NAME(DivOp, "quotient")
ATTN_RESULT_NAME(ExpandOp, "expanded")
ATTN_RESULT_NAME(FlattenOp, "merged")
ATTN_RESULT_NAME(FullOp, "full")
ATTN_RESULT_NAME(GeluOp, "activated")
ATTN_RESULT_NAME(HeadLinearOp, "projected")
ATTN_RESULT_NAME(LayerNormOp, "normed")
ATTN_RESULT_NAME(LinearOp, "projected")
ATTN_RESULT_NAME(MaskedFillOp, "masked")
ATTN_RESULT_NAME(MaskOp, "masked")
ATTN_RESULT_NAME(MatmulOp, "product")
ATTN_RESULT_NAME(MulOp, "product")
ATTN_RESULT_NAME(NotOp, "inverse")
ATTN_RESULT_NAME(OrOp, "either")
ATTN_RESULT_NAME(PositionBiasOp, "biased")
ATTN_RESULT_NAME(ReluOp, "activated")
ATTN_RESULT_NAME(RepeatInterleaveOp, "repeated")
ATTN_RESULT_NAME(RmsNormOp, "normed")
ATTN_RESULT_NAME(RopeOp, "rotated")
ATTN_RESULT_NAME(ScaleOp, "scaled")
ATTN_RESULT_NAME(SigmoidOp, "gate")
ATTN_RESULT_NAME(SiluOp, "activated")
ATTN_RESULT_NAME(SliceOp, "part")
ATTN_RESULT_NAME(SoftcapOp, "capped")
ATTN_RESULT_NAME(SubOp, "difference")
ATTN_RESULT_NAME(SumOp, "total")
ATTN_RESULT_NAME(TanhOp, "bounded")
ATTN_RESULT_NAME(TileOp, "tiled")
ATTN_RESULT_NAME(TransposeOp, "transposed")
ATTN_RESULT_NAME(TrilOp, "lower")
ATTN_RESULT_NAME(TriuOp, "upper")
ATTN_RESULT_NAME(UnflattenOp, "heads")
ATTN_RESULT_NAME(WhereOp, "masked")
#undef ATTN_RESULT_NAME

void ScoreOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getScore(), "score");
}

void SoftmaxOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getProbability(), "probability");
  if (getLse())
    setName(getLse(), "lse");
}

void WeightedSumOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getOutput(), "output");
}

void MaskedSoftmaxOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getProbability(), "probability");
  setName(getLse(), "lse");
}

void FlashOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getOutput(), "output");
  setName(getLse(), "lse");
}

void FlashOp::getAsmBlockArgumentNames(Region &region,
                                       OpAsmSetValueNameFn setName) {
  static constexpr StringLiteral kNames[] = {"score", "row", "column", "head",
                                             "position"};
  for (auto [arg, name] : llvm::zip(region.getArguments(), kNames))
    setName(arg, name);
}
