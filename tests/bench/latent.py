#!/usr/bin/env python3
"""Both forms of latent attention, as one graph compiles to them, in one run.

Compiles latent_decode.mlir absorbed and expanded, runs them in turn on the same
tensors, and compares the ratio of their medians with the work that
attn-absorb-projections counted for each (its remark in `attnc explain`):

    latent.py [--attnc build/release/bin/attnc] [--runs 5]

Exit status 1 if the results differ, or the ratio is not within a factor of 1.5 of
the ratio of work: FLOPs, and 8 for each byte that is moved.
"""
import argparse
import ctypes
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "numeric"))
import kernel as abi  # noqa: E402

SHAPES = {"query": (1, 1, 128, 192), "latent": (1, 4096, 512), "rope": (1, 4096, 1, 64), "weight": (32768, 512),
          "output": (1, 1, 128, 128), "lse": (1, 1, 128)}


class Form:
    def __init__(self, attnc, folder, name):
        self.name = name
        out = pathlib.Path(folder, name)
        subprocess.run([attnc, "compile", HERE / "latent_decode.mlir", "--absorb", name, "--name", name,
                        "--require-fused", "-o", out], check=True, stdout=subprocess.DEVNULL)
        library = ctypes.CDLL(str(out / f"lib{name}.so"))
        self.run = library[f"{name}_decode"]
        workspace = library[f"{name}_decode_workspace"]
        workspace.restype = ctypes.c_uint64
        maxima = abi.Maxima(ctypes.sizeof(abi.Maxima), 1, 1, 1, 1)
        size = workspace(ctypes.byref(maxima))
        self.workspace = np.zeros(size + 64, np.uint8)
        address = (self.workspace.ctypes.data + 63) // 64 * 64
        self.text = ctypes.create_string_buffer(512)
        self.context = abi.Context(ctypes.sizeof(abi.Context), 1, address, size, 1, abi.PARALLEL_FOR(), None,
                                   ctypes.cast(self.text, ctypes.c_char_p), 512, None)
        self.times = []

    def __call__(self, tensors):
        head = np.array([16 + 8 * (len(SHAPES) + 3), 1, 0, 0], np.uint32).view(np.uint64)
        pointers = [ctypes.addressof(tensors[name].dl) for name in SHAPES] + [0, 0, 0]
        args = np.concatenate([head, np.array(pointers, np.uint64)])
        start = time.perf_counter()
        status = self.run(ctypes.c_void_p(args.ctypes.data), ctypes.byref(self.context))
        self.times.append(time.perf_counter() - start)
        if status:
            sys.exit(f"{self.name}: status {status}: {self.text.value.decode()}")
        return tensors["output"].array.copy()


def counted(attnc):
    """FLOPs and bytes of the absorbed and of the expanded form."""
    text = subprocess.run([attnc, "explain", HERE / "latent_decode.mlir"], check=True, capture_output=True,
                          text=True).stdout
    found = re.search(r"(\d+) FLOPs and (\d+) bytes absorbed and (\d+) FLOPs and (\d+) bytes expanded", text)
    numbers = [int(number) for number in found.groups()]
    return numbers[:2], numbers[2:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attnc", default="build/release/bin/attnc")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    os.environ.setdefault("ATTN_BIN", str(pathlib.Path(options.attnc).parent))
    random = np.random.default_rng(1)
    tensors = {name: abi.Tensor(shape) for name, shape in SHAPES.items()}
    for name in ("query", "latent", "rope", "weight"):
        tensors[name].array[...] = random.standard_normal(SHAPES[name], dtype=np.float32) / 8
    with tempfile.TemporaryDirectory(prefix="attnc-bench-") as folder:
        forms = [Form(options.attnc, folder, name) for name in ("absorbed", "expanded")]
        # The first call of each touches its memory.
        for _ in range(options.runs + 1):
            results = [form(tensors) for form in forms]
    medians = [statistics.median(form.times[1:]) for form in forms]
    counts = counted(options.attnc)
    for form, median, (flops, moved) in zip(forms, medians, counts):
        print(f"{form.name:9} {median * 1e3:9.2f} ms  {flops / 1e9:8.2f} GFLOP  {flops / median / 1e9:6.1f} GFLOP/s  "
              f"{moved / 1e6:8.1f} MB")
    work = [flops + 8 * moved for flops, moved in counts]
    predicted, measured = work[1] / work[0], medians[1] / medians[0]
    difference = float(np.abs(results[0] - results[1]).max())
    print(f"absorbed wins by {measured:.1f}, predicted {predicted:.1f}; results differ by {difference:.1e}")
    off = max(measured / predicted, predicted / measured)
    return int(off > 1.5 or not difference < 1e-4)


if __name__ == "__main__":
    sys.exit(main())
