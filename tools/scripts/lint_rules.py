#!/usr/bin/env python3
"""The project's own rules, one line each: `ok RULE` or `not ok RULE`.

White space, include directions, the form of diagnostics, what every pass must
have, the tests that runtime/promises.md names, the files that comments and pages
name, and the licence. With -f, white space is corrected in place.
"""
import argparse
import hashlib
import pathlib
import re
import subprocess
import sys

# What each folder may include; the rest of the tree is closed to it. The first
# prefix that fits decides, so that special cases stand before their folder.
DIRECTIONS = [
    ("codegen/ptxsim/", ["codegen/ptxsim/"]),
    ("codegen/", ["codegen/", "dialects/", "runtime/"]),
    ("compiler/reference/", ["compiler/", "dialects/"]),
    ("compiler/", ["codegen/", "compiler/", "dialects/", "passes/", "runtime/"]),
    ("dialects/", ["dialects/"]),
    ("passes/", ["dialects/", "passes/"]),
    ("runtime/", ["runtime/"]),
    ("tools/attn-opt/", ["codegen/", "compiler/", "dialects/", "passes/"]),
    ("tools/", ["compiler/", "dialects/", "passes/", "tools/"]),
]
FOLDERS = ("codegen/", "compiler/", "dialects/", "passes/", "runtime/", "tools/", "tests/")
WITHOUT_LLVM = ("codegen/ptxsim/", "runtime/")
WITH_FMT = ("compiler/", "tests/", "tools/")

TEXT_SUFFIXES = {".c", ".cmake", ".cpp", ".h", ".json", ".md", ".mlir", ".py", ".sh", ".td",
                 ".test", ".txt", ".in"}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)
DIAGNOSTIC = re.compile(
    r'(?:emit(?:Op)?(?:Error|Warning|Remark)|attachNote)\s*\(([^;{]*?)\)\s*(?=[;<])'
    r'((?:\s*<<[^;]*)?);', re.S)
# How runtime/promises.md names a test, and how its rows begin.
TEST_NAME = re.compile(r"`(tests/[\w./-]+|test_\w+(?:\.\w+)+|\w+Test\.\w+)`")
ROW = re.compile(r"^\| [A-Z]\d+ \|")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
# What is prose in a file of each kind; all of a page is.
C_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
HASH_COMMENT = re.compile(r"#(?!include)[^\n]*|\"\"\".*?\"\"\"", re.S)
PROSE = {**dict.fromkeys((".c", ".cpp", ".h", ".td", ".mlir"), C_COMMENT),
         **dict.fromkeys((".py", ".sh", ".cmake", ".txt", ".in"), HASH_COMMENT),
         ".test": re.compile(r"^(?!.*[A-Z]:).*$", re.M),
         ".md": re.compile(r".+", re.S)}
# A path from the root of the repository, which may have wildcards.
FOLDER_NAMES = "|".join(folder.rstrip("/") for folder in (*FOLDERS, "examples/"))
REPOSITORY_PATH = re.compile(rf"(?<![\w/.<>$}}-])(?:{FOLDER_NAMES})/[\w./*-]*\w\*?")
# The first cell of a row of a table of files.
FILES_CELL = re.compile(r"^\| ([\w.]+(?:, [\w.]+)*) \|", re.M)
# The licence, and the words of its text and exception as their owners publish them.
LICENCE = "Apache-2.0 WITH LLVM-exception"
LICENCE_WORDS = "63bdd4702a2eaf44fc39da5567c649ee9a2da804b6434982b034ac37004eb459"
SPDX = re.compile(r"SPDX-License-Identifier:[ ]*([\w.() -]*[\w)])")


def tracked_files():
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [pathlib.Path(name) for name in names.splitlines() if pathlib.Path(name).is_file()]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def white_space(files, fix):
    for path in files:
        if path.suffix not in TEXT_SUFFIXES or "LICENSE" in path.name:
            continue
        text = path.read_text()
        clean = re.sub(r"[ \t\r]+$", "", text, flags=re.M).rstrip("\n") + "\n"
        if text in ("", clean) or re.search(r"white-space-matters", text):
            continue
        if fix:
            path.write_text(clean)
            continue
        wrong = next((number for number, (old, new) in
                      enumerate(zip(text.split("\n"), clean.split("\n")), 1) if old != new),
                     text.count("\n"))
        yield f"{path}:{wrong}: trailing space, carriage return, or not one newline at the end"


def include_directions(files, _):
    for path in files:
        name = path.as_posix()
        if path.suffix not in (".c", ".cpp", ".h", ".td"):
            continue
        allowed = next((may for prefix, may in DIRECTIONS if name.startswith(prefix)), None)
        if allowed is None:
            continue
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            header = match.group(1)
            where = f"{name}:{line_of(text, match.start())}"
            if header.startswith(FOLDERS) and not header.startswith(tuple(allowed)):
                yield f"{where}: '{header}' is not for this folder, only {', '.join(allowed)}"
            if header.startswith(("llvm/", "mlir/")) and name.startswith(WITHOUT_LLVM):
                yield f"{where}: '{header}' in a folder that has no LLVM"
            if header.startswith("fmt/") and not name.startswith(WITH_FMT):
                yield f"{where}: fmt is for compiler/ and tools/"


