//===- EmitObject.cpp - A small LLVM module as an object ------------------===//
//
// The back end of codegen/cpu, without its targets.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/EmitObject.h"

#include "codegen/cpu/MachineCode.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>

using namespace attn;
using llvm::StringRef;

llvm::Error artifact::setTarget(llvm::Module &module, StringRef triple) {
  module.setTargetTriple(llvm::Triple(triple));
  auto machine = cpu::createMachine(module.getTargetTriple());
  if (!machine)
    return machine.takeError();
  module.setDataLayout((*machine)->createDataLayout());
  return llvm::Error::success();
}

llvm::Expected<std::string> artifact::emitObject(llvm::Module &module) {
  auto machine = cpu::createMachine(module.getTargetTriple());
  if (!machine)
    return machine.takeError();
  return cpu::writeCode(module, **machine, cpu::ObjectForm::Relocatable);
}
