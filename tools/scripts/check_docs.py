#!/usr/bin/env python3
"""Runs every example of the documentation, so that none of them can rot.

Each ```mlir fence of the .td descriptions and of the Markdown pages goes
through attn-opt --verify-diagnostics. A fence that shows the IR before and
after separates the two by a line `// ---` of its own, and each side must parse.
One line a document: `ok FILE (N examples)` or `not ok FILE`.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import textwrap

FENCE = re.compile(r"^([ \t]*)```mlir\n(.*?)^[ \t]*```", re.M | re.S)
SEPARATOR = re.compile(r"^\s*// (?:---+|-----)\s*$", re.M)


def documents():
    command = ["git", "ls-files", "-co", "--exclude-standard", "--", "*.td", "*.md"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [pathlib.Path(name) for name in names.splitlines() if pathlib.Path(name).is_file()]


def examples(text):
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        for part in SEPARATOR.split(textwrap.dedent(match.group(2))):
            if part.strip():
                yield line, part


def check(opt, example):
    command = [opt, "--verify-diagnostics", "--split-input-file", "-", "-o", "/dev/null"]
    result = subprocess.run(command, input=example, capture_output=True, text=True)
    return result.stderr.strip() or "no message" if result.returncode else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release", help="build with bin/attn-opt")
    opt = pathlib.Path(parser.parse_args().build) / "bin" / "attn-opt"
    failed = False
    for path in documents():
        found = list(examples(path.read_text()))
        errors = [(line, error) for line, example in found if (error := check(opt, example))]
        for line, error in errors:
            print(f"  {path}:{line}: {error}")
        if found:
            print(f"not ok {path}" if errors else f"ok {path} ({len(found)} examples)")
        failed |= bool(errors)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
