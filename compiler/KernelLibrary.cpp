//===- KernelLibrary.cpp - A compiled folder, loaded ----------------------===//
//
// Trusts nothing in the manifest: every missing key is an error that names it.
//
//===----------------------------------------------------------------------===//

#include "compiler/KernelLibrary.h"

#include "compiler/import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <cstring>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::StringRef;
namespace json = llvm::json;

static llvm::Error fail(const std::string &message) {
  return llvm::createStringError(message);
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

KernelArgs::KernelArgs(int64_t layer, llvm::ArrayRef<const DLTensor *> tensors,
                       uint32_t flags, const attn_rt_tail &tail)
    : words(2 + tensors.size() + sizeof(tail) / sizeof(uint64_t)) {
  static_assert(sizeof(tail) % sizeof(uint64_t) == 0);
  std::memcpy(words.data() + 2 + tensors.size(), &tail, sizeof(tail));
  uint64_t size = words.size() * sizeof(uint64_t);
  words[0] = size | uint64_t(ATTN_ABI_VERSION) << 32;
  words[1] = static_cast<uint32_t>(layer) | uint64_t(flags) << 32;
  for (auto [word, tensor] :
       llvm::zip(llvm::MutableArrayRef(words).drop_front(2), tensors))
    word = reinterpret_cast<uintptr_t>(tensor);
}

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

bool attn::isManifest(const JsonDocument &document) {
  return document.root().getInteger("schema") &&
         document.root().getArray("kernels");
}

/// The document in the file at `path`; null with the error set if it is none.
static std::unique_ptr<JsonDocument> readDocument(StringRef path,
                                                  TextError &error) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (buffer)
    return JsonDocument::parse((*buffer)->getBuffer(), error);
  error.message = "cannot be read: " + buffer.getError().message();
  return nullptr;
}

static bool isManifestFile(StringRef path) {
  TextError error;
  auto document = readDocument(path, error);
  return document && isManifest(*document);
}

/// The paths of the *.json in `directory`, in order.
static std::vector<std::string> findDocuments(StringRef directory) {
  std::vector<std::string> candidates;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(directory, code), end;
       it != end && !code; it.increment(code))
    if (StringRef(it->path()).ends_with(".json"))
      candidates.push_back(it->path());
  llvm::sort(candidates);
  return candidates;
}

std::optional<std::string> attn::findManifest(StringRef directory) {
  for (const std::string &candidate : findDocuments(directory))
    if (isManifestFile(candidate))
      return candidate;
  return std::nullopt;
}

/// "3:7: not valid JSON".
static std::string spell(const TextError &error) {
  return fmt::format("{}:{}: {}", error.where.line, error.where.column,
                     error.message);
}

static std::string spell(const json::Value &extent) {
  if (std::optional<StringRef> symbol = extent.getAsString())
    return symbol->str();
  return std::to_string(extent.getAsInteger().value_or(-1));
}

static std::optional<LibraryTensor> readTensor(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  const json::Array *shape = object ? object->getArray("shape") : nullptr;
  const json::Array *axes = object ? object->getArray("axes") : nullptr;
  if (!shape || !axes || !object->getString("name") ||
      !object->getString("type"))
    return std::nullopt;
  LibraryTensor tensor;
  tensor.name = object->getString("name")->str();
  tensor.type = object->getString("type")->str();
  for (const json::Value &extent : *shape)
    tensor.shape.push_back(spell(extent));
  for (const json::Value &axis : *axes)
    tensor.axes.push_back(spell(axis));
  tensor.output = object->getString("role").value_or("") == "output";
  tensor.updated = object->getString("role").value_or("") == "updated";
  tensor.optional = object->getBoolean("optional").value_or(false);
  tensor.mask = object->getBoolean("mask").value_or(false);
  return tensor;
}

/// The most query rows that one of the `programs` takes in `phase`.
static int64_t readMaxQueries(const json::Array &programs, StringRef phase) {
  int64_t most = 0;
  for (const json::Value &value : programs) {
    const json::Object *program = value.getAsObject();
    if (!program)
      continue;
    bool isPrefill = program->getString("schedule").value_or("") == "prefill";
    if (phase == "any" || (phase == "prefill") == isPrefill)
      most = std::max(most,
                      program->getInteger("max_queries").value_or(INT64_MAX));
  }
  return most;
}

