//===- Bench.cpp - Kernels against the limits of the machine --------------===//
//
// What is compiled and what becomes a case; Measure.cpp takes the samples.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/Bench.h"

#include "compiler/Diagnostics.h"
#include "compiler/artifact/Artifact.h"
#include "compiler/import/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FileSystem.h"

#include <fmt/format.h>
#include <map>
#include <thread>

using namespace attn;
using namespace mlir;

std::vector<unsigned> attn::threadCountsFor(unsigned requested) {
  if (requested)
    return {requested};
  unsigned all = std::thread::hardware_concurrency();
  return all > 1 ? std::vector<unsigned>{1, all} : std::vector<unsigned>{1};
}

std::unique_ptr<KernelLibrary>
Bench::compileAndLoad(ModuleOp module, const CompileOptions &compileOptions) {
  FailureOr<Artifact> artifact = compile(module, compileOptions);
  if (failed(artifact))
    return nullptr;
  SmallString<128> directory;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("attnc-bench", directory)) {
    reportError(
        fmt::format("cannot make a temporary folder: {}", error.message()));
    return nullptr;
  }
  // What is loaded stays mapped when its file is gone.
  llvm::scope_exit cleanUp(
      [&] { llvm::sys::fs::remove_directories(directory); });
  if (failed(writeFolder(*artifact, directory)))
    return nullptr;
  auto library = KernelLibrary::open(directory);
  if (!library) {
    reportError(library.takeError());
    return nullptr;
  }
  return std::move(*library);
}

/// `prefill_2048_sliding` of layers @NAME_sliding in a module @NAME.
static void appendKind(BenchCase &benchCase, StringRef symbol,
                       std::optional<StringRef> moduleName) {
  if (moduleName && symbol.consume_front(*moduleName) && !symbol.empty())
    benchCase.name += symbol;
}

/// One for each order of the cache that differs, where nothing but the cache
/// counts.
static SmallVector<BenchCase> decodeCases(GroupedOp layer, Scope scope) {
  SmallVector<BenchCase> found = {decodeCase(layer, scope)};
  if (scope == Scope::Core && layer.getKvHeads() > 1)
    found.push_back(decodeCase(layer, scope, Order::TokenMajor));
  return found;
}

/// A latent cache has one order: its rows hold all that a token leaves.
static SmallVector<BenchCase> decodeCases(LatentOp layer, Scope scope) {
  return {decodeCase(layer, scope)};
}

bool Bench::isWanted(Phase phase) const {
  return options.phases.empty() || llvm::is_contained(options.phases, phase);
}

std::vector<BenchCase> Bench::casesOf(ModuleOp module,
                                      ArrayRef<Scope> scopes) const {
  std::vector<BenchCase> found;
  auto addLayer = [&](auto layer, Scope scope) {
    size_t first = found.size();
    if (isWanted(Phase::Prefill))
      found.push_back(prefillCase(layer, scope));
    if (isWanted(Phase::Decode))
      llvm::append_range(found, decodeCases(layer, scope));
    for (BenchCase &added : llvm::drop_begin(found, first))
      appendKind(added, layer.getSymName(), module.getSymName());
  };
  for (Operation &op : *module.getBody())
    for (Scope scope : scopes)
      llvm::TypeSwitch<Operation *>(&op).Case<GroupedOp, LatentOp>(
          [&](auto layer) { addLayer(layer, scope); });
  for (auto function : module.getOps<func::FuncOp>())
    reportWarning("function '" + function.getSymName().str() +
                  "' is not timed: calls are made up for declared layers");
  return found;
}

LogicalResult Bench::addCases(std::unique_ptr<KernelLibrary> library,
                              ArrayRef<BenchCase> wanted) {
  for (const BenchCase &subject : wanted) {
    auto bound = BoundCase::bind(*library, subject);
    if (!bound)
      return reportError(bound.takeError()), failure();
    cases.push_back(std::move(*bound));
  }
  libraries.push_back(std::move(library));
  return success();
}

LogicalResult Bench::addFolder(StringRef directory) {
  auto library = KernelLibrary::open(directory);
  if (!library)
    return reportError(library.takeError()), failure();
  OwningOpRef<ModuleOp> module = readDeclared(context, **library);
  if (!module)
    return failure();
  // The scopes asked for, and of a folder of decode kernels no prefill.
  static constexpr Scope kScopes[] = {Scope::Core, Scope::Attend, Scope::Layer};
  std::vector<BenchCase> wanted =
      casesOf(*module, options.scopes.empty() ? ArrayRef(kScopes)
                                              : ArrayRef(options.scopes));
  llvm::erase_if(wanted, [&](const BenchCase &subject) {
    auto isOfScope = [&](const LibraryKernel &kernel) {
      return kernel.scope == spell(subject.scope);
    };
    auto takesCase = [&](const LibraryKernel &kernel) {
      return isOfScope(kernel) &&
             kernel.maxQueries >= subject.shape.queryLength;
    };
    // What was asked for and is not there is an error of its own.
    bool isAskedFor = !options.scopes.empty() &&
                      llvm::none_of((*library)->kernels(), isOfScope);
    return !isAskedFor && llvm::none_of((*library)->kernels(), takesCase);
  });
  return addCases(std::move(*library), wanted);
}

LogicalResult Bench::addInput(StringRef input) {
  if (llvm::sys::fs::is_directory(input))
    return addFolder(input);
  OwningOpRef<ModuleOp> module = loadInput(context, input, options);
  if (!module)
    return failure();
  CompileOptions timed = options;
  if (timed.scopes.empty())
    timed.scopes = {Scope::Core};
  // Compilation may rewrite the module: the cases are read off first.
  std::vector<BenchCase> wanted = casesOf(*module, timed.scopes);
  auto library = compileAndLoad(*module, timed);
  return library ? addCases(std::move(library), wanted) : failure();
}

LogicalResult Bench::addReferences(Dtype dtype) {
  CompileOptions referenceOptions;
  referenceOptions.targets = options.targets;
  // One compilation for each declaration, however many cases it serves.
  std::map<std::string, std::vector<const ReferenceCase *>> declarations;
  for (const ReferenceCase &reference : referenceCases())
    if (isWanted(reference.decode ? Phase::Decode : Phase::Prefill))
      declarations[declareReference(reference, dtype)].push_back(&reference);

  for (const auto &[declaration, references] : declarations) {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(declaration, &context);
    assert(module && "the declarations of the references are valid");
    GroupedOp layer = *module->getOps<GroupedOp>().begin();
    std::vector<BenchCase> wanted;
    for (const ReferenceCase *reference : references) {
      wanted.push_back(reference->decode ? decodeCase(layer)
                                         : prefillCase(layer));
      wanted.back().name = reference->name;
    }
    auto library = compileAndLoad(*module, referenceOptions);
    if (!library || failed(addCases(std::move(library), wanted)))
      return failure();
  }
  return success();
}

LogicalResult Bench::addReferences() {
  if (options.dtype)
    return addReferences(*options.dtype);
  for (Dtype dtype : {Dtype::F32, Dtype::F16, Dtype::BF16})
    if (failed(addReferences(dtype)))
      return failure();
  return success();
}
