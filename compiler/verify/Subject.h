//===- Subject.h - A kernel and what it stands for --------------*- C++ -*-===//
//
// One layer's kernel with the declared layer or function that it was compiled
// from, and one call of it on tensors.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_SUBJECT_H
#define COMPILER_VERIFY_SUBJECT_H

#include "compiler/reference/Interpreter.h"
#include "compiler/verify/Arguments.h"
#include "compiler/verify/Buffer.h"
#include "compiler/verify/KernelCall.h"
#include "compiler/verify/Report.h"

namespace attn::verify {

/// The form of latent attention that `kernel` computes: the absorbed one takes
/// the latent.
LatentForm formOf(const LibraryKernel &kernel);

struct Subject {
  const LibraryKernel *kernel = nullptr;
  /// The phase-specific entries, null where there is none.
  const LibraryKernel *prefill = nullptr, *decode = nullptr;
  /// What calls of few queries consist of, one after the other, of a latent
  /// layer's scope attend.
  llvm::SmallVector<const LibraryKernel *> steps;
  /// What the args carry, and the model's number of the layer.
  int64_t index = 0, layer = 0;
  /// A declared layer or a func.func.
  mlir::Operation *op = nullptr;
  /// What the kernel computes of a latent layer.
  LatentForm form;
  llvm::SmallVector<Argument> arguments;

  Subject(const LibraryKernel &kernel, mlir::Operation *op)
      : kernel(&kernel), op(op), form(formOf(kernel)),
        arguments(argumentsOf(op, form)) {}

  mlir::FailureOr<llvm::SmallVector<reference::Tensor>>
  interpret(llvm::ArrayRef<reference::Tensor> inputs,
            reference::Precision precision = reference::Precision::F64,
            reference::Trace *trace = nullptr) const;

  /// Position of the argument of that role, -1 without one.
  int64_t find(Role role) const;
  /// That of the values, or of the latents.
  int64_t findValue() const;
};

/// What the kernel's arguments, or its results, are stored in.
llvm::SmallVector<Elements> elementsOf(const Subject &subject, bool ofResults);

/// The tensor's shape in a call of such sizes.
llvm::SmallVector<int64_t> shapeOf(const LibraryTensor &tensor,
                                   const OpenSizes &sizes);

/// What the mask of `op`, a layer or function, shows; none if it has no or
/// several masks.
std::optional<KeyInterval> intervalOf(mlir::Operation *op);

/// How a kernel is called.
struct Use {
  CallOptions call;
  Layout layout = Layout::Contiguous;
  /// Leave optional tensors out: kv_lengths, where all keys are valid, or lse.
  bool withoutLengths = false, withoutLse = false;
  /// Another entry than the subject's own.
  const LibraryKernel *entry = nullptr;
};

/// What a call left.
struct Outcome {
  /// What went wrong in the call, or nothing.
  std::string error;
  /// Results in order; an absent one is left out.
  llvm::SmallVector<Buffer> outputs;
};

Outcome callSubject(const Subject &subject,
                    llvm::ArrayRef<reference::Tensor> inputs,
                    const Use &use = {});

/// A report of a case of `subject` on `inputs`, still without findings.
CaseReport makeReport(const Subject &subject, llvm::StringRef name,
                      llvm::ArrayRef<reference::Tensor> inputs);

} // namespace attn::verify

#endif // COMPILER_VERIFY_SUBJECT_H
