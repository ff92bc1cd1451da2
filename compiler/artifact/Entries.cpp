//===- Entries.cpp - Exported functions and descriptors -------------------===//
//
// Constants follow the structures of runtime/attn_rt.h field by field; LLVM
// lays unpacked structures out as C does.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Entries.h"

#include "compiler/artifact/EmitObject.h"
#include "compiler/artifact/PackedWeights.h"
#include "runtime/attn_rt.h"
#include "runtime/attn_rt_features.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::artifact;
using llvm::ArrayRef;
using llvm::Constant;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::string artifact::targetSymbol(const cpu::CpuTargetFacts &target,
                                   StringRef symbol) {
  std::string name = target.name;
  for (char &c : name)
    c = llvm::isAlnum(c) ? c : '_';
  return symbol.str() + "_" + name;
}

std::vector<std::string> artifact::functionsOf(const cpu::CpuProgram &program) {
  std::vector<std::string> functions = {program.symbol + "_grid"};
  for (int64_t phase = 0; phase < program.phases; ++phase)
    functions.push_back(fmt::format("{}_phase{}", program.symbol, phase));
  return functions;
}

static constexpr StringRef companions[] = {"", "_plan", "_task", "_can_run",
                                           "_workspace"};

/// What TVM-FFI puts before a name that it looks for.
static std::string ffiName(StringRef name) {
  return ("__tvm_ffi_" + name).str();
}

static constexpr StringRef ffiCompanions[] = {"", "_workspace"};

std::vector<std::string> artifact::exportsOf(const LibraryDescription &library,
                                             Callers callers) {
  std::vector<std::string> names = {library.name + "_info"};
  auto add = [&](const std::string &name) {
    names.push_back(name);
    if (callers == Callers::CAndFfi)
      names.push_back(ffiName(name));
  };
  for (const KernelDescription &kernel : library.kernels) {
    if (!kernel.weights().empty()) {
      add(kernel.packSymbol());
      add(kernel.packedBytesSymbol());
    }
    for (const EntryDescription &entry : entriesOf(kernel)) {
      for (StringRef companion : companions)
        names.push_back(entry.symbol + companion.str());
      if (callers == Callers::CAndFfi)
        for (StringRef companion : ffiCompanions)
          names.push_back(ffiName(entry.symbol + companion.str()));
    }
  }
  if (library.hasMerge())
    add(library.mergeSymbol());
  return names;
}

std::vector<std::string>
artifact::poolExportsOf(const LibraryDescription &library) {
  std::vector<std::string> names;
  for (StringRef function : {"_create", "_run", "_destroy"})
    names.push_back(library.poolSymbol() + function.str());
  return names;
}

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

namespace {
/// Writes the descriptors and entries of one library into an LLVM module.
class EntryWriter {
public:
  EntryWriter(llvm::Module &module, const LibraryDescription &library,
              ArrayRef<size_t> targets, Callers callers)
      : module(module), context(module.getContext()), library(library),
        targets(targets), callers(callers), builder(context) {}

  llvm::Error write(StringRef info);
  void writePool();

private:
  Constant *word(int64_t value) { return builder.getInt64(value); }
  Constant *text(StringRef value);
  Constant *structure(ArrayRef<Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }
  Constant *table(ArrayRef<Constant *> rows, StringRef name);
  Constant *global(Constant *value, StringRef name);

  Constant *tensor(const KernelDescription &kernel, size_t index);
  Constant *packings(const cpu::CpuKernel &kernel, const PackedWeights &packed);
  Constant *buffers(const cpu::CpuProgram &description);
  Constant *program(const cpu::CpuKernel &kernel,
                    const cpu::CpuProgram &description);
  llvm::Expected<Constant *> target(const KernelDescription &description,
                                    const cpu::CpuKernel &kernel);
  Constant *layerRows(size_t kernelIndex);
  Constant *layerReach(size_t kernelIndex);
  Constant *layerPartStep(size_t kernelIndex);
  llvm::Expected<Constant *> kernel(size_t kernelIndex);

  void entry(const EntryDescription &description, Constant *kernel);
  void ffiEntry(const EntryDescription &description, Constant *kernel);
  void ffiForward(StringRef name, StringRef callee,
                  ArrayRef<Constant *> leading);
  void forward(StringRef name, StringRef callee, llvm::Type *result,
               ArrayRef<llvm::Type *> parameters, ArrayRef<Constant *> leading);
  void pack(const KernelDescription &description, Constant *kernel);
  void merge();

  llvm::Module &module;
  llvm::LLVMContext &context;
  const LibraryDescription &library;
  ArrayRef<size_t> targets;
  Callers callers;
  llvm::IRBuilder<> builder;
};
} // namespace

Constant *EntryWriter::global(Constant *value, StringRef name) {
  return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                  llvm::GlobalValue::PrivateLinkage, value,
                                  name);
}

Constant *EntryWriter::text(StringRef value) {
  return global(llvm::ConstantDataArray::getString(context, value), "text");
}

