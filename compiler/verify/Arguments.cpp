//===- Arguments.cpp - What a function's arguments stand for --------------===//
//
// Looks through repeats, scales, rotations and compositions of masks to the
// operation that gives a tensor its role.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Arguments.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::verify;

bool verify::isInteger(Role role) {
  return role == Role::Lengths || role == Role::Prefix ||
         role == Role::Documents;
}

static Role roleOf(Value value);

static Role negated(Role role) {
  if (role == Role::Showing)
    return Role::Hiding;
  return role == Role::Hiding ? Role::Showing : role;
}

/// A constant that no score comes near to.
static bool isVeryNegative(Value value) {
  auto full = value.getDefiningOp<FullOp>();
  auto number = full ? dyn_cast<FloatAttr>(full.getValue()) : FloatAttr();
  return number && number.getValueAsDouble() < -1e3;
}

/// The role of an operand that the mask of `op` needs, else `other`.
template <typename OpTy>
static Role roleInMask(OpTy op, Value value, Role other) {
  return value == op.getLengths()     ? Role::Lengths
         : value == op.getPrefix()    ? Role::Prefix
         : value == op.getDocuments() ? Role::Documents
                                      : other;
}

/// The role of a mask of `element` among the operands of an attention.
static Role roleOfTensorMask(Type element) {
  return element.isInteger(1) ? Role::Showing : Role::Added;
}

/// The role of what is scaled: scores, if nothing says what they are.
static Role roleOfScaled(Value result) {
  bool isReturned =
      !result.use_empty() &&
      llvm::all_of(result.getUsers(), llvm::IsaPred<func::ReturnOp>);
  return isReturned ? Role::Score : roleOf(result);
}

static Role roleOfUse(OpOperand &use) {
  Value value = use.get();
  return TypeSwitch<Operation *, Role>(use.getOwner())
      .Case<RepeatKvOp, ExpandOp, ConcatOp, AndOp, OrOp>(
          [&](auto op) { return roleOf(op.getResult()); })
      .Case<TransposeOp, SliceOp>([&](auto op) {
        // Floats change their sizes' meaning here.
        bool isMask = getElementTypeOrSelf(value).isInteger(1);
        return isMask ? roleOf(op.getResult()) : Role::Other;
      })
      .Case([&](NotOp op) { return negated(roleOf(op.getResult())); })
      .Case([&](MaskedFillOp op) {
        return value == op.getWhere() ? Role::Hiding : Role::Other;
      })
      .Case([&](WhereOp op) {
        if (value != op.getCondition())
          return Role::Other;
        return isVeryNegative(op.getLhs()) ? Role::Hiding : Role::Showing;
      })
      .Case<RepeatInterleaveOp, TileOp>([&](auto op) {
        return op.getDim() == 2 ? roleOf(op.getResult()) : Role::Other;
      })
      .Case<MulOp, DivOp>([&](auto op) {
        bool isScaled = value.getType() == op.getType();
        return isScaled ? roleOf(op.getResult()) : Role::Other;
      })
      .Case([&](AddOp op) {
        return roleOf(op.getResult()) == Role::Score ? Role::Added
                                                     : Role::Other;
      })
      .Case([&](RopeOp op) {
        if (value == op.getPositions())
          return Role::Positions;
        return op.getHeadsFirst() ? Role::Other : roleOf(op.getResult());
      })
      .Case([&](ScoreOp op) {
        return value == op.getQuery() ? Role::Query : Role::Key;
      })
      .Case<ScaleOp, SoftcapOp>(
          [](auto op) { return roleOfScaled(op.getResult()); })
      .Case([&](MaskOp op) { return roleInMask(op, value, Role::Score); })
      .Case([&](PositionBiasOp op) {
        return value == op.getLengths() ? Role::Lengths
               : value == op.getTable() ? Role::Table
                                        : Role::Score;
      })
      .Case([&](SoftmaxOp op) {
        return value == op.getSinks() ? Role::Sinks : Role::Score;
      })
      .Case([&](MaskedSoftmaxOp op) {
        return value == op.getSinks() ? Role::Sinks
               : value == op.getTensorMask()
                   ? roleOfTensorMask(getElementTypeOrSelf(value))
                   : roleInMask(op, value, Role::Score);
      })
      .Case([&](WeightedSumOp op) {
        return value == op.getValue() ? Role::Value : Role::Score;
      })
      .Case([&](FlashOp op) {
        return value == op.getQuery()   ? Role::Query
               : value == op.getKey()   ? Role::Key
               : value == op.getValue() ? Role::Value
               : value == op.getSinks() ? Role::Sinks
               : value == op.getTable() ? Role::Table
               : value == op.getTensorMask()
                   ? roleOfTensorMask(getElementTypeOrSelf(value))
                   : roleInMask(op, value, Role::Other);
      })
      .Case([&](CacheAppendOp op) {
        return value == op.getLengths() ? Role::Lengths
               : value == op.getCache() ? roleOf(op.getResult())
                                        : Role::Other;
      })
      .Default([](Operation *) { return Role::Other; });
}

