//===- Import.cpp - Inputs of the compiler --------------------------------===//
//
// Files in, modules out. Both kinds of file are bounded in size and nesting
// before a parser that recurses sees them.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Import.h"

#include "compiler/Files.h"
#include "compiler/Names.h"
#include "compiler/import/DeclareLayers.h"
#include "compiler/import/Layers.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Location.h"
#include "mlir/Parser/Parser.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace attn;
using namespace mlir;

DialectRegistry attn::inputDialects() {
  DialectRegistry registry;
  registry.insert<AttnDialect, arith::ArithDialect, func::FuncDialect,
                  math::MathDialect, tensor::TensorDialect>();
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

namespace {
/// The type of a model's tensors, and what of the input said so: nothing if
/// the command line did.
struct InputDtype {
  std::optional<Dtype> dtype;
  TextPosition where;
  std::string source;
};
} // namespace

static OwningOpRef<ModuleOp> importConfig(MLIRContext &context, StringRef path,
                                          StringRef text, StringRef name,
                                          InputDtype &type) {
  TextError problem;
  std::unique_ptr<JsonDocument> document = JsonDocument::parse(text, problem);
  if (!document) {
    fileError(context, path, problem.where) << problem.message;
    return nullptr;
  }
  ConfigErrors errors(context, path);
  Config config(*document, errors);
  const ModelSpec *model = readModel(config);
  if (!model)
    return nullptr;
  StringRef key;
  std::optional<Dtype> declared = readDtype(config, key);
  std::vector<LayerSpec> layers = readLayers(config, *model);
  if (layers.empty())
    return nullptr;
  if (!type.dtype && declared)
    type = {declared, document->position({key}),
            (key + ": " + document->spelling({key})).str()};
  return declareLayers(context, path, name, layers);
}

//===----------------------------------------------------------------------===//
// .mlir
//===----------------------------------------------------------------------===//

/// Whether brackets of `text` nest deeper than MLIR's recursive parser bears.
static bool nestsTooDeep(StringRef text, size_t &offset) {
  unsigned depth = 0;
  for (offset = 0; offset < text.size(); ++offset) {
    StringRef rest = text.drop_front(offset);
    if (rest.starts_with("//"))
      offset = std::min(text.find('\n', offset), text.size());
    else if (rest.starts_with("->"))
      ++offset;
    else if (StringRef("([{<").contains(rest.front())) {
      if (++depth > JsonDocument::kMaxDepth)
        return true;
    } else if (StringRef(")]}>").contains(rest.front()) && depth) {
      --depth;
    } else if (rest.front() == '"') {
      for (++offset; offset < text.size() && text[offset] != '"'; ++offset)
        if (text[offset] == '\\')
          ++offset;
    }
  }
  return false;
}

static OwningOpRef<ModuleOp> parseModule(MLIRContext &context, StringRef path,
                                         StringRef text) {
  size_t offset = 0;
  if (nestsTooDeep(text, offset)) {
    fileError(context, path, positionOf(text, offset))
        << "nested deeper than " << JsonDocument::kMaxDepth << " levels";
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
    bool isLayer = isa<GroupedOp, RefusedOp>(op);
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
    auto layers = op.getAttrOfType<DenseI64ArrayAttr>("layers");
    if (!layers)
      continue;
    for (int64_t layer : layers.asArrayRef())
      if (!declared.insert(layer).second)
        return op.emitOpError()
               << "declares layer " << layer << ", which is declared already";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Any input
//===----------------------------------------------------------------------===//

static OwningOpRef<ModuleOp> load(MLIRContext &context, StringRef path,
                                  const CompileOptions &options,
                                  InputDtype &type) {
  context.appendDialectRegistry(inputDialects());
  std::unique_ptr<llvm::MemoryBuffer> text = readText(context, path);
  if (!text)
    return nullptr;
  std::string name = kernelName(path, options.name);
  type.dtype = options.dtype;
  if (!path.ends_with(".mlir"))
    return importConfig(context, path, text->getBuffer(), name, type);
  OwningOpRef<ModuleOp> module = parseModule(context, path, text->getBuffer());
  if (!module || failed(checkLayers(*module)) ||
      failed(prefixLayers(*module, name)))
    return nullptr;
  module->setName(name);
  return module;
}

OwningOpRef<ModuleOp> attn::inspectInput(MLIRContext &context, StringRef path,
                                         const CompileOptions &options,
                                         Dtype &dtype) {
  InputDtype type;
  OwningOpRef<ModuleOp> module = load(context, path, options, type);
  dtype = type.dtype.value_or(Dtype::F32);
  return module;
}

OwningOpRef<ModuleOp> attn::loadInput(MLIRContext &context, StringRef path,
                                      const CompileOptions &options) {
  InputDtype type;
  OwningOpRef<ModuleOp> module = load(context, path, options, type);
  bool isSupported = type.dtype.value_or(Dtype::F32) == Dtype::F32;
  if (!module || isSupported || type.source.empty())
    return module;
  fileError(context, path, type.where)
      << type.source
      << " is not supported in this version; '--dtype f32' compiles for f32";
  return nullptr;
}
