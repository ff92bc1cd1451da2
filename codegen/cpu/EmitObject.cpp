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

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/SplitModule.h"

#include <optional>
#include <thread>

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

/// The module as LLVM IR; null after a diagnostic.
static std::unique_ptr<llvm::Module> translate(ModuleOp module,
                                               llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> ir = translateModuleToLLVMIR(module, context);
  if (!ir) {
    module.emitError("cannot be written as LLVM IR");
    return nullptr;
  }
  ir->setSourceFileName("");
  // What is not local to the object is local to the kernel's final link.
  for (llvm::Function &function : *ir)
    if (!function.isDeclaration() && !function.hasLocalLinkage())
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
  return ir;
}

static llvm::Expected<std::string>
compile(llvm::Module &ir, const CpuTarget &target, ObjectForm form) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = createMachine(
      llvm::Triple(target.triple), target.cpu, target.featureString());
  if (!machine)
    return machine.takeError();
  ir.setDataLayout((*machine)->createDataLayout());
  ir.setTargetTriple((*machine)->getTargetTriple());
  simplify(ir, **machine);
  return writeCode(ir, **machine, form);
}

/// The code, or a diagnostic on the module.
static FailureOr<std::string> codeOf(llvm::Expected<std::string> code,
                                     ModuleOp module, const CpuTarget &target) {
  if (code)
    return std::move(*code);
  return module.emitError("target '")
         << target.name << "': " << llvm::toString(code.takeError());
}

FailureOr<std::string> attn::cpu::emitObject(ModuleOp module,
                                             const CpuTarget &target,
                                             ObjectForm form) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> ir = translate(module, context);
  if (!ir)
    return failure();
  return codeOf(compile(*ir, target, form), module, target);
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Parts of `ir` as bitcode: threads share no context of LLVM.
static std::vector<llvm::SmallString<0>> splitBitcode(llvm::Module &ir,
                                                      unsigned count) {
  std::vector<llvm::SmallString<0>> parts;
  auto write = [&](std::unique_ptr<llvm::Module> part) {
    llvm::raw_svector_ostream stream(parts.emplace_back());
    llvm::WriteBitcodeToFile(*part, stream);
  };
  llvm::SplitModule(ir, count, write, /*PreserveLocals=*/false,
                    /*RoundRobin=*/true);
  return parts;
}

static llvm::Expected<std::string> compileBitcode(StringRef bitcode,
                                                  const CpuTarget &target) {
  llvm::LLVMContext context;
  auto ir = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcode, ""), context);
  if (!ir)
    return ir.takeError();
  return compile(**ir, target, ObjectForm::Relocatable);
}

FailureOr<std::vector<std::string>>
attn::cpu::emitParts(ModuleOp module, const CpuTarget &target, unsigned count) {
  if (count == 1) {
    FailureOr<std::string> whole =
        emitObject(module, target, ObjectForm::Relocatable);
    if (failed(whole))
      return failure();
    return std::vector<std::string>{std::move(*whole)};
  }
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> ir = translate(module, context);
  if (!ir)
    return failure();
  std::vector<llvm::SmallString<0>> bitcode = splitBitcode(*ir, count);
  std::vector<std::optional<llvm::Expected<std::string>>> compiled(
      bitcode.size());
  std::vector<std::thread> threads;
  for (size_t part = 0; part < bitcode.size(); ++part)
    threads.emplace_back([&, part] {
      compiled[part].emplace(compileBitcode(bitcode[part], target));
    });
  for (std::thread &thread : threads)
    thread.join();
  std::vector<std::string> parts;
  LogicalResult result = success();
  for (std::optional<llvm::Expected<std::string>> &part : compiled) {
    FailureOr<std::string> code = codeOf(std::move(*part), module, target);
    if (failed(code))
      result = failure();
    else
      parts.push_back(std::move(*code));
  }
  if (failed(result))
    return failure();
  return parts;
}
