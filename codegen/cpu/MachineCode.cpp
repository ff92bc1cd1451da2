//===- MachineCode.cpp - LLVM's back end, in process ----------------------===//
//
// Target lookup and the legacy pass manager, which LLVM's code generators
// still want.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/MachineCode.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace attn::cpu;
using llvm::StringRef;

static bool initializeTargets() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  return true;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
attn::cpu::createMachine(const llvm::Triple &triple, StringRef cpu,
                         StringRef features) {
  // Once, even if threads ask for their first machines together.
  [[maybe_unused]] static const bool isInitialized = initializeTargets();
  std::string reason;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!target)
    return llvm::createStringError(reason);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

llvm::Expected<std::string> attn::cpu::writeCode(llvm::Module &module,
                                                 llvm::TargetMachine &machine,
                                                 ObjectForm form) {
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  auto type = form == ObjectForm::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                           : llvm::CodeGenFileType::ObjectFile;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("LLVM cannot write objects for '%s'",
                                   machine.getTargetTriple().str().c_str());
  passes.run(module);
  return std::string(bytes.str());
}