Constant *EntryWriter::table(ArrayRef<Constant *> rows, StringRef name) {
  llvm::Type *row =
      rows.empty() ? builder.getInt64Ty() : rows.front()->getType();
  return global(
      llvm::ConstantArray::get(llvm::ArrayType::get(row, rows.size()), rows),
      name);
}

static int64_t symbolOf(StringRef axis) {
  return llvm::StringSwitch<int64_t>(axis)
      .Case("batch", ATTN_RT_BATCH)
      .Case("query_length", ATTN_RT_QUERY_LENGTH)
      .Case("kv_capacity", ATTN_RT_KV_CAPACITY)
      .Default(ATTN_RT_NO_SYMBOL);
}

/// DLDataType.
static DLDataType typeOf(StringRef name) {
  return llvm::StringSwitch<DLDataType>(name)
      .Case("f16", {kDLFloat, 16, 1})
      .Case("bf16", {kDLBfloat, 16, 1})
      .Case("i32", {kDLInt, 32, 1})
      .Case("bool", {kDLBool, 8, 1})
      .Default({kDLFloat, 32, 1});
}

/// attn_rt_tensor. Names have a meaning where the kernel is of a layer.
Constant *EntryWriter::tensor(const KernelDescription &kernel, size_t index) {
  const TensorDescription &description = kernel.tensors[index];
  bool isWeight =
      llvm::any_of(kernel.weights(), [&](const cpu::CpuWeight &weight) {
        return weight.tensor == static_cast<int64_t>(index);
      });
  bool isWritten = description.output || description.updated;
  int64_t role = (isWritten ? ATTN_RT_OUTPUT : 0) |
                 (description.cache ? ATTN_RT_CACHE : 0) |
                 (description.newRows ? ATTN_RT_NEW_ROWS : 0) |
                 (description.optional ? ATTN_RT_OPTIONAL : 0) |
                 (isWeight ? ATTN_RT_WEIGHT : 0);
  if (kernel.isAttention || kernel.isOfLayer())
    role |= (description.name == "kv_lengths" ? ATTN_RT_KV_LENGTHS : 0) |
            (description.name == "sinks" ? ATTN_RT_SINKS : 0);
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
Constant *EntryWriter::buffers(const cpu::CpuProgram &description) {
  llvm::SmallVector<Constant *> rows;
  for (const cpu::CpuBuffer &buffer : description.buffers) {
    int64_t power[ATTN_RT_SYMBOLS] = {};
    for (const std::string &axis : buffer.axes)
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

/// attn_rt_program.
Constant *EntryWriter::program(const cpu::CpuKernel &kernel,
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
                    functions.front(), phases, word(description.scratchBytes),
                    word(description.stateBytes), word(description.queryBlock),
                    word(description.splitKeys), word(description.maxSplits),
                    word(description.buffers.size()), buffers(description)});
}

/// Rows of attn_rt_packing.
Constant *EntryWriter::packings(const cpu::CpuKernel &kernel,
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
EntryWriter::target(const KernelDescription &description,
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
Constant *EntryWriter::layerRows(size_t kernelIndex) {
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

/// The keys that each layer looks back at: its window or its chunk.
Constant *EntryWriter::layerReach(size_t kernelIndex) {
  const KernelDescription &kernel = library.kernels[kernelIndex];
  const cpu::CpuKernel &compiled = kernel.targets[targets.front()];
  llvm::SmallVector<Constant *> rows;
  for (const LayerDescription &layer : library.layers) {
    bool isServed = llvm::is_contained(layer.kernels, kernelIndex);
    int64_t row = isServed ? rowOf(compiled, layer.layer) : 0;
    rows.push_back(word(reachOf(kernel, compiled, row)));
  }
  return table(rows, "layer_reach");
}

/// What parts of a sequence begin at multiples of; 0: it has no parts.
Constant *EntryWriter::layerPartStep(size_t kernelIndex) {
  const KernelDescription &kernel = library.kernels[kernelIndex];
  const cpu::CpuKernel &compiled = kernel.targets[targets.front()];
  llvm::SmallVector<Constant *> rows;
  for (const LayerDescription &layer : library.layers) {
    bool isServed = llvm::is_contained(layer.kernels, kernelIndex);
    int64_t row = isServed ? rowOf(compiled, layer.layer) : 0;
    rows.push_back(word(kernel.takesParts ? partStepOf(compiled, row) : 0));
  }
  return table(rows, "layer_part_step");
}

/// attn_rt_kernel.
llvm::Expected<Constant *> EntryWriter::kernel(size_t kernelIndex) {
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

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// result name(parameters...) { return callee(leading..., parameters...); }
void EntryWriter::forward(StringRef name, StringRef callee, llvm::Type *result,
                          ArrayRef<llvm::Type *> parameters,
                          ArrayRef<Constant *> leading) {
  llvm::SmallVector<llvm::Type *> types;
  for (Constant *value : leading)
    types.push_back(value->getType());
  llvm::append_range(types, parameters);
  llvm::FunctionCallee runtime = module.getOrInsertFunction(
      callee, llvm::FunctionType::get(result, types, false));
  auto *function =
      llvm::Function::Create(llvm::FunctionType::get(result, parameters, false),
                             llvm::GlobalValue::ExternalLinkage, name, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
  llvm::SmallVector<llvm::Value *> values(leading);
  for (llvm::Argument &argument : function->args())
    values.push_back(&argument);
  llvm::CallInst *call = builder.CreateCall(runtime, values);
  call->setTailCall();
  if (result->isVoidTy())
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
}

void EntryWriter::entry(const EntryDescription &description, Constant *kernel) {
  llvm::Type *status = builder.getInt32Ty(), *word = builder.getInt64Ty(),
             *pointer = builder.getPtrTy();
  const std::string &name = description.symbol;
  Constant *leading[] = {kernel, builder.getInt32(description.kinds)};
  forward(name, "attn_rt_run", status, {pointer, pointer}, leading);
  forward(name + "_can_run", "attn_rt_can_run", status, {pointer, pointer},
          leading);
  forward(name + "_plan", "attn_rt_plan", status, {pointer, pointer, pointer},
          leading);
  forward(name + "_task", "attn_rt_task", status,
          {pointer, pointer, word, word}, leading);
  forward(name + "_workspace", "attn_rt_workspace", word, {pointer}, leading);
}

/// TVMFFISafeCallType of tvm/ffi/c_api.h: int name(handle, args, count,
/// result).
void EntryWriter::ffiForward(StringRef name, StringRef callee,
                             ArrayRef<Constant *> leading) {
  llvm::Type *number = builder.getInt32Ty(), *pointer = builder.getPtrTy();
  forward(ffiName(name), callee, number, {pointer, pointer, number, pointer},
          leading);
}

void EntryWriter::ffiEntry(const EntryDescription &description,
                           Constant *kernel) {
  Constant *leading[] = {kernel, builder.getInt32(description.kinds)};
  ffiForward(description.symbol, "attn_rt_ffi_run", leading);
  ffiForward(description.symbol + "_workspace", "attn_rt_ffi_workspace",
             leading);
}

void EntryWriter::pack(const KernelDescription &description, Constant *kernel) {
  llvm::Type *pointer = builder.getPtrTy();
  forward(description.packSymbol(), "attn_rt_pack_weights",
          builder.getInt32Ty(), {pointer, pointer, pointer}, kernel);
  forward(description.packedBytesSymbol(), "attn_rt_packed_weights_bytes",
          builder.getInt64Ty(), {}, kernel);
  if (callers == Callers::C)
    return;
  ffiForward(description.packSymbol(), "attn_rt_ffi_pack_weights", kernel);
  ffiForward(description.packedBytesSymbol(),
             "attn_rt_ffi_packed_weights_bytes", kernel);
}

void EntryWriter::merge() {
  std::string name = library.mergeSymbol();
  Constant *symbol = text(name);
  llvm::Type *pointer = builder.getPtrTy();
  forward(name, "attn_rt_merge", builder.getInt32Ty(), {pointer, pointer},
          symbol);
  if (callers == Callers::CAndFfi)
    ffiForward(name, "attn_rt_ffi_merge", symbol);
}

void EntryWriter::writePool() {
  std::string name = library.poolSymbol();
  llvm::Type *none = builder.getVoidTy(), *word = builder.getInt64Ty(),
             *pointer = builder.getPtrTy();
  forward(name + "_create", "attn_rt_pool_create", pointer, word, {});
  forward(name + "_run", "attn_rt_pool_run", none,
          {pointer, word, pointer, pointer}, {});
  forward(name + "_destroy", "attn_rt_pool_destroy", none, pointer, {});
}

llvm::Error EntryWriter::write(StringRef info) {
  for (auto [index, description] : llvm::enumerate(library.kernels)) {
    llvm::Expected<Constant *> descriptor = kernel(index);
    if (!descriptor)
      return descriptor.takeError();
    for (const EntryDescription &entryDescription : entriesOf(description)) {
      entry(entryDescription, *descriptor);
      if (callers == Callers::CAndFfi)
        ffiEntry(entryDescription, *descriptor);
    }
    if (!description.weights().empty())
      pack(description, *descriptor);
  }
  if (library.hasMerge())
    merge();
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(builder.getPtrTy(), false),
      llvm::GlobalValue::ExternalLinkage, library.name + "_info", module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
  builder.CreateRet(text(info));
  return llvm::Error::success();
}

llvm::Expected<std::string>
artifact::emitEntries(const LibraryDescription &library,
                      ArrayRef<size_t> targets, StringRef info,
                      Callers callers) {
  llvm::LLVMContext context;
  llvm::Module module(library.name, context);
  const std::string &triple = library.targets[targets.front()].triple;
  if (llvm::Error error = setTarget(module, triple))
    return error;
  if (llvm::Error error =
          EntryWriter(module, library, targets, callers).write(info))
    return error;
  return emitObject(module);
}

llvm::Expected<std::string>
artifact::emitPoolEntries(const LibraryDescription &library, StringRef triple) {
  llvm::LLVMContext context;
  llvm::Module module(library.poolSymbol(), context);
  if (llvm::Error error = setTarget(module, triple))
    return error;
  EntryWriter(module, library, {}, Callers::C).writePool();
  return emitObject(module);
}
