//===- Descriptors.cpp - What the runtime knows of kernels ----------------===//
//
// Constants follow the structures of runtime/attn_rt.h field by field; LLVM
// lays unpacked structures out as C does.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Descriptors.h"

#include "compiler/artifact/Entries.h"
#include "runtime/attn_rt.h"
#include "runtime/attn_rt_features.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace attn;
using namespace attn::artifact;
using llvm::ArrayRef;
using llvm::Constant;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// CPU features
//===----------------------------------------------------------------------===//

/// Features that every x86-64 has, or that no check is needed for.
static bool isBaseline(StringRef feature) {
  return llvm::is_contained({"64bit", "cmov", "cx8", "fxsr", "mmx", "sse",
                             "sse2", "x87", "evex512"},
                            feature) ||
         feature.starts_with("prefer-") || feature.starts_with("fast-") ||
         feature.starts_with("tuning-") || feature.starts_with("false-deps-");
}

/// The bits of attn_rt_features() that the target's code needs.
static llvm::Expected<uint64_t> featureBits(const cpu::CpuTargetFacts &target) {
  static constexpr StringRef known[] = {
#define ATTN_RT_NAME(name, leaf, subleaf, reg, bit, state) name,
      ATTN_RT_X86_FEATURES(ATTN_RT_NAME)
#undef ATTN_RT_NAME
  };
  uint64_t bits = 0;
  if (!StringRef(target.triple).starts_with("x86_64"))
    return bits;
  for (StringRef feature : target.features) {
    if (!feature.consume_front("+") || isBaseline(feature))
      continue;
    const StringRef *found = llvm::find(known, feature);
    if (found == std::end(known))
      return llvm::createStringError(
          "target '%s' uses the CPU feature '%s', which the runtime cannot "
          "check",
          target.name.c_str(), feature.str().c_str());
    bits |= uint64_t(1) << (found - std::begin(known));
  }
  return bits;
}

//===----------------------------------------------------------------------===//
// Descriptors
//===----------------------------------------------------------------------===//

Constant *DescriptorWriter::global(Constant *value, StringRef name) {
  return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                  llvm::GlobalValue::PrivateLinkage, value,
                                  name);
}

Constant *DescriptorWriter::text(StringRef value) {
  return global(llvm::ConstantDataArray::getString(context, value), "text");
}

Constant *DescriptorWriter::table(ArrayRef<Constant *> rows, StringRef name) {
  llvm::Type *row =
      rows.empty() ? builder.getInt64Ty() : rows.front()->getType();
  return global(
      llvm::ConstantArray::get(llvm::ArrayType::get(row, rows.size()), rows),
      name);
}

static int64_t symbolOf(tile::Axis axis) {
  switch (axis) {
  case tile::Axis::None:
    return ATTN_RT_NO_SYMBOL;
  case tile::Axis::Batch:
    return ATTN_RT_BATCH;
  case tile::Axis::QueryLength:
    return ATTN_RT_QUERY_LENGTH;
  case tile::Axis::KvCapacity:
    return ATTN_RT_KV_CAPACITY;
  }
  llvm_unreachable("all axes are handled");
}

/// A dimension may count what no other tensor's does.
static int64_t symbolOf(StringRef axis) {
  return symbolOf(tile::symbolizeAxis(axis).value_or(tile::Axis::None));
}

static DLDataType typeOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return {kDLFloat, 32, 1};
  case ElementType::F16:
    return {kDLFloat, 16, 1};
  case ElementType::BF16:
    return {kDLBfloat, 16, 1};
  case ElementType::I32:
    return {kDLInt, 32, 1};
  case ElementType::Bool:
    return {kDLBool, 8, 1};
  }
  llvm_unreachable("all types are handled");
}

