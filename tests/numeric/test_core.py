#!/usr/bin/env python3
"""Compiled core kernels against attention written in NumPy.

Every layer of layers.py runs every case below through the C ABI: ctypes on
libNAME.so, a guard page behind every tensor, outputs poisoned before the call.
"""
import sys
import unittest

import numpy as np

import attention
from kernel import FLAG_NO_SINK, LAYOUTS, CallFailed, Kernel
from layers import LAYERS
from storage import keep

# queries, keys, key lengths (None: absent), how large scores are about
CASES = {
    "prefill": (97, 97, None, 1),
    "prefill_tail": (50, 131, None, 1),
    "prefill_lengths": (33, 77, [77, 0, 41], 1),
    "short": (5, 141, [141, 66], 1),
    "short_tail": (17, 19, None, 1),
    "decode": (1, 305, [305, 1, 0], 1),
    "decode_of_splits": (1, 2051, [2051], 1),
    "more_queries_than_keys": (23, 7, None, 1),
    "lengths_of_zero": (3, 9, [0, 0], 1),
    "no_keys": (3, 0, None, 1),
    "no_queries": (0, 5, None, 1),
    "logits_1e3": (19, 45, [45, 13], 1e3),
    "logits_1e3_decode": (1, 45, [45, 13], 1e3),
    "logits_1e30": (19, 45, None, 3e29),
}


