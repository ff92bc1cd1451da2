"""Checks the machine code of kernel objects: what it calls, where it touches
the stack, which instructions it uses.

    check_object.py [--loops N] OBJECT...

Reads objects with llvm-objdump and llvm-nm and prints one line per finding.
Microkernels are the local functions other than grids and phases, which only
compute sizes and call microkernels.
"""

import argparse
import os
import re
import subprocess
import sys

MAX_BYTES = 1 << 20
ALLOWED_SYMBOLS = re.compile(r"attn_\w+|memcpy|memset")
DRIVER = re.compile(r"_(grid|phase\d+)(_\w+)?$")
FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
TARGET = re.compile(r"\s0x([0-9a-f]+)(?:\s|$)")
JUMP = re.compile(r"^(j\w+|b|b\.\w+|cbn?z|tbn?z)\s")
ENDS = re.compile(r"^(jmpq?|b|retq?|ud2|udf)(\s|$)")
CALL = re.compile(r"^(callq?|blr?)\s")
STACK = re.compile(r"\(%[re]sp\b|\[sp\b")
# What points to the stack where a function sets it from the stack pointer, and
# is a register like any other elsewhere.
FRAME = re.compile(r"\(%[re]bp\b|\[x29\b")
SET_FRAME = re.compile(r"(?:mov|lea)q? .*%rsp\)?, %rbp$|(?:mov|add) x29, sp\b")
# AVX-512 only: 512-bit registers, registers 16 to 31, masks, broadcasts.
LEVEL_4 = re.compile(r"%zmm|%[xy]mm(?:1[6-9]|2\d|3[01])\b|%k[0-7]\b|\{1to\d+\}")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def functions(path):
    """Name and [(address, text)] of every function."""
    found = []
    for line in run("llvm-objdump", "-d", "--no-show-raw-insn", path).splitlines():
        if name := FUNCTION.match(line):
            found.append((name.group(1), []))
        elif (instruction := INSTRUCTION.match(line)) and found:
            text = re.split(r"\s+(?:# |// |<)", instruction.group(2))[0]
            found[-1][1].append((int(instruction.group(1), 16), text.replace("\t", " ")))
    return found


def jump_of(text):
    target = TARGET.search(text) if JUMP.match(text) else None
    return int(target.group(1), 16) if target else None


class Flow:
    """Where control goes between the addresses of a function."""

    def __init__(self, code):
        self.before = {address: [] for address, _ in code}
        self.after = {address: [] for address, _ in code}
        self.backward = []
        following = [address for address, _ in code[1:]] + [None]
        for (address, text), next_address in zip(code, following):
            target = jump_of(text)
            for to in {target, None if ENDS.match(text) else next_address} & self.after.keys():
                self.after[address].append(to)
                self.before[to].append(address)
            if target in self.after and target <= address:
                self.backward.append((target, address))

    def innermost_loops(self, among):
        """Sets of addresses: cycles without one that avoids their entries (Bourdoncle)."""
        found, seen = [], set()
        for head, latch in self.backward:
            if latch in seen or not {head, latch} <= among:
                continue
            loop = reachable(head, self.after, among) & reachable(latch, self.before, among)
            seen |= loop
            entries = {address for address in loop if not loop.issuperset(self.before[address])}
            if loop:
                # What nothing comes to is the function's beginning.
                entries = entries or {min(loop)}
                found += self.innermost_loops(loop - entries) or [loop]
        return found


def reachable(start, edges, among):
    found, left = {start}, [start]
    while left:
        new = among.intersection(edges[left.pop()]) - found
        found |= new
        left += new
    return found


def check_symbols(path):
    for line in run("llvm-nm", "--undefined-only", "--format=just-symbols", path).split():
        if not ALLOWED_SYMBOLS.fullmatch(line):
            yield f"calls '{line}', which is neither of the runtime nor memcpy or memset"


def stack_pattern(code):
    """What an access to the stack looks like in the function."""
    if any(SET_FRAME.match(text) for _, text in code):
        return re.compile(f"{STACK.pattern}|{FRAME.pattern}")
    return STACK


def check_microkernel(name, code, loops):
    stack = stack_pattern(code)
    for address, text in code:
        if CALL.match(text):
            yield f"{name}+{address - code[0][0]:#x}: microkernel calls: {text}"
    for loop in loops:
        for address, text in code:
            if address in loop and stack.search(text):
                yield f"{name}+{address - code[0][0]:#x}: loop touches the stack: {text}"


def check_object(path, least_loops):
    size = os.path.getsize(path)
    if size >= MAX_BYTES:
        yield f"{size} bytes are not under {MAX_BYTES}"
    yield from check_symbols(path)
    count = 0
    for name, code in functions(path):
        if "x86-64-v3" in os.path.basename(path):
            for _, text in code:
                if LEVEL_4.search(text):
                    yield f"{name}: not of x86-64-v3: {text}"
        flow = Flow(code)
        loops = flow.innermost_loops(set(flow.after))
        count += len(loops)
        if not DRIVER.search(name):
            yield from check_microkernel(name, code, loops)
    # A disassembly that is misread would pass every check.
    if count < least_loops:
        yield f"{count} loops were found, at least {least_loops} expected"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loops", type=int, default=1, help="fewest innermost loops of an object")
    parser.add_argument("objects", nargs="+")
    arguments = parser.parse_args()
    failed = False
    for path in arguments.objects:
        for finding in check_object(path, arguments.loops):
            print(f"{os.path.basename(path)}: {finding}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