/// attn_rt_tensor. Names have a meaning where the kernel is of a layer.
Constant *DescriptorWriter::tensor(const KernelDescription &kernel,
                                   size_t index) {
  const TensorDescription &description = kernel.tensors[index];
  bool isWeight =
      llvm::any_of(kernel.weights(), [&](const cpu::CpuWeight &weight) {
        return weight.tensor == static_cast<int64_t>(index);
      });
  bool isWritten = description.output || description.updated;
  int64_t role = (isWritten ? ATTN_RT_OUTPUT : 0) |
                 (description.cache ? ATTN_RT_CACHE : 0) |
                 (description.newRows ? ATTN_RT_NEW_ROWS : 0) |
                 (description.mask ? ATTN_RT_MASK : 0) |
                 (description.isOfKeys() ? ATTN_RT_OF_KEYS : 0) |
                 (description.optional ? ATTN_RT_OPTIONAL : 0) |
                 (description.lengths ? ATTN_RT_KV_LENGTHS : 0) |
                 (isWeight ? ATTN_RT_WEIGHT : 0);
  if (kernel.isAttention || kernel.isOfLayer())
    role |= (description.name == "sinks" ? ATTN_RT_SINKS : 0) |
            (kernel.isOfLayer() && description.isOfRows() ? ATTN_RT_ROWS : 0);
  DLDataType known = typeOf(description.type);
  Constant *type =
      structure({builder.getInt8(known.code), builder.getInt8(known.bits),
                 builder.getInt16(known.lanes)});
  Constant *none = llvm::ConstantPointerNull::get(builder.getPtrTy());
  llvm::SmallVector<Constant *> extents(ATTN_RT_MAX_RANK, word(1));
  llvm::SmallVector<Constant *> symbols(ATTN_RT_MAX_RANK,
                                        word(ATTN_RT_NO_SYMBOL));
  llvm::SmallVector<Constant *> axes(ATTN_RT_MAX_RANK, none);
  for (auto [d, dimension] : llvm::enumerate(description.shape)) {
    extents[d] = word(dimension.extent);
    symbols[d] = word(symbolOf(dimension.axis));
    axes[d] = text(dimension.axis.empty() ? "size" : dimension.axis);
  }
  return structure(
      {text(description.name), word(role),
       builder.getInt32(description.shape.size()), type,
       llvm::ConstantArray::get(
           llvm::ArrayType::get(builder.getInt64Ty(), ATTN_RT_MAX_RANK),
           extents),
       llvm::ConstantArray::get(
           llvm::ArrayType::get(builder.getInt64Ty(), ATTN_RT_MAX_RANK),
           symbols),
       llvm::ConstantArray::get(
           llvm::ArrayType::get(builder.getPtrTy(), ATTN_RT_MAX_RANK), axes)});
}

/// Rows of attn_rt_buffer.
Constant *DescriptorWriter::buffers(const cpu::CpuProgram &description) {
  llvm::SmallVector<Constant *> rows;
  for (const cpu::CpuBuffer &buffer : description.buffers) {
    int64_t power[ATTN_RT_SYMBOLS] = {};
    for (tile::Axis axis : buffer.axes)
      ++power[symbolOf(axis)];
    llvm::SmallVector<Constant *> powers =
        llvm::map_to_vector(power, [&](int64_t p) { return word(p); });
    rows.push_back(structure(
        {word(buffer.bytes),
         llvm::ConstantArray::get(
             llvm::ArrayType::get(builder.getInt64Ty(), ATTN_RT_SYMBOLS),
             powers)}));
  }
  return table(rows, "buffers");
}

/// The phases as bits.
static int64_t bitsOf(ArrayRef<int64_t> phases) {
  uint64_t bits = 0;
  for (int64_t phase : phases)
    bits |= uint64_t(1) << phase;
  return static_cast<int64_t>(bits);
}

/// attn_rt_program.
Constant *DescriptorWriter::program(const cpu::CpuKernel &kernel,
                                    const cpu::CpuProgram &description) {
  auto *type = llvm::FunctionType::get(builder.getVoidTy(), false);
  llvm::SmallVector<Constant *> functions;
  for (const std::string &symbol : functionsOf(description)) {
    auto callee =
        module.getOrInsertFunction(targetSymbol(kernel.target, symbol), type);
    auto *function = llvm::cast<llvm::Function>(callee.getCallee());
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    functions.push_back(function);
  }
  Constant *phases = table(ArrayRef(functions).drop_front(), "phases");
  return structure({text(description.schedule),
                    word(kindOf(description.schedule)),
                    word(description.maxQueries), word(description.phases),
                    word(bitsOf(description.tokenPhases)), functions.front(),
                    phases, word(description.scratchBytes),
                    word(description.stateBytes), word(description.queryBlock),
                    word(description.splitKeys), word(description.maxSplits),
                    word(description.buffers.size()), buffers(description)});
}