static Role roleOf(Value value) {
  Role role = Role::Other;
  for (OpOperand &use : value.getUses()) {
    Role other = roleOfUse(use);
    if ((isKey(role) && isValue(other)) || (isValue(role) && isKey(other)))
      role = role == other ? role : Role::Latent;
    else if (role == Role::Other)
      role = other;
  }
  return role;
}

/// The role of an argument that no operation gives one: a mask shows.
static Role defaultRole(Type element) {
  if (element.isInteger(1))
    return Role::Showing;
  return element.isInteger(32) ? Role::Positions : Role::Other;
}

static SmallVector<Argument> functionArguments(func::FuncOp function) {
  SmallVector<Argument> arguments;
  for (BlockArgument argument : function.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(argument.getType())) {
      Role role = roleOf(argument);
      if (role == Role::Other)
        role = defaultRole(type.getElementType());
      arguments.push_back({role, SmallVector<int64_t>(type.getShape())});
    }
  return arguments;
}

/// Lengths, and what `mask` looks at beyond them.
static void appendMaskArguments(MaskAttrInterface mask,
                                SmallVectorImpl<Argument> &arguments) {
  constexpr int64_t open = ShapedType::kDynamic;
  KeyInterval interval = mask.getInterval();
  arguments.push_back({Role::Lengths, {open}});
  if (interval.prefix)
    arguments.push_back({Role::Prefix, {open}});
  if (interval.document)
    arguments.push_back({Role::Documents, {open, open}});
}

/// What calls show or add, of `element`, if they bring a mask.
static void appendMaskOperand(std::optional<Type> element, int64_t heads,
                              SmallVectorImpl<Argument> &arguments) {
  constexpr int64_t open = ShapedType::kDynamic;
  if (element)
    arguments.push_back(
        {roleOfTensorMask(*element), {open, heads, open, open}});
}

static SmallVector<Argument> latentArguments(LatentOp layer, LatentForm form) {
  constexpr int64_t open = ShapedType::kDynamic;
  auto heads = int64_t(layer.getHeads());
  SmallVector<Argument> arguments;
  if (form == LatentForm::Expanded)
    arguments = {
        {Role::Query, {open, open, heads, layer.getExpandedSize()}},
        {Role::Key, {open, open, heads, layer.getExpandedSize()}},
        {Role::Value, {open, open, heads, int64_t(layer.getValueDim())}}};
  else
    arguments = {{Role::Query, {open, open, heads, layer.getAbsorbedSize()}},
                 {Role::Latent, {open, open, int64_t(layer.getKvRank())}},
                 {Role::Key, {open, open, int64_t(layer.getRopeDim())}}};
  appendMaskArguments(layer.getMask(), arguments);
  appendMaskOperand(layer.getMaskOperand(), heads, arguments);
  return arguments;
}

static SmallVector<Argument> layerArguments(GroupedOp layer) {
  constexpr int64_t open = ShapedType::kDynamic;
  int64_t heads = layer.getHeads(), kvHeads = layer.getKvHeads();
  SmallVector<Argument> arguments = {
      {Role::Query, {open, open, heads, int64_t(layer.getHeadDim())}},
      {Role::Key, {open, open, kvHeads, int64_t(layer.getHeadDim())}},
      {Role::Value, {open, open, kvHeads, layer.getValueSize()}}};
  appendMaskArguments(layer.getMask(), arguments);
  if (layer.getSinks())
    arguments.push_back({Role::Sinks, {heads}});
  if (int64_t buckets = layer.getTableRows())
    arguments.push_back({Role::Table, {buckets, heads}});
  appendMaskOperand(layer.getMaskOperand(), heads, arguments);
  return arguments;
}

SmallVector<Argument> verify::argumentsOf(Operation *subject, LatentForm form) {
  if (auto layer = dyn_cast<GroupedOp>(subject))
    return layerArguments(layer);
  if (auto layer = dyn_cast<LatentOp>(subject))
    return latentArguments(layer, form);
  return functionArguments(cast<func::FuncOp>(subject));
}

/// What a dimension of unknown size stands for in a tensor of `role`.
static int64_t openSize(const Argument &argument, unsigned dimension,
                        const OpenSizes &sizes) {
  constexpr int64_t heads = 2, headSize = 3;
  Role role = argument.role;
  size_t behind = argument.shape.size() - dimension - 1;
  if (role == Role::Sinks || role == Role::Table)
    return heads;
  if (dimension == 0)
    return sizes.batch;
  if (role == Role::Showing || role == Role::Hiding || role == Role::Added)
    return behind == 0 ? sizes.keys : behind == 1 ? sizes.queries : heads;
  if (role == Role::Score)
    return dimension == 1 ? heads : dimension == 2 ? sizes.queries : sizes.keys;
  if (dimension == 1)
    return isKey(role) || isValue(role) || role == Role::Documents
               ? sizes.keys
               : sizes.queries;
  return dimension == 2 ? heads : headSize;
}

void verify::close(MutableArrayRef<Argument> arguments,
                   const OpenSizes &sizes) {
  for (Argument &argument : arguments)
    for (auto [dimension, size] : llvm::enumerate(argument.shape))
      if (ShapedType::isDynamic(size))
        size = openSize(argument, dimension, sizes);
}
