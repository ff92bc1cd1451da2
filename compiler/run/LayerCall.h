//===- LayerCall.h - What a call of a layer leaves to run -------*- C++ -*-===//
//
// A kernel appends to caches in place; a file has what was there before, and
// gets what is there afterwards. Lengths and positions follow from that.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_RUN_LAYERCALL_H
#define COMPILER_RUN_LAYERCALL_H

#include "compiler/KernelLibrary.h"
#include "compiler/run/CallTensors.h"

namespace attn {

/// Adds to `tensors` what `kernel`, of scope attend or layer, needs and files
/// leave out: caches with `past_*` in front and room for the new tokens,
/// `kv_lengths` that count both, `position_ids` that continue the past; those
/// of one sequence, [1, query_length], are those of all.
llvm::Error completeLayerCall(const LibraryKernel &kernel,
                              CallTensors &tensors);

/// What files call the contents of a cache before and after a call: "past_key"
/// and "present_key" for "key_cache".
std::string pastName(llvm::StringRef cache);
std::string presentName(llvm::StringRef cache);

} // namespace attn

#endif // COMPILER_RUN_LAYERCALL_H
