//===- attn-toy-translate.cpp - tile programs as scalar C -----------------===//
//
// A target of the tests: every attn_tile step becomes a call of a scalar loop
// in toy.h. It shares nothing with codegen/, so that what it computes proves
// that the tile level says all, and asks nothing of a machine.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/AttnTileDialect.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace attn::tile;

namespace {
/// Writes one program; every SSA value is a C variable of its own.
class Emitter {
public:
  explicit Emitter(raw_ostream &stream) : stream(stream) {}

  LogicalResult emitProgram(ProgramOp program);

private:
  LogicalResult emitBlock(Block &block);
  LogicalResult emit(Operation *op);
  LogicalResult emitArith(Operation *op);
  LogicalResult emitStep(Operation *op);
  LogicalResult emitPhase(PhaseOp phase);
  LogicalResult emitFor(scf::ForOp loop);
  LogicalResult emitIf(scf::IfOp branch);
  LogicalResult emitMap(MapOp map);

  /// The variable of a value, named at the first question.
  std::string name(Value value);
  /// toy_tile v3 = ...
  raw_ostream &define(Value value);
  void declare(ValueRange values);
  /// Several results come back in an array.
  void defineFromArray(ValueRange values, StringRef type, const Twine &callee,
                       ArrayRef<std::string> arguments);
  void assign(ValueRange targets, ValueRange values);
  std::string list(ValueRange values);
  std::string indices(ValueRange values);

  raw_ostream &stream;
  DenseMap<Value, unsigned> names;
};
} // namespace

static StringRef typeOf(Type type) {
  if (isa<TileType>(type))
    return "toy_tile";
  if (isa<ViewType>(type))
    return "const toy_view *";
  if (isa<StatesType>(type))
    return "toy_states";
  return type.isF32() ? "float" : "int64_t";
}

std::string Emitter::name(Value value) {
  unsigned next = names.size();
  return "v" + std::to_string(names.try_emplace(value, next).first->second);
}

raw_ostream &Emitter::define(Value value) {
  return stream << typeOf(value.getType()) << ' ' << name(value) << " = ";
}

void Emitter::declare(ValueRange values) {
  for (Value value : values)
    stream << typeOf(value.getType()) << ' ' << name(value) << ";\n";
}

std::string Emitter::list(ValueRange values) {
  return llvm::join(
      llvm::map_range(values, [&](Value value) { return name(value); }), ", ");
}

/// An array of four: grids have at most four dimensions.
std::string Emitter::indices(ValueRange values) {
  return "(int64_t[4]){" + list(values) + "}";
}

void Emitter::assign(ValueRange targets, ValueRange values) {
  // All are read before one is written: a loop may swap its values.
  stream << "{\n";
  for (auto [i, value] : llvm::enumerate(values))
    stream << typeOf(value.getType()) << " next" << i << " = " << name(value)
           << ";\n";
  for (auto [i, target] : llvm::enumerate(targets))
    stream << name(target) << " = next" << i << ";\n";
  stream << "}\n";
}

void Emitter::defineFromArray(ValueRange values, StringRef type,
                              const Twine &callee,
                              ArrayRef<std::string> arguments) {
  declare(values);
  stream << "{\n"
         << type << " results[" << values.size() << "];\n"
         << callee << '(' << llvm::join(arguments, ", ") << ", results);\n";
  for (auto [i, value] : llvm::enumerate(values))
    stream << name(value) << " = results[" << i << "];\n";
  stream << "}\n";
}

LogicalResult Emitter::emitBlock(Block &block) {
  for (Operation &op : block)
    if (failed(emit(&op)))
      return failure();
  return success();
}

LogicalResult Emitter::emit(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](PhaseOp phase) { return emitPhase(phase); })
      .Case([&](MapOp map) { return emitMap(map); })
      .Case([&](scf::ForOp loop) { return emitFor(loop); })
      .Case([&](scf::IfOp branch) { return emitIf(branch); })
      // The operation around them writes what they yield.
      .Case<scf::YieldOp, YieldOp>([](Operation *) { return success(); })
      .Default([&](Operation *op) {
        return isa<AttnTileDialect>(op->getDialect()) ? emitStep(op)
                                                      : emitArith(op);
      });
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

LogicalResult Emitter::emitProgram(ProgramOp program) {
  stream << "void " << program.getSymName()
         << "(const toy_view *views, int64_t row, int reversed) {\n";
  for (BlockArgument view : program.getBody().getArguments()) {
    Type element = cast<ViewType>(view.getType()).getElementType();
    if (element.isF16() || element.isBF16())
      return program.emitOpError() << "has a view of " << element
                                   << ", the toy target takes 32 bits and i1";
  }
  for (BlockArgument view : program.getBody().getArguments())
    define(view) << "&views[" << view.getArgNumber() << "];\n";
  if (failed(emitBlock(program.getBody().front())))
    return failure();
  for (auto workspace : program.getBody().getOps<WorkspaceOp>())
    stream << "free(" << name(workspace.getStates()) << ".data);\n";
  stream << "}\n\n";
  return success();
}

