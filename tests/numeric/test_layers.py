#!/usr/bin/env python3
"""Attention modules of every family that is imported, step after step through
`attnc run`, against NumPy in float64: a prompt, a chunk, single tokens.

The facts of a module stand beside the config.json that says the same to attnc.
"""
import dataclasses
import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest
import zlib

import numpy as np
from biases import Alibi, Buckets
from modules import Grouped, Latent, evaluate
from rotations import Rope
from safetensors.numpy import load_file, save_file

ATTNC = pathlib.Path(os.environ["ATTN_BIN"], "attnc")
STEPS = (11, 5, 1, 1)
TOKENS = sum(STEPS)
PREFIX = "model.layers.{}.self_attn"


def draw(random, module):
    """Weights that spread the scores, so that wrong ones show."""
    def tensor(name, shape):
        if len(shape) == 1:
            return random.uniform(-1, 1, shape) + ("norm.weight" in name) * 0.5
        inputs = shape[0] if getattr(module, "input_major", False) else shape[1]
        return random.standard_normal(shape) * (1.5 / math.sqrt(inputs))
    return {n: tensor(n, s).astype(np.float32) for n, s in module.shapes().items()}


class Folder:
    """A config, or declarations, compiled, with one file of weights for all layers."""

    def __init__(self, config, modules, prefix, scopes=("layer", "attend"), options=()):
        self.place = tempfile.TemporaryDirectory(prefix="attnc-numeric-")
        self.modules, self.prefix = modules, prefix
        random = np.random.default_rng(zlib.crc32(json.dumps(config).encode()))
        self.weights = [draw(random, module) for module in modules]
        self.random = random
        names = {f"{prefix.format(i)}.{name}": tensor for i, layer in enumerate(self.weights)
                 for name, tensor in layer.items()}
        save_file(names, self.path("weights"))
        is_text = isinstance(config, str)
        source = self.path("m.mlir" if is_text else "config.json")
        source.write_text(config if is_text else json.dumps({"num_hidden_layers": len(modules), **config}))
        self.attnc("compile", source, "-o", self.path("built"), "--name", "m",
                   *(word for scope in scopes for word in ("--scope", scope)), *options)

    def path(self, name):
        return pathlib.Path(self.place.name, name)

    def attnc(self, *arguments):
        done = subprocess.run([ATTNC, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr)

    def run(self, tensors, *options, weights="weights"):
        save_file({n: np.ascontiguousarray(x) for n, x in tensors.items()}, self.path("in"))
        self.attnc("run", self.path("built"), "--in", self.path("in"), "--out", self.path("out"),
                   "--weights", self.path(weights), *options)
        return load_file(self.path("out"))


@dataclasses.dataclass
class Call:
    """How the steps of a layer are called."""

    layer: str
    starts: tuple = (0, 0)  # tokens of each sequence before it are padding
    stretch: int = 0  # positions given, so far apart; 0: left to attnc

    def positions(self):
        places = np.maximum(np.arange(TOKENS)[None] - np.array(self.starts)[:, None], 0)
        return 40 + self.stretch * places if self.stretch else places

    def facts(self, first, last):
        tensors = {}
        if any(self.starts):
            tensors["kv_lengths"] = last - np.array(self.starts, np.int64)
        if self.stretch:
            tensors["position_ids"] = self.positions()[:, first:last].astype(np.int32)
        return tensors


@dataclasses.dataclass
class MaskedCall(Call):
    """Of a layer that a mask makes one of a window."""

    window: int = 0
    kind: type = np.bool_

    def facts(self, first, last):
        shown = np.arange(last) > np.arange(first, last)[:, None] - self.window
        mask = shown if self.kind is np.bool_ else np.where(shown, 0, -np.inf).astype(self.kind)
        return {**super().facts(first, last), "mask": mask[None, None]}


@dataclasses.dataclass
class DocumentsCall(Call):
    """Of a layer of packed documents, whose ids say more than the caches hold."""

    document: int = 0

    def facts(self, first, last):
        ids = np.arange(last + 5) // self.document * -3
        return {**super().facts(first, last), "document_ids": np.stack([ids, ids]).astype(np.int32)}


class LayersTest(unittest.TestCase):
    def steps(self, folder, module, call, rows, *options):
        """The outputs of all steps, one behind the other."""
        outputs, past, first = [], {}, 0
        for count in STEPS:
            last = first + count
            given = {name: x[:, first:last] for name, x in rows.items()}
            result = folder.run({**given, **past, **call.facts(first, last)}, "--layer", call.layer,
                                *options)
            self.assertEqual(sorted(result), sorted(["output"] + [f"present_{c}" for c in module.caches]))
            past = {f"past_{c}": result[f"present_{c}"] for c in module.caches}
            held = last - min(call.starts)
            self.assertEqual({x.shape[:2] for x in past.values()}, {(2, held)})
            outputs.append(result["output"])
            first = last
        return np.concatenate(outputs, axis=1)

    def close(self, got, expected, tolerance, what):
        self.assertEqual(got.shape, expected.shape)
        error = np.abs(got - expected)
        worst = np.unravel_index(np.argmax(error), error.shape)
        self.assertTrue(np.isfinite(got).all() and error[worst] <= tolerance,
                        f"{what}: {worst} is {got[worst]}, expected {expected[worst]}, error {error[worst]:.2e}, "
                        f"tolerance {tolerance:.2e}")

    def check_layer(self, folder, number, call):
        module, weights = folder.modules[number], folder.weights[number]
        hidden = folder.random.standard_normal((2, TOKENS, module.hidden)).astype(np.float32)
        facts = (module, weights, hidden, call.positions(), call.starts)
        expected, naive = evaluate(*facts), evaluate(*facts, kind=np.float32)
        tolerance = 2 * np.abs(naive - expected).max() + 1e-5
        got = self.steps(folder, module, call, {"hidden_states": hidden})
        self.close(got, expected, tolerance, f"layer {number}")
        # Projections by NumPy around what scope attend does.
        rows = module.project(weights, hidden)
        inner = self.steps(folder, module, call, rows, "--scope", "attend")
        self.close(module.out(weights, inner), expected, tolerance, f"attend of layer {number}")

    def check(self, config, *modules, prefix=PREFIX, stretch=0):
        """Each layer once: by number with padding in front of a sequence, or by its prefix."""
        folder = Folder(config, modules, prefix)
        self.addCleanup(folder.place.cleanup)
        self.check_layer(folder, 0, Call("0", starts=(0, 3)))
        for number in range(1, len(modules)):
            self.check_layer(folder, number, Call(prefix.format(number), stretch=stretch))
        return folder

    def test_gpt2(self):
        module = Grouped(72, 3, 3, 24, qkv_bias=True, output_bias=True, packed="c_attn", output="c_proj",
                         input_major=True)
        layers = [dataclasses.replace(module, scale=24 ** -0.5 / (i + 1)) for i in range(2)]
        folder = self.check({"model_type": "gpt2", "n_embd": 72, "n_head": 3,
                             "scale_attn_by_inverse_layer_idx": True}, *layers,
                            prefix="transformer.h.{}.attn")
        # Names without the parts that lead to a layer are those of any layer.
        save_file(folder.weights[1], folder.path("bare"))
        hidden = folder.random.standard_normal((2, 4, 72)).astype(np.float32)
        got = folder.run({"hidden_states": hidden}, "--layer", "1", weights="bare")["output"]
        places = np.arange(4)[None]
        self.close(got, evaluate(layers[1], folder.weights[1], hidden, places, (0, 0)), 1e-4, "bare")

    def check_llama(self, scaling=None, theta=1e4, **fields):
        rope = Rope(theta, scaling=scaling)
        module = Grouped(60, 9, 3, 24, rope, **fields)
        config = {"model_type": "llama", "hidden_size": 60, "num_attention_heads": 9,
                  "num_key_value_heads": 3, "head_dim": 24, "rope_theta": theta,
                  "attention_bias": module.qkv_bias}
        self.check(config | ({"rope_scaling": scaling} if scaling else {}), module, module, stretch=3)

    def test_llama_bias(self):
        self.check_llama(qkv_bias=True, output_bias=True)

    def test_llama_llama3(self):
        self.check_llama({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                          "high_freq_factor": 4.0, "original_max_position_embeddings": 32}, 5e5)

    def test_llama_linear(self):
        self.check_llama({"rope_type": "linear", "factor": 4.0})

    def test_llama_yarn(self):
        self.check_llama({"rope_type": "yarn", "factor": 8.0, "beta_fast": 16.0,
                          "original_max_position_embeddings": 512})

    def test_mistral(self):
        module = Grouped(48, 5, 1, 24, Rope(1e4), window=6)
        self.check({"model_type": "mistral", "hidden_size": 48, "num_attention_heads": 5,
                    "num_key_value_heads": 1, "head_dim": 24, "sliding_window": 6}, module, module)

    def test_qwen2(self):
        module = Grouped(72, 3, 1, 24, Rope(1e6), qkv_bias=True)
        self.check({"model_type": "qwen2", "hidden_size": 72, "num_attention_heads": 3, "num_key_value_heads": 1,
                    "rope_theta": 1e6, "sliding_window": 5, "use_sliding_window": True, "max_window_layers": 1},
                   module, *[dataclasses.replace(module, window=5)] * 2)

    def test_qwen3(self):
        module = Grouped(40, 6, 2, 24, Rope(1e6), norm_offset=0.0, qkv_bias=True, output_bias=True)
        self.check({"model_type": "qwen3", "hidden_size": 40, "num_attention_heads": 6, "num_key_value_heads": 2,
                    "head_dim": 24, "rope_theta": 1e6, "attention_bias": True}, module, module)

    def test_gemma(self):
        module = Grouped(40, 3, 1, 24, Rope(1e4))
        self.check({"model_type": "gemma", "hidden_size": 40, "num_attention_heads": 3, "num_key_value_heads": 1,
                    "head_dim": 24}, module, module)

    def test_gemma2(self):
        module = Grouped(56, 6, 2, 24, Rope(1e4), scale=30 ** -0.5, softcap=3.0)
        self.check({"model_type": "gemma2", "hidden_size": 56, "num_attention_heads": 6, "num_key_value_heads": 2,
                    "head_dim": 24, "query_pre_attn_scalar": 30, "attn_logit_softcapping": 3.0, "sliding_window": 4},
                   dataclasses.replace(module, window=4), module)

    def test_gemma3(self):
        full = Grouped(56, 3, 3, 24, Rope(1e6), scale=20 ** -0.5, norm_offset=1.0)
        sliding = dataclasses.replace(full, window=5, rope=Rope(1e4))
        self.check({"model_type": "gemma3_text", "hidden_size": 56, "num_attention_heads": 3,
                    "num_key_value_heads": 3, "head_dim": 24, "query_pre_attn_scalar": 20, "sliding_window": 5,
                    "sliding_window_pattern": 3, "rope_theta": 1e6, "rope_local_base_freq": 1e4},
                   sliding, sliding, full, stretch=2)

    def test_phi3(self):
        module = Grouped(72, 3, 1, 24, Rope(1e4, dims=18), packed="qkv_proj", window=7)
        self.check({"model_type": "phi3", "hidden_size": 72, "num_attention_heads": 3, "num_key_value_heads": 1,
                    "partial_rotary_factor": 0.75, "sliding_window": 7}, module, module, stretch=2)

    def check_falcon(self, kv_heads, **fields):
        bias = fields.pop("bias", False)
        module = Grouped(144, 6, kv_heads, 24, Rope(1e4), packed="query_key_value", grouped=True, output="dense",
                         qkv_bias=bias, output_bias=bias)
        self.check({"model_type": "falcon", "hidden_size": 144, "num_attention_heads": 6, "bias": bias, **fields},
                   module, module, prefix="transformer.h.{}.self_attention")

    def test_falcon_multi_query(self):
        self.check_falcon(1, multi_query=True)

    def test_falcon_multi_head(self):
        self.check_falcon(6, multi_query=False, bias=True)

    def test_falcon_new_decoder_architecture(self):
        self.check_falcon(2, new_decoder_architecture=True, num_kv_heads=2, bias=True)

    def test_falcon_alibi(self):
        module = Grouped(128, 16, 16, 8, packed="query_key_value", grouped=True, output="dense",
                         qkv_bias=True, output_bias=True, alibi=Alibi(of_keys=True, times=2))
        self.check({"model_type": "falcon", "hidden_size": 128, "num_attention_heads": 16, "bias": True,
                    "multi_query": False, "alibi": True}, module, module,
                   prefix="transformer.h.{}.self_attention")

    def test_bloom(self):
        module = Grouped(120, 20, 20, 6, packed="query_key_value", grouped=True, output="dense",
                         qkv_bias=True, output_bias=True, alibi=Alibi(of_keys=True))
        self.check({"model_type": "bloom", "n_embed": 120, "n_head": 20}, module, module,
                   prefix="transformer.h.{}.self_attention")

    def test_mpt(self):
        module = Grouped(120, 20, 20, 6, packed="Wqkv", output="out_proj", scale=0.7,
                         alibi=Alibi(ceil=True, most=5.0))
        self.check({"model_type": "mpt", "d_model": 120, "n_heads": 20,
                    "attn_config": {"softmax_scale": 0.7, "alibi_bias_max": 5}}, module, module,
                   prefix="transformer.blocks.{}.attn")

    def test_qwen3_next(self):
        module = Grouped(40, 6, 2, 24, Rope(1e6, dims=6), norm_offset=1.0, qkv_bias=True, output_bias=True,
                         query_gate=True)
        self.check({"model_type": "qwen3_next", "hidden_size": 40, "num_attention_heads": 6,
                    "num_key_value_heads": 2, "head_dim": 24, "attention_bias": True,
                    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
                    "layer_types": ["full_attention", "full_attention"]}, module, module, stretch=3)

    def test_declared_buckets_and_gates(self):
        module = Grouped(40, 6, 2, 24, qkv_bias=True, sinks=True, buckets=Buckets(8, 12), head_gate=True)
        layer = """attn.grouped @m{0} {{hidden = 40, heads = 6, kv_heads = 2, head_dim = 24, layers = [{0}],
            qkv_bias, sinks, position_bias = #attn.buckets<count = 8, max_distance = 12>, mask = #attn.causal,
            gate = #attn.gate<function = tanh, span = head, projection = "g_proj", bias = true>}}"""
        self.check(layer.format(0) + layer.format(1), module, module)

    def test_declared_norms_of_values(self):
        module = Grouped(40, 6, 2, 24, Rope(1e4), qkv_bias=True, norm_offset=0.0, value_norm="weightless")
        layer = """attn.grouped @m{0} {{hidden = 40, heads = 6, kv_heads = 2, head_dim = 24, layers = [{0}],
            qkv_bias, qk_norm = #attn.norm<eps = 1.0e-6>, value_norm = #attn.norm<eps = 1.0e-6{1}>,
            position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}}"""
        self.check(layer.format(0, ", weighted = false") + layer.format(1, ""), module,
                   dataclasses.replace(module, value_norm="weighted"))

    def test_declared_documents(self):
        modules = (Grouped(40, 6, 2, 24, Rope(1e4), sinks=True, document=5),
                   Latent(56, 3, None, 24, 12, 8, 14, Rope(1e4), document=5))
        mask = "mask = #attn.all<[#attn.causal, #attn.document]>"
        folder = Folder(f"""attn.grouped @m0 {{hidden = 40, heads = 6, kv_heads = 2, head_dim = 24, layers = [0], sinks,
            position = #attn.rope<theta = 1.0e4>, {mask}}}
            attn.latent @m1 {{hidden = 56, heads = 3, kv_rank = 24, nope_dim = 12, rope_dim = 8, value_dim = 14,
            layers = [1], position = #attn.rope<theta = 1.0e4>, {mask}}}""", modules, PREFIX)
        self.addCleanup(folder.place.cleanup)
        for number in range(2):
            self.check_layer(folder, number, DocumentsCall(str(number), starts=(0, 3), document=5))

    def test_declared_mask_operands(self):
        module = Grouped(40, 6, 2, 24, Rope(1e4), sinks=True, window=4)
        layer = """attn.grouped @m{0} {{hidden = 40, heads = 6, kv_heads = 2, head_dim = 24, layers = [{0}], sinks,
            position = #attn.rope<theta = 1.0e4>, mask = #attn.causal, mask_operand = {1}}}"""
        self.check_masked(module, layer)

    def test_declared_mask_operands_of_latents(self):
        module = Latent(56, 3, None, 24, 12, 8, 14, Rope(1e4), window=4)
        self.check_masked(module, """attn.latent @m{0} {{hidden = 56, heads = 3, kv_rank = 24, nope_dim = 12,
            rope_dim = 8, value_dim = 14, layers = [{0}], position = #attn.rope<theta = 1.0e4>,
            mask = #attn.causal, mask_operand = {1}}}""")

    def check_masked(self, module, layer):
        kinds = {"i1": np.bool_, "f16": np.float16, "f32": np.float32}
        folder = Folder("".join(layer.format(i, kind) for i, kind in enumerate(kinds)), [module] * 3, PREFIX)
        self.addCleanup(folder.place.cleanup)
        for number, kind in enumerate(kinds.values()):
            self.check_layer(folder, number, MaskedCall(str(number), window=module.window, kind=kind))

    def test_gpt_oss(self):
        yarn = {"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
                "original_max_position_embeddings": 1024, "truncate": False}
        module = Grouped(64, 6, 2, 24, Rope(1.5e5, scaling=yarn), sinks=True, qkv_bias=True, output_bias=True)
        self.check({"model_type": "gpt_oss", "hidden_size": 64, "num_attention_heads": 6, "num_key_value_heads": 2,
                    "head_dim": 24, "sliding_window": 5, "rope_theta": 1.5e5, "rope_scaling": yarn},
                   dataclasses.replace(module, window=5), module, stretch=3)

    def test_deepseek_v2(self):
        module = Latent(56, 3, None, 24, 10, 6, 14, Rope(1e4, interleaved=True), bias=True)
        self.check({"model_type": "deepseek_v2", "hidden_size": 56, "num_attention_heads": 3, "q_lora_rank": None,
                    "kv_lora_rank": 24, "qk_nope_head_dim": 10, "qk_rope_head_dim": 6, "v_head_dim": 14,
                    "attention_bias": True}, module, module, stretch=2)

    def test_deepseek_v3(self):
        yarn = {"rope_type": "yarn", "factor": 8.0, "beta_fast": 8, "beta_slow": 1, "mscale": 0.7,
                "mscale_all_dim": 1.0, "original_max_position_embeddings": 512}
        scale = 20 ** -0.5 * (0.1 * math.log(8) + 1) ** 2
        module = Latent(56, 5, 20, 24, 12, 8, 14, Rope(1e4, interleaved=True, scaling=yarn), scale)
        self.check({"model_type": "deepseek_v3", "hidden_size": 56, "num_attention_heads": 5, "q_lora_rank": 20,
                    "kv_lora_rank": 24, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 14,
                    "rope_scaling": yarn}, module, module, stretch=3)


if __name__ == "__main__":
    unittest.main()
