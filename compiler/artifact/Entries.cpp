//===- Entries.cpp - Exported functions -----------------------------------===//
//
// Functions of a few lines: each hands its arguments on to the runtime, with
// the descriptor of its kernel before them.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Entries.h"

#include "compiler/artifact/Descriptors.h"
#include "compiler/artifact/EmitObject.h"
#include "runtime/attn_rt.h"
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
// Entries
//===----------------------------------------------------------------------===//

namespace {
/// Writes the entries of one library into an LLVM module.
class EntryWriter {
public:
  EntryWriter(llvm::Module &module, const LibraryDescription &library,
              ArrayRef<size_t> targets, Callers callers)
      : module(module), context(module.getContext()), library(library),
        callers(callers), descriptors(module, library, targets),
        builder(context) {}

  llvm::Error write(StringRef info);
  void writePool();

private:
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
  Callers callers;
  DescriptorWriter descriptors;
  llvm::IRBuilder<> builder;
};
} // namespace

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
  Constant *symbol = descriptors.text(name);
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
    llvm::Expected<Constant *> descriptor = descriptors.kernel(index);
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
  builder.CreateRet(descriptors.text(info));
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
