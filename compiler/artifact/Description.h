//===- Description.h - What the files of a folder are about -----*- C++ -*-===//
//
// One plain account of a compiled library, from which the header, the
// manifest and the descriptors are written, so that they cannot disagree.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_DESCRIPTION_H
#define COMPILER_ARTIFACT_DESCRIPTION_H

#include "codegen/cpu/CpuKernel.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace attn::tile {
class ProgramOp;
}

namespace attn::artifact {

/// One dimension of a tensor: `axis` says what it counts, or is empty; `extent`
/// is negative if only the call knows it, and equal wherever the axis occurs,
/// but for `keys`: each tensor has those of the longest sequence, or more.
struct Dimension {
  std::string axis;
  int64_t extent;

  bool isSymbolic() const { return extent < 0; }
};

enum class ElementType { F32, F16, BF16, I32, Bool };

/// "f32", "f16", "bf16", "i32" or "bool", as header and manifest have it.
llvm::StringRef spell(ElementType type);
int64_t bytesOf(ElementType type);

struct TensorDescription {
  std::string name;
  /// Its field in the args: the name as a C identifier.
  std::string field = {};
  ElementType type = ElementType::F32;
  std::vector<Dimension> shape = {};
  bool output = false;
  bool optional = false;
  /// An input that the call writes in place.
  bool updated = false;
  /// [batch, kv_capacity, ...], or pages of rows.
  bool cache = false;
  /// What becomes rows of caches; absent where another layer's are read.
  bool newRows = false;
  /// Valid keys of each sequence, which the runtime checks.
  bool lengths = false;
  /// A mask of [batch, query_heads, query_length, keys]: 1 may stand for each
  /// of the first three.
  bool mask = false;

  /// [batch, query_length, ...]
  bool isOfRows() const;
  /// [..., keys]
  bool isOfKeys() const;
};

/// Kernels of one geometry: one per target, with the same tensors.
struct KernelDescription {
  /// NAME_[KIND_]SCOPE, or NAME_FUNCTION.
  std::string symbol;
  /// "core", "attend", "layer" or "graph".
  std::string scope;
  /// The kernel is one attention, whose sizes follow; else a graph of its own.
  bool isAttention = true;
  int64_t queryHeads = 1, kvHeads = 1, headDim = 1, valueDim = 1;
  /// Up to this many keys a row's bits do not depend on how its prompt was cut
  /// into chunks; beyond, splits grow with the sequence.
  int64_t chunkInvariantKeys = 0;
  /// Scores pass a function (a softcap) between the scale and the mask.
  bool hasScoreFunction = false;
  /// Keys may be a part of a sequence, anywhere in it.
  bool takesParts = false;
  /// In the order of the args and of the program's arguments.
  std::vector<TensorDescription> tensors;
  std::vector<cpu::CpuKernel> targets;

  /// Keys and values are one latent that all heads share.
  bool isAbsorbed() const;
  bool isOfLayer() const { return scope != "graph"; }
  /// The weights, which callers may give packed; how, each target has its own.
  llvm::ArrayRef<cpu::CpuWeight> weights() const {
    return targets.front().weights;
  }
  std::string packSymbol() const { return symbol + "_pack_weights"; }
  std::string packedBytesSymbol() const {
    return symbol + "_packed_weights_bytes";
  }
  /// Whether some program has the schedule.
  bool hasSchedule(llvm::StringRef schedule) const;
  bool hasTensor(llvm::StringRef name) const;
};

/// What stands for a layer's number where a function declares no layer.
inline constexpr int64_t kNoLayer = -1;

/// A layer of the model, or a function, and where it went.
struct LayerDescription {
  int64_t layer;
  /// Indices of its kernels, ascending; none of a refused layer.
  std::vector<int64_t> kernels;
  /// Why it is refused.
  std::string refusal = {};
  /// How its queries and keys rotate, as #attn.rope has it; empty: not at all.
  std::string pairing = {};
};

struct LibraryDescription {
  std::string name;
  std::vector<cpu::CpuTargetFacts> targets;
  /// The generated code of each target, an ELF relocatable file.
  std::vector<std::string> code;
  std::vector<KernelDescription> kernels;
  /// Ascending in the layer, then functions in order; `layer` of the args is
  /// an index into it.
  std::vector<LayerDescription> layers;
  /// The declared layers, as text.
  std::string declaredIr;
  /// How many ranks share each layer, of which this is one; the checkpoint's
  /// tensors that none of them adds; what that asks of callers, for people.
  int64_t ranks = 1;
  std::vector<std::string> leftOut;
  std::string rank;

  /// Whether some kernel tells the lse of parts of the keys.
  bool hasMerge() const;
  std::string mergeSymbol() const { return name + "_merge"; }
  std::string poolSymbol() const { return name + "_pool"; }
};

/// Tensors and sizes of the kernel that `program` is a schedule of.
KernelDescription describeKernel(tile::ProgramOp program);

/// Key heads whose states `program` keeps between phases; 1 if it keeps none.
int64_t countStateHeads(tile::ProgramOp program);

/// The layers of the kernels and of the refused declarations in `declared`.
std::vector<LayerDescription>
describeLayers(mlir::ModuleOp declared,
               llvm::ArrayRef<KernelDescription> kernels);

/// The bit of attn_rt.h that stands for a schedule: that of prefill for one
/// that takes any call.
uint32_t kindOf(llvm::StringRef schedule);

/// The entries of a kernel: its symbol and the schedules that it allows.
struct EntryDescription {
  std::string symbol;
  /// "any", "prefill" or "decode".
  std::string phase;
  /// Bits of attn_rt.h.
  uint32_t kinds;
};
std::vector<EntryDescription> entriesOf(const KernelDescription &kernel);

/// The row of the constants of `layer`, -1 if the kernel does not serve it.
int64_t rowOf(const cpu::CpuKernel &kernel, int64_t layer);

/// Keys, its own among them, that a row looks back at with the constants of row
/// `row` of `compiled`; KeyInterval::kUnbounded: all.
int64_t reachOf(const KernelDescription &kernel, const cpu::CpuKernel &compiled,
                int64_t row);

/// What the parts of a sequence begin at multiples of, with the constants of
/// row `row` of `compiled`: its chunk, or 1.
int64_t partStepOf(const cpu::CpuKernel &compiled, int64_t row);

/// The file name of a target's object.
std::string objectName(const LibraryDescription &library,
                       const cpu::CpuTargetFacts &target);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_DESCRIPTION_H
