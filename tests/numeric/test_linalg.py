#!/usr/bin/env python3
"""Attention spelled with linalg.generic against NumPy in float64, through
`attnc run`. The reference interpreter knows no linalg, so that no comparison of
passes sees convert-linalg-to-attn: these do."""
import unittest

import numpy as np

from test_elements import run

# As other compilers spell it: every step a generic operation.
ATTENTION = """\
#query = affine_map<(b, h, i, j, d) -> (b, i, h, d)>
#key = affine_map<(b, h, i, j, d) -> (b, j, h, d)>
#score = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#id = affine_map<(b, h, i, j) -> (b, h, i, j)>
#row = affine_map<(b, h, i, j) -> (b, h, i)>
#mask = affine_map<(b, h, i, j) -> (i, j)>
!x = tensor<2x21x3x20xf32>
!s = tensor<2x3x21x21xf32>
!r = tensor<2x3x21xf32>
func.func @f(%q: !x {attn.name = "q"}, %k: !x {attn.name = "k"}, %v: !x {attn.name = "v"},
             %m: tensor<21x21xf32> {attn.name = "m"}) -> (!x {attn.name = "out"}) {
  %zero = arith.constant 0.0 : f32
  %factor = arith.constant 0.2 : f32
  %inf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : !s
  %er = tensor.empty() : !r
  %ex = tensor.empty() : !x
  %is = linalg.fill ins(%zero : f32) outs(%es : !s) -> !s
  %s = linalg.generic {indexing_maps = [#query, #key, #score],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : !x, !x) outs(%is : !s) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %ab = arith.mulf %b, %a : f32
    %next = arith.addf %ab, %sum : f32
    linalg.yield %next : f32
  } -> !s
  %t = linalg.generic {indexing_maps = [#id, #mask, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %m : !s, tensor<21x21xf32>) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
MASKED
    linalg.yield %x : f32
  } -> !s
  %imax = linalg.fill ins(%inf : f32) outs(%er : !r) -> !r
  %max = linalg.generic {indexing_maps = [#id, #row],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%t : !s) outs(%imax : !r) {
  ^bb0(%a: f32, %b: f32):
    %x = arith.maximumf %a, %b : f32
    linalg.yield %x : f32
  } -> !r
  %e = linalg.generic {indexing_maps = [#id, #row, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %max : !s, !r) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %d = arith.subf %a, %b : f32
    %x = math.exp %d : f32
    linalg.yield %x : f32
  } -> !s
  %isum = linalg.fill ins(%zero : f32) outs(%er : !r) -> !r
  %sum = linalg.generic {indexing_maps = [#id, #row],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%e : !s) outs(%isum : !r) {
  ^bb0(%a: f32, %b: f32):
    %x = arith.addf %a, %b : f32
    linalg.yield %x : f32
  } -> !r
  %p = linalg.generic {indexing_maps = [#id, #row, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %sum : !s, !r) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %x = arith.divf %a, %b : f32
    linalg.yield %x : f32
  } -> !s
  %io = linalg.fill ins(%zero : f32) outs(%ex : !x) -> !x
  %o = linalg.generic {indexing_maps = [
          affine_map<(b, i, h, d, j) -> (b, h, i, j)>, affine_map<(b, i, h, d, j) -> (b, j, h, d)>,
          affine_map<(b, i, h, d, j) -> (b, i, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : !s, !x) outs(%io : !x) {
  ^bb0(%a: f32, %b: f32, %sum_2: f32):
    %ab = arith.mulf %a, %b : f32
    %next = arith.addf %sum_2, %ab : f32
    linalg.yield %next : f32
  } -> !x
  return %o : !x
}
"""

# Rows see keys up to three behind them; the mask is added.
SHIFTED = """\
    %c = arith.mulf %a, %factor : f32
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %three = arith.constant 3 : index
    %last = arith.addi %i, %three : index
    %seen = arith.cmpi uge, %last, %j : index
    %y = arith.addf %c, %b : f32
    %x = arith.select %seen, %y, %inf : f32"""

ADDED = """\
    %c = arith.mulf %a, %factor : f32
    %x = arith.addf %c, %b : f32"""


def attend(q, k, v, scores):
    """Softmax attention of `scores` more than the scaled product."""
    q, k, v = (x.astype(np.float64).transpose(0, 2, 1, 3) for x in (q, k, v))
    s = q @ k.transpose(0, 1, 3, 2) * np.float64(np.float32(0.2)) + scores
    p = np.exp(s - s.max(-1, keepdims=True))
    return (p / p.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3)


class LinalgTest(unittest.TestCase):
    def setUp(self):
        random = np.random.default_rng(11)
        self.tensors = {name: random.standard_normal((2, 21, 3, 20)).astype(np.float32)
                        for name in "qkv"}
        self.tensors["m"] = random.standard_normal((21, 21)).astype(np.float32)

    def check(self, masked, scores):
        got = run(ATTENTION.replace("MASKED", masked), self.tensors, ["--require-fused"])
        want = attend(*(self.tensors[name] for name in "qkv"), scores)
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)

    def test_added_mask(self):
        self.check(ADDED, self.tensors["m"])

    def test_shifted_triangle(self):
        hidden = np.triu(np.full((21, 21), -np.inf), 4)
        self.check(SHIFTED, self.tensors["m"] + hidden)

    def test_product_of_dynamic_rows(self):
        """[rows, 20] by [20, 7], each operand in an order of its own."""
        x, w = (np.random.default_rng(5).standard_normal(shape).astype(np.float32)
                for shape in ((33, 20), (7, 20)))
        got = run("""\
func.func @f(%x: tensor<?x20xf32> {attn.name = "x"}, %w: tensor<7x20xf32> {attn.name = "w"})
    -> (tensor<?x7xf32> {attn.name = "out"}) {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : index
  %rows = tensor.dim %x, %none : tensor<?x20xf32>
  %e = tensor.empty(%rows) : tensor<?x7xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x7xf32>) -> tensor<?x7xf32>
  %out = linalg.generic {indexing_maps = [
          affine_map<(k, i, j) -> (i, k)>, affine_map<(k, i, j) -> (j, k)>, affine_map<(k, i, j) -> (i, j)>],
      iterator_types = ["reduction", "parallel", "parallel"]}
      ins(%x, %w : tensor<?x20xf32>, tensor<7x20xf32>) outs(%i : tensor<?x7xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %ab = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %ab : f32
    linalg.yield %next : f32
  } -> tensor<?x7xf32>
  return %out : tensor<?x7xf32>
}
""", {"x": x, "w": w})
        np.testing.assert_allclose(got, x.astype(np.float64) @ w.T.astype(np.float64), rtol=0, atol=5e-6)


if __name__ == "__main__":
    unittest.main()
