#!/usr/bin/env python3
"""A whole attention layer, projections included, against this machine's limits.

Compiles a config's layer 0 in scope layer and times prefill and decode of it with
one thread; the limits are those that `attnc bench` measures in the same run:

    layer.py [--attnc build/release/bin/attnc] [--config examples/configs/llama-3-8b.json] [--runs 5]
             [--dtype f32|f16|bf16] [--cache-dtype f32|f16|bf16] [--packed]

Prefill counts the FLOPs of all matrix products over visible pairs, decode the bytes
of weights, keys and values that it reads. --packed times some rows of a sequence of
512 keys with the weights as they are and packed, in turns.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "numeric"))
import kernel as abi  # noqa: E402

BYTES = {"f32": 4, "f16": 2, "bf16": 2}


class Layer:
    """The layer kernel of a folder, with weights and caches for one sequence."""

    def __init__(self, folder, capacity):
        self.manifest = json.loads(next(folder.glob("*.json")).read_text())
        self.kernel = next(k for k in self.manifest["kernels"] if k["scope"] == "layer")
        library = ctypes.CDLL(str(next(folder.glob("*.so"))))
        self.library = library
        self.run = library[self.kernel["symbol"]]
        self.workspace_size = library[self.kernel["symbol"] + "_workspace"]
        self.workspace_size.restype = ctypes.c_uint64
        self.random = np.random.default_rng(1)
        self.sizes = {"batch": 1, "kv_capacity": capacity}
        self.fixed = {}

    def tensor(self, described, sizes):
        shape = [sizes.get(extent, extent) for extent in described["shape"]]
        tensor = abi.Tensor(shape, described["type"])
        if described["type"] != "i32":
            tensor.put(self.random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[-1])))
        return tensor

    def packed(self):
        """The weights, packed by the library, and what args point to."""
        symbol = self.kernel["symbol"]
        size = self.library[symbol + "_packed_weights_bytes"]
        size.restype = ctypes.c_uint64
        memory = np.zeros(size() + 64, np.uint8)
        shape = (ctypes.c_int64 * 1)(size())
        packed = abi.DLTensor((memory.ctypes.data + 63) // 64 * 64, 1, 0, 1, 1, 8, 1, shape, None, 0)
        context = abi.Context(ctypes.sizeof(abi.Context), 1)
        tensors = [self.fixed[t["name"]] if t["name"] in self.fixed else None for t in self.kernel["tensors"]]
        status = self.library[symbol + "_pack_weights"](
            ctypes.c_void_p(self.args(tensors).ctypes.data), ctypes.byref(packed), ctypes.byref(context))
        if status:
            sys.exit(f"weights are not packed: status {status}")
        self.memory = memory, shape
        return packed

    def args(self, tensors, packed=None):
        pointers = [ctypes.addressof(t.dl) if t else 0 for t in tensors] + [0] * 7
        pointers.append(ctypes.addressof(packed) if packed else 0)
        head = np.array([16 + 8 * len(pointers), 1, 0, 0], np.uint32).view(np.uint64)
        return np.concatenate([head, np.array(pointers, np.uint64)])

    def time(self, queries, context, runs, packed=()):
        """Seconds of a call; for each of `packed` (None: the weights as they are) if there are any."""
        sizes = {**self.sizes, "query_length": queries}
        tensors = []
        for described in self.kernel["tensors"]:
            name = described["name"]
            if "query_length" in described["shape"]:
                tensors.append(self.tensor(described, sizes))
            else:
                if name not in self.fixed:
                    self.fixed[name] = self.tensor(described, sizes)
                tensors.append(self.fixed[name])
            if name == "kv_lengths":
                tensors[-1].array[...] = context
            if name == "position_ids":
                tensors[-1].array[...] = np.arange(context - queries, context)
        maxima = abi.Maxima(ctypes.sizeof(abi.Maxima), 1, 1, queries, 1, sizes["kv_capacity"])
        size = self.workspace_size(ctypes.byref(maxima))
        workspace = np.zeros(size + 64, np.uint8)
        text = ctypes.create_string_buffer(512)
        context_ = abi.Context(ctypes.sizeof(abi.Context), 1, (workspace.ctypes.data + 63) // 64 * 64, size, 1,
                               abi.PARALLEL_FOR(), None, ctypes.cast(text, ctypes.c_char_p), 512, None)
        forms = [self.args(tensors, form) for form in packed or (None,)]
        times = [[] for _ in forms]
        for _ in range(runs + 1):
            for args, own in zip(forms, times):
                start = time.perf_counter()
                status = self.run(ctypes.c_void_p(args.ctypes.data), ctypes.byref(context_))
                own.append(time.perf_counter() - start)
                if status:
                    sys.exit(f"status {status}: {text.value.decode()}")
        medians = [statistics.median(own[1:]) for own in times]
        return medians if packed else medians[0]

    def weights(self):
        """Elements of the matrices."""
        return sum(int(np.prod(t["shape"])) for t in self.kernel["tensors"] if t["name"].endswith(".weight"))


def limits(attnc, config):
    """FLOP/s of FMA and bytes/s read from memory, with one thread, in 1e9."""
    done = subprocess.run([attnc, "bench", config, "--scope", "core", "--phase", "decode", "--dtype", "f32",
                           "--threads", "1", "--json"], check=True, capture_output=True, text=True)
    machine = json.loads(done.stdout)["machine"]
    return machine["fma_gflops"]["1"], machine["read_gbps"]["1"]


def compare(layer, runs):
    layer.time(1, 512, 1)
    packed = layer.packed()
    print("rows          raw      packed")
    for rows in (1, 4, 8, 16, 64, 512):
        raw, own = layer.time(rows, 512, runs, (None, packed))
        print(f"{rows:<5} {raw * 1e3:8.2f} ms {own * 1e3:8.2f} ms  {raw / own:5.2f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attnc", default="build/release/bin/attnc")
    parser.add_argument("--config", default="examples/configs/llama-3-8b.json")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dtype", choices=BYTES, default="f32", help="activations and weights")
    parser.add_argument("--cache-dtype", choices=BYTES, help="keys and values; --dtype by default")
    parser.add_argument("--packed", action="store_true", help="packed weights beside weights as they are")
    options = parser.parse_args()
    os.environ.setdefault("ATTN_BIN", str(pathlib.Path(options.attnc).parent))
    fields = json.loads(pathlib.Path(options.config).read_text())
    heads = fields["num_attention_heads"]
    kv_heads = fields.get("num_key_value_heads", heads)
    size = fields.get("head_dim") or fields["hidden_size"] // heads
    fma, read = limits(options.attnc, options.config)
    print(f"limits: {fma:.1f} GFLOP/s of FMA, {read:.1f} GB/s read from memory")
    cache = options.cache_dtype or options.dtype
    with tempfile.TemporaryDirectory(prefix="attnc-bench-") as folder:
        out = pathlib.Path(folder, "out")
        subprocess.run([options.attnc, "compile", options.config, "--scope", "layer", "-o", out,
                        "--dtype", options.dtype, "--k-dtype", cache, "--v-dtype", cache], check=True,
                       stdout=subprocess.DEVNULL)
        layer = Layer(out, 16384)
        weights = layer.weights()
        if options.packed:
            return compare(layer, options.runs)
        for rows in (128, 512):
            seconds = layer.time(rows, rows, options.runs)
            flops = 2 * rows * weights + 4 * heads * size * rows * (rows + 1) // 2
            print(f"prefill_{rows:<6} {seconds * 1e3:9.2f} ms  {flops / seconds / 1e9:7.1f} GFLOP/s "
                  f"{flops / seconds / 1e9 / fma:5.0%} FMA")
        for context in (512, 4096, 16384):
            seconds = layer.time(1, context, options.runs)
            moved = BYTES[options.dtype] * weights + BYTES[cache] * 2 * kv_heads * size * context
            print(f"decode_{context:<7} {seconds * 1e3:9.2f} ms  {moved / seconds / 1e9:7.1f} GB/s    "
                  f"{moved / seconds / 1e9 / read:5.0%} memory")


if __name__ == "__main__":
    sys.exit(main())
