//===- Rewriting.cpp - what the rewrites share ----------------------------===//
//
// Remarks in one form, and small questions about IR.
//
//===----------------------------------------------------------------------===//

#include "passes/Rewriting.h"

#include "mlir/IR/Iterators.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/Format.h"

using namespace mlir;

static remark::RemarkOpts optionsFor(Operation *op, StringRef pass) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    function = op->getParentOfType<FunctionOpInterface>();
  remark::RemarkOpts options = remark::RemarkOpts::name(pass).category(pass);
  return function ? options.function(function.getName()) : options;
}

void attn::remarkPassed(Operation *op, StringRef pass, const Twine &text) {
  remark::passed(op->getLoc(), optionsFor(op, pass)) << StringRef(text.str());
}

void attn::remarkMissed(Operation *op, StringRef pass, const Twine &text) {
  remark::missed(op->getLoc(), optionsFor(op, pass)) << StringRef(text.str());
}

void attn::remarkFound(Operation *op, StringRef pass, const Twine &text) {
  remark::analysis(op->getLoc(), optionsFor(op, pass)) << StringRef(text.str());
}

std::string attn::describeProducer(Value value) {
  if (Operation *producer = value.getDefiningOp())
    return ("'" + producer->getName().getStringRef() + "'").str();
  return "an argument";
}

Operation *attn::findOtherUser(Value value, Operation *user) {
  for (Operation *candidate : value.getUsers())
    if (candidate != user)
      return candidate;
  return nullptr;
}

std::string attn::describeSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

std::string attn::describeNumber(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", number);
  return text;
}

void attn::eraseUnused(Operation *root) {
  root->walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
}
