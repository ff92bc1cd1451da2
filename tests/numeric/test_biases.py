#!/usr/bin/env python3
"""Biases of positions against NumPy in float64, through `attnc run`.

Buckets as T5 has them (Raffel et al. 2020), slopes as in ALiBi (Press et al.
2021): every path of a kernel, with and without lengths, output and lse.
"""
import unittest

import numpy as np

from biases import Alibi, bucket
from test_elements import run_all

HEADS, KV_HEADS, SIZE, BATCH = 6, 2, 12, 3
# queries, keys: decode, a short query, prefill, more queries than keys
CALLS = ((1, 1), (1, 1061), (5, 37), (70, 301), (9, 4))
LENGTHS = {1: [1, 0, 1], 1061: [1061, 3, 500], 37: [37, 5, 20], 301: [301, 70, 9], 4: [4, 0, 3]}


def mlir(bias, mask, has_lengths, table):
    query, key = f"tensor<?x?x{HEADS}x{SIZE}xf32>", f"tensor<?x?x{KV_HEADS}x{SIZE}xf32>"
    scores, lse = f"tensor<?x{HEADS}x?x?xf32>", f"tensor<?x?x{HEADS}xf32>"
    arguments = {"q": query, "k": key, "v": key}
    operands = ""
    if has_lengths:
        arguments["kv_lengths"] = "tensor<?xi32>"
        operands = "lengths(%kv_lengths : tensor<?xi32>) "
    if table is not None:
        arguments["table"] = f"tensor<{len(table)}x{HEADS}xf32>"
    reads = f"table(%table : {arguments['table']}) " if table is not None else ""
    listed = ", ".join(f'%{n}: {t} {{attn.name = "{n}"}}' for n, t in arguments.items())
    return f"""func.func @f({listed}) -> ({query} {{attn.name = "out"}}, {lse} {{attn.name = "lse"}}) {{
  %score = attn.score %q, %k : {query}, {key} -> {scores}
  %scaled = attn.scale %score {{by = 0.25}} : {scores}
  %biased = attn.position_bias %scaled {operands}{reads}{{bias = {bias}}} : {scores}
  %masked = attn.mask %biased {operands}{{mask = {mask}}} : {scores}
  %p, %lse = attn.softmax %masked : {scores} -> {scores}, {lse}
  %out = attn.weighted_sum %p, %v : {scores}, {key} -> {query}
  return %out, %lse : {query}, {lse}
}}
"""


def attend(inputs, bias_of, is_causal):
    """Output and lse; bias_of(position, key) is [heads, queries, keys]."""
    outputs, sums = [], []
    for b, q in enumerate(inputs["q"].astype(np.float64)):
        length = int(inputs["kv_lengths"][b]) if "kv_lengths" in inputs else inputs["k"].shape[1]
        k, v = (np.repeat(inputs[n][b, :length].astype(np.float64), HEADS // KV_HEADS, axis=1)
                for n in ("k", "v"))
        key, position = np.arange(length)[None], np.arange(len(q))[:, None] + length - len(q)
        scores = 0.25 * np.einsum("qhd,khd->hqk", q, k) + bias_of(position, key)
        if is_causal:
            scores = np.where(key <= position, scores, -np.inf)
        most = np.max(scores, axis=2, keepdims=True, initial=-1e30)
        weights = np.exp(scores - most)
        total = weights.sum(2, keepdims=True)
        with np.errstate(divide="ignore"):
            sums.append((most + np.log(total))[..., 0].T)
        outputs.append(np.einsum("hqk,khd->qhd", weights / np.where(total == 0, 1, total), v))
    return np.stack(outputs), np.stack(sums)


def make_inputs(queries, keys, has_lengths):
    random = np.random.default_rng(queries * 1009 + keys)

    def normal(*shape):
        return random.standard_normal(shape, dtype=np.float32)

    inputs = {"q": normal(BATCH, queries, HEADS, SIZE), "k": normal(BATCH, keys, KV_HEADS, SIZE),
              "v": normal(BATCH, keys, KV_HEADS, SIZE)}
    if has_lengths:
        inputs["kv_lengths"] = np.array(LENGTHS[keys], np.int32)
    return inputs


class BiasTest(unittest.TestCase):
    def check(self, bias, is_causal, bias_of, table=None):
        mask = "#attn.causal" if is_causal else "#attn.bidirectional"
        for has_lengths in (False, True):
            text = mlir(bias, mask, has_lengths, table)
            for queries, keys in CALLS:
                inputs = make_inputs(queries, keys, has_lengths)
                if table is not None:
                    inputs["table"] = table
                output, lse = attend(inputs, bias_of, is_causal)
                got = run_all(text, inputs)
                with self.subTest(queries=queries, keys=keys, lengths=has_lengths):
                    np.testing.assert_allclose(got["out"], output, rtol=0, atol=2e-5)
                    np.testing.assert_allclose(got["lse"], lse, rtol=1e-6, atol=2e-5)

    def check_buckets(self, count, most, bidirectional, is_causal):
        table = np.random.default_rng(count).standard_normal((count, HEADS), dtype=np.float32) * 3
        self.check(f"#attn.buckets<count = {count}, max_distance = {most}, bidirectional = "
                   f"{str(bidirectional).lower()}>", is_causal,
                   lambda p, j: np.moveaxis(table[bucket(j - p, count, most, bidirectional)], 2, 0),
                   table)

    def test_buckets_of_an_encoder(self):
        self.check_buckets(32, 128, bidirectional=True, is_causal=False)

    def test_buckets_of_a_decoder(self):
        self.check_buckets(32, 128, bidirectional=False, is_causal=True)

    def test_few_buckets(self):
        self.check_buckets(4, 3, bidirectional=False, is_causal=False)

    def test_more_buckets_than_distances(self):
        self.check_buckets(64, 40, bidirectional=True, is_causal=True)

    def test_buckets_of_a_long_context(self):
        self.check_buckets(96, 1000, bidirectional=False, is_causal=True)

    def test_slopes(self):
        powers = [2.0 ** -(2 * (h + 1)) for h in range(4)]
        slopes = np.array(powers + [2.0 ** -1, 2.0 ** -3])[:, None, None]
        self.check("#attn.alibi", True, lambda p, j: slopes * (j - p))
        self.check("#attn.alibi<distance = absolute>", False, lambda p, j: -slopes * np.abs(j - p))

    def test_slopes_with_factor(self):
        slopes = Alibi(most=5.0)
        self.check("#attn.alibi<max_bias = 5.0, factor = 0.3>", True,
                   lambda p, j: 0.3 * slopes.at(HEADS, p, j, 1))

    def test_rounded_slopes(self):
        # Numbers of keys over 256 are rounded too.
        slopes = Alibi(most=5.0, of_keys=True, times=1)
        self.check("#attn.alibi<distance = key, max_bias = 5.0, factor = 0.25, rounding = bf16>", True,
                   lambda p, j: slopes.at(HEADS, p, j, 0.25))


if __name__ == "__main__":
    unittest.main()
