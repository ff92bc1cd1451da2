#!/usr/bin/env python3
"""Packed documents in a graph against NumPy in float64, through `attnc run`.

test_core.py has them in layers, through the C ABI.
"""
import unittest

import numpy as np

from test_elements import run_all

HEADS, SIZE = 3, 20
TEXT = f"""func.func @f(%x: tensor<?x?x{HEADS}x{SIZE}xf32> {{attn.name = "x"}},
    %v: tensor<?x?x{HEADS}x{SIZE}xf32> {{attn.name = "v"}},
    %ids: tensor<?x?xi32> {{attn.name = "document_ids"}})
    -> (tensor<?x?x{HEADS}x{SIZE}xf32> {{attn.name = "out"}}) {{
  %score = attn.score %x, %x : tensor<?x?x{HEADS}x{SIZE}xf32>, tensor<?x?x{HEADS}x{SIZE}xf32>
      -> tensor<?x{HEADS}x?x?xf32>
  %masked = attn.mask %score documents(%ids : tensor<?x?xi32>)
      {{mask = #attn.all<[#attn.causal, #attn.document]>}} : tensor<?x{HEADS}x?x?xf32>
  %p = attn.softmax %masked : tensor<?x{HEADS}x?x?xf32> -> tensor<?x{HEADS}x?x?xf32>
  %out = attn.weighted_sum %p, %v
      : tensor<?x{HEADS}x?x?xf32>, tensor<?x?x{HEADS}x{SIZE}xf32> -> tensor<?x?x{HEADS}x{SIZE}xf32>
  return %out : tensor<?x?x{HEADS}x{SIZE}xf32>
}}
"""


def attend(x, v, ids):
    """One sequence; a row reads nothing but its own document."""
    out = np.empty(x.shape)
    for row in range(len(x)):
        seen = np.flatnonzero(ids[:row + 1] == ids[row])
        scores = np.einsum("hd,khd->hk", x[row], x[seen])
        weights = np.exp(scores - scores.max(1, keepdims=True))
        out[row] = np.einsum("hk,khd->hd", weights / weights.sum(1, keepdims=True), v[seen])
    return out


class DocumentsTest(unittest.TestCase):
    def check(self, ids, poison=()):
        ids = np.atleast_2d(ids)
        random = np.random.default_rng(ids.size)
        x, v = random.standard_normal((2, *ids.shape, HEADS, SIZE), dtype=np.float32) * 0.5
        for tensor, key in zip((x, v), poison):
            tensor[0, key] = np.nan
        got = run_all(TEXT, {"x": x, "v": v, "document_ids": ids})["out"]
        exact = np.stack([attend(*one) for one in zip(x.astype(float), v.astype(float), ids)])
        np.testing.assert_allclose(got, exact, rtol=0, atol=1e-5)

    def test_random_documents(self):
        random = np.random.default_rng(5)
        lengths = random.integers(1, 120, (2, 40))
        numbers = [random.permutation(40) * 17 - 300 for _ in lengths]
        ids = [np.repeat(n, l)[:700] for n, l in zip(numbers, lengths)]
        self.check(np.stack(ids).astype(np.int32))

    def test_documents_of_one_token(self):
        self.check(np.arange(130, dtype=np.int32) * 2 - 131)

    def test_one_document(self):
        self.check(np.full(300, -2147483648, np.int32))

    def test_padding_behind_the_last_document(self):
        self.check(np.repeat([1, 2, 3, 0], [50, 1, 80, 61]).astype(np.int32))

    def test_numbers_of_64_bits(self):
        self.check(np.repeat([7, -9], [40, 33]))

    def test_what_other_documents_hold(self):
        ids = np.repeat([5, 6, 9], [70, 66, 64]).astype(np.int32)
        for poison in ((3, 4), (100, 71), (199, 136)):
            self.check(ids, poison)


if __name__ == "__main__":
    unittest.main()
