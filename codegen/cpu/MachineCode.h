//===- MachineCode.h - LLVM's back end, in process --------------*- C++ -*-===//
//
// From LLVM IR to bytes, for the architectures that the runtime is built for.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_MACHINECODE_H
#define CODEGEN_CPU_MACHINECODE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
class Triple;
} // namespace llvm

namespace attn::cpu {

/// Relocatable: an ELF object. Assembly: its text.
enum class ObjectForm { Relocatable, Assembly };

/// Writes position-independent code for `cpu` with `features` as LLVM spells
/// them; the defaults are every CPU of the architecture.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const llvm::Triple &triple, llvm::StringRef cpu = "generic",
              llvm::StringRef features = "");

/// The code of `module`, which has the machine's triple and data layout.
llvm::Expected<std::string>
writeCode(llvm::Module &module, llvm::TargetMachine &machine, ObjectForm form);

} // namespace attn::cpu

#endif // CODEGEN_CPU_MACHINECODE_H
