#!/usr/bin/env python3
"""Attention over parts of the keys, merged, is attention over all of them: one
part, two, or seven of which one has no key; the sink joins once, at the end.
"""
import ctypes
import itertools
import unittest

import numpy as np
from attention import Layer
from kernel import FLAG_NO_SINK, CallFailed, Context, Kernel, Tensor, on_two_threads

# Of one rounding of the output, and of the parts' before it.
EXACT = {"f32": 2.0 ** -20, "f16": 2.0 ** -9, "bf16": 2.0 ** -6}
KEYS = 300
CUTS = {1: [], 2: [128], 7: [1, 40, 40, 129, 200, 299]}


class Args(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("abi", ctypes.c_uint32)] + [
        (name, ctypes.c_void_p) for name in ("outputs", "lses", "sinks", "output", "lse")]


def merge(kernel, tensors, workers=1):
    text = ctypes.create_string_buffer(512)

    context = Context(ctypes.sizeof(Context), 1, None, 0, workers, on_two_threads, None,
                      ctypes.cast(text, ctypes.c_char_p), 512, None)
    args = Args(ctypes.sizeof(Args), 1, *(ctypes.addressof(tensors[n].dl) if tensors.get(n) else None
                                          for n in ("outputs", "lses", "sinks", "output", "lse")))
    status = kernel.library["parts_merge"](ctypes.byref(args), ctypes.byref(context))
    if status:
        raise CallFailed(text.value.decode())


def place(values, kind):
    tensor = Tensor(values.shape, kind)
    tensor.put(values)
    return tensor


