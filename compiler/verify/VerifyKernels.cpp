//===- VerifyKernels.cpp - Compiled kernels against the reference ---------===//
//
// See VerifyKernels.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/VerifyKernels.h"

#include "compiler/LayerNumbers.h"
#include "compiler/Names.h"
#include "compiler/verify/Accuracy.h"
#include "compiler/verify/Bits.h"
#include "compiler/verify/GraphCases.h"
#include "dialects/attn/AttnDialect.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include <cmath>
#include <future>

using namespace mlir;
using namespace attn;
using namespace attn::verify;

/// Whether both are one call, whatever its name and what is checked of it.
static bool areEqual(KernelCase spec, const KernelCase &other) {
  spec.name = other.name;
  spec.checksBits = other.checksBits;
  return spec == other;
}

/// The cases of every kernel, and those of the subject's mask. Static sizes
/// make some of them equal.
static llvm::SmallVector<KernelCase> casesOf(const Subject &subject) {
  llvm::SmallVector<KernelCase> all(kernelCases()), cases;
  if (std::optional<KeyInterval> interval = intervalOf(subject.op))
    llvm::append_range(all, edgeCases(*interval));
  for (const KernelCase &spec : all) {
    std::optional<KernelCase> fitted = fitTo(spec, subject.arguments);
    if (!fitted)
      continue;
    auto *known = llvm::find_if(cases, [&](const KernelCase &other) {
      return areEqual(other, *fitted);
    });
    if (known == cases.end())
      cases.push_back(*fitted);
    else
      known->checksBits |= fitted->checksBits;
  }
  return cases;
}

/// Queries that make so large scores are finite in the type that they have.
static bool holdsQueries(const Subject &subject, const KernelCase &spec) {
  int64_t query = subject.find(Role::Query);
  return query < 0 ||
         std::isfinite(stored(elementsOf(subject, /*ofResults=*/false)[query],
                              largestQuery(spec)));
}

/// The cases that the kernel can be called with.
static llvm::SmallVector<KernelCase> takenCasesOf(const Subject &subject) {
  llvm::SmallVector<KernelCase> cases = casesOf(subject);
  bool takesLengths = subject.find(Role::Lengths) >= 0;
  llvm::erase_if(cases, [&](const KernelCase &spec) {
    // An entry of one phase may take few rows only.
    return spec.queries > subject.kernel->maxQueries ||
           (!takesLengths && needsLengths(spec)) ||
           !holdsQueries(subject, spec);
  });
  return cases;
}

static std::vector<CaseReport> checkAllValues(const Subject &subject,
                                              ArrayRef<KernelCase> cases) {
  std::vector<CaseReport> reports;
  for (const KernelCase &spec : cases) {
    reports.push_back(checkAccuracy(subject, spec));
    if (subject.find(Role::Sinks) >= 0 && spec.checksBits)
      reports.push_back(checkWithoutSink(subject, spec));
  }
  return reports;
}

static std::vector<CaseReport> checkAllBits(const Subject &subject,
                                            ArrayRef<KernelCase> cases) {
  std::vector<CaseReport> reports;
  for (const KernelCase &spec : cases)
    if (spec.checksBits)
      llvm::append_range(reports, checkEqualBits(subject, spec));
  return reports;
}

std::vector<CaseReport> verify::verifySubject(const Subject &subject) {
  if (!subject.kernel->isAttention())
    return verifyGraph(subject);
  llvm::SmallVector<KernelCase> cases = takenCasesOf(subject);
  // One thread interprets, and is alone in the IR until it is done; the other
  // only calls kernels.
  auto values = std::async(std::launch::async,
                           [&] { return checkAllValues(subject, cases); });
  std::vector<CaseReport> bits = checkAllBits(subject, cases);
  std::vector<CaseReport> reports = values.get();
  llvm::append_range(reports, bits);
  llvm::append_range(reports, checkChunks(subject));
  return reports;
}

/// The kernel of that symbol for that target, null if there is none.
static const LibraryKernel *findKernel(const KernelLibrary &library,
                                       StringRef symbol, StringRef target) {
  for (const LibraryKernel &kernel : library.kernels())
    if (kernel.symbol == symbol && kernel.target == target)
      return &kernel;
  return nullptr;
}

