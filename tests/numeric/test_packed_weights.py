#!/usr/bin/env python3
"""Weights that are packed once give the bits that they give as they are, at every
number of rows, without a byte of the raw ones; what was not packed for a kernel and
its target is refused.
"""
import ctypes
import functools
import json
import pathlib
import tempfile
import unittest
import zlib

import numpy as np
from kernel import EXECUTIONS, CallFailed, DLTensor, Guarded, Tensor, on_two_threads, tail_words
from modules import Grouped, Latent
from rotations import Rope
from scope_kernel import ScopeKernel
from test_layer_storage import MODULES
from test_layers import Folder, draw

ROWS = (1, 4, 5, 17, 64, 512)
WIDE = (
    # Blocks of columns and of steps that are not whole, and those that few rows stream.
    Grouped(600, 9, 3, 40, Rope(1e4), norm_offset=0.0, qkv_bias=True, output_bias=True),
    {"model_type": "qwen3", "hidden_size": 600, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 40,
     "rope_theta": 1e4, "attention_bias": True})
CASES = {"wide": WIDE, **{name: MODULES[name] for name in ("llama", "gpt2", "gpt_oss", "deepseek_v3")}}


class Bytes:
    """u8 [size] that end at a guard page, and the pointer that args have."""

    def __init__(self, size, offset=0):
        self.memory = Guarded((size + offset + 63) // 64 * 64, 64)
        self.bytes = self.memory.bytes[offset:offset + size]
        self.shape = (ctypes.c_int64 * 1)(size)
        self.dl = DLTensor(self.memory.address, 1, 0, 1, 1, 8, 1, self.shape, None, offset)

    @property
    def pointer(self):
        return ctypes.addressof(self.dl)


class Packable:
    """A layer's kernel, one layer's weights, and calls of it with them raw or packed."""

    def __init__(self, module, config, kind="f32", targets=()):
        self.place = tempfile.TemporaryDirectory(prefix="attnc-numeric-")
        folder = pathlib.Path(self.place.name)
        (folder / "config.json").write_text(json.dumps({"num_hidden_layers": 1, **config}))
        Folder.attnc(self, "compile", folder / "config.json", "-o", folder / "built", "--name", "toy", "--scope", "layer",
                     "--dtype", kind, *(word for target in targets for word in ("--target", target)))
        self.kernel = ScopeKernel(folder / "built", "toy", 0, "layer")
        self.random = np.random.default_rng(zlib.crc32(json.dumps(config).encode()))
        self.kind = kind
        self.weights = {}
        for name, values in draw(self.random, module).items():
            tensor = self.weights[name] = Tensor(values.shape, kind, gap=3 if values.ndim == 2 else 0)
            tensor.put(values)
        self.size = self.kernel.library[self.kernel.symbol + "_packed_weights_bytes"]
        self.size.restype = ctypes.c_uint64

    def args(self, placed, packed=None, flags=0):
        pointers = [ctypes.addressof(placed[t["name"]].dl) if t["name"] in placed else 0 for t in self.kernel.tensors]
        pointers += tail_words({"packed_weights": packed.pointer} if packed else {})
        head = np.array([16 + 8 * len(pointers), 1, self.kernel.index, flags], np.uint32)
        return np.concatenate([head.view(np.uint64), np.array(pointers, np.uint64)])

    def run(self, suffix, args, *more, target=None, parallel_for=None, execution=None):
        context, workspace, text = self.kernel.context({"batch": 2, "query_length": 512, "kv_capacity": 600}, 2)
        context.target = target
        if parallel_for:
            context.parallel_for = parallel_for
        if execution:
            status = EXECUTIONS[execution](self.kernel, args.ctypes.data, context, suffix)
        else:
            status = self.kernel.function(suffix)(ctypes.c_void_p(args.ctypes.data), *map(ctypes.c_void_p, more),
                                                  ctypes.byref(context))
        del workspace
        if status:
            raise CallFailed(f"status {status}: {text.value.decode()}")

    def pack(self, size=0, weights=None, flags=0, offset=0, **how):
        packed = Bytes(size or self.size(), offset)
        self.run("_pack_weights", self.args(self.weights if weights is None else weights, flags=flags),
                 packed.pointer, **how)
        return packed

    def call(self, rows, weights, packed=None, suffix="", **how):
        """Every output and cache after a call with 7 keys before it."""
        random, placed = np.random.default_rng(rows), dict(weights)
        sizes = {"batch": 2, "query_length": rows, "kv_capacity": rows + 11}
        for tensor in self.kernel.tensors:
            if tensor["name"] in self.weights:
                continue
            shape = tuple(sizes.get(s, s) for s in tensor["shape"])
            made = placed[tensor["name"]] = Tensor(shape, tensor["type"])
            if tensor["name"] == "kv_lengths":
                made.array[...] = rows + 7
            elif tensor["name"] == "position_ids":
                made.array[...] = np.arange(7, rows + 7)
            elif tensor["role"] != "output":
                made.put(random.standard_normal(shape).astype(np.float32))
        self.run(suffix, self.args(placed, packed), **how)
        return {t["name"]: placed[t["name"]].array.tobytes() for t in self.kernel.tensors if t["role"] != "input"}


class PackedWeightsTest(unittest.TestCase):
    def open(self, name, kind="f32", targets=()):
        case = Packable(*CASES[name], kind, targets)
        self.addCleanup(case.place.cleanup)
        return case

    def refused(self, message, call, *arguments, **named):
        with self.assertRaises(CallFailed) as caught:
            call(*arguments, **named)
        self.assertIn(message, str(caught.exception))

    def check(self, name):
        for kind in ("f32", "f16", "bf16"):
            case = self.open(name, kind)
            packed = case.pack()
            before = packed.bytes.copy()
            for rows in ROWS:
                with self.subTest(kind=kind, rows=rows):
                    raw = case.call(rows, case.weights)
                    self.assertEqual(raw, case.call(rows, {}, packed))
            self.assertTrue((packed.bytes == before).all(), "calls read packed weights")

    def test_threads_pack_the_same_bytes(self):
        case = self.open("wide")
        serial, parallel = case.pack(), case.pack(parallel_for=on_two_threads)
        self.assertTrue((serial.bytes == parallel.bytes).all())

    def test_phases_take_the_same_bytes(self):
        case = self.open("wide")
        packed = case.pack()
        for rows, phase in ((1, "_decode"), (5, "_prefill")):
            self.assertEqual(case.call(rows, case.weights), case.call(rows, {}, packed, suffix=phase))

    def test_executions(self):
        case = self.open("wide")
        packed, raw = case.pack(), case.call(17, case.weights)
        for execution in EXECUTIONS:
            # What another process than this one writes is not seen here, but its status.
            got = case.call(17, {}, packed, execution=execution)
            self.assertTrue(got == raw or execution == "sealed", execution)
        before = case.call(17, {}, packed, suffix="_can_run")
        self.assertNotEqual(before, raw, "can_run writes nothing")

    def test_raw_weights_are_not_looked_at_beside_packed_ones(self):
        case = self.open("wide")
        packed = case.pack()
        spoiled = {name: Tensor(t.array.shape, "f32") for name, t in case.weights.items()}
        for tensor in spoiled.values():
            tensor.array[...] = np.nan
        self.assertEqual(case.call(5, case.weights), case.call(5, spoiled, packed))

    def test_targets_tell_their_weights_apart(self):
        case = self.open("wide", targets=("x86-64-v3", "x86-64-v4"))
        if "avx512f" not in pathlib.Path("/proc/cpuinfo").read_text():
            self.skipTest("needs a CPU that runs both targets")
        packed = case.pack(target=b"x86-64-v3")
        self.assertEqual(case.call(17, case.weights, target=b"x86-64-v3"),
                         case.call(17, {}, packed, target=b"x86-64-v3"))
        self.refused("of target 'x86-64-v3', expected", case.call, 17, {}, packed, target=b"x86-64-v4")

    def test_other_bytes_are_refused(self):
        case = self.open("wide")
        packed = case.pack()
        self.refused("status 19: toy_layer: packed_weights has layout", self.open("llama").call, 4, {}, case.pack())
        self.refused(f"status 9: toy_layer: packed_weights has {case.size() - 1} bytes, expected at least "
                     f"{case.size()} (toy_layer_packed_weights_bytes says how many)",
                     case.pack, size=case.size() - 1)
        self.refused("expected a multiple of 64", case.pack, offset=4)
        self.refused("packed_weights is NULL", case.run, "_pack_weights", case.args(case.weights), 0)
        self.refused("q_proj.weight is NULL", case.pack, weights={})
        self.refused("q_proj.weight is NULL", case.call, 4, {})
        self.refused("args.flags is 0x1, expected 0: weights are packed for every call", case.pack, flags=1)
        packed.bytes[16] += 1
        self.refused("status 19: toy_layer: packed_weights were packed with args.layer 1, and this call has 0",
                     case.call, 4, {}, packed)
        packed.bytes[:8] = 0
        self.refused("fill it with toy_layer_pack_weights", case.call, 4, {}, packed, suffix="_can_run")
        self.refused("packed_weights does not begin as packed weights do: fill it with toy_layer_pack_weights",
                     case.call, 4, {}, packed)

    def test_outputs_overlap_no_packed_weights(self):
        case = self.open("wide")
        packed = case.pack()
        rows = {t["name"]: Tensor(tuple({"batch": 1, "query_length": 1, "kv_capacity": 4}.get(s, s)
                                        for s in t["shape"]), t["type"])
                for t in case.kernel.tensors if t["name"] not in case.weights}
        rows["kv_lengths"].array[...] = 1
        rows["position_ids"].array[...] = 0
        rows["output"].dl.data = packed.memory.address + 4096
        self.refused("output at", case.run, "", case.args(rows, packed))
        weights = dict(case.weights)
        weights["q_proj.weight"].dl.data = packed.memory.address
        self.refused("overlaps q_proj.weight", case.run, "_pack_weights", case.args(weights), packed.pointer)


for each in CASES:
    setattr(PackedWeightsTest, f"test_{each}", functools.partialmethod(PackedWeightsTest.check, each))


if __name__ == "__main__":
    unittest.main()
