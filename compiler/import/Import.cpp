//===- Import.cpp - Inputs of the compiler --------------------------------===//
//
// Files in, modules out. Both kinds of file are bounded in size and nesting
// before a parser that recurses sees them.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Import.h"

#include "compiler/Files.h"
#include "compiler/KernelLibrary.h"
#include "compiler/Names.h"
#include "compiler/StoredTypes.h"
#include "compiler/import/DeclareLayers.h"
#include "compiler/import/LayerOptions.h"
#include "compiler/import/Layers.h"
#include "compiler/import/TextGuard.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Location.h"
#include "mlir/Parser/Parser.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace attn;
using namespace mlir;

DialectRegistry attn::inputDialects() {
  DialectRegistry registry;
  registry.insert<AttnDialect, arith::ArithDialect, func::FuncDialect,
                  linalg::LinalgDialect, math::MathDialect,
                  tensor::TensorDialect>();
  return registry;
}

static InFlightDiagnostic fileError(MLIRContext &context, StringRef path,
                                    TextPosition where = {0, 0}) {
  return emitError(
      FileLineColLoc::get(&context, path, where.line, where.column));
}

/// The text of the file at `path`; null after an error.
static std::unique_ptr<llvm::MemoryBuffer> readText(MLIRContext &context,
                                                    StringRef path) {
  if (llvm::sys::fs::is_directory(path)) {
    llvm::SmallString<256> config(path);
    llvm::sys::path::append(config, "config.json");
    InFlightDiagnostic message = fileError(context, path);
    message << "is a folder, expected a config.json or a .mlir file";
    if (llvm::sys::fs::exists(config))
      message.attachNote() << "'" << config << "' is there";
    return nullptr;
  }
  auto buffer = readFile(path);
  if (!buffer) {
    fileError(context, path) << llvm::toString(buffer.takeError());
    return nullptr;
  }
  if ((*buffer)->getBufferSize() > JsonDocument::kMaxBytes) {
    fileError(context, path)
        << "has " << (*buffer)->getBufferSize() << " bytes, at most "
        << JsonDocument::kMaxBytes << " are read";
    return nullptr;
  }
  if ((*buffer)->getBuffer().trim().empty()) {
    fileError(context, path) << "file is empty";
    return nullptr;
  }
  return std::move(*buffer);
}

//===----------------------------------------------------------------------===//
// config.json
//===----------------------------------------------------------------------===//

static OwningOpRef<ModuleOp> importConfig(MLIRContext &context, StringRef path,
                                          StringRef text, StringRef name,
                                          std::optional<Dtype> &dtype) {
  TextError problem;
  std::unique_ptr<JsonDocument> document = JsonDocument::parse(text, problem);
  if (!document) {
    fileError(context, path, problem.where) << problem.message;
    return nullptr;
  }
  if (isManifest(*document)) {
    fileError(context, path)
        << "is the manifest of a compiled folder, expected a config.json; "
           "'verify', 'bench', 'explain' and 'run' take the folder";
    return nullptr;
  }
  ConfigErrors errors(context, path);
  Config config(*document, errors);
  const ModelSpec *model = readModel(config);
  if (!model)
    return nullptr;
  if (std::optional<Config> stored = config.child("quantization_config"))
    config.warning("quantization_config",
                   Twine("weights are stored as '") +
                       stored->string("quant_method").value_or("quantised") +
                       "': scope layer takes them dequantised, scopes core and "
                       "attend take none");
  StringRef key;
  dtype = readDtype(config, key);
  std::vector<LayerSpec> layers = readLayers(config, *model);
  if (layers.empty())
    return nullptr;
  config.warnOfMisspelledKeys();
  return declareLayers(context, path, name, layers);
}

//===----------------------------------------------------------------------===//
// .mlir
//===----------------------------------------------------------------------===//

/// Whether everything at the top of `module` is a layer or a function.
static LogicalResult checkTopLevel(ModuleOp module) {
  for (Operation &op : *module.getBody())
    if (!isa<GroupedOp, LatentOp, RefusedOp, func::FuncOp>(op))
      return op.emitOpError() << "is neither a declared layer nor a function";
  return success();
}

static OwningOpRef<ModuleOp> parseModule(MLIRContext &context, StringRef path,
                                         StringRef text) {
  size_t offset = 0;
  std::string danger = TextGuard(text).findDanger(offset);
  if (!danger.empty()) {
    fileError(context, path, positionOf(text, offset)) << danger;
    return nullptr;
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, path),
                             llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (module && module->getBody()->empty()) {
    fileError(context, path) << "holds no attention layer and no function";
    return nullptr;
  }
  return module;
}

