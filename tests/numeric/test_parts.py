#!/usr/bin/env python3
"""Parts of the keys that say where they stand, merged, are the whole: prompts of
many rows under causal masks, windows, chunks and biases; dense rows, packed rows
and caches on pages; one part, two, or seven of which one has no key.
"""
import ctypes
import dataclasses
import itertools
import pathlib
import unittest

import numpy as np
from attention import Layer
from kernel import (FLAG_NO_SINK, PARALLEL_FOR, CallFailed, Context, Guarded, Kernel, Maxima, Tensor, run_ggml,
                    run_reversed)
from test_merge import merge, place

LENGTHS = [300, 170, 5]
CUTS = {1: [], 2: [138], 7: [23, 46, 46, 138, 184, 276]}  # multiples of the chunk
PAGE_ROWS = 16


@dataclasses.dataclass(frozen=True)
class Biased(Layer):
    """A layer with a bias of positions."""

    bias: str = ""

    def mlir(self, name):
        return super().mlir(name).replace("}\n", f", position_bias = {self.bias}}}\n")


LAYERS = {
    "causal": Layer(6, 2, 24, value_dim=40),
    "window_sinks": Layer(6, 2, 24, mask="window", left=37, right=1, sinks=True),
    "two_sided": Layer(4, 2, 24, mask="window", left=9, right=5),
    "chunk": Layer(6, 2, 24, mask="chunk", chunk=23),
    "chunk_window": Layer(6, 2, 24, mask="chunk+window", chunk=23, left=11),
    "alibi": Biased(4, 2, 24, bias="#attn.alibi<distance = signed>"),
    "softcap_f16": Layer(4, 2, 24, softcap=20.0, storage=("f16", "f16", "f16")),
    "latent": Layer(6, 1, 40, value_dim=32, rope_dim=8),
}
# One rounding of the output, and of the parts' before it.
EXACT = {"f32": 2.0 ** -20, "f16": 2.0 ** -9}


