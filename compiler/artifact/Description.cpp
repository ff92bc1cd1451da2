//===- Description.cpp - What the files of a folder are about -------------===//
//
// Reads sizes off a tile program's arguments: views of query, key, value (or
// latent, rope_key), kv_lengths, prefix_lengths, document_ids, sinks,
// bias_table, mask, output and lse, as SEMANTICS lays them out.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Description.h"

#include "compiler/Names.h"
#include "compiler/artifact/TailFields.h"
#include "dialects/attn/AttnOps.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/IR/Matchers.h"
#include "runtime/attn_rt.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"

using namespace attn;
using namespace attn::artifact;
using llvm::StringRef;

namespace {
/// What is known of a tensor by its name.
struct KnownTensor {
  StringRef name;
  unsigned rank;
  StringRef axes[ATTN_RT_MAX_RANK];
  bool output;
  bool optional;
};
} // namespace

/// The axis of what is said of each key of a sequence, whatever caches hold.
static constexpr StringRef kKeys = "keys";

static constexpr KnownTensor kKnownTensors[] = {
    {"query",
     4,
     {"batch", "query_length", "query_heads", "head_dim"},
     false,
     false},
    {"key", 4, {"batch", "kv_capacity", "kv_heads", "head_dim"}, false, false},
    {"value",
     4,
     {"batch", "kv_capacity", "kv_heads", "value_dim"},
     false,
     false},
    {"latent", 3, {"batch", "kv_capacity", "latent_dim"}, false, false},
    {"rope_key", 3, {"batch", "kv_capacity", "rope_dim"}, false, false},
    {"kv_lengths", 1, {"batch"}, false, true},
    {"prefix_lengths", 1, {"batch"}, false, false},
    {"document_ids", 2, {"batch", kKeys}, false, false},
    {"sinks", 1, {"query_heads"}, false, false},
    {"bias_table", 2, {"buckets", "query_heads"}, false, false},
    {"mask", 4, {"batch", "query_heads", "query_length", kKeys}, false, false},
    {"output",
     4,
     {"batch", "query_length", "query_heads", "value_dim"},
     true,
     false},
    {"lse", 3, {"batch", "query_length", "query_heads"}, true, true}};

static const KnownTensor *findTensor(StringRef name) {
  const KnownTensor *found =
      llvm::find_if(kKnownTensors, [&](const KnownTensor &tensor) {
        return tensor.name == name;
      });
  return found == std::end(kKnownTensors) ? nullptr : found;
}

static constexpr struct {
  StringRef name;
  int64_t bytes;
} kElementTypes[] = {
    {"f32", 4}, {"f16", 2}, {"bf16", 2}, {"i32", 4}, {"bool", 1}};

StringRef artifact::spell(ElementType type) {
  return kElementTypes[static_cast<size_t>(type)].name;
}

int64_t artifact::bytesOf(ElementType type) {
  return kElementTypes[static_cast<size_t>(type)].bytes;
}

static ElementType elementTypeOf(mlir::Type type) {
  return llvm::TypeSwitch<mlir::Type, ElementType>(type)
      .Case([](mlir::Float32Type) { return ElementType::F32; })
      .Case([](mlir::Float16Type) { return ElementType::F16; })
      .Case([](mlir::BFloat16Type) { return ElementType::BF16; })
      .Case([](mlir::IntegerType integer) {
        return integer.getWidth() == 1 ? ElementType::Bool : ElementType::I32;
      });
}

bool TensorDescription::isOfRows() const {
  return shape.size() > 1 && shape[0].axis == "batch" &&
         shape[1].axis == "query_length";
}

bool TensorDescription::isOfKeys() const {
  return !shape.empty() && shape.back().axis == kKeys;
}

bool KernelDescription::isAbsorbed() const {
  return llvm::any_of(tensors, [](const TensorDescription &tensor) {
    return tensor.name == "latent";
  });
}

bool KernelDescription::hasSchedule(StringRef schedule) const {
  return llvm::any_of(targets, [&](const cpu::CpuKernel &kernel) {
    return llvm::any_of(kernel.programs, [&](const cpu::CpuProgram &program) {
      return StringRef(program.schedule) == schedule;
    });
  });
}

bool KernelDescription::hasTensor(StringRef name) const {
  return llvm::any_of(tensors, [&](const TensorDescription &tensor) {
    return StringRef(tensor.name) == name;
  });
}

bool LibraryDescription::hasMerge() const {
  return llvm::any_of(kernels, [](const KernelDescription &kernel) {
    return kernel.isAttention;
  });
}

static TensorDescription describeTensor(StringRef name, tile::ViewType view) {
  const KnownTensor *known = findTensor(name);
  assert(known && known->rank == view.getShape().size() &&
         "the tensors of one attention have the names of their parts");
  TensorDescription tensor = {
      name.str(), name.str(),    elementTypeOf(view.getElementType()),
      {},         known->output, known->optional};
  tensor.mask = name == "mask";
  for (auto [axis, extent] : llvm::zip(known->axes, view.getShape()))
    tensor.shape.push_back(
        {axis.str(), mlir::ShapedType::isDynamic(extent) ? -1 : extent});
  return tensor;
}