def diagnostics(files, _):
    for path in files:
        if path.suffix not in (".cpp", ".h") or path.parts[0] == "tests":
            continue
        text = path.read_text()
        for match in DIAGNOSTIC.finditer(text):
            literals = LITERAL.findall(match.group(1) + match.group(2))
            if not literals:
                continue
            where = f"{path}:{line_of(text, match.start())}"
            if re.match(r"[A-Z][a-z]", literals[0]):
                yield f"{where}: '{literals[0]}' begins with a capital letter"
            if re.search(r"(?<!\.)\.$", literals[-1].strip()):
                yield f"{where}: '{literals[-1]}' ends with a period"


def pass_definitions(text):
    starts = list(re.finditer(r'^def (\w+)\s*:\s*Pass<"([\w-]+)"', text, re.M))
    for start, end in zip(starts, starts[1:] + [None]):
        yield start.group(1), start.group(2), text[start.start():end and end.start()]


def passes(files, _):
    for path in files:
        if not path.name.endswith("Passes.td"):
            continue
        for name, flag, body in pass_definitions(path.read_text()):
            stem = re.sub(r"^attn-", "", flag)
            where = f"{path}: {name}"
            if "let summary" not in body and not re.search(r'Pass<"[^"]*",[^>]*>', body):
                yield f"{where} has no summary"
            if "let description" not in body:
                yield f"{where} has no description"
            if "```mlir" not in body:
                yield f"{where} has no ```mlir fence with the IR before and after"
            for section in ("Requires:", "Ensures:"):
                if section not in body:
                    yield f"{where} does not say '{section}'"
            tests = pathlib.Path("tests")
            if not list(tests.rglob(f"{stem}.mlir")) + list(tests.rglob(f"{stem}-*.mlir")):
                yield f"{where} has no test {stem}.mlir"


def is_there(name):
    """Whether a page names a test that exists: a file, `SuiteTest.Case` of tests/unit, or
    `test_module.Class.case` or `test_module.function` of tests/numeric."""
    if "/" in name:
        return pathlib.Path(name).exists()
    *parents, case = name.split(".")
    if not name.startswith("test_"):
        suite = re.compile(rf"\bTEST(?:_F|_P)?\({parents[0]}, {case}\)")
        return any(suite.search(path.read_text()) for path in pathlib.Path("tests/unit").glob("*.cpp"))
    path = pathlib.Path("tests/numeric", f"{parents[0]}.py")
    text = path.read_text() if path.exists() else ""
    return re.search(rf"^ *def {case}\(", text, re.M) and all(f"class {p}(" in text for p in parents[1:])


def tests_of_promises(files, _):
    for path in files:
        if path.as_posix() != "runtime/promises.md":
            continue
        text = path.read_text()
        for match in TEST_NAME.finditer(text):
            if not is_there(match.group(1)):
                yield f"{path}:{line_of(text, match.start())}: there is no test '{match.group(1)}'"
        for line, row in enumerate(text.splitlines(), 1):
            cells = row.split(" | ")
            if row.startswith("| ") and len(cells) != 3:
                yield f"{path}:{line}: a row has {len(cells)} cells, expected 3"
            elif ROW.match(row) and not TEST_NAME.search(cells[2]) and "not yet" not in cells[2]:
                yield f"{path}:{line}: neither a test nor 'not yet' in the last cell"


def is_path(name):
    """Whether there is such a file, perhaps without its suffix, or a match of its wildcards."""
    path = pathlib.Path(name)
    return path.exists() or any(pathlib.Path().glob(name)) or any(path.parent.glob(path.name + ".*"))


def named_paths(files, _):
    for path in files:
        prose = PROSE.get(path.suffix)
        text = path.read_text() if prose else ""
        for passage in prose.finditer(text) if prose else ():
            for match in REPOSITORY_PATH.finditer(passage.group()):
                if not is_path(match.group()):
                    line = line_of(text, passage.start() + match.start())
                    yield f"{path}:{line}: there is no '{match.group()}'"


def tables_of_files(files, _):
    for path in files:
        _, heading, section = (path.read_text() if path.suffix == ".md" else "").partition("## Layout of this folder")
        if not heading:
            continue
        named = [name for cell in FILES_CELL.findall(section) for name in cell.split(", ") if name != "file"]
        sources = {p.name for p in files if p.parent == path.parent and p.suffix in (".c", ".cpp", ".h")}
        for name in sorted(sources - set(named)):
            yield f"{path}: the table of files lacks '{name}'"
        for name in named:
            if not (path.parent / name).exists() or named.count(name) > 1:
                yield f"{path}: the table of files has '{name}' {named.count(name)} times"


def licence(files, _):
    words = " ".join(pathlib.Path("LICENSE").read_text().split())
    if hashlib.sha256(words.encode()).hexdigest() != LICENCE_WORDS:
        yield f"LICENSE: is not the text of {LICENCE}"
    if f"[{LICENCE}](LICENSE)" not in pathlib.Path("README.md").read_text():
        yield f"README.md: does not name LICENSE as {LICENCE}"
    for path in files:
        text = path.read_text() if path.suffix in TEXT_SUFFIXES else ""
        for match in SPDX.finditer(text):
            if match.group(1) != LICENCE:
                yield f"{path}:{line_of(text, match.start())}: is under {match.group(1)}, not {LICENCE}"


RULES = [white_space, include_directions, diagnostics, passes, tests_of_promises, named_paths, tables_of_files, licence]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-f", "--fix", action="store_true", help="correct white space in place")
    arguments = parser.parse_args()
    files = tracked_files()
    failed = False
    for rule in RULES:
        findings = list(rule(files, arguments.fix))
        for finding in findings:
            print(f"  {finding}")
        print(f"{'not ok' if findings else 'ok'} {rule.__name__.replace('_', ' ')}")
        failed |= bool(findings)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
