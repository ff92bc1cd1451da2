//===- Bench.h - Kernels against the limits of the machine ------*- C++ -*-===//
//
// Compiles in process, calls through the public ABI, and samples the limits
// between the calls, so that a machine that slows down slows both.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_BENCH_H
#define COMPILER_BENCH_BENCH_H

#include "compiler/Options.h"
#include "compiler/bench/BoundCase.h"
#include "compiler/bench/Limits.h"
#include "compiler/bench/Report.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <vector>

namespace attn {

/// Collects cases, then measures all of them.
class Bench {
public:
  Bench(mlir::MLIRContext &context, const CompileOptions &options)
      : context(context), options(options) {}

  /// Adds the prefill and decode cases of `input`'s layers: those of scope core
  /// of a description to compile, of every scope of a folder that was compiled;
  /// or those of the scopes that the options name.
  llvm::LogicalResult addInput(llvm::StringRef input);

  /// Adds the cases of the phases in question that every bench includes: for
  /// each type, or for that of --dtype.
  llvm::LogicalResult addReferences();

  /// Measures all cases with each number of threads.
  mlir::FailureOr<BenchReport> measure(llvm::ArrayRef<unsigned> threadCounts);

private:
  llvm::LogicalResult addFolder(llvm::StringRef directory);
  llvm::LogicalResult addReferences(Dtype dtype);
  llvm::LogicalResult addCases(std::unique_ptr<KernelLibrary> library,
                               llvm::ArrayRef<BenchCase> wanted);
  /// Compiles `module` into a folder that lives as long as this call.
  std::unique_ptr<KernelLibrary> compileAndLoad(mlir::ModuleOp module,
                                                const CompileOptions &options);
  std::vector<BenchCase> casesOf(mlir::ModuleOp module,
                                 llvm::ArrayRef<Scope> scopes) const;
  bool isWanted(Phase phase) const;

  mlir::MLIRContext &context;
  const CompileOptions &options;
  std::vector<std::unique_ptr<KernelLibrary>> libraries;
  std::vector<std::unique_ptr<BoundCase>> cases;
};

/// The numbers of threads to measure with when `requested` is 0: one, and all
/// that the machine runs at once.
std::vector<unsigned> threadCountsFor(unsigned requested);

} // namespace attn

#endif // COMPILER_BENCH_BENCH_H
