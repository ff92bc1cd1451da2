#!/usr/bin/env python3
"""Scopes attend and layer in f16 and bf16, step after step through `attnc run`,
against NumPy in float64 within the bound of semantics, item 13.

The naive evaluation is float32, rounds what caches hold to what they are stored
in, and its result once.
"""
import functools
import json
import tempfile
import unittest
import zlib

import numpy as np
from modules import Grouped, Latent
from rotations import Rope
from storage import keep, load, save
from test_layers import PREFIX, STEPS, TOKENS, Folder, draw

# Of activations and weights, keys, values.
STORAGES = {"f16": ("f16",) * 3, "bf16": ("bf16",) * 3, "f16_caches": ("f32", "f16", "f16"),
            "bf16_caches": ("f32", "bf16", "bf16"), "mixed": ("bf16", "f16", "f32")}
STARTS = (0, 3)
YARN = {"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
        "original_max_position_embeddings": 1024, "truncate": False}
MODULES = {
    "gpt2": (
        Grouped(72, 3, 3, 24, qkv_bias=True, output_bias=True, packed="c_attn", output="c_proj", input_major=True),
        {"model_type": "gpt2", "n_embd": 72, "n_head": 3}),
    # Rows that few queries read where they are.
    "llama": (
        Grouped(64, 8, 2, 16, Rope(1e4)),
        {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2,
         "head_dim": 16}),
    "qwen3": (
        Grouped(40, 6, 2, 24, Rope(1e6), norm_offset=0.0, qkv_bias=True, output_bias=True),
        {"model_type": "qwen3", "hidden_size": 40, "num_attention_heads": 6, "num_key_value_heads": 2,
         "head_dim": 24, "rope_theta": 1e6, "attention_bias": True}),
    "gemma2": (
        Grouped(56, 6, 2, 24, Rope(1e4), scale=30 ** -0.5, softcap=3.0, window=4),
        {"model_type": "gemma2", "hidden_size": 56, "num_attention_heads": 6, "num_key_value_heads": 2,
         "head_dim": 24, "query_pre_attn_scalar": 30, "attn_logit_softcapping": 3.0, "sliding_window": 4}),
    "falcon": (
        Grouped(144, 6, 1, 24, Rope(1e4), packed="query_key_value", grouped=True, output="dense"),
        {"model_type": "falcon", "hidden_size": 144, "num_attention_heads": 6, "multi_query": True, "bias": False}),
    "gpt_oss": (
        Grouped(64, 6, 2, 24, Rope(1.5e5, scaling=YARN), window=5, sinks=True, qkv_bias=True, output_bias=True),
        {"model_type": "gpt_oss", "hidden_size": 64, "num_attention_heads": 6, "num_key_value_heads": 2,
         "head_dim": 24, "sliding_window": 5, "rope_theta": 1.5e5, "rope_scaling": YARN}),
    "deepseek_v3": (
        Latent(56, 5, 20, 24, 12, 8, 14, Rope(1e4, interleaved=True)),
        {"model_type": "deepseek_v3", "hidden_size": 56, "num_attention_heads": 5, "q_lora_rank": 20,
         "kv_lora_rank": 24, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 14}),
}