def make_inputs(layer, case):
    queries, keys, lengths, logits = case
    batch = len(lengths) if lengths else 2
    random = np.random.default_rng(queries * 1009 + keys)

    def uniform(*shape):
        return random.uniform(-1, 1, shape)

    inputs = {"query": uniform(batch, queries, layer.heads, layer.head_dim) * 3 * logits,
              "key": uniform(batch, keys, layer.kv_heads, layer.head_dim),
              "value": uniform(batch, keys, layer.kv_heads, layer.values)}
    if logits > 1e4:
        # An output of zeros must be outside of them.
        layer.value(inputs)[...] += 3
    if layer.sinks:
        inputs["sinks"] = uniform(layer.heads) * 8 * min(logits, 1e3)
    inputs = stored(layer, {name: array.astype(np.float32) for name, array in inputs.items()})
    if "prefix" in layer.masks:
        # Before, among and behind the rows.
        prefixes = [keys - queries // 2, 0, 3 * keys // 4]
        inputs["prefix_lengths"] = np.array(prefixes[:batch], np.int32)
    if "document" in layer.masks:
        # Of one key and of hundreds, in any order of their numbers.
        ends = np.cumsum(random.integers(1, 90, (batch, keys + 1)) ** 2 // 80 + 1, axis=1)
        numbers = np.array([random.permutation(keys + 1) for _ in range(batch)]) * 3 - keys
        inputs["document_ids"] = np.array(
            [numbers[b][np.searchsorted(ends[b], np.arange(keys), side="right")]
             for b in range(batch)], np.int32).reshape(batch, keys)
    if layer.operand:
        inputs["mask"] = make_mask(layer, random, batch, queries, keys, lengths or [keys] * batch)
    if lengths:
        inputs["kv_lengths"] = np.array(lengths, np.int32)
        for b, length in enumerate(lengths):
            inputs["key"][b, length:] = np.nan
            inputs["value"][b, length:] = np.nan
    return inputs


def make_mask(layer, random, batch, queries, keys, lengths):
    """Hides a fourth of the keys, a hundred in a line and all of some rows; NaN, or shown, behind the lengths."""
    sizes = (("b", batch), ("h", layer.heads), ("r", queries))
    mask = random.uniform(-1, 1, (*[size if letter in layer.spread else 1 for letter, size in sizes], keys))
    hidden = random.random(mask.shape) < 0.25
    hidden[..., 128:256] |= mask.shape[2] < 5
    if "r" in layer.spread:
        hidden[:, :, 3::7] = True
    mask = np.where(hidden, -np.inf, mask).astype(np.float32)
    for b, longest in enumerate(lengths if len(mask) > 1 else [max(lengths)]):
        mask[b, ..., longest:] = np.nan
    return mask != -np.inf if layer.operand == "bool" else keep(mask, layer.operand)


def stored(layer, inputs):
    """What the layer's tensors hold of the inputs."""
    return {name: keep(array, layer.stored_in(name)) if array.dtype == np.float32 else array
            for name, array in inputs.items()}


def worst(expected, got):
    """Why and where `got` is worst: the inf/nan pattern first, then the error."""
    expected, got = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    # An infinity keeps its sign.
    same = np.where(np.isfinite(expected), np.isfinite(got),
                    (np.isnan(expected) & np.isnan(got)) | (expected == got))
    with np.errstate(invalid="ignore"):
        error = np.where(np.isfinite(expected), np.abs(expected - got), 0)
    score = np.where(same, error, np.inf)
    if score.size == 0:
        return 0.0, "no elements"
    at = np.unravel_index(np.argmax(score), score.shape)
    where = [int(i) for i in at]
    return float(score[at]), f"at {where} is {got[at]!r}, expected {expected[at]!r}"


def same_bits(left, right):
    return {name: bool((left[name].view(np.uint32) == right[name].view(np.uint32)).all())
            for name in right}


class CoreTest(unittest.TestCase):
    kernels = {}

    def kernel(self, name):
        """Compiled once; a layer that does not compile fails each of its tests."""
        if name not in self.kernels:
            try:
                CoreTest.kernels[name] = Kernel(LAYERS[name], name)
            except CallFailed as failure:
                CoreTest.kernels[name] = failure
        if isinstance(self.kernels[name], CallFailed):
            self.fail(f"attnc compile failed: {self.kernels[name]}")
        return self.kernels[name]

    @classmethod
    def tearDownClass(cls):
        for kernel in cls.kernels.values():
            if isinstance(kernel, Kernel):
                kernel.folder.cleanup()

    def check(self, layer, inputs, got, reference_inputs=None):
        tensors = stored(layer, reference_inputs or inputs)
        expected = attention.attend(layer, tensors)
        output, lse, largest = expected
        allowed, allowed_lse = attention.tolerances(layer, tensors, expected)
        if largest > 1e4:
            self.check_among_values(layer, inputs, output, got["output"])
        else:
            error, text = worst(output, got["output"])
            self.assertLessEqual(error, allowed, f"output {text}")
        error, text = worst(lse, got["lse"])
        self.assertLessEqual(error, allowed_lse, f"lse {text}")

    def check_among_values(self, layer, inputs, expected, output):
        """Rows that see a key lie among the values; a sink pulls towards 0."""
        value = np.repeat(layer.value(stored(layer, inputs)), layer.heads // layer.kv_heads, axis=2)
        low, high = np.nanmin(value, axis=1)[:, None], np.nanmax(value, axis=1)[:, None]
        may_vanish = (expected == 0).all(axis=-1, keepdims=True) | layer.sinks
        low, high = (keep(x.astype(np.float32), layer.stored_in("output")) for x in (low, high))
        low = np.where(may_vanish, np.minimum(low, 0), low)
        high = np.where(may_vanish, np.maximum(high, 0), high)
        self.assertTrue(np.isfinite(output).all(), "output is not finite")
        self.assertTrue(((output >= low - 1e-5) & (output <= high + 1e-5)).all(),
                        "output is not among the values")


def fits(layer, case):
    """It is cheap, and queries are finite in their type."""
    queries, keys, _, logits = case
    return (layer.heads * layer.head_dim * queries * keys < 2e8 and
            (layer.storage[0] != "f16" or logits < 1e4))


def accuracy(name, case):
    def test(self):
        layer = LAYERS[name]
        inputs = make_inputs(layer, CASES[case])
        self.check(layer, inputs, self.kernel(name)(inputs))
    return test


def layouts(name):
    """Strides and offsets change no bit, for each of the three paths."""
    def test(self):
        for case in ("prefill_lengths", "short", "decode"):
            inputs = make_inputs(LAYERS[name], CASES[case])
            plain = self.kernel(name)(inputs)
            for layout in LAYOUTS:
                got = self.kernel(name)(inputs, layout=layout)
                self.assertTrue(all(same_bits(plain, got).values()), f"{case} {layout}")
    return test


def executions(name):
    """Order of tasks and number of threads change no bit."""
    def test(self):
        for case in ("prefill_lengths", "short", "decode", "decode_of_splits"):
            inputs = make_inputs(LAYERS[name], CASES[case])
            plain = self.kernel(name)(inputs)
            for execution in ("serial", "reversed", "two_threads", "ggml_style"):
                got = self.kernel(name)(inputs, execution=execution)
                self.assertTrue(all(same_bits(plain, got).values()), f"{case} {execution}")
            got = self.kernel(name)(inputs, absent=("lse",))
            self.assertTrue(all(same_bits(plain, got).values()), f"{case} without lse")
    return test


def alone(name):
    """A sequence gives the bits that it gives in a batch."""
    def test(self):
        for case in ("prefill_lengths", "short", "decode"):
            inputs = make_inputs(LAYERS[name], CASES[case])
            plain = self.kernel(name)(inputs)
            for b in range(inputs["query"].shape[0]):
                one = {n: t if n == "sinks" or len(t) == 1 else t[b:b + 1] for n, t in inputs.items()}
                got = self.kernel(name)(one)
                part = {n: t[b:b + 1] for n, t in plain.items()}
                self.assertTrue(all(same_bits(part, got).values()), f"{case} sequence {b}")
    return test


def capacity(name):
    """Buffers of 2 and 40 times the length, NaN behind, change no bit."""
    def test(self):
        for case in ("prefill_lengths", "short", "decode"):
            inputs = make_inputs(LAYERS[name], CASES[case])
            plain = self.kernel(name)(inputs)
            for times in (2, 40):
                larger = dict(inputs)
                for part in ("key", "value"):
                    b, t, h, d = inputs[part].shape
                    larger[part] = np.full((b, t * times, h, d), np.nan, np.float32)
                    larger[part][:, :t] = inputs[part]
                if "document_ids" in inputs:
                    larger["document_ids"] = np.pad(inputs["document_ids"],
                                                    ((0, 0), (0, t * (times - 1))), mode="edge")
                got = self.kernel(name)(larger)
                self.assertTrue(all(same_bits(plain, got).values()), f"{case} {times}x")
    return test


def chunks(name):
    """Rows of a prompt give the same bits one, a few or all at a time."""
    def test(self):
        layer = LAYERS[name]
        for keys in (61, 1043):
            inputs = make_inputs(layer, (61, keys, [keys], 1))
            plain = self.kernel(name)(inputs)
            first = 0
            for end in (1, 2, 8, 23, 61):
                part = dict(inputs, query=inputs["query"][:, first:end])
                if "r" in layer.spread and layer.operand:
                    part["mask"] = inputs["mask"][:, :, first:end]
                if layer.mask != "bidirectional":
                    part["kv_lengths"] = inputs["kv_lengths"] - np.int32(61 - end)
                got = self.kernel(name)(part)
                rows = {n: t[:, first:end] for n, t in plain.items()}
                self.assertTrue(all(same_bits(rows, got).values()),
                                f"rows {first} to {end} of {keys} keys")
                first = end
    return test


def specials(name):
    """NaNs and infinities reach the rows that see them and no other."""
    def test(self):
        layer = LAYERS[name]
        for case in ((37, 41, None, 1), (3, 43, None, 1), (1, 43, None, 1)):
            base = make_inputs(layer, case)
            for tensor, position, value in (("key", 2, np.nan), ("value", 4, np.nan),
                                            ("value", 36, -np.inf), ("query", 0, np.nan),
                                            ("value", 40, np.inf)):
                inputs = {n: t.copy() for n, t in base.items()}
                inputs[tensor][0, position, -1] = value
                with self.subTest(case=case, tensor=tensor, value=value):
                    self.check(layer, inputs, self.kernel(name)(inputs))
            inputs = {n: t.copy() for n, t in base.items()}
            inputs["query"][..., 0] = np.abs(inputs["query"][..., 0]) + 0.125
            inputs["key"][:, 3, :, 0] = -np.inf
            inputs["key"][:, 38, 0, 0] = np.inf
            with self.subTest(case=case, tensor="key", value="infinities"):
                self.check(layer, inputs, self.kernel(name)(inputs))
    return test


def weightless_infinities(name):
    """A score of -inf keeps an infinite value out, in full and partial blocks."""
    def test(self):
        layer = LAYERS[name]
        for case in ((37, 41, None, 1), (37, 173, None, 1), (3, 173, None, 1), (1, 173, None, 1),
                     (1, 1061, [1061, 1040], 1)):
            inputs = make_inputs(layer, case)
            inputs["query"][..., 0] = np.abs(inputs["query"][..., 0]) + 0.125
            for position in (0, 7, 36, 40, case[1] - 1):
                inputs["key"][:, position, :, 0] = -np.inf
                inputs["value"][:, position] = np.inf
            with self.subTest(case=case):
                self.check(layer, inputs, self.kernel(name)(inputs))
    return test


def without_sink(name):
    def test(self):
        layer = LAYERS[name]
        for case in ("prefill_lengths", "decode", "decode_of_splits"):
            inputs = make_inputs(layer, CASES[case])
            got = self.kernel(name)(inputs, flags=FLAG_NO_SINK)
            reference = {n: t for n, t in inputs.items() if n != "sinks"}
            self.check(layer, inputs, got, reference)
    return test


def bad_calls(name):
    def test(self):
        inputs = make_inputs(LAYERS[name], CASES["short"])
        inputs["kv_lengths"] = np.array([142, 1], np.int32)
        with self.assertRaisesRegex(CallFailed, "142"):
            self.kernel(name)(inputs)
    return test


def add_tests():
    for name, layer in LAYERS.items():
        for case, sizes in CASES.items():
            if fits(layer, sizes):
                setattr(CoreTest, f"test_{name}_{case}", accuracy(name, case))
        for make in (layouts, executions, alone, capacity, specials, weightless_infinities):
            setattr(CoreTest, f"test_{name}_{make.__name__}", make(name))
        # Rows that see keys behind them see fewer in a chunk.
        if (not layer.top_left and (layer.right or 1) == 1
                and "prefix" not in layer.masks and layer.mask != "document"):
            setattr(CoreTest, f"test_{name}_chunks", chunks(name))
        if layer.sinks:
            setattr(CoreTest, f"test_{name}_without_sink", without_sink(name))
    name = next(iter(LAYERS))
    setattr(CoreTest, f"test_{name}_bad_calls", bad_calls(name))


add_tests()


def main():
    result = unittest.main(exit=False, argv=sys.argv).result
    # A test with several wrong sub-tests failed once.
    wrong = [getattr(test, "test_case", test) for test, _ in result.failures + result.errors]
    failed = len({test.id() for test in wrong})
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
