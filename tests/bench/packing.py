#!/usr/bin/env python3
"""What part of a prefill's time goes into packing keys and values in panels.

    packing.py [--attnc build/release/bin/attnc] [--target x86-64-v4] [--seconds 8]

A timer interrupts prefills of one sequence, one thread; each line says how many of the
samples fell into the functions that pack. Of 1000 samples, 2% are 20 +- 4.
"""
import argparse
import bisect
import collections
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LAYER = "attn.grouped @sampled {{hidden = 512, heads = {}, kv_heads = {}, head_dim = {}, layers = [0], mask = #attn.causal}}"
GEOMETRIES = [(4, 1, 128), (12, 12, 64), (32, 8, 128)]


def build(arguments, folder, geometry, queries):
    heads, kv_heads, dim = geometry
    source = folder / "layer.mlir"
    source.write_text(LAYER.format(*geometry))
    subprocess.run([arguments.attnc, "compile", source, "--scope", "core", "--target", arguments.target,
                    "--name", "sampled", "-o", folder / "out"], check=True, stdout=subprocess.DEVNULL)
    program = folder / "program"
    subprocess.run(["clang-22", "-static", "-O1", f"-I{folder / 'out'}", f"-I{HERE.parent / 'abi/Inputs'}",
                    "-DNAME=sampled", '-DHEADER="sampled.h"', f"-DHEADS={heads}", f"-DKV_HEADS={kv_heads}",
                    f"-DDIM={dim}", f"-DQUERIES={queries}", f"-DSECONDS={arguments.seconds}", HERE / "sample.c",
                    folder / "out/libsampled.a", "-lm", "-o", program], check=True)
    return program


def functions(program):
    lines = subprocess.run(["llvm-nm-22", "--defined-only", program], check=True, capture_output=True, text=True).stdout
    fields = [line.split() for line in lines.splitlines()]
    return sorted((int(address, 16), name) for address, kind, name in fields if kind in "tT")


def samples(program):
    """How many samples fell into each function."""
    table = functions(program)
    begins = [address for address, _ in table]
    places = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    return collections.Counter(table[bisect.bisect_right(begins, int(place, 16)) - 1][1] for place in places)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attnc", default="build/release/bin/attnc")
    parser.add_argument("--target", default="x86-64-v4")
    parser.add_argument("--seconds", type=int, default=8, help="of each line")
    arguments = parser.parse_args()
    print("heads  kv heads  head dim  queries  samples  packing")
    for geometry in GEOMETRIES:
        for queries in 512, 2048:
            with tempfile.TemporaryDirectory() as folder:
                counts = samples(build(arguments, pathlib.Path(folder), geometry, queries))
            total = sum(counts.values())
            share = sum(count for name, count in counts.items() if name.startswith("pack_")) / total
            print(f"{geometry[0]:5}{geometry[1]:10}{geometry[2]:10}{queries:9}{total:9}{share:9.1%}", flush=True)


if __name__ == "__main__":
    main()
