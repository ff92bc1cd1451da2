#!/usr/bin/env python3
"""Tensor parallelism: NumPy cuts a checkpoint into ranks, `attnc run` calls the
kernel of each, and their sum is the whole layer in float64.
"""
import unittest

import numpy as np
import test_layers
from biases import Buckets
from modules import Grouped, Latent, evaluate
from ranks import share, slice_weights
from rotations import Rope
from safetensors.numpy import save_file

STEPS = (9, 1, 1)


class RanksTest(unittest.TestCase):
    def rank_outputs(self, folder, part, rows, *options):
        """The outputs of a prompt and of single tokens behind it."""
        outputs, past, first = [], {}, 0
        for count in STEPS:
            given = {name: x[:, first:first + count] for name, x in rows.items()}
            result = folder.run({**given, **past}, "--layer", "0", *options, weights="rank")
            past = {f"past_{c}": result[f"present_{c}"] for c in part.caches}
            outputs.append(result["output"])
            first += count
        return np.concatenate(outputs, axis=1)

    def check_sum(self, got, expected, naive, what):
        tolerance = 2 * np.abs(naive - expected).max() + 1e-5
        error = np.abs(got - expected)
        worst = np.unravel_index(np.argmax(error), error.shape)
        self.assertTrue(np.isfinite(got).all() and error[worst] <= tolerance,
                        f"{what}: {worst} is {got[worst]}, expected {expected[worst]}, tolerance {tolerance:.2e}")

    def check_ranks(self, config, module, ranks):
        folder = test_layers.Folder(config, [module], "{}", options=("--tp", str(ranks)))
        self.addCleanup(folder.place.cleanup)
        weights, part = folder.weights[0], share(module, ranks)
        hidden = folder.random.standard_normal((2, sum(STEPS), module.hidden)).astype(np.float32)
        facts = (module, weights, hidden, np.arange(sum(STEPS))[None], (0, 0))
        expected, naive = evaluate(*facts), evaluate(*facts, kind=np.float32)
        total, heads = 0, []
        for rank in range(ranks):
            own = slice_weights(module, weights, rank, ranks)
            shapes = {name: x.shape for name, x in own.items()}
            self.assertEqual(shapes, part.shapes())
            save_file({name: np.ascontiguousarray(x) for name, x in own.items()}, folder.path("rank"))
            total = total + self.rank_outputs(folder, part, {"hidden_states": hidden})
            heads.append(self.rank_outputs(folder, part, part.project(own, hidden), "--scope", "attend"))
        if getattr(module, "output_bias", False):  # no rank adds it
            total = total + weights[f"{module.output}.bias"]
        self.check_sum(total, expected, naive, f"{ranks} ranks")
        attended = module.out(weights, np.concatenate(heads, axis=2))
        self.check_sum(attended, expected, naive, f"attend of {ranks} ranks")

    def check(self, config, module, ranks=(2, 4)):
        for count in ranks:
            self.check_ranks(config, module, count)

    def test_llama(self):
        self.check({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2,
                    "head_dim": 24, "rope_theta": 1e4, "attention_bias": True},
                   Grouped(64, 8, 2, 24, Rope(1e4), qkv_bias=True, output_bias=True))

    def test_gpt2(self):
        self.check({"model_type": "gpt2", "n_embd": 96, "n_head": 4},
                   Grouped(96, 4, 4, 24, qkv_bias=True, output_bias=True, packed="c_attn", output="c_proj",
                           input_major=True))

    def test_falcon(self):
        self.check({"model_type": "falcon", "hidden_size": 192, "num_attention_heads": 8, "bias": True,
                    "new_decoder_architecture": True, "num_kv_heads": 2},
                   Grouped(192, 8, 2, 24, Rope(1e4), packed="query_key_value", grouped=True, output="dense",
                           qkv_bias=True, output_bias=True))

    def test_gpt_oss(self):
        yarn = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 1024}
        self.check({"model_type": "gpt_oss", "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2,
                    "head_dim": 24, "sliding_window": 5, "rope_theta": 1e4, "rope_scaling": yarn},
                   Grouped(64, 8, 2, 24, Rope(1e4, scaling=yarn), window=5, sinks=True, qkv_bias=True,
                           output_bias=True), (4,))

    def test_qwen3_next(self):
        self.check({"model_type": "qwen3_next", "hidden_size": 40, "num_attention_heads": 8,
                    "num_key_value_heads": 2, "head_dim": 24, "attention_bias": True,
                    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
                    "layer_types": ["full_attention"]},
                   Grouped(40, 8, 2, 24, Rope(1e6, dims=6), norm_offset=1.0, qkv_bias=True, output_bias=True,
                           query_gate=True), (4,))

    def test_declared_buckets_and_gates(self):
        self.check("""attn.grouped @m {hidden = 40, heads = 8, kv_heads = 2, head_dim = 24, layers = [0],
            qkv_bias, sinks, position_bias = #attn.buckets<count = 8, max_distance = 12>, mask = #attn.causal,
            gate = #attn.gate<function = tanh, span = head, projection = "g_proj", bias = true>}""",
                   Grouped(40, 8, 2, 24, qkv_bias=True, sinks=True, buckets=Buckets(8, 12), head_gate=True), (4,))

    def test_deepseek_v3(self):
        self.check({"model_type": "deepseek_v3", "hidden_size": 56, "num_attention_heads": 4, "q_lora_rank": 20,
                    "kv_lora_rank": 24, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 14},
                   Latent(56, 4, 20, 24, 12, 8, 14, Rope(1e4, interleaved=True)), (2,))


if __name__ == "__main__":
    unittest.main()
