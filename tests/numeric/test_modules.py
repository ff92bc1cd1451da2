#!/usr/bin/env python3
"""The modules of examples/variants against NumPy in float64, through `attnc run`.

What a module computes is written here as its framework documents it, from the
names of its tensors, and knows nothing of the graph that make.py prints.
"""
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from safetensors.numpy import load_file, save_file

ATTNC = pathlib.Path(os.environ["ATTN_BIN"], "attnc")
MAKE = pathlib.Path(__file__).parents[2] / "examples/variants/make.py"


def compiled(name, tensors, heads, kv_heads):
    """What the compiled module makes of the tensors."""
    with tempfile.TemporaryDirectory(prefix="attnc-numeric-") as folder:
        source, given, taken = (pathlib.Path(folder, n) for n in ("m.mlir", "in.safetensors", "out"))
        save_file(tensors, given)
        graph = subprocess.run([sys.executable, MAKE, name, "--like", given, "--heads", str(heads),
                                "--kv-heads", str(kv_heads)], check=True, capture_output=True, text=True)
        source.write_text(graph.stdout)
        built = pathlib.Path(folder, "built")
        subprocess.run([ATTNC, "compile", source, "-o", built, "--require-fused"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([ATTNC, "run", built, "--in", given, "--out", taken], check=True,
                       stdout=subprocess.DEVNULL)
        return load_file(taken)["out"]


def softmax(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def attention(q, k, v, heads, kv_heads, added=0.0, scale=None):
    """[batch, tokens, heads * size] each; `added` is what the scores receive."""
    def split(x, count):
        return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)
    q, k, v = split(q, heads), split(k, kv_heads), split(v, kv_heads)
    k, v = (np.repeat(x, heads // kv_heads, axis=1) for x in (k, v))
    scores = q @ k.swapaxes(2, 3) * (q.shape[-1] ** -0.5 if scale is None else scale) + added
    context = softmax(scores) @ v
    return context.swapaxes(1, 2).reshape(*context.shape[:1], context.shape[2], -1)


def causal(queries):
    return np.triu(np.full((queries, queries), -np.inf), 1)


def linear(t, name, x):
    """A linear layer called `name`, or its weight alone."""
    weight = t.get(f"{name}.weight", t.get(name))
    return x @ weight.T + t.get(f"{name}.bias", 0)


def layer_norm(t, name, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-5) * t[f"{name}.weight"] + t[f"{name}.bias"]


def rotate(x, heads, theta=1e4):
    """Adjacent pairs as complex numbers, positions from 0."""
    pairs = np.ascontiguousarray(x.reshape(*x.shape[:2], heads, -1)).view(np.complex128)
    frequencies = theta ** (-np.arange(pairs.shape[-1]) / pairs.shape[-1])
    angles = np.outer(np.arange(x.shape[1]), frequencies)[None, :, None]
    return (pairs * np.exp(1j * angles)).view(np.float64).reshape(x.shape)


# One function for each module: tensors, heads, kv heads -> out.
def no_weights(t, heads, kv_heads):
    x = t["in.x"][None]
    return attention(x, x, x, 1, 1, scale=1)[0]


def single_head(t, heads, kv_heads):
    x = t["in.x"][None]
    return attention(*(x @ t[f"weight.{n}"] for n in ("query", "key", "value")), 1, 1)[0]


def single_head_linear_bias(t, heads, kv_heads):
    x = t["in.x"][None]
    return attention(*(linear(t, f"weight.{n}", x) for n in ("query", "key", "value")), 1, 1)[0]


def causal_single(t, heads, kv_heads):
    x = t["in.x"]
    return attention(*(linear(t, f"weight.{n}", x) for n in ("query", "key", "value")), 1, 1, causal(x.shape[1]))


def stacked_heads(t, heads, kv_heads):
    x = t["in.x"]
    return np.concatenate([
        attention(*(linear(t, f"weight.heads.{h}.{n}", x) for n in ("query", "key", "value")), 1, 1,
                  causal(x.shape[1])) for h in range(heads)], axis=2)


def split_heads(t, heads, kv_heads):
    x = t["in.x"]
    context = attention(*(linear(t, f"weight.{n}", x) for n in ("query", "key", "value")), heads, heads,
                        causal(x.shape[1]))
    return linear(t, "weight.out_proj", context)


def grouped(t, heads, kv_heads):
    q, k, v = linear(t, "weight.q", t["in.x"]), linear(t, "weight.k", t["in.kv"]), linear(t, "weight.v", t["in.kv"])
    return linear(t, "weight.o", attention(q, k, v, heads, kv_heads))


def complex_rope(t, heads, kv_heads):
    x = t["in.x"]
    q, k = rotate(linear(t, "weight.q", x), heads), rotate(linear(t, "weight.k", x), kv_heads)
    context = attention(q, k, linear(t, "weight.v", x), heads, kv_heads, causal(x.shape[1]))
    return linear(t, "weight.o", context)


def multihead(t, name, x, memory, heads, added):
    """torch.nn.MultiheadAttention with its packed projection."""
    weights = np.split(t[f"{name}.in_proj_weight"], 3)
    biases = np.split(t[f"{name}.in_proj_bias"], 3)
    q, k, v = (source @ w.T + b for source, w, b in zip((x, memory, memory), weights, biases))
    return linear(t, f"{name}.out_proj", attention(q, k, v, heads, heads, added))


def blocks(t, x, steps, norm_first):
    for i, step in enumerate(steps, 1):
        norm = f"weight.norm{i}"
        x = x + step(layer_norm(t, norm, x)) if norm_first else layer_norm(t, norm, x + step(x))
    return x


def feed_forward(t, activation):
    return lambda x: linear(t, "weight.linear2", activation(linear(t, "weight.linear1", x)))


def relu(x):
    return np.maximum(x, 0)


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def encoder(activation, norm_first):
    def layer(t, heads, kv_heads):
        hidden = t["in.src_mask"][None, None].astype(bool) | t["in.src_key_padding_mask"][:, None, None].astype(bool)
        added = np.where(hidden, -np.inf, 0.0)
        return blocks(t, t["in.src"], [lambda x: multihead(t, "weight.self_attn", x, x, heads, added),
                                       feed_forward(t, activation)], norm_first)
    return layer


def decoder(activation, norm_first):
    def layer(t, heads, kv_heads):
        padding = np.where(t["in.memory_key_padding_mask"][:, None, None].astype(bool), -np.inf, 0.0)
        memory = t["in.memory"]
        return blocks(t, t["in.tgt"],
                      [lambda x: multihead(t, "weight.self_attn", x, x, heads, t["in.tgt_mask"]),
                       lambda x: multihead(t, "weight.multihead_attn", x, memory, heads, padding),
                       feed_forward(t, activation)], norm_first)
    return layer


def weights(random, shapes):
    return {name: (random.standard_normal(shape) / math.sqrt(shape[-1])).astype(np.float32)
            for name, shape in shapes.items()}


def linears(names, out, inner, bias=False):
    shapes = {f"weight.{n}{'.weight' if bias else ''}": (out, inner) for n in names}
    return shapes | ({f"weight.{n}.bias": (out,) for n in names} if bias else {})


QKV = ("query", "key", "value")


def block_inputs(random, batch, queries, keys, width, hidden, is_decoder):
    attentions = ["self_attn", "multihead_attn"] if is_decoder else ["self_attn"]
    shapes = linears(["linear1"], hidden, width, True) | linears(["linear2"], width, hidden, True)
    for name in attentions:
        shapes |= {f"weight.{name}.in_proj_weight": (3 * width, width), f"weight.{name}.in_proj_bias": (3 * width,)}
        shapes |= linears([f"{name}.out_proj"], width, width, True)
    for i in range(1, 4 if is_decoder else 3):
        shapes |= {f"weight.norm{i}.weight": (width,), f"weight.norm{i}.bias": (width,)}
    padding = np.arange(keys)[None] >= random.integers(1, keys + 1, batch)[:, None]
    if not is_decoder:
        visible = np.triu(np.ones((queries, queries), bool), 2)
        return weights(random, shapes | {"in.src": (batch, queries, width)}) | {
            "in.src_mask": visible, "in.src_key_padding_mask": padding}
    return weights(random, shapes | {"in.tgt": (batch, queries, width), "in.memory": (batch, keys, width)}) | {
        "in.tgt_mask": causal(queries).astype(np.float32), "in.memory_key_padding_mask": padding}


class ModulesTest(unittest.TestCase):
    def check(self, name, evaluate, tensors, heads=1, kv_heads=None):
        kv_heads = kv_heads or heads
        wide = {n: x.astype(np.float64) if x.dtype == np.float32 else x for n, x in tensors.items()}
        expected = evaluate(wide, heads, kv_heads)
        got = compiled(name, tensors, heads, kv_heads)
        self.assertEqual(got.shape, expected.shape)
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))

    def test_no_weights_worked_numbers(self):
        x = np.array([[.43, .15, .89], [.55, .87, .66], [.57, .85, .64], [.22, .58, .33], [.77, .25, .10],
                      [.05, .80, .55]], np.float32)
        got = compiled("no_weights", {"in.x": x}, 1, 1)
        np.testing.assert_allclose(got[1], [.4419, .6515, .5683], rtol=0, atol=5.1e-5)
        self.check("no_weights", no_weights, {"in.x": x})

    def test_single_head_worked_numbers(self):
        x = np.array([[.43, .15, .89], [.55, .87, .66], [.57, .85, .64], [.22, .58, .33], [.77, .25, .10],
                      [.05, .80, .55]], np.float32)
        # Four published digits each.
        tensors = {"in.x": x,
                   "weight.query": np.array([[.2961, .5166], [.2517, .6886], [.0740, .8665]], np.float32),
                   "weight.key": np.array([[.1366, .1025], [.1841, .7264], [.3153, .6871]], np.float32),
                   "weight.value": np.array([[.0756, .1966], [.3164, .4017], [.1186, .8274]], np.float32)}
        np.testing.assert_allclose(compiled("single_head", tensors, 1, 1)[1], [.3061, .8210], rtol=0, atol=2e-4)
        self.check("single_head", single_head, tensors)

    def test_single_head(self):
        random = np.random.default_rng(2)
        for tokens, inner, out in ((1, 1, 1), (67, 40, 24), (5, 3, 130)):
            shapes = {"in.x": (tokens, inner)} | {f"weight.{n}": (inner, out) for n in QKV}
            self.check("single_head", single_head, weights(random, shapes))
            shapes = {"in.x": (tokens, inner)} | linears(QKV, out, inner, True)
            self.check("single_head_linear_bias", single_head_linear_bias, weights(random, shapes))

    def test_causal(self):
        random = np.random.default_rng(3)
        for batch, tokens, inner, out in ((2, 6, 3, 2), (1, 1, 7, 5), (3, 131, 33, 64)):
            tensors = weights(random, {"in.x": (batch, tokens, inner)} | linears(QKV, out, inner))
            for name in ("causal_minus_inf", "causal_renormalised"):
                self.check(name, causal_single, tensors)

    def test_many_heads(self):
        random = np.random.default_rng(4)
        for heads, size, width, tokens in ((3, 5, 15, 9), (12, 64, 96, 33), (25, 8, 40, 17)):
            shapes = {"in.x": (2, tokens, width)}
            stacked = {f"weight.heads.{h}.{n}": (size, width) for h in range(heads) for n in QKV}
            if heads <= 12:
                self.check("stacked_heads", stacked_heads, weights(random, shapes | stacked), heads)
            split = linears(QKV, heads * size, width) | linears(["out_proj"], heads * size, heads * size, True)
            self.check("split_heads", split_heads, weights(random, shapes | split), heads)

    def test_grouped(self):
        random = np.random.default_rng(6)
        # The last are the published sizes, at a smaller batch.
        for heads, kv_heads, size, width, queries, keys in ((6, 3, 4, 20, 5, 11), (8, 1, 16, 24, 3, 140),
                                                            (4, 4, 8, 32, 1, 6), (8, 4, 64, 512, 8, 16)):
            shapes = {"weight.q": (heads * size, width), "weight.k": (kv_heads * size, width),
                      "weight.v": (kv_heads * size, width), "weight.o": (width, heads * size)}
            cross = shapes | {"in.x": (2, queries, width), "in.kv": (2, keys, width)}
            for name in ("gqa_repeat_interleave", "gqa_expand_reshape"):
                self.check(name, grouped, weights(random, cross), heads, kv_heads)
            tensors = weights(random, shapes | {"in.x": (2, keys, width)})
            self.check("gqa_complex_rope", complex_rope, tensors, heads, kv_heads)

    def test_blocks(self):
        random = np.random.default_rng(5)
        kinds = {"post_norm": (relu, False), "pre_norm": (gelu, True)}
        for kind, (activation, norm_first) in kinds.items():
            for batch, queries, keys, width, hidden, heads in ((2, 9, 9, 24, 40, 3), (1, 70, 70, 64, 96, 8)):
                self.check(f"encoder_layer_{kind}", encoder(activation, norm_first),
                           block_inputs(random, batch, queries, keys, width, hidden, False), heads)
                self.check(f"decoder_layer_{kind}", decoder(activation, norm_first),
                           block_inputs(random, batch, queries, keys + 5, width, hidden, True), heads)


if __name__ == "__main__":
    unittest.main()