static int64_t extentOf(const KernelDescription &kernel, StringRef name,
                        unsigned dimension) {
  auto found = llvm::find_if(kernel.tensors, [&](const TensorDescription &t) {
    return StringRef(t.name) == name;
  });
  assert(found != kernel.tensors.end() && "attention has them all");
  return found->shape[dimension].extent;
}

/// The fields of the args that no tensor may take.
static bool isReserved(StringRef field) {
  return llvm::is_contained({"size", "abi", "layer", "flags"}, field) ||
         llvm::any_of(kTailFields, [&](const TailField &reserved) {
           return reserved.name == field;
         });
}

/// A C identifier for each name, all different.
static void nameFields(llvm::MutableArrayRef<TensorDescription> tensors) {
  llvm::StringSet<> taken;
  for (TensorDescription &tensor : tensors) {
    std::string field = fieldName(tensor.name);
    while (isReserved(field) || !taken.insert(field).second)
      field += "_";
    tensor.field = field;
  }
}

/// Whether the argument is what scope attend appends to its caches.
static bool areNewRows(tile::ProgramOp program, StringRef name) {
  return program.getScope() == KernelScope::Attend && program.getUpdated() &&
         llvm::is_contained({"key", "value", "latent_and_rope_key"}, name);
}

/// The tensors of a graph, as the program's axes say.
static KernelDescription describeGraph(tile::ProgramOp program) {
  KernelDescription kernel;
  kernel.isAttention = false;
  auto arguments = program.getBody().getArguments();
  auto inputs = static_cast<size_t>(arguments.size() -
                                    program.getResultCount().value_or(0));
  for (auto [index, name, axes, argument] : llvm::enumerate(
           program.getArgumentNames().getAsRange<mlir::StringAttr>(),
           program.getArgumentAxes()->getAsRange<mlir::ArrayAttr>(),
           arguments)) {
    auto view = llvm::cast<tile::ViewType>(argument.getType());
    bool isNew = areNewRows(program, name.getValue());
    bool isLengths = program.getLengths() == static_cast<int64_t>(index);
    TensorDescription tensor = {.name = name.getValue().str(),
                                .type = elementTypeOf(view.getElementType()),
                                .output = index >= inputs,
                                .optional = isLengths,
                                .updated = program.isUpdated(index),
                                .cache = tile::isCache(argument),
                                .newRows = isNew,
                                .lengths = isLengths,
                                .mask = program.getScope() && name == "mask"};
    for (auto [axis, extent] :
         llvm::zip_equal(axes.getAsRange<mlir::StringAttr>(), view.getShape()))
      tensor.shape.push_back(
          {axis.getValue().str(),
           mlir::ShapedType::isDynamic(extent) ? -1 : extent});
    if (program.getScope() && (name == "mask" || name == "document_ids"))
      tensor.shape.back().axis = kKeys;
    kernel.tensors.push_back(std::move(tensor));
  }
  nameFields(kernel.tensors);
  return kernel;
}

int64_t artifact::countStateHeads(tile::ProgramOp program) {
  llvm::APInt heads(64, 1);
  for (auto space : program.getBody().getOps<tile::WorkspaceOp>())
    // [batch, key heads, ...]
    if (space.getExtents().size() > 1)
      mlir::matchPattern(space.getExtents()[1], mlir::m_ConstantInt(&heads));
  return heads.getSExtValue();
}

KernelDescription artifact::describeKernel(tile::ProgramOp program) {
  if (program.getArgumentAxes())
    return describeGraph(program);
  KernelDescription kernel;
  for (auto [name, argument] : llvm::zip_equal(
           program.getArgumentNames().getAsRange<mlir::StringAttr>(),
           program.getBody().getArguments())) {
    kernel.tensors.push_back(describeTensor(
        name.getValue(), llvm::cast<tile::ViewType>(argument.getType())));
    kernel.tensors.back().cache = tile::isCache(argument);
    kernel.tensors.back().lengths =
        program.getLengths() == argument.getArgNumber();
  }
  kernel.queryHeads = extentOf(kernel, "query", 2);
  kernel.kvHeads = kernel.isAbsorbed() ? 1 : extentOf(kernel, "key", 2);
  kernel.headDim = extentOf(kernel, "query", 3);
  kernel.valueDim = extentOf(kernel, "output", 3);
  tile::ScheduleAttr schedule = program.getSchedule();
  kernel.chunkInvariantKeys = schedule.getSplitKeys() * schedule.getMaxSplits();
  auto stop = [](tile::MapOp) { return mlir::WalkResult::interrupt(); };
  kernel.hasScoreFunction = program.walk(stop).wasInterrupted();
  // Masks were simplified for a number of keys that is fixed.
  llvm::StringRef keys = kernel.isAbsorbed() ? "latent" : "key";
  kernel.takesParts =
      kernel.hasTensor("kv_lengths") && extentOf(kernel, keys, 1) < 0;
  return kernel;
}

