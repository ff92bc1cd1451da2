// The result of CPU code generation for one kernel: an object and its facts.
// compiler/artifact turns it into the descriptors of runtime/attn_rt.h.

#ifndef CODEGEN_CPU_CPUKERNEL_H
#define CODEGEN_CPU_CPUKERNEL_H

#include "dialects/attn_tile/AttnTileDialect.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace attn::cpu {

/// Room for tensors between phases: so many bytes, a multiple of a cache line,
/// times the sizes of the call that these axes count.
struct CpuBuffer {
  int64_t bytes;
  llvm::SmallVector<tile::Axis, 2> axes;
};

/// One schedule of a kernel. The object defines, hidden,
/// `<symbol>_grid` and `<symbol>_phase0`, `<symbol>_phase1`, ...
struct CpuProgram {
  /// "prefill", "short" or "decode".
  std::string schedule;
  std::string symbol;
  /// Query rows of a sequence that the program accepts; INT64_MAX: any number.
  int64_t maxQueries;
  int64_t phases;
  /// Those that treat tokens one by one: of consecutive sequences of packed
  /// rows that run this program they are run once. Ascending.
  std::vector<int64_t> tokenPhases;
  /// Scratch of one running task, a multiple of 64.
  int64_t scratchBytes;
  /// One saved state (attn_tile.workspace), a multiple of 64; 0 without
  /// splits. The workspace holds batch * kv_heads * ceil(queries / queryBlock)
  /// * min(maxSplits, ceil(longest / splitKeys)) of them, where the longest
  /// sequence has so many valid keys, row-major in the extents that the program
  /// gives it.
  int64_t stateBytes;
  int64_t queryBlock;
  int64_t splitKeys;
  int64_t maxSplits;
  /// Graphs: they follow each other in the workspace.
  std::vector<CpuBuffer> buffers;
};

/// A weight that callers may give packed: panels as WeightPlan.h has them, or,
/// where columnBlock is 0, the tensor as it is.
struct CpuWeight {
  /// Its number among the kernel's tensors.
  int64_t tensor;
  int64_t columnBlock, panel, depth;
};

/// A scalar that differs between layers: f32 or index.
struct CpuParameter {
  std::string name;
  bool isFloat;
};

/// What a target needs and is called.
struct CpuTargetFacts {
  /// As given to --target: "native", "x86-64-v3", "x86-64-v4", "aarch64".
  std::string name;
  /// "x86_64-unknown-linux-gnu", ...
  std::string triple;
  /// LLVM's CPU and features ("+avx2"), sorted; `native` expanded. The object
  /// contains no instruction outside them.
  std::string cpu;
  std::vector<std::string> features;
};

/// One kernel on one target.
struct CpuKernel {
  /// NAME_core or NAME_KIND_core.
  std::string name;
  CpuTargetFacts target;
  /// Ascending in maxQueries.
  std::vector<CpuProgram> programs;
  /// Of scope layer.
  std::vector<CpuWeight> weights;
  /// The parameters in declaration order, and their values, 8 bytes each, row
  /// by row: f32 in the low four bytes, index as int64. They are the same for
  /// all programs.
  std::vector<CpuParameter> parameters;
  std::vector<uint64_t> constants;
  /// Model layer -> row of `constants`, in ascending order of the layer.
  std::vector<std::pair<int64_t, int64_t>> layerRows;
};

/// The kernels of one target.
struct CpuObject {
  /// ELF relocatable files. Undefined symbols: those of each other, memcpy and
  /// memset at most.
  std::vector<std::string> parts;
  std::vector<CpuKernel> kernels;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_CPUKERNEL_H