class MergeTest(unittest.TestCase):
    kernels = {}

    def kernel(self, kind):
        if kind not in self.kernels:
            layer = Layer(6, 2, 24, value_dim=70, mask="bidirectional", sinks=True, storage=(kind, kind, kind))
            MergeTest.kernels[kind] = Kernel(layer, "parts")
            self.addClassCleanup(self.kernels[kind].folder.cleanup)
        return self.kernels[kind]

    def inputs(self, kind):
        random = np.random.default_rng(7)
        shapes = {"query": (2, 3, 6, 24), "key": (2, KEYS, 2, 24), "value": (2, KEYS, 2, 70), "sinks": (6,)}
        inputs = {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
        inputs["key"] *= 2
        return inputs

    def parts(self, kernel, inputs, cuts):
        """Outputs and lses of parts, none of which knows the sink."""
        results = []
        for begin, end in itertools.pairwise([0, *cuts, KEYS]):
            part = {n: x[:, begin:end] if n in ("key", "value") else x for n, x in inputs.items()}
            results.append(kernel(part, flags=FLAG_NO_SINK))
        return [np.stack([r[n] for r in results]) for n in ("output", "lse")]

    def test_parts_are_the_whole(self):
        for kind, count, has_sinks in itertools.product(EXACT, CUTS, (True, False)):
            with self.subTest(kind=kind, parts=count, sinks=has_sinks):
                kernel, inputs = self.kernel(kind), self.inputs(kind)
                outputs, lses = self.parts(kernel, inputs, CUTS[count])
                whole = kernel(inputs, flags=0 if has_sinks else FLAG_NO_SINK)
                tensors = {"outputs": place(outputs, kind), "lses": place(lses, "f32"),
                           "sinks": place(inputs["sinks"], kind) if has_sinks else None,
                           "output": Tensor(outputs.shape[1:], kind), "lse": Tensor(lses.shape[1:])}
                merge(kernel, tensors)
                got, bound = tensors["output"].get(), EXACT[kind] * np.abs(inputs["value"]).max()
                self.assertLess(np.abs(got - whole["output"]).max(), bound)
                self.assertLess(np.abs(tensors["lse"].get() - whole["lse"]).max(), 2.0 ** -20 * 10)
                self.assertTrue(tensors["output"].outside_is_untouched() and tensors["lse"].outside_is_untouched())
                once = tensors["output"].array.copy()
                merge(kernel, tensors, workers=2)
                self.assertTrue(np.array_equal(once.view(np.uint8), tensors["output"].array.view(np.uint8)))

    def test_nothing_seen(self):
        """No part has a key: 0 and -inf, whatever the parts' outputs hold; a sink is the lse."""
        kernel = self.kernel("f32")
        tensors = {"outputs": place(np.full((2, 1, 1, 6, 70), np.nan, np.float32), "f32"),
                   "lses": place(np.full((2, 1, 1, 6), -np.inf, np.float32), "f32"),
                   "output": Tensor((1, 1, 6, 70)), "lse": Tensor((1, 1, 6))}
        merge(kernel, tensors)
        self.assertTrue((tensors["output"].array == 0).all() and (tensors["lse"].array == -np.inf).all())
        sinks = np.arange(6, dtype=np.float32)
        merge(kernel, {**tensors, "sinks": place(sinks, "f32")})
        self.assertTrue((tensors["output"].array == 0).all() and (tensors["lse"].array == sinks).all())

    def test_nan_stays_in_its_row(self):
        kernel = self.kernel("f32")
        lses = np.zeros((2, 1, 2, 6), np.float32)
        lses[1, 0, 1, 3] = np.nan
        tensors = {"outputs": place(np.ones((2, 1, 2, 6, 70), np.float32), "f32"), "lses": place(lses, "f32"),
                   "output": Tensor((1, 2, 6, 70)), "lse": Tensor((1, 2, 6))}
        merge(kernel, tensors)
        expected = np.ones((1, 2, 6, 70), bool)
        expected[0, 1, 3] = False
        np.testing.assert_array_equal(tensors["output"].array == 1, expected)
        self.assertTrue(np.isnan(tensors["output"].array[0, 1, 3]).all())

    def test_refusals(self):
        kernel = self.kernel("f32")
        good = {"outputs": place(np.ones((2, 5, 6, 70), np.float32), "f32"),
                "lses": place(np.zeros((2, 5, 6), np.float32), "f32"),
                "output": Tensor((5, 6, 70)), "lse": Tensor((5, 6))}
        merge(kernel, good)
        cases = {
            "parts_merge: output is NULL": {"output": None},
            "parts_merge: output has extent 4 in dimension 0 .tokens., expected 5": {"output": Tensor((4, 6, 70))},
            "parts_merge: output has type f16, expected f32": {"output": Tensor((5, 6, 70), "f16")},
            "parts_merge: lses has rank 2, expected 3": {"lses": Tensor((2, 5))},
            "parts_merge: sinks has extent 5 in dimension 0 .query_heads., expected 6": {"sinks": Tensor((5,))},
            "parts_merge: outputs has rank 3, expected 4 or 5": {"outputs": Tensor((2, 5, 6))},
            "parts_merge: outputs has type i32, expected f32, f16 or bf16": {"outputs": Tensor((2, 5, 6, 70), "i32")},
        }
        for message, change in cases.items():
            with self.subTest(message):
                with self.assertRaisesRegex(CallFailed, f"^{message}$"):
                    merge(kernel, {**good, **change})
        repeated = Tensor((5, 6, 70), order=(0, 1, 2), gap=0)
        repeated.strides[0] = 0
        repeated.dl.strides = repeated.strides
        with self.assertRaisesRegex(CallFailed, "output has strides that give two elements one place"):
            merge(kernel, {**good, "output": repeated})
        shapeless = Tensor((5, 6, 70))
        shapeless.dl.shape = None
        with self.assertRaisesRegex(CallFailed, "output has shape NULL, expected 3 extents"):
            merge(kernel, {**good, "output": shapeless})
        with self.assertRaisesRegex(CallFailed, "output at 0x.* overlaps outputs at 0x"):
            whole = good["outputs"]
            inner = Tensor((5, 6, 70))
            inner.dl.data = whole.dl.data + 4
            merge(kernel, {**good, "output": inner})


if __name__ == "__main__":
    unittest.main()
