//===- KernelCall.cpp - Calls of a kernel in every way --------------------===//
//
// See KernelCall.h. The workspace is exactly as large as the kernel asks for
// and is filled with NaNs.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/KernelCall.h"

#include "compiler/AlignedBytes.h"

#include <atomic>
#include <barrier>
#include <fmt/format.h>
#include <thread>

using namespace attn;
using namespace attn::verify;

namespace {
constexpr size_t kTextBytes = 512;
constexpr int64_t kThreads = 2;

/// A context with everything that it points to.
struct CallContext {
  attn_context context = ATTN_CONTEXT_INIT;
  AlignedBytes workspace;
  char text[kTextBytes] = {};
};
} // namespace

/// Size of a dimension of the tensor called `name`, or `absent` without it.
static int64_t extentOf(const LibraryKernel &kernel,
                        llvm::ArrayRef<const DLTensor *> tensors,
                        llvm::StringRef name, unsigned dimension,
                        int64_t absent = 1) {
  for (auto [described, tensor] : llvm::zip(kernel.tensors, tensors))
    if (described.name == name && tensor &&
        tensor->ndim > static_cast<int32_t>(dimension))
      return tensor->shape[dimension];
  return absent;
}

/// What the call's tensors say of a size that the kernel's shapes name.
static int64_t sizeOfAxis(const LibraryKernel &kernel,
                          llvm::ArrayRef<const DLTensor *> tensors,
                          llvm::StringRef axis) {
  for (auto [described, tensor] : llvm::zip(kernel.tensors, tensors))
    for (auto [dim, extent] : llvm::enumerate(described.shape))
      if (extent == axis && tensor)
        return tensor->shape[dim];
  return 0;
}

/// The maxima that just hold the call.
static attn_maxima maximaOf(const LibraryKernel &kernel,
                            llvm::ArrayRef<const DLTensor *> tensors) {
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  if (kernel.isAttention()) {
    maxima.batch = extentOf(kernel, tensors, "query", 0);
    maxima.query_length = extentOf(kernel, tensors, "query", 1);
    maxima.kv_length = extentOf(kernel, tensors, "key", 1, /*absent=*/0);
    return maxima;
  }
  maxima.batch = sizeOfAxis(kernel, tensors, "batch");
  maxima.query_length = sizeOfAxis(kernel, tensors, "query_length");
  // No keys need no room, and a maximum of 0 says that there may be any number.
  maxima.kv_length =
      std::max<int64_t>(sizeOfAxis(kernel, tensors, "kv_capacity"), 1);
  return maxima;
}

/// False if there is no memory for the workspace.
static bool prepare(CallContext &call, const LibraryKernel &kernel,
                    llvm::ArrayRef<const DLTensor *> tensors, int64_t workers) {
  attn_maxima maxima = maximaOf(kernel, tensors);
  maxima.workers = workers;
  uint64_t bytes = kernel.workspace(&maxima);
  call.workspace = allocateAligned(bytes);
  call.context.workspace = call.workspace.get();
  call.context.workspace_bytes = bytes;
  call.context.workers = workers;
  call.context.text = call.text;
  call.context.text_bytes = kTextBytes;
  call.context.target = kernel.target.empty() ? nullptr : kernel.target.c_str();
  if (!call.workspace)
    return false;
  std::fill_n(call.workspace.get(), bytes, static_cast<char>(0xff));
  return true;
}

static attn_status runReversed(const LibraryKernel &kernel,
                               const KernelArgs &args,
                               const attn_context &context,
                               const attn_plan &plan) {
  for (int64_t phase = 0; phase < plan.phases; ++phase)
    for (int64_t task = plan.tasks[phase]; task-- > 0;)
      if (attn_status status = kernel.task(args.data(), &context, phase, task))
        return status;
  return ATTN_OK;
}

static void runOnTwoThreads(void *, int64_t tasks, attn_body body,
                            void *closure) {
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t task; (task = next++) < tasks;)
      body(closure, task);
  };
  std::thread other(work);
  work();
  other.join();
}

/// Thread ith of nth runs tasks ith, ith + nth ...; all meet between phases.
static attn_status runInShares(const LibraryKernel &kernel,
                               const KernelArgs &args,
                               const attn_context &context,
                               const attn_plan &plan) {
  std::barrier phaseEnd(kThreads);
  std::atomic<int> worst = ATTN_OK;
  auto work = [&](int64_t ith) {
    // A text belongs to one thread.
    attn_context own = context;
    own.text = ith == 0 ? context.text : nullptr;
    for (int64_t phase = 0; phase < plan.phases; ++phase) {
      for (int64_t task = ith; task < plan.tasks[phase]; task += kThreads)
        if (attn_status status = kernel.task(args.data(), &own, phase, task))
          worst = status;
      phaseEnd.arrive_and_wait();
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  return static_cast<attn_status>(worst.load());
}

static attn_status execute(const LibraryKernel &kernel, const KernelArgs &args,
                           attn_context &context, Execution execution) {
  if (execution == Execution::TwoThreads)
    context.parallel_for = runOnTwoThreads;
  if (execution == Execution::Serial || execution == Execution::TwoThreads)
    return kernel.run(args.data(), &context);
  attn_plan plan = {};
  if (attn_status status = kernel.plan(args.data(), &context, &plan))
    return status;
  return execution == Execution::Reversed
             ? runReversed(kernel, args, context, plan)
             : runInShares(kernel, args, context, plan);
}

std::string verify::callKernel(const LibraryKernel &kernel, int64_t layer,
                               llvm::ArrayRef<const DLTensor *> tensors,
                               const CallOptions &options) {
  CallContext call;
  bool serial = options.execution == Execution::Serial;
  if (!prepare(call, kernel, tensors, serial ? 1 : kThreads))
    return fmt::format("no memory for a workspace of {} bytes",
                       call.context.workspace_bytes);
  KernelArgs args(layer, tensors, options.flags);
  attn_status status = execute(kernel, args, call.context, options.execution);
  if (status == ATTN_OK)
    return {};
  return fmt::format("status {}: {}", static_cast<int>(status), call.text);
}

bool verify::runsHere(const LibraryKernel &kernel, int64_t layer,
                      llvm::ArrayRef<const DLTensor *> tensors) {
  CallContext call;
  // What the machine has no memory for, the calls report one by one.
  if (!prepare(call, kernel, tensors, 1))
    return true;
  KernelArgs args(layer, tensors);
  return kernel.canRun(args.data(), &call.context) != ATTN_BAD_TARGET;
}
