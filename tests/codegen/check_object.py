"""Checks what CPU objects promise: no library call, and no stack access in an
innermost loop. Usage: check_object.py OBJECT

The second promise is read off the disassembly (x86-64 only): a backward jump
closes a loop, and a loop that holds no other is an innermost one. Phases are
left out: all that they do often is calling the functions that are checked.
"""
import re
import subprocess
import sys

ALLOWED_UNDEFINED = {"memcpy", "memset"}
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
JUMP = re.compile(r"^j\w+\s+(?:0x)?([0-9a-f]+)\b")
PHASE = re.compile(r"_(grid|phase\d+)$")
STACK = re.compile(r"\(%rsp")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def undefined_symbols(path):
    names = {line.split()[-1] for line in run("llvm-nm", "-u", path).splitlines() if line.strip()}
    return sorted(names - ALLOWED_UNDEFINED)


def functions(path):
    """Yields (name, [(address, text)])."""
    name, body = None, []
    for line in run("llvm-objdump", "-d", "--no-show-raw-insn", path).splitlines():
        if match := FUNCTION.match(line):
            if body:
                yield name, body
            name, body = match.group(1), []
        elif match := INSTRUCTION.match(line):
            body.append((int(match.group(1), 16), match.group(2).strip()))
    if body:
        yield name, body


def innermost_loops(body):
    loops = set()
    for address, text in body:
        if match := JUMP.match(text):
            target = int(match.group(1), 16)
            if target <= address:
                loops.add((target, address))
    for loop in loops:
        if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1] for other in loops):
            yield loop


def main():
    path = sys.argv[1]
    errors = [f"undefined symbol '{name}'" for name in undefined_symbols(path)]
    loops = 0
    for name, body in functions(path):
        if PHASE.search(name):
            continue
        for first, last in innermost_loops(body):
            loops += 1
            for address, text in body:
                if first <= address <= last and STACK.search(text):
                    errors.append(f"'{name}' uses the stack in a loop: {text}")
    if not loops and "x86-64" in run("llvm-objdump", "-f", path):
        errors.append("no loop found")
    for error in errors:
        print(f"{path}: error: {error}", file=sys.stderr)
    print(f"{loops} innermost loops, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
