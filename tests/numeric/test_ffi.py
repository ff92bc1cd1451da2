#!/usr/bin/env python3
"""Kernels called from Python through TVM-FFI: tensors in manifest order, then layer,
flags and workspace, on NumPy arrays; on PyTorch's tensors where that is installed,
which these tests do not ask for.
"""
import importlib.util
import json
import pathlib
import subprocess
import sys
import textwrap
import unittest

import attention
import numpy as np
import tvm_ffi
from modules import Grouped, evaluate
from rotations import Rope
from test_core import make_inputs
from test_layers import Folder

MODULE = Grouped(40, 6, 2, 24, Rope(1.5e5), window=5, sinks=True, qkv_bias=True, output_bias=True)
CORE = attention.Layer(6, 2, 24, mask="window", left=5, right=1, sinks=True)
CONFIG = {"model_type": "gpt_oss", "hidden_size": 40, "num_attention_heads": 6, "num_key_value_heads": 2,
          "head_dim": 24, "sliding_window": 5, "layer_types": ["sliding_attention"] * 2,
          "rope_parameters": {"rope_type": "default", "rope_theta": 1.5e5}}
CASES = {"prefill": (50, 131, None, 1), "prefill_lengths": (33, 77, [77, 0, 41], 1), "decode": (1, 305, [305, 1, 0], 1)}


class FfiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder(CONFIG, [MODULE, MODULE], "model.layers.{}.self_attn")
        cls.addClassCleanup(cls.folder.place.cleanup)
        out = cls.folder.path("ffi")
        cls.folder.attnc("compile", cls.folder.path("config.json"), "-o", out, "--name", "ffi",
                         "--scope", "core", "--scope", "layer")
        cls.path = out / "libffi.so"
        cls.module = tvm_ffi.load_module(cls.path)
        kernels = json.loads((out / "ffi.json").read_text())["kernels"]
        cls.tensors = {k["symbol"]: [t["name"] for t in k["tensors"]] for k in kernels}

    def arguments(self, inputs, symbol="ffi_core"):
        """The tensors of a call in order, with results to write to."""
        shape = inputs["query"].shape
        results = {"output": np.full(shape, np.nan, np.float32), "lse": np.full(shape[:-1], np.nan, np.float32)}
        return [inputs.get(name, results.get(name)) for name in self.tensors[symbol]]

    def refused(self, kind, message, *arguments):
        with self.assertRaises(kind) as caught:
            self.module.ffi_core(*arguments)
        self.assertIn(message, str(caught.exception))

    def test_core_is_right(self):
        for case, sizes in CASES.items():
            inputs = make_inputs(CORE, sizes)
            expected = attention.attend(CORE, inputs)
            arguments = self.arguments(inputs)
            self.module.ffi_core(*arguments)
            for want, got, most in zip(expected, arguments[-2:], attention.tolerances(CORE, inputs, expected)):
                with np.errstate(invalid="ignore"):
                    error = np.where(want == got, 0, np.abs(want - got))
                self.assertLessEqual(error.max(), most, case)

    def test_phases_and_options_change_no_bit(self):
        inputs = make_inputs(CORE, CASES["decode"])
        plain, given, phase = (self.arguments(inputs) for _ in range(3))
        self.module.ffi_core(*plain)
        size = self.module.ffi_core_workspace(3, 1, 305)
        self.assertLess(size, self.module.ffi_core_workspace(3, 1), "any number of keys")
        # Wherever a tensor begins.
        for offset in (0, 1, 63):
            self.module.ffi_core(*given, 1, 0, np.full(offset + size, 0xA5, np.uint8)[offset:])
            self.assertEqual(plain[-2].tobytes(), given[-2].tobytes())
        self.module.ffi_core_decode(*phase, None, None, None)
        self.assertEqual(plain[-2].tobytes(), phase[-2].tobytes())
        self.assertEqual(plain[-1].tobytes(), phase[-1].tobytes())

    def test_packed_rows_on_pages_are_taken(self):
        """What a serving engine has comes behind the workspace."""
        random, sizes = np.random.default_rng(3), [(1, 300), (7, 140), (0, 5), (21, 21)]
        table = np.full((len(sizes), 20), -1, np.int32)
        pools = {name: np.full((40, 16, 2, 24), np.nan, np.float32) for name in ("key", "value")}
        queries, alone, free = [], [], list(random.permutation(40))
        sinks = random.standard_normal(6).astype(np.float32)
        for b, (rows, length) in enumerate(sizes):
            one = {"query": random.standard_normal((1, rows, 6, 24)).astype(np.float32), "sinks": sinks}
            one |= {name: random.standard_normal((1, length, 2, 24)).astype(np.float32) for name in pools}
            for j in range(length):
                if j % 16 == 0:
                    table[b, j // 16] = free.pop()
                for name, pool in pools.items():
                    pool[table[b, j // 16], j % 16] = one[name][0, j]
            arguments = self.arguments(one)
            self.module.ffi_core(*arguments)
            queries.append(one["query"][0])
            alone.append([x[0] for x in arguments[-2:]])
        lengths = np.array([length for _, length in sizes], np.int32)
        indptr = np.cumsum([0] + [rows for rows, _ in sizes]).astype(np.int32)
        packed = self.arguments({"query": np.concatenate(queries), **pools, "kv_lengths": lengths, "sinks": sinks})
        self.module.ffi_core(*packed, 0, 0, None, indptr, table)
        for got, parts in zip(packed[-2:], zip(*alone)):
            self.assertEqual(got.tobytes(), np.concatenate(parts).tobytes())
        self.refused(ValueError, "ffi_core: q_indptr[0] is 1, expected 0", *packed, 0, 0, None, indptr + 1, table)

    def test_pages_below_a_window_count_for_nothing(self):
        """An engine that frees them names any page in their place, but a page."""
        random, length, rows = np.random.default_rng(4), 300, 3
        pools = {name: random.standard_normal((20, 16, 2, 24)).astype(np.float32) for name in ("key", "value")}
        inputs = {"query": random.standard_normal((1, rows, 6, 24)).astype(np.float32), **pools,
                  "sinks": random.standard_normal(6).astype(np.float32), "kv_lengths": np.array([length], np.int32)}
        before, after = self.arguments(inputs), self.arguments(inputs)
        table = np.arange(19, dtype=np.int32)[None]
        self.module.ffi_core(*before, 0, 0, None, None, table)
        for pool in pools.values():
            pool[19] = np.nan
        freed = table.copy()
        freed[0, :(length - rows - CORE.left + 1) // 16] = 19
        self.module.ffi_core(*after, 0, 0, None, None, freed)
        for want, got in zip(before[-2:], after[-2:]):
            self.assertEqual(want.tobytes(), got.tobytes())
        freed[0, 0] = -1
        self.refused(ValueError, "page 0 of sequence 0 is -1 in page_table, expected 0 to 19", *after, 0, 0, None,
                     None, freed)

    def test_views_and_tensors_are_taken(self):
        inputs = make_inputs(CORE, CASES["prefill"])
        plain, views = self.arguments(inputs), self.arguments(inputs)
        self.module.ffi_core(*plain)
        heads_first = np.ascontiguousarray(views[1].transpose(0, 2, 1, 3))
        views[1] = heads_first.transpose(0, 2, 1, 3)
        views[0] = tvm_ffi.from_dlpack(views[0])
        self.module.ffi_core(*views)
        self.assertEqual(plain[-2].tobytes(), views[-2].tobytes())

    def test_flag_leaves_the_sink_out(self):
        inputs = make_inputs(CORE, CASES["prefill"])
        without = self.arguments({**inputs, "sinks": None})
        self.module.ffi_core(*without, 0, 1)
        silent = {**inputs, "sinks": np.full(6, -np.inf, np.float32)}
        expected = self.arguments(silent)
        self.module.ffi_core(*expected)
        np.testing.assert_allclose(without[-2], expected[-2], atol=1e-5)

    def test_layer_goes_on_with_its_caches(self):
        module, weights = MODULE, self.folder.weights[1]
        hidden = self.folder.random.standard_normal((2, 18, 40)).astype(np.float32)
        caches = {name: np.full((2, 32, 2, 24), np.nan, np.float32) for name in ("key_cache", "value_cache")}
        outputs, first = [], 0
        for last in (11, 16, 17, 18):
            places = np.arange(first, last, dtype=np.int32)[None].repeat(2, axis=0)
            given = {**weights, **caches, "hidden_states": np.ascontiguousarray(hidden[:, first:last]),
                     "position_ids": places, "kv_lengths": np.full(2, last, np.int32),
                     "output": np.full((2, last - first, 40), np.nan, np.float32)}
            self.module.ffi_layer(*[given.get(name) for name in self.tensors["ffi_layer"]], 1)
            outputs.append(given["output"])
            first = last
        facts = (module, weights, hidden, np.arange(18)[None].repeat(2, axis=0), (0, 0))
        expected = evaluate(*facts)
        most = 2 * np.abs(evaluate(*facts, kind=np.float32) - expected).max() + 1e-5
        self.assertLessEqual(np.abs(np.concatenate(outputs, axis=1) - expected).max(), most)

    def test_weights_are_packed_once(self):
        weights, outputs = self.folder.weights[1], []
        size = self.module.ffi_layer_packed_weights_bytes()
        memory = np.empty(size + 63, np.uint8)
        packed = memory[-memory.ctypes.data % 64:][:size]
        names = [n for n in self.tensors["ffi_layer"] if n in weights]
        self.module.ffi_layer_pack_weights(*[weights[n] for n in names], packed, 1)
        hidden = self.folder.random.standard_normal((2, 5, 40)).astype(np.float32)
        for given in (weights, {}):
            tensors = {**given, "hidden_states": hidden, "kv_lengths": np.full(2, 5, np.int32),
                       "position_ids": np.arange(5, dtype=np.int32)[None].repeat(2, axis=0),
                       "key_cache": np.zeros((2, 8, 2, 24), np.float32),
                       "value_cache": np.zeros((2, 8, 2, 24), np.float32),
                       "output": np.full((2, 5, 40), np.nan, np.float32)}
            more = () if given else (None,) * 6 + (packed,)
            self.module.ffi_layer(*[tensors.get(n) for n in self.tensors["ffi_layer"]], 1, *more)
            outputs.append(tensors["output"].tobytes())
        self.assertEqual(*outputs)
        with self.assertRaisesRegex(ValueError, "packed with args.layer 1, and this call has 0"):
            self.module.ffi_layer(*[tensors.get(n) for n in self.tensors["ffi_layer"]], 0, *more)
        counts = f"{len(names) + 1} or {len(names) + 2}"
        with self.assertRaisesRegex(TypeError, f"ffi_layer: got 1 arguments, expected {counts}: the weights"):
            self.module.ffi_layer_pack_weights(packed)
        with self.assertRaisesRegex(ValueError, "ffi_layer: packed_weights is NULL"):
            self.module.ffi_layer_pack_weights(*[weights[n] for n in names], None)
        with self.assertRaisesRegex(TypeError, "ffi_layer: got 1 arguments, expected none"):
            self.module.ffi_layer_packed_weights_bytes(1)

    def test_errors_are_exceptions(self):
        tensors = self.arguments(make_inputs(CORE, CASES["prefill_lengths"]))
        self.refused(TypeError, "ffi_core: got 2 arguments, expected 7 to 17: the tensors from 'query' to 'lse'",
                     *tensors[:2])
        self.refused(TypeError, "ffi_core: key is an int, expected a tensor", tensors[0], 3, *tensors[2:])
        self.refused(TypeError, "ffi_core: kv_lengths is of another type, expected a tensor or None",
                     *tensors[:3], "77", *tensors[4:])
        self.refused(TypeError, "ffi_core: query has type f64, expected f32",
                     tensors[0].astype(np.float64), *tensors[1:])
        self.refused(TypeError, "ffi_core: layer is a bool, expected an int", *tensors, True)
        self.refused(TypeError, "ffi_core: workspace has type f32, expected u8", *tensors, 0, 0, tensors[0])
        self.refused(ValueError, "ffi_core: args.layer is 2, expected 0 to 1", *tensors, 2)
        self.refused(ValueError, "ffi_core: flags is -1, expected 0 to", *tensors, 0, -1)
        self.refused(ValueError, "ffi_core: output is NULL", *tensors[:5], None, None)
        self.refused(ValueError, "ffi_core: the workspace has", *tensors, 0, 0, np.empty(200, np.uint8))
        self.refused(ValueError, "ffi_core: workspace has rank 2, expected 1",
                     *tensors, 0, 0, np.empty((2, 1 << 20), np.uint8))
        self.refused(ValueError, "ffi_core: kv_lengths [1] is 78, expected 0 to 77",
                     *tensors[:3], np.array([77, 78, 0], np.int32), *tensors[4:])
        self.assertTrue(np.isnan(tensors[-2]).all(), "a refused call has written")
        with self.assertRaisesRegex(TypeError, "got 1 arguments, expected 2 or 3: batch, query_length, kv_length"):
            self.module.ffi_core_workspace(1)
        with self.assertRaisesRegex(ValueError, "batch is -1, expected 0 to"):
            self.module.ffi_core_workspace(-1, 1)

    def test_library_may_come_before_tvm_ffi(self):
        """Who opens the library first, and whether its names are global, does not matter."""
        program = textwrap.dedent("""
            import ctypes, sys
            library = ctypes.CDLL(sys.argv[1], getattr(ctypes, sys.argv[2]))
            import tvm_ffi
            try:
                tvm_ffi.load_module(sys.argv[1]).ffi_core()
            except TypeError as error:
                print(error)
            """)
        for mode in ("RTLD_LOCAL", "RTLD_GLOBAL"):
            done = subprocess.run([sys.executable, "-c", program, self.path, mode], capture_output=True, text=True)
            self.assertIn("ffi_core: got 0 arguments", done.stdout, done.stderr)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_torch_tensors_are_taken(self):
        import torch
        plain, tensors = (self.arguments(make_inputs(CORE, CASES["prefill_lengths"])) for _ in range(2))
        self.module.ffi_core(*plain)
        self.module.ffi_core(*map(torch.from_numpy, tensors))
        self.assertEqual(plain[-2].tobytes(), tensors[-2].tobytes())


if __name__ == "__main__":
    unittest.main()