/// Adds the kernel of index `index` as one that serves `layer`; a function of
/// no layer has a row of its own.
static void addLayer(std::vector<LayerDescription> &layers, int64_t layer,
                     int64_t index) {
  auto known = llvm::find_if(layers, [&](const LayerDescription &other) {
    return layer != kNoLayer && other.layer == layer;
  });
  if (known == layers.end())
    layers.push_back({layer, {index}});
  else
    known->kernels.push_back(index);
}

/// How the declared layer of that number rotates.
static std::string pairingOf(mlir::ModuleOp declared, int64_t layer) {
  for (mlir::Operation &op : *declared.getBody()) {
    auto layers = op.getAttrOfType<LayersAttr>("layers");
    auto rope = op.getAttrOfType<RopeAttr>("position");
    if (layers && rope && llvm::is_contained(layers.getNumbers(), layer))
      return stringifyPairing(rope.getPairing()).str();
  }
  return {};
}

std::vector<LayerDescription>
artifact::describeLayers(mlir::ModuleOp declared,
                         llvm::ArrayRef<KernelDescription> kernels) {
  std::vector<LayerDescription> layers;
  for (auto [index, kernel] : llvm::enumerate(kernels))
    for (auto [layer, row] : kernel.targets.front().layerRows)
      addLayer(layers, layer, static_cast<int64_t>(index));
  for (RefusedOp refused : declared.getOps<RefusedOp>())
    for (int64_t layer : refused.getLayers())
      layers.push_back({layer, {}, refused.getWhy().str()});
  for (LayerDescription &layer : layers)
    layer.pairing = pairingOf(declared, layer.layer);
  // Functions come last, in the order of the kernels: as an unsigned number no
  // layer is the greatest.
  auto placeOf = [](const LayerDescription &layer) {
    return std::pair(static_cast<uint64_t>(layer.layer),
                     layer.kernels.empty() ? -1 : layer.kernels.front());
  };
  llvm::sort(layers, [&](const LayerDescription &a, const LayerDescription &b) {
    return placeOf(a) < placeOf(b);
  });
  return layers;
}

uint32_t artifact::kindOf(llvm::StringRef schedule) {
  return llvm::StringSwitch<uint32_t>(schedule)
      .Case("decode", ATTN_RT_DECODE)
      .Case("short", ATTN_RT_SHORT)
      .Default(ATTN_RT_PREFILL);
}

std::vector<EntryDescription>
artifact::entriesOf(const KernelDescription &kernel) {
  std::vector<EntryDescription> entries = {
      {kernel.symbol, "any", ATTN_RT_PREFILL | ATTN_RT_SHORT | ATTN_RT_DECODE}};
  if (kernel.hasSchedule("prefill"))
    entries.push_back({kernel.symbol + "_prefill", "prefill", ATTN_RT_PREFILL});
  if (kernel.hasSchedule("decode") || kernel.hasSchedule("short"))
    entries.push_back(
        {kernel.symbol + "_decode", "decode", ATTN_RT_SHORT | ATTN_RT_DECODE});
  return entries;
}

int64_t artifact::rowOf(const cpu::CpuKernel &kernel, int64_t layer) {
  for (auto [served, row] : kernel.layerRows)
    if (served == layer)
      return row;
  return -1;
}

int64_t artifact::reachOf(const KernelDescription &kernel,
                          const cpu::CpuKernel &compiled, int64_t row) {
  int64_t reach = KeyInterval::kUnbounded;
  // Documents are looked for at the keys' own numbers.
  if (kernel.hasTensor("prefix_lengths") || kernel.hasTensor("document_ids"))
    return reach;
  size_t width = compiled.parameters.size();
  for (auto [index, parameter] : llvm::enumerate(compiled.parameters))
    if (parameter.name == "left" || parameter.name == "chunk")
      reach = std::min(reach, llvm::bit_cast<int64_t>(
                                  compiled.constants[row * width + index]));
  return reach;
}

int64_t artifact::partStepOf(const cpu::CpuKernel &compiled, int64_t row) {
  size_t width = compiled.parameters.size();
  for (auto [index, parameter] : llvm::enumerate(compiled.parameters))
    if (parameter.name == "chunk") {
      auto chunk =
          llvm::bit_cast<int64_t>(compiled.constants[row * width + index]);
      return chunk == KeyInterval::kUnbounded ? 1 : chunk;
    }
  return 1;
}

std::string artifact::objectName(const LibraryDescription &library,
                                 const cpu::CpuTargetFacts &target) {
  return library.name + "." + target.name + ".o";
}
