#!/usr/bin/env python3
"""Steps of a serving engine in scope layer: all sequences in one call, and one by one.

Compiles a config's layer 0 and times, with one thread, calls of packed rows; the
same rows one sequence a call are what an engine without them does:

    steps.py [--attnc build/release/bin/attnc] [--config examples/configs/llama-3-8b.json] [--runs 5]
             [--dtype f32|f16|bf16] [--context 512] [--packed]

--packed gives the weights packed.
"""
import argparse
import ctypes
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import layer as bench

abi = bench.abi

# New tokens of each sequence: decoding, beside a chunk of a prompt, and chunks alone.
STEPS = {
    "4 decode": [1] * 4,
    "16 decode": [1] * 16,
    "64 decode": [1] * 64,
    "15 decode + 512": [1] * 15 + [512],
    "8 of 64": [64] * 8,
}
SEQUENCES = 64
INDPTR = 3  # of the pointers behind the tensors


class Step:
    """The tensors of some sequences' new tokens, and calls on them."""

    def __init__(self, layer, rows, context, packed):
        self.layer, self.rows = layer, rows
        sizes = {**layer.sizes, "tokens": sum(rows)}
        # Weights and caches, which all steps share, were made before.
        self.tensors = []
        for described in layer.kernel["tensors"]:
            name, shape = described["name"], described["shape"]
            if "query_length" in shape:
                tensor = layer.tensor({**described, "shape": ["tokens"] + shape[2:]}, sizes)
            elif name == "kv_lengths":
                tensor = layer.tensor({**described, "shape": [len(rows)]}, sizes)
                tensor.array[...] = context
            else:
                tensor = layer.fixed[name]
            if name == "position_ids":
                tensor.array[...] = np.concatenate([np.arange(context - n, context) for n in rows])
            self.tensors.append(tensor)
        self.indptr = abi.Tensor([len(rows) + 1], "i32")
        self.indptr.array[...] = np.cumsum([0] + rows)
        args = layer.args(self.tensors, packed)
        args[2 + len(self.tensors) + INDPTR] = ctypes.addressof(self.indptr.dl)
        # The caches of the first sequences: descriptors of fewer of them.
        self.views = []
        for i, described in enumerate(layer.kernel["tensors"]):
            if "kv_capacity" in described["shape"]:
                shape = (ctypes.c_int64 * 4)(len(rows), *self.tensors[i].array.shape[1:])
                view = abi.DLTensor.from_buffer_copy(self.tensors[i].dl)
                view.shape = shape
                self.views.append((view, shape))
                args[2 + i] = ctypes.addressof(view)
        self.args = args
        maxima = abi.Maxima(ctypes.sizeof(abi.Maxima), 1, len(rows), max(rows), 1, layer.sizes["kv_capacity"])
        size = layer.workspace_size(ctypes.byref(maxima))
        self.workspace = np.zeros(size + 64, np.uint8)
        self.text = ctypes.create_string_buffer(512)
        self.context = abi.Context(
            ctypes.sizeof(abi.Context), 1, (self.workspace.ctypes.data + 63) // 64 * 64, size, 1,
            abi.PARALLEL_FOR(), None, ctypes.cast(self.text, ctypes.c_char_p), 512, None)

    def run(self):
        status = self.layer.run(ctypes.c_void_p(self.args.ctypes.data), ctypes.byref(self.context))
        if status:
            sys.exit(f"status {status}: {self.text.value.decode()}")


def seconds(steps):
    start = time.perf_counter()
    for step in steps:
        step.run()
    return time.perf_counter() - start


def compare(layer, rows, context, runs, packed):
    together = [Step(layer, rows, context, packed)]
    alone = [Step(layer, [n], context, packed) for n in rows]
    times = [(seconds(together), seconds(alone)) for _ in range(runs + 1)][1:]
    return [statistics.median(own) for own in zip(*times)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attnc", default="build/release/bin/attnc")
    parser.add_argument("--config", default="examples/configs/llama-3-8b.json")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dtype", choices=bench.BYTES, default="f32")
    parser.add_argument("--context", type=int, default=512, help="keys of every sequence")
    parser.add_argument("--packed", action="store_true", help="packed weights")
    options = parser.parse_args()
    os.environ.setdefault("ATTN_BIN", str(pathlib.Path(options.attnc).parent))
    with tempfile.TemporaryDirectory(prefix="attnc-bench-") as folder:
        out = pathlib.Path(folder, "out")
        subprocess.run([options.attnc, "compile", options.config, "--scope", "layer", "-o", out,
                        "--dtype", options.dtype], check=True, stdout=subprocess.DEVNULL)
        layer = bench.Layer(out, options.context)
        layer.sizes["batch"] = SEQUENCES
        for described in layer.kernel["tensors"]:
            if "query_length" not in described["shape"] and described["name"] != "kv_lengths":
                layer.fixed[described["name"]] = layer.tensor(described, layer.sizes)
        packed = layer.packed() if options.packed else None
        print("new tokens          together       alone")
        for name, rows in STEPS.items():
            own, each = compare(layer, rows, options.context, options.runs, packed)
            print(f"{name:<16} {own * 1e3:8.2f} ms {each * 1e3:8.2f} ms  {each / own:5.2f}x")


if __name__ == "__main__":
    sys.exit(main())
