//===- KernelCall.cpp - Calls of a kernel in every way --------------------===//
//
// See KernelCall.h. The workspace is exactly as large as the kernel asks for
// and is filled with NaNs.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/KernelCall.h"

#include "compiler/AlignedBytes.h"
#include "compiler/CallSizes.h"

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

/// False if there is no memory for the workspace.
static bool prepare(CallContext &call, const LibraryKernel &kernel,
                    llvm::ArrayRef<const DLTensor *> tensors, int64_t workers) {
  uint64_t bytes = workspaceBytes(kernel, sizesOf(kernel, tensors), workers);
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
