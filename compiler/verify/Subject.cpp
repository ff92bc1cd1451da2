//===- Subject.cpp - A kernel and what it stands for ----------------------===//
//
// See Subject.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Subject.h"

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

LatentForm verify::formOf(const LibraryKernel &kernel) {
  auto isLatent = [](const LibraryTensor &tensor) {
    return tensor.name == "latent";
  };
  return llvm::any_of(kernel.tensors, isLatent) ? LatentForm::Absorbed
                                                : LatentForm::Expanded;
}

FailureOr<SmallVector<Tensor>>
Subject::interpret(ArrayRef<Tensor> inputs, reference::Precision precision,
                   reference::Trace *trace) const {
  if (auto grouped = dyn_cast<GroupedOp>(op))
    return reference::interpret(grouped, inputs, precision, trace);
  if (auto latent = dyn_cast<LatentOp>(op))
    return reference::interpret(latent, form, inputs, precision, trace);
  return reference::interpret(cast<func::FuncOp>(op), inputs, precision, trace);
}

int64_t Subject::find(Role role) const {
  for (auto [i, argument] : llvm::enumerate(arguments))
    if (argument.role == role)
      return static_cast<int64_t>(i);
  return -1;
}

int64_t Subject::findValue() const {
  int64_t value = find(Role::Value);
  return value < 0 ? find(Role::Latent) : value;
}

SmallVector<int64_t> verify::shapeOf(const LibraryTensor &tensor,
                                     const OpenSizes &sizes) {
  return llvm::map_to_vector(tensor.shape, [&](StringRef extent) {
    int64_t number;
    if (!extent.getAsInteger(10, number))
      return number;
    return extent == "batch"          ? sizes.batch
           : extent == "query_length" ? sizes.queries
                                      : sizes.keys;
  });
}

SmallVector<Elements> verify::elementsOf(const Subject &subject,
                                         bool ofResults) {
  SmallVector<Elements> elements;
  for (const LibraryTensor &tensor : subject.kernel->tensors)
    if (tensor.output == ofResults)
      elements.push_back(elementsOf(tensor.type));
  return elements;
}

std::optional<KeyInterval> verify::intervalOf(Operation *op) {
  std::optional<KeyInterval> interval;
  unsigned masks = 0;
  op->walk([&](Operation *inner) {
    if (auto mask = inner->getAttrOfType<MaskAttrInterface>("mask")) {
      interval = mask.getInterval();
      ++masks;
    }
  });
  return masks == 1 ? interval : std::nullopt;
}

/// A dimension of the first argument of `role`, 0 without one. Rows that all
/// heads share are those of one head.
static int64_t extentOf(const Subject &subject, ArrayRef<Tensor> inputs,
                        Role role, unsigned dimension) {
  int64_t index = subject.find(role);
  if (index < 0)
    return 0;
  const Tensor &input = inputs[index];
  return dimension == 2 && input.rank() == 3 ? 1 : input.dim(dimension);
}

/// Elements of a value, 0 without one.
static int64_t valueSize(const Subject &subject, ArrayRef<Tensor> inputs) {
  int64_t index = subject.findValue();
  return index < 0 ? 0 : inputs[index].shape().back();
}

/// Extents of a result: [batch, queries, heads] and, for the output, the
/// value's size.
static SmallVector<int64_t> resultShape(const Subject &subject,
                                        const LibraryTensor &tensor,
                                        ArrayRef<Tensor> inputs) {
  SmallVector<int64_t> shape = {extentOf(subject, inputs, Role::Query, 0),
                                extentOf(subject, inputs, Role::Query, 1),
                                extentOf(subject, inputs, Role::Query, 2)};
  if (tensor.shape.size() > shape.size())
    shape.push_back(valueSize(subject, inputs));
  return shape;
}

static bool isAbsent(const LibraryTensor &tensor, Role role, const Use &use) {
  if (!tensor.optional)
    return false;
  if (tensor.output)
    return use.withoutLse && tensor.shape.size() == 3;
  return use.withoutLengths && role == Role::Lengths;
}

Outcome verify::callSubject(const Subject &subject, ArrayRef<Tensor> inputs,
                            const Use &use) {
  const LibraryKernel &kernel = use.entry ? *use.entry : *subject.kernel;
  std::vector<Buffer> buffers;
  Outcome outcome;
  SmallVector<const DLTensor *> tensors;
  // Buffers stay where they are: room for all of them is made first.
  buffers.reserve(kernel.tensors.size());
  outcome.outputs.reserve(kernel.tensors.size());
  size_t next = 0;
  for (const LibraryTensor &tensor : kernel.tensors) {
    Role role = Role::Other;
    if (!tensor.output)
      role = subject.arguments[next++].role;
    if (isAbsent(tensor, role, use)) {
      tensors.push_back(nullptr);
      continue;
    }
    Elements elements = elementsOf(tensor.type);
    Buffer &buffer =
        tensor.output
            ? outcome.outputs.emplace_back(resultShape(subject, tensor, inputs),
                                           elements, use.layout)
            : buffers.emplace_back(inputs[next - 1], elements, use.layout);
    tensors.push_back(buffer.dlTensor());
  }
  outcome.error = callKernel(kernel, subject.index, tensors, use.call);
  for (const Buffer &buffer : outcome.outputs)
    if (outcome.error.empty() && !buffer.areGapsUntouched())
      outcome.error = "wrote outside the elements of an output";
  return outcome;
}

CaseReport verify::makeReport(const Subject &subject, StringRef name,
                              ArrayRef<Tensor> inputs) {
  CaseReport report;
  report.kernel = subject.kernel->symbol;
  report.target = subject.kernel->target;
  report.layer = subject.layer;
  report.name = name.str();
  report.shape = {.batch = extentOf(subject, inputs, Role::Query, 0),
                  .queryLength = extentOf(subject, inputs, Role::Query, 1),
                  .kvLength = extentOf(subject, inputs, Role::Key, 1),
                  .queryHeads = extentOf(subject, inputs, Role::Query, 2),
                  .kvHeads = extentOf(subject, inputs, Role::Key, 2),
                  .headDim = extentOf(subject, inputs, Role::Query, 3),
                  .valueDim = valueSize(subject, inputs)};
  return report;
}
