//===- Description.cpp - What the files of a folder are about -------------===//
//
// Reads sizes off a tile program's arguments: views of query, key, value,
// kv_lengths, prefix_lengths, sinks, output and lse, as SEMANTICS lays them
// out.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Description.h"

#include "dialects/attn/AttnOps.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "runtime/attn_rt.h"
#include "llvm/ADT/STLExtras.h"

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
    {"kv_lengths", 1, {"batch"}, false, true},
    {"prefix_lengths", 1, {"batch"}, false, false},
    {"sinks", 1, {"query_heads"}, false, false},
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

static std::string spellType(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  type.print(stream);
  return text;
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

static TensorDescription describeTensor(StringRef name, tile::ViewType view) {
  const KnownTensor *known = findTensor(name);
  assert(known && known->rank == view.getShape().size() &&
         "checkTensors asks for the name that an operand's part has");
  TensorDescription tensor = {name.str(),
                              spellType(view.getElementType()),
                              {},
                              known->output,
                              known->optional};
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
  assert(found != kernel.tensors.end() && "checkTensors found them by name");
  return found->shape[dimension].extent;
}

KernelDescription artifact::describeKernel(tile::ProgramOp program) {
  KernelDescription kernel;
  for (auto [name, argument] : llvm::zip_equal(
           program.getArgumentNames().getAsRange<mlir::StringAttr>(),
           program.getBody().getArguments())) {
    kernel.tensors.push_back(describeTensor(
        name.getValue(), llvm::cast<tile::ViewType>(argument.getType())));
  }
  kernel.queryHeads = extentOf(kernel, "query", 2);
  kernel.kvHeads = extentOf(kernel, "key", 2);
  kernel.headDim = extentOf(kernel, "query", 3);
  kernel.valueDim = extentOf(kernel, "value", 3);
  tile::ScheduleAttr schedule = program.getSchedule();
  kernel.chunkInvariantKeys = schedule.getSplitKeys() * schedule.getMaxSplits();
  auto stop = [](tile::MapOp) { return mlir::WalkResult::interrupt(); };
  kernel.hasScoreFunction = program.walk(stop).wasInterrupted();
  return kernel;
}

std::vector<LayerDescription>
artifact::describeLayers(mlir::ModuleOp declared,
                         llvm::ArrayRef<KernelDescription> kernels) {
  std::vector<LayerDescription> layers;
  for (auto [index, kernel] : llvm::enumerate(kernels))
    for (auto [layer, row] : kernel.targets.front().layerRows)
      layers.push_back({layer, static_cast<int64_t>(index), ""});
  for (RefusedOp refused : declared.getOps<RefusedOp>())
    for (int64_t layer : refused.getLayers())
      layers.push_back({layer, -1, refused.getWhy().str()});
  // Functions come last, in the order of the kernels: as an unsigned number no
  // layer is the greatest.
  auto placeOf = [](const LayerDescription &layer) {
    return std::pair(static_cast<uint64_t>(layer.layer), layer.kernel);
  };
  llvm::sort(layers, [&](const LayerDescription &a, const LayerDescription &b) {
    return placeOf(a) < placeOf(b);
  });
  return layers;
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

std::string artifact::objectName(const LibraryDescription &library,
                                 const cpu::CpuTargetFacts &target) {
  return library.name + "." + target.name + ".o";
}