def paged(caches, lengths):
    """Pools of pages, in another order than the sequences', and their table."""
    counts = [-(-length // PAGE_ROWS) for length in lengths]
    order = np.random.default_rng(3).permutation(sum(counts) + 2)
    table = np.zeros((len(lengths), max([1, *counts])), np.int32)
    pools = {n: np.full((len(order), PAGE_ROWS, *x.shape[2:]), np.nan, np.float32) for n, x in caches.items()}
    places = iter(order)
    for b, count in enumerate(counts):
        for page in range(count):
            table[b, page] = next(places)
            for name, cache in caches.items():
                rows = cache[b, page * PAGE_ROWS:min((page + 1) * PAGE_ROWS, lengths[b])]
                pools[name][table[b, page], :len(rows)] = rows
    return pools, table


class PartsTest(unittest.TestCase):
    kernels = {}

    def kernel(self, name):
        if name not in self.kernels:
            PartsTest.kernels[name] = Kernel(LAYERS[name], "parts")
            self.addClassCleanup(self.kernels[name].folder.cleanup)
        return self.kernels[name]

    def call(self, kernel, tensors, beside, run=run_reversed, flags=0):
        """Output and lse of a call with `tensors`, and `beside` them the fields that are in every args."""
        layer, rows = kernel.layer, tensors["query"].shape[:-2]
        placed = {}
        for tensor in kernel.tensors:
            name, kind = tensor["name"], tensor["type"]
            if name in ("output", "lse"):
                size = (layer.values,) if name == "output" else ()
                placed[name] = Tensor((*rows, layer.heads, *size), kind)
            elif name in tensors:
                placed[name] = place(tensors[name], kind)
        others = {name: place(values, "i32") for name, values in beside.items()}
        names = [tensor["name"] for tensor in kernel.tensors]
        tail = ["q_indptr", "page_table", "page_indptr", "slot_mapping", "packed_weights", "key_offsets",
                "sequence_lengths"]
        words = [ctypes.addressof(placed[n].dl) if n in placed else 0 for n in names] + [0, 0, 0]
        words += [ctypes.addressof(others[n].dl) if n in others else 0 for n in tail]
        head = np.array([16 + 8 * len(words), 1, 0, FLAG_NO_SINK | flags], np.uint32)
        args = np.concatenate([head.view(np.uint64), np.array(words, np.uint64)])
        maxima = Maxima(ctypes.sizeof(Maxima), 1, len(LENGTHS), max(rows), 2, max(LENGTHS))
        size = kernel.function("_workspace")(ctypes.byref(maxima))
        workspace, text = Guarded((size + 63) // 64 * 64, 64), ctypes.create_string_buffer(512)
        context = Context(ctypes.sizeof(Context), 1, workspace.address, size, 2, PARALLEL_FOR(), None,
                          ctypes.cast(text, ctypes.c_char_p), 512, None)
        if run(kernel, args.ctypes.data, context, ""):
            raise CallFailed(text.value.decode())
        self.assertTrue(placed["output"].outside_is_untouched() and placed["lse"].outside_is_untouched())
        return placed["output"].get(), placed["lse"].get()

    def inputs(self, layer, rows):
        random = np.random.default_rng(7)
        keys = (len(LENGTHS), max(LENGTHS), layer.kv_heads)
        inputs = {"query": random.standard_normal((*rows, layer.heads, layer.head_dim)),
                  "key": 2 * random.standard_normal((*keys, layer.head_dim)),
                  "value": random.standard_normal((*keys, layer.values))}
        return {name: x.astype(np.float32) for name, x in inputs.items()}

    def parts(self, kernel, inputs, cuts, beside, pages=False, run=run_reversed):
        """Outputs and lses of the parts between `cuts`."""
        results = []
        for begin, end in itertools.pairwise([0, *cuts, max(LENGTHS)]):
            begins = [begin if begin <= length else 0 for length in LENGTHS]
            lengths = [max(0, min(end, length) - begin) for length in LENGTHS]
            caches = {n: np.full((len(LENGTHS), max(lengths) + 3, *inputs[n].shape[2:]), np.nan, np.float32)
                      for n in ("key", "value")}
            for name, cache in caches.items():
                for b, length in enumerate(lengths):
                    cache[b, :length] = inputs[name][b, begins[b]:begins[b] + length]
            caches = kernel.layer.arguments(caches)
            more = {}
            if pages:
                caches, more["page_table"] = paged(caches, lengths)
            results.append(self.call(
                kernel, {"query": inputs["query"], **caches, "kv_lengths": np.array(lengths, np.int32)},
                {**beside, **more, "key_offsets": np.array(begins, np.int32),
                 "sequence_lengths": np.array(LENGTHS, np.int32)}, run))
        return [np.stack(x) for x in zip(*results)]

    def check(self, name, rows, beside=None, **options):
        kernel, beside = self.kernel(name), beside or {}
        inputs, kind = self.inputs(kernel.layer, rows), kernel.layer.storage[0]
        lengths = np.array(LENGTHS, np.int32)
        output, lse = self.call(kernel, {**kernel.layer.arguments(inputs), "kv_lengths": lengths}, beside)
        bound = EXACT[kind] * np.abs(inputs["value"]).max() * (4 if kernel.layer.rope_dim else 1)
        for count, cuts in CUTS.items():
            with self.subTest(layer=name, parts=count, rows=rows, **options):
                outputs, lses = self.parts(kernel, inputs, cuts, beside, **options)
                merged = {"outputs": place(outputs, kind), "lses": place(lses, "f32"), "sinks": None,
                          "output": Tensor(output.shape, kind), "lse": Tensor(lse.shape)}
                merge(kernel, merged)
                self.assertLess(np.abs(merged["output"].get() - output).max(), bound)
                got = merged["lse"].get()
                np.testing.assert_array_equal(np.isneginf(got), np.isneginf(lse))
                seen = ~np.isneginf(lse)
                self.assertLess(np.abs(got[seen] - lse[seen]).max(), 2.0 ** -20 * 10)

    def test_rows_of_every_schedule(self):
        for name, rows in itertools.product(LAYERS, (70, 7, 1)):
            self.check(name, (len(LENGTHS), rows))

    def test_packed_rows(self):
        for name in ("causal", "window_sinks", "chunk"):
            self.check(name, (84,), {"q_indptr": np.array([0, 70, 71, 84], np.int32)})

    def test_pages(self):
        for name in ("causal", "two_sided"):
            self.check(name, (len(LENGTHS), 20), pages=True)
            self.check(name, (84,), {"q_indptr": np.array([0, 70, 71, 84], np.int32)}, pages=True)

    def test_tasks_on_two_threads(self):
        self.check("causal", (len(LENGTHS), 7), run=run_ggml)

    def test_where_it_is_wrong(self):
        kernel = self.kernel("chunk")
        inputs = self.inputs(kernel.layer, (3, 2))
        good = {"key_offsets": np.array([0, 23, 0], np.int32), "sequence_lengths": np.array([9, 30, 5], np.int32)}
        tensors = {**inputs, "kv_lengths": np.array([9, 7, 0], np.int32)}
        self.call(kernel, tensors, good)
        cases = {
            r"parts_core: key_offsets \[1\] is 24, expected a multiple of 23, the layer's chunk":
                {"key_offsets": np.array([0, 24, 0], np.int32)},
            r"parts_core: key_offsets \[2\] is -23, expected 0 or more":
                {"key_offsets": np.array([0, 23, -23], np.int32)},
            r"parts_core: sequence_lengths \[1\] is 29, expected at least the 30 where the part's keys end: "
            r"key_offsets and kv_lengths, or the capacity without those":
                {"sequence_lengths": np.array([9, 29, 5], np.int32)},
            r"parts_core: key_offsets has extent 2 in dimension 0 \(batch\), but the batch of the tensors before it "
            r"is 3":
                {"key_offsets": np.array([0, 23], np.int32)},
        }
        for message, change in cases.items():
            with self.subTest(message):
                with self.assertRaisesRegex(CallFailed, f"^{message}$"):
                    self.call(kernel, tensors, {**good, **change})
        with self.assertRaisesRegex(CallFailed, "^parts_core: sequence_lengths is NULL, but key_offsets is not$"):
            self.call(kernel, tensors, {"key_offsets": good["key_offsets"]})

    def test_a_ring_has_no_parts(self):
        kernel = self.kernel("chunk")
        tensors = {**self.inputs(kernel.layer, (3, 2)), "kv_lengths": np.array([9, 7, 0], np.int32)}
        beside = {"key_offsets": np.zeros(3, np.int32), "sequence_lengths": np.array([9, 7, 5], np.int32)}
        with self.assertRaisesRegex(CallFailed, "^parts_core: args.flags has ATTN_FLAG_RING, but the keys are a part "
                                                "of a sequence$"):
            self.call(kernel, tensors, beside, flags=2)

    def test_refused_where_more_than_distances_count(self):
        layers = {"prefix": Layer(4, 2, 24, mask="prefix"), "top_left": Layer(4, 2, 24, top_left=True),
                  "mask": Layer(4, 2, 24, operand="f32"),
                  "bias_of_keys": Biased(4, 2, 24, bias="#attn.alibi<distance = key>")}
        for name, layer in layers.items():
            with self.subTest(name):
                kernel = Kernel(layer, "parts")
                self.addCleanup(kernel.folder.cleanup)
                header = pathlib.Path(kernel.folder.name, "out", "parts.h").read_text()
                self.assertIn("This kernel takes no parts of the keys: NULL.", header)
                beside = {"key_offsets": np.zeros(3, np.int32), "sequence_lengths": np.full(3, 40, np.int32)}
                with self.assertRaisesRegex(CallFailed, "^parts_core: args.key_offsets is 0x.*, expected NULL"):
                    self.call(kernel, self.inputs(layer, (len(LENGTHS), 2)), beside)


if __name__ == "__main__":
    unittest.main()