/// Tasks in ascending or, to show that none waits for another, descending
/// order.
LogicalResult Emitter::emitPhase(PhaseOp phase) {
  stream << "{\nint64_t tasks = 1";
  for (Value extent : phase.getExtents())
    stream << " * " << name(extent);
  stream << ";\nfor (int64_t task = 0; task < tasks; ++task) {\n"
         << "int64_t point = reversed ? tasks - 1 - task : task;\n"
         << "toy_used = 0;\n";
  for (unsigned i = phase.getExtents().size(); i-- > 0;) {
    std::string extent = name(phase.getExtents()[i]);
    define(phase.getBody().getArgument(i)) << "point % " << extent << ";\n";
    stream << "point /= " << extent << ";\n";
  }
  if (failed(emitBlock(phase.getBody().front())))
    return failure();
  stream << "}\n}\n";
  return success();
}

LogicalResult Emitter::emitFor(scf::ForOp loop) {
  for (auto [arg, init] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getInits()))
    define(arg) << name(init) << ";\n";
  std::string index = name(loop.getInductionVar());
  stream << "for (int64_t " << index << " = " << name(loop.getLowerBound())
         << "; " << index << " < " << name(loop.getUpperBound()) << "; "
         << index << " += " << name(loop.getStep()) << ") {\n";
  if (failed(emitBlock(*loop.getBody())))
    return failure();
  assign(loop.getRegionIterArgs(), loop.getYieldedValues());
  stream << "}\n";
  for (auto [result, arg] :
       llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs()))
    define(result) << name(arg) << ";\n";
  return success();
}

LogicalResult Emitter::emitIf(scf::IfOp branch) {
  declare(branch.getResults());
  stream << "if (" << name(branch.getCondition()) << ") {\n";
  if (failed(emitBlock(*branch.thenBlock())))
    return failure();
  assign(branch.getResults(), branch.thenYield().getOperands());
  stream << "}\n";
  if (!branch.elseBlock())
    return success();
  stream << "else {\n";
  if (failed(emitBlock(*branch.elseBlock())))
    return failure();
  assign(branch.getResults(), branch.elseYield().getOperands());
  stream << "}\n";
  return success();
}

LogicalResult Emitter::emitMap(MapOp map) {
  std::string score = name(map.getScore());
  define(map.getResult()) << "toy_new(" << score << ".rows, " << score
                          << ".columns);\n";
  stream << "for (int64_t r = 0; r < " << score << ".rows; ++r)\n"
         << "for (int64_t c = 0; c < " << score << ".columns; ++c) {\n";
  Block &body = map.getBody().front();
  define(body.getArgument(0))
      << score << ".data[r * " << score << ".columns + c];\n";
  define(body.getArgument(1))
      << name(map.getFirst()) << " + r / " << map.getGroup() << ";\n";
  define(body.getArgument(2)) << name(map.getKey()) << " + c;\n";
  define(body.getArgument(3))
      << name(map.getKvHead()) << " * " << map.getGroup() << " + r % "
      << map.getGroup() << ";\n";
  if (map.getPosition())
    define(body.getArgument(4))
        << name(map.getPosition()) << " + r / " << map.getGroup() << ";\n";
  if (failed(emitBlock(body)))
    return failure();
  Value result = cast<YieldOp>(body.getTerminator()).getValue();
  stream << name(map.getResult()) << ".data[r * " << score
         << ".columns + c] = " << name(result) << ";\n}\n";
  return success();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// How C writes `op`, with $0, $1, $2 for its operands; empty if it does not.
static StringRef formatOf(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    using Predicate = arith::CmpIPredicate;
    switch (compare.getPredicate()) {
    case Predicate::eq:
      return "$0 == $1";
    case Predicate::ne:
      return "$0 != $1";
    case Predicate::slt:
    case Predicate::ult:
      return "$0 < $1";
    case Predicate::sle:
    case Predicate::ule:
      return "$0 <= $1";
    case Predicate::sgt:
    case Predicate::ugt:
      return "$0 > $1";
    case Predicate::sge:
    case Predicate::uge:
      return "$0 >= $1";
    }
  }
  // Sizes are not negative where the operation is unsigned.
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Cases({"arith.addi", "arith.addf"}, "$0 + $1")
      .Cases({"arith.subi", "arith.subf"}, "$0 - $1")
      .Cases({"arith.muli", "arith.mulf"}, "$0 * $1")
      .Cases({"arith.divui", "arith.divsi", "arith.divf"}, "$0 / $1")
      .Cases({"arith.remui", "arith.remsi"}, "$0 % $1")
      .Cases({"arith.ceildivui", "arith.ceildivsi"}, "toy_ceil_div($0, $1)")
      .Cases({"arith.minsi", "arith.minui"}, "toy_min($0, $1)")
      .Cases({"arith.maxsi", "arith.maxui"}, "toy_max($0, $1)")
      .Case("arith.andi", "$0 & $1")
      .Case("arith.ori", "$0 | $1")
      .Case("arith.select", "$0 ? $1 : $2")
      .Cases({"arith.index_cast", "arith.sitofp"}, "$0")
      .Case("arith.negf", "-$0")
      .Case("math.tanh", "tanhf($0)")
      .Case("math.exp2", "exp2f($0)")
      .Default("");
}

