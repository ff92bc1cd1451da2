#!/usr/bin/env python3
"""Weights whose rows were permuted, as GGUF files of the llama family have them,
under the other pairing: the same layer.
"""
import unittest

import numpy as np
import test_layers
from modules import Grouped, Latent
from rotations import Rope
from safetensors.numpy import save_file

TOKENS = 12


def interleave(rows, heads):
    """Rows [i, i + size/2] of each head to [2i, 2i + 1] (llama.cpp's permute)."""
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return np.ascontiguousarray(np.swapaxes(halves, 1, 2)).reshape(rows.shape)


def separate(rows, heads, still, size):
    """The other way, of the last `size` rows of each head."""
    head = rows.reshape(heads, still + size, -1)
    pairs = head[:, still:].reshape(heads, size // 2, 2, -1)
    turned = np.swapaxes(pairs, 1, 2).reshape(heads, size, -1)
    return np.concatenate([head[:, :still], turned], 1).reshape(rows.shape)


class PairingTest(unittest.TestCase):
    def folders(self, config, module, pairing):
        """As the config has it, and overridden; the same weights lie in both."""
        for options in ((), ("--pairing", pairing)):
            folder = test_layers.Folder(config, [module], "{}", options=options)
            self.addCleanup(folder.place.cleanup)
            yield folder

    def check(self, config, module, permute, pairing):
        plain, turned = self.folders(config, module, pairing)
        weights = plain.weights[0]
        own = {name: permute.get(name, lambda x: x)(x) for name, x in weights.items()}
        save_file(own, turned.path("permuted"))
        hidden = plain.random.standard_normal((2, TOKENS, module.hidden)).astype(np.float32)
        calls = (({"hidden_states": hidden}, {"hidden_states": hidden}, "layer"),
                 (module.project(weights, hidden), module.project(own, hidden), "attend"))
        for given, permuted, scope in calls:
            whole = plain.run(given, "--scope", scope)["output"]
            got = turned.run(permuted, "--scope", scope, weights="permuted")["output"]
            # Two orders of the same sums.
            np.testing.assert_allclose(got, whole, rtol=0, atol=2e-5 * np.abs(whole).max(), err_msg=scope)
            wrong = turned.run(given, "--scope", scope)["output"]
            self.assertGreater(np.abs(wrong - whole).max(), 0.05 * np.abs(whole).max())

    def test_llama(self):
        permute = {f"{name}.{kind}": lambda x, heads=heads: interleave(x, heads)
                   for name, heads in (("q_proj", 6), ("k_proj", 2)) for kind in ("weight", "bias")}
        self.check({"model_type": "llama", "hidden_size": 60, "num_attention_heads": 6, "num_key_value_heads": 2,
                    "head_dim": 24, "rope_theta": 1e4, "attention_bias": True},
                   Grouped(60, 6, 2, 24, Rope(1e4), qkv_bias=True, output_bias=True), permute, "interleaved")

    def test_declared(self):
        permute = {"q_proj.weight": lambda x: interleave(x, 4), "k_proj.weight": lambda x: interleave(x, 4)}
        self.check("""attn.grouped @m {hidden = 40, heads = 4, kv_heads = 4, head_dim = 10, layers = [0],
            position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}""",
                   Grouped(40, 4, 4, 10, Rope(1e4)), permute, "interleaved")

    def test_deepseek_v2(self):
        permute = {"q_proj.weight": lambda x: separate(x, 3, 10, 6),
                   "kv_a_proj_with_mqa.weight": lambda x: separate(x, 1, 24, 6)}
        self.check({"model_type": "deepseek_v2", "hidden_size": 56, "num_attention_heads": 3, "q_lora_rank": None,
                    "kv_lora_rank": 24, "qk_nope_head_dim": 10, "qk_rope_head_dim": 6, "v_head_dim": 14},
                   Latent(56, 3, None, 24, 10, 6, 14, Rope(1e4, interleaved=True)), permute, "half")


if __name__ == "__main__":
    unittest.main()