/// Null if some key is missing, which `missing` names.
static std::optional<LibraryKernel> readKernel(const json::Value &value,
                                               StringRef &missing) {
  static const json::Object none;
  const json::Object &object =
      value.getAsObject() ? *value.getAsObject() : none;
  LibraryKernel kernel;
  for (auto [key, field] :
       {std::pair<StringRef, std::string *>("symbol", &kernel.symbol),
        {"scope", &kernel.scope},
        {"phase", &kernel.phase},
        {"target", &kernel.target}}) {
    missing = key;
    if (!object.getString(key))
      return std::nullopt;
    *field = object.getString(key)->str();
  }
  for (auto [key, field] :
       {std::pair<StringRef, int64_t *>("query_heads", &kernel.queryHeads),
        {"kv_heads", &kernel.kvHeads},
        {"head_dim", &kernel.headDim},
        {"value_dim", &kernel.valueDim}}) {
    missing = key;
    // Other scopes need not be one attention.
    if (!object.getInteger(key) && kernel.scope == "core")
      return std::nullopt;
    *field = object.getInteger(key).value_or(0);
  }
  missing = "programs";
  const json::Array *programs = object.getArray("programs");
  if (!programs)
    return std::nullopt;
  kernel.maxQueries = readMaxQueries(*programs, kernel.phase);
  missing = "tensors";
  const json::Array *tensors = object.getArray("tensors");
  if (!tensors)
    return std::nullopt;
  for (const json::Value &tensor : *tensors) {
    std::optional<LibraryTensor> read = readTensor(tensor);
    if (!read)
      return std::nullopt;
    kernel.tensors.push_back(*read);
  }
  if (const json::Object *packed = object.getObject("packed_weights")) {
    kernel.packSymbol = packed->getString("pack").value_or("").str();
    if (const json::Array *names = packed->getArray("tensors"))
      for (const json::Value &name : *names)
        kernel.weights.push_back(name.getAsString().value_or("").str());
  }
  return kernel;
}

static LibraryLayer readLayer(const json::Value &value) {
  static const json::Object none;
  const json::Object &object =
      value.getAsObject() ? *value.getAsObject() : none;
  LibraryLayer layer;
  layer.index = object.getInteger("index").value_or(-1);
  layer.layer = object.getInteger("layer").value_or(-1);
  if (const json::Array *kernels = object.getArray("kernels"))
    for (const json::Value &kernel : *kernels)
      layer.kernels.push_back(kernel.getAsString().value_or("").str());
  return layer;
}

static LibraryTarget readTarget(const json::Value &value) {
  static const json::Object none;
  const json::Object &object =
      value.getAsObject() ? *value.getAsObject() : none;
  return {object.getString("name").value_or("").str(),
          object.getString("triple").value_or("").str()};
}

