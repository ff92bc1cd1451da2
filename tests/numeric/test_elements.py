#!/usr/bin/env python3
"""Elementary functions of graphs against NumPy in float64, through `attnc run`."""
import math
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from safetensors.numpy import load_file, save_file

import storage

ATTNC = pathlib.Path(os.environ["ATTN_BIN"], "attnc")
ULP = 2.0 ** -23


def function(name, op, inputs, result):
    arguments = ", ".join(f'%{n}: {t} {{attn.name = "{n}"}}' for n, t in inputs.items())
    return (f'func.func @{name}({arguments}) -> ({result} {{attn.name = "out"}}) {{\n'
            f"  %out = {op}\n  return %out : {result}\n}}\n")


def run_all(text, tensors, save=save_file, load=load_file, options=()):
    """What the one function of `text` makes of the tensors, by name; `options`
    are those of `attnc compile`."""
    with tempfile.TemporaryDirectory(prefix="attnc-numeric-") as folder:
        source, given, taken = (pathlib.Path(folder, n) for n in ("f.mlir", "in", "out"))
        source.write_text(text)
        save(tensors, given)
        built = pathlib.Path(folder, "built")
        subprocess.run([ATTNC, "compile", source, "-o", built, *options], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([ATTNC, "run", built, "--in", given, "--out", taken], check=True,
                       stdout=subprocess.DEVNULL)
        return load(taken)


def run(text, tensors, options=()):
    return run_all(text, tensors, options=options)["out"]


def inputs():
    """Both signs, from subnormals to the largest finite numbers."""
    random = np.random.default_rng(7)
    magnitudes = np.concatenate([np.linspace(0, 6, 60001), np.exp(random.uniform(-100, 87, 5000)),
                                 [0, 1e-45, 1e-38, 9.5, 20, 88, 105, 1e4, 3.4e38]])
    x = np.concatenate([magnitudes, -magnitudes]).astype(np.float32)
    return np.resize(x, (5, len(x) // 5 + 1))


def erf(x):
    return np.vectorize(math.erf)(x)


def sigmoid(x):
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


class AddedMaskTest(unittest.TestCase):
    """attn.flash under a mask that is added, [21, 21], of each type."""
    heads, rows, size = 3, 21, 20
    lowest = {"f32": np.finfo(np.float32).min, "f16": -65504.0, "bf16": -(2.0 - 2.0 ** -7) * 2.0 ** 127}

    def attend(self, q, k, v, mask, kind):
        keys, shape, masks = "tensor<1x21x1x20xf32>", "tensor<1x21x3x20xf32>", f"tensor<1x1x21x21x{kind}>"
        text = (f'func.func @f(%q: {shape} {{attn.name = "q"}}, %k: {keys} {{attn.name = "k"}}, '
                f'%v: {keys} {{attn.name = "v"}}, %m: {masks} {{attn.name = "m"}})'
                f' -> ({shape} {{attn.name = "out"}}) {{\n'
                f"  %out, %lse = attn.flash %q, %k, %v tensor_mask(%m : {masks})"
                f" {{scale = 0.2, mask = #attn.bidirectional}} : {shape}, {keys}, {keys} -> {shape},"
                f" tensor<1x21x3xf32>\n  return %out : {shape}\n}}\n")
        tensors = {"q": (q, "f32"), "k": (k, "f32"), "v": (v, "f32"), "m": (mask, kind)}
        return run_all(text, tensors, storage.save, storage.load)["out"][0][0]

    def each_kind(self, check):
        for kind in self.lowest:
            with self.subTest(kind=kind):
                check(kind)

    def inputs(self):
        random = np.random.default_rng(8)
        q = random.standard_normal((1, self.rows, self.heads, self.size), dtype=np.float32)
        return q, *random.standard_normal((2, 1, self.rows, 1, self.size), dtype=np.float32)

    def expected(self, q, k, v, mask):
        scores = np.einsum("qhd,kd->hqk", q[0], k[0, :, 0], dtype=np.float64) * 0.2 + mask
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        return np.einsum("hqk,kd->qhd", weights / weights.sum(-1, keepdims=True), v[0, :, 0])

    def test_minus_infinity_hides_what_a_key_holds(self):
        def check(kind):
            q, k, v = self.inputs()
            mask = np.triu(np.full((1, 1, self.rows, self.rows), -np.inf, np.float32), 1)
            k[0, 17], v[0, 18], k[0, 19] = np.nan, np.nan, np.inf
            got = self.attend(q, k, v, mask, kind)[:17]
            expected = self.expected(q[:, :17], k[:, :17], v[:, :17], mask[0, 0, :17, :17])
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
        self.each_kind(check)

    def test_the_lowest_float_hides_by_comparison_alone(self):
        def check(kind):
            q, k, v = self.inputs()
            lowest = self.lowest[kind]
            mask = np.triu(np.full((1, 1, self.rows, self.rows), lowest, np.float32), 1)
            mask[0, 0, 3] = lowest
            got = self.attend(q, k, v, mask, kind)
            np.testing.assert_allclose(got[0], np.broadcast_to(v[0, 0], (self.heads, self.size)), rtol=0, atol=1e-6)
            if kind == "f16":  # beside it scores still count, but for what f32 rounds
                expected = self.expected(q[:, 3:4], k, v, lowest)[0]
                return np.testing.assert_allclose(got[3], expected, rtol=0, atol=1e-2)
            # Everywhere the same: no key is worth more than another.
            mean = np.broadcast_to(v[0, :, 0].mean(0), (self.heads, self.size))
            np.testing.assert_allclose(got[3], mean, rtol=0, atol=1e-6)
        self.each_kind(check)

    def test_numbers_are_widened_exactly(self):
        """All that a type holds from -16 to 16, subnormal numbers among them."""
        def check(kind):
            random = np.random.default_rng(11)
            q, k, v = self.inputs()
            mask = random.uniform(-16, 16, (1, 1, self.rows, self.rows))
            mask[..., ::3] *= 2.0 ** -22
            mask = storage.keep(mask.astype(np.float32), kind)
            got = self.attend(q, k, v, mask, kind)
            np.testing.assert_allclose(got, self.expected(q, k, v, mask[0, 0].astype(np.float64)), rtol=0, atol=1e-5)
        self.each_kind(check)

    def test_a_nan_is_seen_by_its_row_alone(self):
        def check(kind):
            q, k, v = self.inputs()
            mask = np.zeros((1, 1, self.rows, self.rows), np.float32)
            mask[0, 0, 5, 9] = np.nan
            got = np.isnan(self.attend(q, k, v, mask, kind)).all((1, 2))
            self.assertEqual(np.flatnonzero(got).tolist(), [5])
        self.each_kind(check)


class ElementsTest(unittest.TestCase):
    def check(self, op, expected, allowed):
        """`allowed` beside each expected element."""
        x = inputs()
        rows = "tensor<?x{}xf32>".format(x.shape[1])
        got = run(function("f", f"attn.{op} : {rows}", {"x": rows}, rows), {"x": x})
        with np.errstate(over="ignore", under="ignore"):
            exact = expected(x.astype(np.float64))
            difference = np.abs(got - exact)
            difference[got == exact.astype(np.float32)] = 0
            excess = difference - allowed(x.astype(np.float64), exact)
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        self.assertLessEqual(excess[worst], 0, f"{op}({x[worst]}) = {exact[worst]}, is {got[worst]}")

    def test_relu(self):
        self.check("relu %x", lambda x: np.maximum(x, 0), lambda x, y: 0)

    def test_tanh(self):
        self.check("tanh %x", np.tanh, lambda x, y: 4 * ULP * np.abs(y) + 2e-45)

    def test_sigmoid(self):
        self.check("sigmoid %x", sigmoid, lambda x, y: 4 * ULP * y + 1.2e-38)

    def test_silu(self):
        self.check("silu %x", lambda x: x * sigmoid(x), lambda x, y: 5 * ULP * np.abs(y) + 1.2e-36)

    # 1 + erf cancels far below 0, in every evaluation of the formula.
    def test_gelu(self):
        self.check("gelu %x", lambda x: x * (1 + erf(x / 2 ** 0.5)) / 2,
                   lambda x, y: 4 * ULP * np.abs(x) + 2e-45)

    def test_gelu_of_tanh(self):
        def gelu(x):
            return x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x ** 3))) / 2
        self.check("gelu %x {tanh}", gelu, lambda x, y: 8 * ULP * np.abs(x) + 2e-45)


