//===- Schedules.h - What --print-schedule shows ----------------*- C++ -*-===//
//
// The candidates of a kernel's schedules, their numbers, and the choice.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_SCHEDULES_H
#define COMPILER_ARTIFACT_SCHEDULES_H

#include "codegen/cpu/CpuTarget.h"
#include "compiler/artifact/Programs.h"

#include <string>

namespace attn::artifact {

/// How the schedules of `group` were chosen for `target`, as a table.
std::string tabulateSchedules(const ProgramGroup &group,
                              const cpu::CpuTarget &target);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_SCHEDULES_H
