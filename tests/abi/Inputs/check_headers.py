#!/usr/bin/env python3
"""Compiles one source in C11 and C++17, with compilers and options given: headers
in two orders, DLPack's own header nowhere, first, last, or both.
"""
import itertools
import pathlib
import subprocess
import sys

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]


def main():
    source, headers, dlpack, cc, cxx = sys.argv[1:]
    include = pathlib.Path(dlpack).read_text().strip()
    clean = 0
    for language, order, first, last in itertools.product(
            ([cc, "-std=c11"], [cxx, "-std=c++17", "-x", "c++"]),
            ([], ["-DREVERSED"]), ([], ["-DDLPACK_FIRST"]), ([], ["-DDLPACK_LAST"])):
        command = [*language, *STRICT, *order, *first, *last, f"-I{headers}", f"-isystem{include}", source]
        done = subprocess.run(command, capture_output=True, text=True)
        clean += done.returncode == 0
        print(done.stderr, end="")
    print(f"{clean} ways without a warning")


if __name__ == "__main__":
    main()