class RopeTest(unittest.TestCase):
    def test_large_positions(self):
        """The first pair turns by its position: angles of up to 2^21."""
        random = np.random.default_rng(3)
        positions = np.concatenate([np.arange(4096), random.integers(0, 2 ** 21, 20000),
                                    2 ** 20 + np.arange(-40, 40), [2 ** 21 - 1],
                                    # Next to a multiple of pi/2.
                                    [11, 22, 344, 355, 710, 103993, 104348, 208341, 312689, 833719,
                                     1146408]]).astype(np.int32)[None]
        tokens = positions.shape[1]
        x = np.tile(np.float32([1, 0]), (1, tokens, 1, 1))
        rows = f"tensor<1x{tokens}x1x2xf32>"
        numbers = f"tensor<1x{tokens}xi32>"
        text = function("f", f"attn.rope %x positions(%positions : {numbers}) "
                             f"{{position = #attn.rope<theta = 1.0e4>}} : {rows}",
                        {"x": rows, "positions": numbers}, rows)
        got = run(text, {"x": x, "positions": positions})[0, :, 0]
        angles = positions[0].astype(np.float64)
        exact = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        error = np.abs(got - exact)
        self.assertLessEqual(error.max(), 2.5 * ULP, f"position {positions[0][error.max(1).argmax()]}")
        # Small results are as accurate as large ones.
        self.assertLessEqual((error - 4 * ULP * np.abs(exact)).max(), 0)


if __name__ == "__main__":
    unittest.main()