/// Every global begins with NAME, so declared layers that are called something
/// else get it as a prefix.
static LogicalResult prefixLayers(ModuleOp module, StringRef name) {
  llvm::StringSet<> taken;
  for (Operation &op : *module.getBody()) {
    auto symbol = dyn_cast<SymbolOpInterface>(op);
    if (!symbol)
      continue;
    bool isLayer = isa<GroupedOp, LatentOp, RefusedOp>(op);
    StringRef old = symbol.getName();
    if (isLayer && old != name && !old.starts_with((name + "_").str()))
      symbol.setName((name + "_" + old).str());
    if (!taken.insert(symbol.getName()).second)
      return op.emitOpError()
             << "is called '" << symbol.getName() << "' with the prefix '"
             << name << "', as another one is";
  }
  return success();
}

/// Two declarations of one layer would leave open which kernel serves it.
static LogicalResult checkLayers(ModuleOp module) {
  llvm::SmallDenseSet<int64_t> declared;
  for (Operation &op : *module.getBody()) {
    auto layers = op.getAttrOfType<LayersAttr>("layers");
    if (!layers)
      continue;
    for (int64_t layer : layers.getNumbers())
      if (!declared.insert(layer).second)
        return op.emitOpError()
               << "declares layer " << layer << ", which is declared already";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Any input
//===----------------------------------------------------------------------===//

/// Stores a declared layer as `options` say, else as the config does, else as
/// it says itself.
static LogicalResult chooseStorage(Operation *layer,
                                   const CompileOptions &options,
                                   std::optional<Dtype> config) {
  StorageAttr own = storageOf(layer);
  auto choose = [&](std::optional<Dtype> dtype, Type otherwise) {
    return dtype ? toType(layer->getContext(), *dtype) : otherwise;
  };
  std::optional<Dtype> all = options.dtype ? options.dtype : config;
  Type activation = choose(all, own.getActivation());
  Type key = choose(options.kDtype ? options.kDtype : all, own.getKey());
  Type value = choose(options.vDtype ? options.vDtype : all, own.getValue());
  if (isa<LatentOp>(layer) && key != value)
    return layer->emitOpError()
           << "keeps keys and values in one latent: k-dtype " << key
           << " and v-dtype " << value << " are not one type, give both";
  auto storage = StorageAttr::get(layer->getContext(), activation, key, value);
  if (storage != own)
    layer->setAttr("storage", storage);
  return success();
}

/// A function's tensors have types already.
static LogicalResult checkTypes(func::FuncOp function,
                                const CompileOptions &options) {
  for (auto [name, dtype] : {std::pair("dtype", options.dtype),
                             {"k-dtype", options.kDtype},
                             {"v-dtype", options.vDtype}})
    if (dtype && *dtype != Dtype::F32)
      return function.emitError()
             << name << " '" << spell(*dtype) << "' is for declared layers: "
             << "the tensors of function '" << function.getSymName()
             << "' have types of their own";
  return success();
}

static LogicalResult chooseTypes(ModuleOp module, const CompileOptions &options,
                                 std::optional<Dtype> config) {
  for (Operation &op : *module.getBody()) {
    auto function = dyn_cast<func::FuncOp>(op);
    if (function && failed(checkTypes(function, options)))
      return failure();
    if (isa<GroupedOp, LatentOp>(op) &&
        failed(chooseStorage(&op, options, config)))
      return failure();
  }
  return success();
}

static OwningOpRef<ModuleOp> load(MLIRContext &context, StringRef path,
                                  const CompileOptions &options,
                                  std::optional<Dtype> &config) {
  context.appendDialectRegistry(inputDialects());
  std::unique_ptr<llvm::MemoryBuffer> buffer = readText(context, path);
  if (!buffer)
    return nullptr;
  StringRef text = buffer->getBuffer();
  // The byte order mark of UTF-8, which some editors write.
  text.consume_front("\xEF\xBB\xBF");
  std::string name = kernelName(path, options.name);
  if (!path.ends_with(".mlir"))
    return importConfig(context, path, text, name, config);
  OwningOpRef<ModuleOp> module = parseModule(context, path, text);
  if (!module || failed(checkTopLevel(*module)) ||
      failed(checkLayers(*module)) || failed(prefixLayers(*module, name)))
    return nullptr;
  module->setName(name);
  return module;
}

OwningOpRef<ModuleOp> attn::loadInput(MLIRContext &context, StringRef path,
                                      const CompileOptions &options) {
  std::optional<Dtype> config;
  OwningOpRef<ModuleOp> module = load(context, path, options, config);
  if (module && (failed(chooseTypes(*module, options, config)) ||
                 failed(applyLayerOptions(*module, options))))
    return nullptr;
  return module;
}

OwningOpRef<ModuleOp> attn::readDeclared(MLIRContext &context,
                                         const KernelLibrary &library) {
  context.appendDialectRegistry(inputDialects());
  return parseModule(context, library.manifestPath() + ": declared_ir",
                     library.declaredIr());
}