/// Rows of attn_rt_packing.
Constant *DescriptorWriter::packings(const cpu::CpuKernel &kernel,
                                     const PackedWeights &packed) {
  llvm::SmallVector<Constant *> rows;
  for (auto [weight, offset] : llvm::zip_equal(kernel.weights, packed.offsets))
    rows.push_back(
        structure({word(weight.tensor), word(offset), word(weight.columnBlock),
                   word(weight.panel), word(weight.depth)}));
  return table(rows, "packings");
}

/// attn_rt_target.
llvm::Expected<Constant *>
DescriptorWriter::target(const KernelDescription &description,
                         const cpu::CpuKernel &kernel) {
  llvm::Expected<uint64_t> features = featureBits(kernel.target);
  if (!features)
    return features.takeError();
  llvm::SmallVector<Constant *> programs, constants;
  for (const cpu::CpuProgram &schedule : kernel.programs)
    programs.push_back(program(kernel, schedule));
  for (uint64_t constant : kernel.constants)
    constants.push_back(word(constant));
  PackedWeights packed = layOutWeights(description, kernel);
  return structure(
      {text(kernel.target.name), word(*features), word(programs.size()),
       table(programs, "programs"), table(constants, "constants"),
       word(kernel.parameters.size() * 8), word(kernel.weights.size()),
       packings(kernel, packed), word(packed.bytes),
       word(static_cast<int64_t>(packed.layout))});
}

/// Rows of the constants by index of the layer, -1 for another kernel's.
Constant *DescriptorWriter::layerRows(size_t kernelIndex) {
  const cpu::CpuKernel &kernel =
      library.kernels[kernelIndex].targets[targets.front()];
  llvm::SmallVector<Constant *> rows;
  for (const LayerDescription &layer : library.layers)
    rows.push_back(
        builder.getInt32(llvm::is_contained(layer.kernels, kernelIndex)
                             ? rowOf(kernel, layer.layer)
                             : -1));
  return table(rows, "layer_rows");
}

/// `valueOf` the row of the constants of each layer; of layers that the kernel
/// does not serve, of row 0.
Constant *DescriptorWriter::layerWords(
    size_t kernelIndex, StringRef name,
    llvm::function_ref<int64_t(const cpu::CpuKernel &, int64_t)> valueOf) {
  const cpu::CpuKernel &compiled =
      library.kernels[kernelIndex].targets[targets.front()];
  llvm::SmallVector<Constant *> rows;
  for (const LayerDescription &layer : library.layers) {
    bool isServed = llvm::is_contained(layer.kernels, kernelIndex);
    int64_t row = isServed ? rowOf(compiled, layer.layer) : 0;
    rows.push_back(word(valueOf(compiled, row)));
  }
  return table(rows, name);
}

/// The keys that each layer looks back at: its window or its chunk.
Constant *DescriptorWriter::layerReach(size_t kernelIndex) {
  const KernelDescription &kernel = library.kernels[kernelIndex];
  return layerWords(kernelIndex, "layer_reach",
                    [&](const cpu::CpuKernel &compiled, int64_t row) {
                      return reachOf(kernel, compiled, row);
                    });
}

/// What parts of a sequence begin at multiples of; 0: it has no parts.
Constant *DescriptorWriter::layerPartStep(size_t kernelIndex) {
  bool takesParts = library.kernels[kernelIndex].takesParts;
  return layerWords(kernelIndex, "layer_part_step",
                    [&](const cpu::CpuKernel &compiled, int64_t row) {
                      return takesParts ? partStepOf(compiled, row) : 0;
                    });
}

/// attn_rt_kernel.
llvm::Expected<Constant *> DescriptorWriter::kernel(size_t kernelIndex) {
  const KernelDescription &description = library.kernels[kernelIndex];
  llvm::SmallVector<Constant *> tensors, rows;
  for (size_t index = 0; index < description.tensors.size(); ++index)
    tensors.push_back(tensor(description, index));
  for (size_t index : targets) {
    llvm::Expected<Constant *> row =
        target(description, description.targets[index]);
    if (!row)
      return row.takeError();
    rows.push_back(*row);
  }
  return global(structure({text(description.symbol), word(ATTN_ABI_VERSION),
                           word(description.kvHeads), word(tensors.size()),
                           table(tensors, "tensors"),
                           word(library.layers.size()), layerRows(kernelIndex),
                           layerReach(kernelIndex), layerPartStep(kernelIndex),
                           word(rows.size()), table(rows, "targets")}),
                "kernel");
}
