#!/usr/bin/env python3
"""Kernels of scope attend and layer write their caches in place, the new rows and
no other byte, whatever lies around them and whoever runs the tasks.
"""
import unittest

import numpy as np
from kernel import EXECUTIONS, FLAG_NO_SINK, LAYOUTS, CallFailed, Tensor
from modules import Grouped, Latent
from rotations import Rope
from scope_kernel import Repeated, ScopeKernel, View
from storage import KINDS
from test_layers import Folder

MODULES = {
    "window_sinks": (
        Grouped(40, 6, 2, 24, Rope(1.5e5), window=5, sinks=True, qkv_bias=True, output_bias=True),
        {"model_type": "gpt_oss", "hidden_size": 40, "num_attention_heads": 6, "num_key_value_heads": 2,
         "head_dim": 24, "sliding_window": 5,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1.5e5}}),
    "norms": (
        Grouped(40, 3, 1, 24, Rope(1e6), norm_offset=0.0),
        {"model_type": "qwen3", "hidden_size": 40, "num_attention_heads": 3, "num_key_value_heads": 1,
         "head_dim": 24, "rope_theta": 1e6}),
    "halves": (
        Grouped(32, 3, 1, 16, Rope(1e6), norm_offset=0.0),
        {"model_type": "qwen3", "hidden_size": 32, "num_attention_heads": 3, "num_key_value_heads": 1,
         "head_dim": 16, "rope_theta": 1e6, "dtype": "float16"}),
    "packed": (
        Grouped(72, 3, 3, 24, qkv_bias=True, output_bias=True, packed="c_attn", output="c_proj", input_major=True),
        {"model_type": "gpt2", "n_embd": 72, "n_head": 3}),
    "value_norm": (
        Grouped(40, 3, 1, 24, Rope(1e4), value_norm="weighted"),
        """attn.grouped @m {hidden = 40, heads = 3, kv_heads = 1, head_dim = 24, layers = [0],
            value_norm = #attn.norm<eps = 1.0e-6>, position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}"""),
    "mask_operand": (
        Grouped(40, 6, 2, 24, Rope(1e4), window=5),
        """attn.grouped @m {hidden = 40, heads = 6, kv_heads = 2, head_dim = 24, layers = [0],
            position = #attn.rope<theta = 1.0e4>, mask = #attn.window<left = 5, right = 1>, mask_operand = f16}"""),
    "documents": (
        Grouped(40, 6, 2, 24, Rope(1e4), document=6),
        """attn.grouped @m {hidden = 40, heads = 6, kv_heads = 2, head_dim = 24, layers = [0],
            position = #attn.rope<theta = 1.0e4>, mask = #attn.all<[#attn.causal, #attn.document]>}"""),
    "latent": (
        Latent(56, 3, 20, 24, 12, 8, 14, Rope(1e4, interleaved=True)),
        {"model_type": "deepseek_v3", "hidden_size": 56, "num_attention_heads": 3, "q_lora_rank": 20,
         "kv_lora_rank": 24, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 14}),
    "latent_mask_operand": (
        Latent(56, 3, 20, 24, 12, 8, 14, Rope(1e4, interleaved=True)),
        """attn.latent @m {hidden = 56, heads = 3, query_rank = 20, kv_rank = 24, nope_dim = 12, rope_dim = 8,
            value_dim = 14, layers = [0], position = #attn.rope<theta = 1.0e4, pairing = interleaved>,
            mask = #attn.causal, mask_operand = f16}"""),
}
# New rows, and what each sequence holds with them.
CASES = {"prompt": (21, [21, 8, 0]), "chunk": (7, [40, 7, 3]), "token": (1, [70, 1, 0]), "nothing": (0, [9, 0, 4])}