class Stored(Folder):
    """A module whose tensors are of given types, compiled."""

    def __init__(self, module, config, storage):
        self.module, self.storage = module, storage
        self.place = tempfile.TemporaryDirectory(prefix="attnc-numeric-")
        self.random = np.random.default_rng(zlib.crc32(json.dumps(config).encode()))
        self.weights = {n: keep(x, storage[0]) for n, x in draw(self.random, module).items()}
        save({f"{PREFIX.format(0)}.{n}": (x, storage[0]) for n, x in self.weights.items()}, self.path("weights"))
        is_text = isinstance(config, str)
        source = self.path("m.mlir" if is_text else "config.json")
        source.write_text(config if is_text else json.dumps({"num_hidden_layers": 1, **config}))
        types = [f"--{o}={kind}" for o, kind in zip(("dtype", "k-dtype", "v-dtype"), storage)]
        self.attnc("compile", source, "-o", self.path("built"), "--name", "m",
                   "--scope", "attend", "--scope", "layer", *types)

    def run(self, rows, scope):
        """The outputs of all steps, one behind the other; caches come back as they went in."""
        outputs, past, first = [], {}, 0
        for count in STEPS:
            last = first + count
            given = {n: (x[:, first:last], self.storage[0]) for n, x in rows.items()}
            lengths = (last - np.array(STARTS, np.int32), "i32")
            save({**given, **past, "kv_lengths": lengths}, self.path("in"))
            self.attnc("run", self.path("built"), "--in", self.path("in"), "--out", self.path("out"),
                       "--weights", self.path("weights"), "--scope", scope)
            results = load(self.path("out"))
            past = {f"past_{c}": results[f"present_{c}"] for c in self.module.caches}
            output, kind = results["output"]
            assert kind == self.storage[0], kind
            assert {c: past[f"past_{c}"][1] for c in self.module.caches} == self.kinds(), past
            outputs.append(output)
            first = last
        return np.concatenate(outputs, axis=1)

    def kinds(self):
        keys, values = self.module.caches if isinstance(self.module, Grouped) else reversed(self.module.caches)
        return {keys: self.storage[1], values: self.storage[2]}

    def attend(self, rows, kind):
        """In float64 exactly; in float32 naively, unrounded."""
        positions = np.maximum(np.arange(TOKENS)[None] - np.array(STARTS)[:, None], 0)
        held = {}
        if kind == np.float32:
            keeps = [functools.partial(keep, kind=k) for k in self.storage[1:]]
            held = dict(zip(("keep_key", "keep_value"), keeps))
        weights = {n: x.astype(kind) for n, x in self.weights.items()}
        return self.module.attend(weights, {n: x.astype(kind) for n, x in rows.items()}, positions, STARTS, **held)

    def project(self, hidden, kind):
        return self.module.project({n: x.astype(kind) for n, x in self.weights.items()}, hidden.astype(kind))

    def out(self, heads, kind):
        return self.module.out({n: x.astype(kind) for n, x in self.weights.items()}, heads.astype(kind))


class LayerStorageTest(unittest.TestCase):
    def within(self, got, exact, naive, what):
        self.assertEqual(got.shape, exact.shape)
        tolerance = 2 * np.abs(naive - exact).max() + 1e-5
        error = np.abs(got - exact)
        worst = np.unravel_index(np.argmax(error), error.shape)
        self.assertTrue(np.isfinite(got).all() and error[worst] <= tolerance,
                        f"{what}: {worst} is {got[worst]}, expected {exact[worst]}, error {error[worst]:.2e}, "
                        f"tolerance {tolerance:.2e}")

    def check(self, name, storage):
        module, config = MODULES[name]
        stored = Stored(module, config, storage)
        self.addCleanup(stored.place.cleanup)
        kept = functools.partial(keep, kind=storage[0])
        hidden = kept(stored.random.standard_normal((2, TOKENS, module.hidden)).astype(np.float32))
        exact, naive = (stored.out(stored.attend(stored.project(hidden, kind), kind), kind)
                        for kind in (np.float64, np.float32))
        layer = stored.run({"hidden_states": hidden}, "layer")
        self.within(layer, exact, kept(naive), "layer")
        # The same rows, projected by NumPy, through scope attend alone.
        rows = {n: kept(x) for n, x in stored.project(hidden, np.float32).items()}
        inner = stored.run(rows, "attend")
        self.within(inner, stored.attend(rows, np.float64), kept(stored.attend(rows, np.float32)), "attend")
        # layer is projections and attend, but for what lies between them.
        around = kept(stored.out(kept(stored.attend(rows, np.float32)), np.float32))
        self.within(stored.out(inner, np.float64), exact, around, "projections around attend")

    def check_all(self, name):
        for storage, kinds in STORAGES.items():
            if isinstance(MODULES[name][0], Latent) and kinds[1] != kinds[2]:
                continue
            with self.subTest(storage=storage):
                self.check(name, kinds)


for each in MODULES:
    setattr(LayerStorageTest, f"test_{each}", functools.partialmethod(LayerStorageTest.check_all, each))


if __name__ == "__main__":
    unittest.main()