/// The library's layer that `op` stands for; that of the kernel NAME_FUNCTION
/// for a function that declares none.
static const LibraryLayer *findLayer(const KernelLibrary &library,
                                     Operation *op) {
  ArrayRef<int64_t> layers = layersOf(op);
  StringRef function = SymbolTable::getSymbolName(op).getValue();
  std::string symbol = functionSymbol(library.name(), function);
  const auto *found =
      llvm::find_if(library.layers(), [&](const LibraryLayer &layer) {
        return layers.empty() ? llvm::is_contained(layer.kernels, symbol)
                              : layer.layer == layers.front();
      });
  return found == library.layers().end() ? nullptr : found;
}

/// Whether the arguments of `function` are what `kernel` takes.
static bool takesArguments(func::FuncOp function, const LibraryKernel &kernel) {
  SmallVector<StringRef> arguments, inputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr))
      arguments.push_back(name);
  for (const LibraryTensor &tensor : kernel.tensors)
    if (!tensor.output)
      inputs.push_back(tensor.name);
  return arguments == inputs;
}

/// The function of `functions` that spells `kernel` for the layers of `op`.
static Operation *findFunction(ModuleOp functions, Operation *op,
                               const LibraryKernel &kernel) {
  for (auto function : functions.getOps<func::FuncOp>()) {
    auto own = function->getAttrOfType<KernelScopeAttr>(kScopeAttr);
    if (own && stringifyKernelScope(own.getValue()) == kernel.scope &&
        layersOf(function) == layersOf(op) && takesArguments(function, kernel))
      return function;
  }
  return nullptr;
}

/// The steps that the layer's scope attend consists of, in their order.
static SmallVector<const LibraryKernel *> stepsOf(const KernelLibrary &library,
                                                  const LibraryLayer &layer,
                                                  StringRef target) {
  SmallVector<const LibraryKernel *> steps;
  for (const std::string &symbol : layer.kernels)
    if (const LibraryKernel *kernel = findKernel(library, symbol, target))
      if (kernel->isStep())
        steps.push_back(kernel);
  return steps;
}

static void addSubjects(std::vector<Subject> &subjects,
                        const KernelLibrary &library, ModuleOp functions,
                        Operation *op) {
  const LibraryLayer *layer = findLayer(library, op);
  if (!layer)
    return;
  for (const std::string &symbol : layer->kernels)
    for (const LibraryKernel &kernel : library.kernels()) {
      if (kernel.symbol != symbol)
        continue;
      Operation *meaning =
          kernel.isOfModule() ? findFunction(functions, op, kernel) : op;
      // Nobody asked for its scope to be spelled out.
      if (!meaning)
        continue;
      Subject subject(kernel, meaning);
      subject.prefill = findKernel(library, symbol + "_prefill", kernel.target);
      subject.decode = findKernel(library, symbol + "_decode", kernel.target);
      if (kernel.scope == "attend" && !kernel.isStep())
        subject.steps = stepsOf(library, *layer, kernel.target);
      subject.index = layer->index;
      subject.layer = layer->layer;
      subjects.push_back(std::move(subject));
    }
}

OwningOpRef<ModuleOp> verify::spellLayers(const KernelLibrary &library,
                                          ModuleOp declared) {
  OwningOpRef<ModuleOp> functions = declared.clone();
  ExpandLayersOptions options;
  for (StringRef scope : {"attend", "layer"})
    if (llvm::any_of(library.kernels(), [&](const LibraryKernel &kernel) {
          return kernel.scope == scope;
        }))
      options.scopes.push_back(scope.str());
  if (options.scopes.empty())
    return functions;
  PassManager passes(declared.getContext());
  passes.addPass(createExpandLayers(options));
  if (failed(passes.run(*functions)))
    return nullptr;
  return functions;
}

std::vector<Subject> verify::subjectsOf(const KernelLibrary &library,
                                        ModuleOp declared, ModuleOp functions) {
  std::vector<Subject> subjects;
  for (Operation &op : *declared.getBody())
    if (isa<GroupedOp, LatentOp, func::FuncOp>(op))
      addSubjects(subjects, library, functions, &op);
  return subjects;
}
