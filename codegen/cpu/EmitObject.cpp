//===- EmitObject.cpp - from MLIR to an object in memory ------------------===//
//
// The microkernels arrive unrolled and scheduled: of LLVM's middle end only
// the clean-up passes run, which keeps a compile short.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/EmitObject.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace mlir;
using namespace attn::cpu;

/// Common subexpressions and dead code. No vectoriser, no unroller, no inliner:
/// they would undo what the emitters decided.
static void simplify(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::DCEPass());
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  all.addPass(llvm::GlobalDCEPass());
  all.run(module, modules);
}

FailureOr<std::string> attn::cpu::emitObject(ModuleOp module,
                                             const CpuTarget &target,
                                             ObjectForm form) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> ir = translateModuleToLLVMIR(module, context);
  if (!ir)
    return module.emitError("cannot be written as LLVM IR");
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> made = createMachine(
      llvm::Triple(target.triple), target.cpu, target.featureString());
  if (!made)
    return module.emitError("target '")
           << target.name << "': " << llvm::toString(made.takeError());
  llvm::TargetMachine &machine = **made;
  ir->setDataLayout(machine.createDataLayout());
  ir->setTargetTriple(machine.getTargetTriple());
  ir->setSourceFileName("");
  // What is not local to the object is local to the kernel's final link.
  for (llvm::Function &function : *ir)
    if (!function.isDeclaration() && !function.hasLocalLinkage())
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
  simplify(*ir, machine);
  llvm::Expected<std::string> code = writeCode(*ir, machine, form);
  if (!code)
    return module.emitError("target '")
           << target.name << "': " << llvm::toString(code.takeError());
  return std::move(*code);
}
