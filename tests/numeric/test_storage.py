#!/usr/bin/env python3
"""Every pattern of 16 bits into a kernel and out of it, and what is rounded on
the way out. A row that sees one key gives its value, whatever that is.
"""
import unittest

import numpy as np

from attention import Layer
from kernel import CallFailed, Kernel
from storage import keep, patterns

HALVES = ("f16", "bf16")
WIDTH = 64


def run(kernel, values, queries):
    """What is left of the values: one key for each row of them."""
    batch = len(values) // WIDTH
    zeros = np.zeros((batch, 1, 1, 8), np.float32)
    inputs = {"query": np.zeros((batch, queries, 1, 8), np.float32), "key": zeros,
              "value": values.reshape(batch, 1, 1, WIDTH)}
    return kernel(inputs)["output"]


class StorageTest(unittest.TestCase):
    def check(self, storage, values):
        layer = Layer(1, 1, 8, value_dim=WIDTH, mask="bidirectional", storage=storage)
        kernel = Kernel(layer, "patterns")
        self.addCleanup(kernel.folder.cleanup)
        # A sum of -0 is 0.
        with np.errstate(invalid="ignore"):
            expected = keep(values + np.float32(0), storage[0])
        for queries in (1, 3, 33):
            got = run(kernel, values, queries)
            for query in range(queries):
                row = got[:, query].reshape(-1)
                same = (row.view(np.uint32) == expected.view(np.uint32)) | (
                    np.isnan(row) & np.isnan(expected))
                wrong = np.flatnonzero(~same)
                self.assertEqual(len(wrong), 0, f"{storage}, {queries} queries: " + ", ".join(
                    f"{values[i]!r} became {row[i]!r}" for i in wrong[:4]))

    def test_patterns_pass(self):
        for kind in HALVES:
            self.check((kind, "f32", kind), patterns(kind))

    def test_patterns_are_f32(self):
        for kind in HALVES:
            self.check(("f32", "f32", kind), patterns(kind))

    def test_outputs_are_rounded_once(self):
        """To the nearest, ties to even; what is too large becomes infinite."""
        for kind in HALVES:
            finite = np.sort(patterns(kind)[np.isfinite(patterns(kind))])
            low, high = finite[:-1], finite[1:]
            middle = low + (high - low) / 2
            largest = finite[-1] * (1 + 2.0 ** (-12 if kind == "f16" else -9))
            values = np.concatenate([
                middle, np.nextafter(middle, low), np.nextafter(middle, high),
                np.float32([largest, np.nextafter(largest, np.float32(0)), -largest, 3e38, -3e38,
                            np.inf, -np.inf, np.nan, 1e-45])])
            values = np.resize(values, -(-len(values) // WIDTH) * WIDTH).astype(np.float32)
            self.check((kind, "f32", "f32"), values)

    def test_a_nan_of_low_bits_stays_one(self):
        bits = np.full(WIDTH, 0x7F800001, np.uint32)
        bits[::2] = 0xFFFFFFFF
        values = bits.view(np.float32)
        for kind in HALVES:
            self.check((kind, "f32", "f32"), values)

    def test_one_type_for_a_latent(self):
        layer = Layer(2, 1, 23, value_dim=17, rope_dim=6, storage=("f32", "f16", "bf16"))
        with self.assertRaisesRegex(CallFailed, "keeps keys as 'f16' and values as 'bf16'"):
            Kernel(layer, "latent")


if __name__ == "__main__":
    unittest.main()