llvm::Error KernelLibrary::readManifest(StringRef path) {
  TextError error;
  auto document = readDocument(path, error);
  if (!document)
    return fail(fmt::format("{}:{}", path.str(), spell(error)));
  const json::Object &root = document->root();
  if (root.getInteger("schema") != 1)
    return fail(fmt::format("{}: the manifest's schema is not 1", path.str()));
  const json::Array *kernels = root.getArray("kernels");
  const json::Array *layers = root.getArray("layers");
  if (!root.getString("name") || !root.getString("declared_ir") || !kernels ||
      !layers)
    return fail(fmt::format("{}: the manifest lacks one of 'name', "
                            "'declared_ir', 'kernels' and 'layers'",
                            path.str()));
  libraryName = root.getString("name")->str();
  ir = root.getString("declared_ir")->str();
  for (const json::Value &value : *kernels) {
    StringRef missing;
    std::optional<LibraryKernel> kernel = readKernel(value, missing);
    if (!kernel)
      return fail(fmt::format("{}: kernel {} has no valid '{}'", path.str(),
                              kernelList.size(), missing.str()));
    kernelList.push_back(std::move(*kernel));
  }
  for (const json::Value &layer : *layers)
    layerList.push_back(readLayer(layer));
  if (const json::Array *targets = root.getArray("targets"))
    for (const json::Value &target : *targets)
      targetList.push_back(readTarget(target));
  if (const json::Array *files = root.getArray("files"))
    for (const json::Value &file : *files)
      fileList.push_back(file.getAsString().value_or("").str());
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Library
//===----------------------------------------------------------------------===//

/// Puts the address of `name` into `function`; false if there is none.
template <typename Function>
static bool resolve(void *handle, const std::string &name, Function &function) {
  function = reinterpret_cast<Function>(dlsym(handle, name.c_str()));
  return function;
}

/// Finds what packs the weights of an entry, as the manifest names it.
static bool resolvePacking(void *handle, LibraryKernel &kernel) {
  StringRef symbol = kernel.packSymbol;
  symbol.consume_back("_pack_weights");
  uint64_t (*bytes)() = nullptr;
  if (!resolve(handle, kernel.packSymbol, kernel.packWeights) ||
      !resolve(handle, (symbol + "_packed_weights_bytes").str(), bytes))
    return false;
  kernel.packedWeights.shape = {std::to_string(bytes())};
  return true;
}

llvm::Error KernelLibrary::load(StringRef path) {
  handle = dlopen(path.str().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(fmt::format("cannot load '{}': {}", path.str(), dlerror()));
  for (LibraryKernel &kernel : kernelList) {
    const std::string &symbol = kernel.symbol;
    if (!resolve(handle, symbol, kernel.run) ||
        !resolve(handle, symbol + "_can_run", kernel.canRun) ||
        !resolve(handle, symbol + "_plan", kernel.plan) ||
        !resolve(handle, symbol + "_task", kernel.task) ||
        !resolve(handle, symbol + "_workspace", kernel.workspace))
      return fail(fmt::format("'{}' lacks '{}' or a companion of it",
                              path.str(), symbol));
    if (!kernel.weights.empty() && !resolvePacking(handle, kernel))
      return fail(
          fmt::format("'{}' packs no weights for '{}'", path.str(), symbol));
  }
  return llvm::Error::success();
}

/// The shared library is of the first target's architecture.
llvm::Error KernelLibrary::checkArchitecture() const {
  llvm::Triple host(llvm::sys::getProcessTriple());
  std::vector<std::string> names;
  for (const LibraryTarget &target : targetList) {
    if (llvm::Triple(target.triple).getArch() != host.getArch()) {
      names.push_back(target.name);
      continue;
    }
    if (names.empty())
      return llvm::Error::success();
    return fail(fmt::format("'{}' has its shared library for {}, which this "
                            "machine ({}) does not run; name {} first",
                            libraryName, names.front(),
                            std::string_view(host.getArchName()), target.name));
  }
  if (names.empty())
    return llvm::Error::success();
  return fail(fmt::format("'{}' is compiled for {} only, which this machine "
                          "({}) does not run",
                          libraryName, fmt::join(names, ", "),
                          std::string_view(host.getArchName())));
}

/// What is wrong with the manifest of `directory`, NAME.json beside NAME.h;
/// nothing if it has none.
static std::string describeBroken(StringRef directory) {
  for (const std::string &candidate : findDocuments(directory)) {
    llvm::SmallString<256> header(candidate);
    llvm::sys::path::replace_extension(header, "h");
    TextError error;
    if (llvm::sys::fs::exists(header) && !readDocument(candidate, error))
      return fmt::format("its manifest '{}' is damaged: {}",
                         llvm::sys::path::filename(candidate).str(),
                         spell(error));
  }
  return {};
}

/// Why `directory` is not one that attnc has compiled.
static std::string whyNotCompiled(StringRef directory) {
  if (!llvm::sys::fs::exists(directory))
    return "there is no such folder";
  bool isFolder = llvm::sys::fs::is_directory(directory);
  if (!isFolder && isManifestFile(directory))
    return "it is the manifest of one; name the folder";
  if (!isFolder)
    return "it is a file; 'attnc compile' makes a folder of it";
  std::string broken = describeBroken(directory);
  return broken.empty() ? "it holds no manifest" : broken;
}

llvm::Expected<std::unique_ptr<KernelLibrary>>
KernelLibrary::describe(StringRef directory) {
  std::optional<std::string> manifest = findManifest(directory);
  if (!manifest)
    return fail(fmt::format("'{}' is not a folder that attnc has compiled: {}",
                            directory.str(), whyNotCompiled(directory)));
  std::unique_ptr<KernelLibrary> library(new KernelLibrary);
  library->path = *manifest;
  if (llvm::Error error = library->readManifest(*manifest))
    return error;
  return library;
}

llvm::Expected<std::unique_ptr<KernelLibrary>>
KernelLibrary::open(StringRef directory) {
  llvm::Expected<std::unique_ptr<KernelLibrary>> library = describe(directory);
  if (!library)
    return library;
  if (llvm::Error error = (*library)->checkArchitecture())
    return error;
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, "lib" + (*library)->libraryName + ".so");
  // Without a slash dlopen would search the system's folders.
  llvm::sys::fs::make_absolute(path);
  if (llvm::Error error = (*library)->load(path))
    return error;
  return library;
}

KernelLibrary::~KernelLibrary() {
  if (handle)
    dlclose(handle);
}

bool LibraryKernel::isWeight(StringRef name) const {
  return llvm::is_contained(weights, name);
}

bool LibraryKernel::takesCaches() const {
  return isOfModule() && llvm::any_of(tensors, [](const LibraryTensor &tensor) {
           return tensor.updated;
         });
}

bool LibraryKernel::isStep() const {
  auto has = [&](StringRef name, bool isOutput) {
    return llvm::any_of(tensors, [&](const LibraryTensor &tensor) {
      return tensor.name == name && tensor.output == isOutput;
    });
  };
  return scope == "attend" &&
         !(has("query", /*isOutput=*/false) && has("output", true));
}

bool LibraryKernel::isAbsorbed() const {
  return isAttention() &&
         llvm::any_of(tensors, [](const LibraryTensor &tensor) {
           return tensor.name == "latent";
         });
}

const LibraryKernel *KernelLibrary::find(const LibraryLayer &layer,
                                         StringRef scope,
                                         bool isAbsorbed) const {
  for (const std::string &symbol : layer.kernels)
    if (const LibraryKernel *kernel = find(symbol))
      if (kernel->scope == scope && !kernel->isStep() &&
          kernel->isAbsorbed() == isAbsorbed)
        return kernel;
  return nullptr;
}

const LibraryKernel *KernelLibrary::find(StringRef symbol) const {
  auto found = llvm::find_if(kernelList, [&](const LibraryKernel &k) {
    return StringRef(k.symbol) == symbol;
  });
  return found == kernelList.end() ? nullptr : &*found;
}