LogicalResult Emitter::emitArith(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    raw_ostream &out = define(constant);
    if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
      out << llvm::format("%af;\n", number.getValueAsDouble());
    else
      out << cast<IntegerAttr>(constant.getValue()).getInt() << ";\n";
    return success();
  }
  std::string text = formatOf(op).str();
  if (text.empty())
    return op->emitOpError() << "is unknown to the toy target";
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    size_t at = text.find("$" + std::to_string(i));
    text.replace(at, 2, name(operand));
  }
  define(op->getResult(0)) << text << ";\n";
  return success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// The sides of what a row sees, its chunk and its prefix, as toy.h orders
/// them.
template <typename OpTy>
static SmallVector<Value> limitsOf(OpTy op) {
  return {op.getLength(), op.getLeft(), op.getRight(), op.getChunk(),
          op.getPrefix()};
}

static std::string sizeOf(Value tile, unsigned dimension) {
  return std::to_string(cast<TileType>(tile.getType()).getShape()[dimension]);
}

/// What stands around attention: the toy knows attention alone.
static bool isForGraphs(Operation *op) {
  return isa<BufferOp, PermuteOp, SplitDimOp, MergeDimsOp, SliceOp, BroadcastOp,
             LoadRowsOp, StoreRowsOp, CoordinatesOp, FillOp, MapRowsOp,
             SumRowsOp, RotateOp, MultiplyOp, TensorMaskOp, ProjectOp, JoinOp>(
      op);
}

