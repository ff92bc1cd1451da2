//===- CpuTarget.h - the CPUs that attnc writes objects for --- -*- C++ -*-===//
//
// The CPUs that attnc writes objects for, as data: what LLVM is told, and the
// register blocking of the microkernels. No other file knows a machine number.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_CPUTARGET_H
#define CODEGEN_CPU_CPUTARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attn::cpu {

/// How schedules cut queries and keys into tasks.
struct TaskSizes {
  /// Keys of a block, of the smallest split, and the most splits. They order
  /// the operations on a row: all schedules of a kernel have the same.
  int64_t keyBlock, splitKeys, maxSplits;
  /// Rows with which a task has enough work without a split of its keys.
  int64_t splitRows;
  /// Rows of a task: the fewest that are worth the packing of keys, and the
  /// most, beyond which packing costs nothing any more.
  int64_t fewestRows, mostRows;
  /// Rows that share keys and values that their task makes: what a product
  /// costs beside the scores of so many rows is little.
  int64_t projectedRows;
};

/// One CPU. A microkernel holds `rows` x `panelVectors` accumulators.
struct CpuTarget {
  std::string name;
  std::string triple;
  std::string cpu;
  /// Everything that the object may use, as LLVM names it, sorted.
  std::vector<std::string> features;
  /// Further words for LLVM that change no instruction set.
  std::string tuning;
  /// f32 elements of one vector register, and how many registers there are.
  int64_t lanes;
  int64_t registers;
  /// Rows of the microkernel variants, descending; a row tail takes the
  /// smallest variant that covers it.
  llvm::SmallVector<int64_t, 4> rows;
  /// Tasks of one query and at most so many rows, no more than a row block has,
  /// read keys without packing.
  int64_t streamRows;
  /// How many keys ahead such a task asks for keys, first and again.
  std::array<int64_t, 2> prefetchKeys;
  /// Rows that read a weight without packing: their sums stay in registers
  /// beside a transposed block of it.
  int64_t productRows = 4;
  /// Elements of a weight's row that they ask for ahead.
  int64_t productAhead = 128;
  /// Elements of f32 of packed weights that are asked for ahead; as many bytes
  /// of other types. Llama-3-8B's layer in f32 on Zen 4, ms for 1, 4 and 8
  /// rows: 1024 6.5, 8.9, 9.1; 2048 7.3, 8.3, 7.5; 4096 7.9, 8.7, 7.8. So one
  /// row asks half as far as several.
  int64_t panelAhead = 2048;
  /// Vectors of one packed panel.
  int64_t panelVectors;
  /// Rows whose softmax runs at once without spilling.
  int64_t softmaxRows;
  /// What a task may keep in the second-level cache, bytes.
  int64_t taskBytes;
  /// Steps of the reduction that one iteration of a matrix loop covers.
  int64_t unroll;
  TaskSizes sizes;

  /// What LLVM calls the features: "+avx,+avx2,...".
  std::string featureString() const;
  /// Elements of one packed panel.
  int64_t panel() const { return lanes * panelVectors; }
  /// Rows of the largest microkernel: the row block of every schedule.
  int64_t rowBlock() const { return rows.front(); }
  /// A task of `queries` queries reads `rows` rows' keys where they are.
  bool streams(int64_t queries, int64_t rows) const {
    return queries == 1 && rows <= streamRows;
  }
  /// Row statistics are kept in slots of whole vectors, one per row block.
  int64_t slot() const { return (rowBlock() + lanes - 1) / lanes * lanes; }
};

/// The names that `getTarget` takes, in the order of the documentation.
llvm::ArrayRef<llvm::StringRef> getTargetNames();

/// The target of that name; none if the name is unknown, or if it is `native`
/// and the host has no form in the table.
std::optional<CpuTarget> getTarget(llvm::StringRef name);

} // namespace attn::cpu

#endif // CODEGEN_CPU_CPUTARGET_H