class CachesTest(unittest.TestCase):
    kernels = {}

    def kernel(self, name, scope):
        if name not in self.kernels:
            module, config = MODULES[name]
            folder = Folder(config, [module], "model.layers.{}.self_attn")
            self.addClassCleanup(folder.place.cleanup)
            CachesTest.kernels[name] = folder
        folder = self.kernels[name]
        return folder, ScopeKernel(folder.path("built"), "k_m", 0, scope)

    def call(self, name, scope, case, capacity=None):
        """The tensors of a call; caches hold NaN where nothing is valid yet."""
        folder, kernel = self.kernel(name, scope)
        module, weights = MODULES[name][0], folder.weights[0]
        queries, lengths = case
        random = np.random.default_rng(queries)
        hidden = random.standard_normal((len(lengths), queries, module.hidden)).astype(np.float32)
        lengths = np.array(lengths, np.int32)
        begins = np.maximum(lengths - queries, 0)
        positions = np.maximum((lengths - queries)[:, None] + np.arange(queries), 0)
        arrays = {"hidden_states": hidden, **module.project(weights, hidden), **weights,
                  "kv_lengths": lengths, "position_ids": positions.astype(np.int32)}
        shown = random.random((len(lengths), 1, queries, max(lengths))) < 0.7
        arrays["mask"] = np.where(shown, 0, -np.inf).astype(np.float16)
        arrays["document_ids"] = np.tile(np.arange(max(lengths) + 3, dtype=np.int32) // 6, (len(lengths), 1))
        for cache in module.caches:
            described = next(t for t in kernel.tensors if t["name"] == f"{cache}_cache")
            row = described["shape"][2:]
            held = np.full((len(lengths), max(lengths), *row), np.nan, np.float32)
            for b, begin in enumerate(begins):
                held[b, :begin] = random.standard_normal((begin, *row))
            whole = np.full((len(lengths), capacity or max(lengths), *row), np.nan, np.float32)
            whole[:, :max(lengths)] = held
            arrays[f"{cache}_cache"] = whole.astype(KINDS[described["type"]][0])
        return kernel, {t["name"]: arrays[t["name"]] for t in kernel.tensors if t["role"] != "output"}

    def same(self, expected, got, what):
        for name, tensor in expected.items():
            other = got[name][:, :tensor.shape[1]]
            bits = f"u{tensor.itemsize}"
            self.assertTrue((tensor.view(bits) == other.view(bits)).all(), f"{what}: {name}")

    def for_all(self, check):
        for name in MODULES:
            for scope in ("attend", "layer"):
                for case in CASES:
                    with self.subTest(module=name, scope=scope, case=case):
                        check(name, scope, case)

    def test_only_new_rows_are_written(self):
        def check(name, scope, case):
            queries, lengths = CASES[case]
            kernel, arrays = self.call(name, scope, CASES[case], capacity=83)
            got = kernel(arrays)
            self.assertTrue(np.isfinite(got["output"]).all(), "what is beyond a length has influence")
            for cache in MODULES[name][0].caches:
                before, after = arrays[f"{cache}_cache"].copy(), got[f"{cache}_cache"]
                for b, length in enumerate(lengths):
                    begin = max(length - queries, 0)
                    self.assertTrue(np.isfinite(after[b, begin:length]).all(), f"{cache} of {b} lacks rows")
                    before[b, begin:length] = after[b, begin:length]
                self.same({cache: before}, {cache: after}, "a row that is not new")
        self.for_all(check)

    def test_rows_are_cached_as_the_layer_attends_to_them(self):
        """Keys with bias and norm and rotated, values with bias, latents normed, rope keys rotated."""
        def check(name, scope, case):
            queries, lengths = CASES[case]
            kernel, arrays = self.call(name, scope, CASES[case])
            module, weights = MODULES[name][0], self.kernel(name, scope)[0].weights[0]
            # As `call` draws them.
            hidden = np.random.default_rng(queries).standard_normal((len(lengths), queries, module.hidden))
            exact = {n: x.astype(np.float64) for n, x in weights.items()}
            positions = np.maximum(np.array(lengths)[:, None] - queries + np.arange(queries), 0)
            expected = module.cached(exact, module.project(exact, hidden.astype(np.float32).astype(np.float64)),
                                     positions)
            got = kernel(arrays)
            for cache, rows in expected.items():
                for b, length in enumerate(lengths):
                    count = min(length, queries)
                    held = got[f"{cache}_cache"][b, length - count:length]
                    # Inputs and weights of 16 bits are rounded too, and a sum of them is not exact.
                    bound = 2e-5 if held.dtype == np.float32 else 2.0 ** -8
                    np.testing.assert_allclose(held, rows[b, queries - count:], rtol=0, atol=bound, err_msg=cache)
        self.for_all(check)

    def test_capacity_changes_no_bit(self):
        def check(name, scope, case):
            plain = None
            for times in (1, 2, 40):
                kernel, arrays = self.call(name, scope, CASES[case], max(CASES[case][1]) * times)
                got = kernel(arrays)
                plain = plain or got
                self.same(plain, got, f"{times} times the length")
        self.for_all(check)

    def test_layouts_and_executions_change_no_bit(self):
        def check(name, scope, case):
            kernel, arrays = self.call(name, scope, CASES[case])
            plain = kernel(arrays)
            for layout in LAYOUTS:
                self.same(plain, kernel(arrays, layout=layout), layout)
            for execution in EXECUTIONS:
                self.same(plain, kernel(arrays, execution=execution), execution)
        self.for_all(check)

    def test_sequences_are_alone(self):
        def check(name, scope, case):
            kernel, arrays = self.call(name, scope, CASES[case])
            plain = kernel(arrays)
            facts = {t["name"] for t in kernel.tensors if t["shape"][0] == "batch"}
            for b in range(len(CASES[case][1])):
                one = {n: x[b:b + 1] if n in facts else x for n, x in arrays.items()}
                self.same({n: x[b:b + 1] for n, x in plain.items()}, kernel(one), f"sequence {b}")
        self.for_all(check)

    def test_views_of_one_buffer(self):
        for name, scope in (("norms", "attend"), ("window_sinks", "attend"), ("packed", "layer")):
            kernel, arrays = self.call(name, scope, CASES["chunk"])
            batch, capacity, heads, size = arrays["key_cache"].shape
            pairs = {"[B,T,2,H,D]": ((batch, capacity, 2, heads, size), lambda i: np.s_[:, :, i]),
                     "[2,B,T,H,D]": ((2, batch, capacity, heads, size), lambda i: np.s_[i]),
                     "[B,T,H,2D]": ((batch, capacity, heads, 2 * size), lambda i: np.s_[..., i * size:(i + 1) * size])}
            plain = kernel(arrays)
            for layout, (shape, part) in pairs.items():
                both = Tensor(shape)
                views = {f"{c}_cache": View(both, part(i)) for i, c in enumerate(("key", "value"))}
                if scope == "attend":
                    counts = [arrays[n].shape[2] for n in ("query", "key", "value")]
                    fused = Tensor((batch, 7, sum(counts), size))
                    first = np.cumsum([0, *counts])
                    views |= {n: View(fused, np.s_[:, :, first[i]:first[i + 1]])
                              for i, n in enumerate(("query", "key", "value"))}
                self.same(plain, kernel(arrays, views=views), f"{name} {layout}")

    def test_rows_that_all_sequences_share(self):
        """Inputs may repeat with stride 0: queries, keys, hidden states, positions."""
        def check(name, scope, case):
            kernel, arrays = self.call(name, scope, CASES[case])
            shared = {t["name"]: t["type"] for t in kernel.tensors
                      if t["shape"][:2] == ["batch", "query_length"] and t["role"] == "input"}
            views = {}
            for tensor, kind in shared.items():
                arrays[tensor][:] = arrays[tensor][:1]
                one = Tensor((1, *arrays[tensor].shape[1:]), kind)
                views[tensor] = Repeated(one, len(arrays[tensor]))
            self.same(kernel(arrays), kernel(arrays, views=views), "stride 0")
        self.for_all(check)

    def test_latents_in_one_buffer(self):
        for scope in ("attend", "layer"):
            kernel, arrays = self.call("latent", scope, CASES["chunk"])
            both = Tensor((3, 40, 24 + 8))
            views = {"latent_cache": View(both, np.s_[..., :24]), "rope_key_cache": View(both, np.s_[..., 24:])}
            self.same(kernel(arrays), kernel(arrays, views=views), scope)

    def test_workspaces_of_valid_keys(self):
        """Enough, however much room the caches have behind them."""
        for name in ("norms", "latent"):
            for scope in ("attend", "layer"):
                kernel, arrays = self.call(name, scope, (61, [61, 8, 0]), capacity=4000)
                self.same(kernel(arrays), kernel(arrays, promised=61), scope)

    def test_caches_overlap_nothing(self):
        kernel, arrays = self.call("norms", "layer", CASES["chunk"])
        whole = Tensor((3, 41, 1, 24))
        views = {"key_cache": View(whole, np.s_[:, :40]), "value_cache": View(whole, np.s_[:, 1:])}
        with self.assertRaisesRegex(CallFailed, "key_cache at .* overlaps value_cache at "):
            kernel(arrays, views=views)

    def test_sinks_are_left_out_where_asked(self):
        for scope in ("attend", "layer"):
            kernel, arrays = self.call("window_sinks", scope, CASES["prompt"])
            left_out = kernel(arrays, flags=FLAG_NO_SINK)
            self.assertTrue((left_out["output"] != kernel(arrays)["output"]).any())
            arrays["sinks"] = np.full(6, -np.inf, np.float32)
            self.same(kernel(arrays), left_out, scope)

    def test_lengths_beyond_the_capacity_touch_nothing(self):
        kernel, arrays = self.call("norms", "layer", CASES["chunk"])
        for length in (41, -1):
            arrays["kv_lengths"] = np.array([40, 7, length], np.int32)
            with self.assertRaisesRegex(CallFailed, rf"kv_lengths \[2\] is {length}, expected 0 to 40"):
                kernel(arrays)


if __name__ == "__main__":
    unittest.main()