LogicalResult Emitter::emitStep(Operation *op) {
  if (isForGraphs(op))
    return op->emitOpError() << "is unknown to the toy target";
  auto text = [](int64_t number) { return std::to_string(number); };
  // An operand that is not there is a null view, or a limit that is none.
  auto optional = [&](Value view) { return view ? name(view) : "0"; };
  auto limits = [&](auto op) {
    auto spellLimit = [&](Value limit) {
      return limit ? name(limit) : "TOY_NO_LIMIT";
    };
    auto spellEnd = [&](Value tile) { return tile ? "&" + name(tile) : "0"; };
    return llvm::join(llvm::map_range(limitsOf(op), spellLimit), ", ") + ", " +
           spellEnd(op.getBegins()) + ", " + spellEnd(op.getEnds());
  };
  auto define = [&](Value value) -> raw_ostream & {
    return this->define(value);
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](ParameterOp op) {
        raw_ostream &out = define(op.getResult());
        out << '(' << typeOf(op.getType()) << "[]){";
        llvm::interleaveComma(op.getValues(), out, [&](Attribute value) {
          if (auto number = dyn_cast<FloatAttr>(value))
            out << llvm::format("%af", number.getValueAsDouble());
          else
            out << cast<IntegerAttr>(value).getInt();
        });
        out << "}[row];\n";
      })
      .Case([&](WorkspaceOp op) {
        define(op.getStates())
            << "toy_workspace(" << indices(op.getExtents()) << ", "
            << op.getRows() << ", " << op.getColumns() << ");\n";
      })
      .Case([&](DimOp op) {
        define(op.getSize())
            << name(op.getView()) << "->extent[" << op.getDimension() << "];\n";
      })
      .Case([&](LengthOp op) {
        define(op.getLength())
            << "toy_length(" << name(op.getKey()) << ", " << name(op.getBatch())
            << ", " << optional(op.getLengths()) << ");\n";
      })
      .Case([&](MaxLengthOp op) {
        define(op.getLength()) << "toy_max_length(" << name(op.getKey()) << ", "
                               << optional(op.getLengths()) << ");\n";
      })
      .Case([&](SplitSizeOp op) {
        define(op.getSize())
            << "toy_split_size(" << name(op.getLength()) << ", "
            << op.getAtLeast() << ", " << op.getAtMost() << ");\n";
      })
      .Case([&](KeyRangesOp op) {
        defineFromArray(op.getResults(), "int64_t", "toy_key_ranges",
                        {list({op.getPosition(), op.getCount()}), limits(op),
                         text(op.getBlock())});
      })
      .Case([&](DocumentsOp op) {
        defineFromArray(op.getResults(), "toy_tile", "toy_documents",
                        {list(op.getOperands().take_front(5)),
                         op.getFirstKey() ? name(op.getFirstKey()) : "0"});
      })
      .Case([&](LookupOp op) {
        define(op.getElement())
            << "toy_lookup("
            << list({op->getParentOfType<MapOp>().getTable(), op.getRow(),
                     op.getColumn()})
            << ");\n";
      })
      .Case([&](EntryOp op) {
        define(op.getValue())
            << "toy_entry(" << list(op.getOperands()) << ");\n";
      })
      // The toy has no parts of keys.
      .Case([&](FirstKeyOp op) { define(op.getNumber()) << "0;\n"; })
      .Case([&](LoadQueriesOp op) {
        define(op.getTile()) << "toy_load_queries(" << list(op.getOperands())
                             << ", " << op.getGroup() << ");\n";
      })
      .Case([&](LoadKeysOp op) {
        define(op.getTile())
            << "toy_load_keys((const toy_view *[]){" << list(op.getViews())
            << "}, " << op.getViews().size() << ", "
            << list({op.getBatch(), op.getFirst(), op.getKvHead(),
                     op.getLength()})
            << ", " << sizeOf(op.getTile(), 0) << ", "
            << sizeOf(op.getTile(), 1) << ");\n";
      })
      .Case([&](StoreOp op) {
        stream << "toy_store(" << list(op.getOperands()) << ", "
               << op.getGroup() << ");\n";
      })
      .Case([&](SaveStateOp op) {
        stream << "toy_save_state("
               << list({op.getMaximum(), op.getDenominator(), op.getSum(),
                        op.getStates()})
               << ", " << indices(op.getIndices()) << ");\n";
      })
      .Case([&](LoadStateOp op) {
        defineFromArray(op.getResults(), "toy_tile", "toy_load_state",
                        {name(op.getStates()), indices(op.getIndices()),
                         name(op.getRows())});
      })
      .Case([&](StartOp op) {
        defineFromArray(op.getResults(), "toy_tile", "toy_start",
                        {name(op.getRows()), sizeOf(op.getSum(), 1)});
      })
      .Case([&](ContractOp op) {
        define(op.getScore())
            << "toy_contract(" << list(op.getOperands()) << ");\n";
      })
      .Case([&](MaskOp op) {
        define(op.getResult())
            << "toy_mask("
            << list({op.getScore(), op.getPosition(), op.getKey()}) << ", "
            << limits(op) << ", " << op.getGroup() << ");\n";
      })
      .Case([&](SoftmaxStepOp op) {
        defineFromArray(op.getResults(), "toy_tile", "toy_softmax_step",
                        {list(op.getOperands())});
      })
      .Case([&](AccumulateOp op) {
        define(op.getNewSum())
            << "toy_accumulate(" << list(op.getOperands()) << ");\n";
      })
      .Case([&](MergeOp op) {
        defineFromArray(op.getResults(), "toy_tile", "toy_merge",
                        {list(op.getOperands())});
      })
      .Case([&](FinishOp op) {
        defineFromArray(op.getResults(), "toy_tile", "toy_finish",
                        {list({op.getMaximum(), op.getDenominator(),
                               op.getSum(), op.getKvHead()}),
                         optional(op.getSinks()), text(op.getGroup())});
      });
  return success();
}

static LogicalResult emitModule(Operation *root, raw_ostream &stream) {
  stream << "#include \"toy.h\"\n\n";
  for (auto program : cast<ModuleOp>(root).getOps<ProgramOp>())
    if (failed(Emitter(stream).emitProgram(program)))
      return failure();
  return success();
}

static void registerDialects(DialectRegistry &registry) {
  registry.insert<attn::AttnDialect, AttnTileDialect, arith::ArithDialect,
                  math::MathDialect, scf::SCFDialect>();
}

int main(int argc, char **argv) {
  TranslateFromMLIRRegistration registration("attn-tile-to-toy",
                                             "tile programs as scalar C",
                                             emitModule, registerDialects);
  return failed(mlirTranslateMain(argc, argv, "attnc toy target\n"));
}
