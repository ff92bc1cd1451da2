//===- EmitObject.cpp - A small LLVM module as an object ------------------===//
//
// LLVM's own back end, in process.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/EmitObject.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>

using namespace attn;
using llvm::StringRef;

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const llvm::Triple &triple) {
  // Only the architectures that the runtime is built for.
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  std::string reason;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!target)
    return llvm::createStringError(reason);
  llvm::TargetOptions options;
  options.UniqueSectionNames = false;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, "generic", "", options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Default));
}

llvm::Error artifact::setTarget(llvm::Module &module, StringRef triple) {
  module.setTargetTriple(llvm::Triple(triple));
  auto machine = createMachine(module.getTargetTriple());
  if (!machine)
    return machine.takeError();
  module.setDataLayout((*machine)->createDataLayout());
  return llvm::Error::success();
}

llvm::Expected<std::string> artifact::emitObject(llvm::Module &module) {
  auto machine = createMachine(module.getTargetTriple());
  if (!machine)
    return machine.takeError();
  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("LLVM cannot write objects for '%s'",
                                   module.getTargetTriple().str().c_str());
  passes.run(module);
  return object.str().str();
}
