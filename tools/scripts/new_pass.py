#!/usr/bin/env python3
"""Starts a pass: `new_pass.py SplitKeyBlocks` writes everything that its name is in.

The entry in passes/Passes.td, SplitKeyBlocks.cpp beside it with the flag
attn-split-key-blocks, its line in passes/CMakeLists.txt, and the tests
split-key-blocks.mlir and split-key-blocks-errors.mlir in tests/passes. The result
builds and does nothing; lint complains until its documentation says what it does.
"""
import argparse
import pathlib
import re
import sys

ENTRY = '''def {name} : Pass<"attn-{stem}", "::mlir::ModuleOp"> {{
  let summary = "{summary}";
  let description = [{{
  }}];
}}

'''

SOURCE = '''{header}
//
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "passes/Passes.h"

#define DEBUG_TYPE "attn-{stem}"

namespace attn {{
#define GEN_PASS_DEF_{upper}
#include "passes/Passes.h.inc"
}} // namespace attn

using namespace mlir;
using namespace attn;

namespace {{
struct {name}Pass : attn::impl::{name}Base<{name}Pass> {{
  using Base::Base;
  void runOnOperation() override;
}};
}} // namespace

void {name}Pass::runOnOperation() {{}}
'''

TEST = '''// RUN: attn-opt %s --attn-{stem} | FileCheck %s

// CHECK-LABEL: func.func @unchanged
func.func @unchanged() {{
  return
}}
'''

ERRORS = '''// RUN: attn-opt %s --attn-{stem} --verify-diagnostics --split-input-file

func.func @accepted() {{
  return
}}
'''


def insert_sorted(path, line, end):
    """Puts `line` among the sources of CMakeLists.txt, which ascend."""
    lines = path.read_text().splitlines()
    begin = lines.index("attn_add_library(AttnPasses") + 1
    stop = next(index for index in range(begin, len(lines)) if lines[index].startswith(end))
    lines[begin:stop] = sorted(lines[begin:stop] + [line])
    path.write_text("\n".join(lines) + "\n")


def insert_entry(path, entry):
    text = path.read_text()
    end = text.rindex("#endif")
    path.write_text(text[:end] + entry + text[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="verb first, as in SplitKeyBlocks")
    name = parser.parse_args().name
    if not re.fullmatch(r"(?:[A-Z][a-z0-9]+){2,}", name):
        sys.exit(f"error: '{name}' is not of the form VerbObject")
    words = re.findall(r"[A-Z][a-z0-9]+", name)
    stem = "-".join(words).lower()
    header = f"//===- {name}.cpp - {' '.join(words).lower()} "
    fields = {
        "name": name,
        "stem": stem,
        "upper": name.upper(),
        "summary": " ".join(words).lower(),
        "header": header + "-" * (75 - len(header)) + "===//",
    }
    root = pathlib.Path(__file__).resolve().parents[2]
    files = {
        f"passes/{name}.cpp": SOURCE,
        f"tests/passes/{stem}.mlir": TEST,
        f"tests/passes/{stem}-errors.mlir": ERRORS,
    }
    for file in files:
        if (root / file).exists():
            sys.exit(f"error: {file} exists already")
    for file, template in files.items():
        (root / file).write_text(template.format(**fields))
    insert_entry(root / "passes/Passes.td", ENTRY.format(**fields))
    insert_sorted(root / "passes/CMakeLists.txt", f"  {name}.cpp", "  LINK")
    print(*files, "passes/Passes.td", "passes/CMakeLists.txt", sep="\n")


if __name__ == "__main__":
    main()
