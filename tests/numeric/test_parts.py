#!/usr/bin/env python3
"""Parts of the keys that say where they stand, merged, are the whole, which NumPy
computes in float64: rows of every schedule under each mask and bias; dense rows,
packed rows and caches on pages; one part, two, or seven of which one has no key.
"""
import ctypes
import dataclasses
import itertools
import pathlib
import unittest

import numpy as np
from attention import Layer, attend, tolerances
from biases import Alibi, Buckets
from kernel import (FLAG_NO_SINK, PARALLEL_FOR, CallFailed, Context, Guarded, Kernel, Maxima, Tensor, run_ggml,
                    run_reversed, tail_words)
from test_core import make_mask, stored
from test_merge import merge, place

LENGTHS = [300, 170, 5]
PREFIXES = [250, 30, 3]
OFFSETS = [0, 70, 71, 84]  # of packed rows
CUTS = {1: [], 2: [138], 7: [23, 46, 46, 138, 184, 276]}  # multiples of the chunk
PAGE_ROWS = 16


@dataclasses.dataclass(frozen=True)
class Biased(Layer):
    """A layer with a bias of positions, which `numbers` has."""

    bias: str = ""
    numbers: object = None

    def mlir(self, name):
        return super().mlir(name).replace("}\n", f", position_bias = {self.bias}}}\n")


class Expanded(Layer):
    """The other core of a latent layer, whose keys and values are those of heads."""

    def mlir(self, name):
        return (f"attn.latent @{name} {{hidden = 64, heads = {self.heads}, kv_rank = 32, nope_dim = 8, rope_dim = "
                f"{self.head_dim - 8}, value_dim = {self.values}, layers = array<i64: 0>, scale = {self.factor!r}, "
                f"mask = {self.mask_text()}}}\n")


TABLE = np.random.default_rng(2).standard_normal((8, 4)).astype(np.float32)

LAYERS = {
    "causal": Layer(6, 2, 24, value_dim=40),
    "window_sinks": Layer(6, 2, 24, mask="window", left=37, right=1, sinks=True),
    "two_sided": Layer(4, 2, 24, mask="window", left=9, right=5),
    "chunk": Layer(6, 2, 24, mask="chunk", chunk=23),
    "chunk_window": Layer(6, 2, 24, mask="chunk+window", chunk=23, left=11),
    "top_left": Layer(4, 2, 24, mask="window", left=40, right=90, top_left=True),
    "prefix": Layer(6, 2, 24, mask="prefix"),
    "prefix_top_left": Layer(4, 2, 24, mask="prefix", top_left=True),
    "prefix_chunk": Layer(4, 2, 24, mask="prefix+chunk", chunk=23),
    "documents": Layer(4, 2, 24, mask="document"),
    "documents_window": Layer(6, 2, 24, mask="window+document", left=37, right=5),
    "documents_top_left": Layer(4, 2, 24, mask="document", top_left=True),
    "mask": Layer(6, 2, 24, operand="f32"),
    "mask_top_left": Layer(4, 2, 24, mask="bidirectional", operand="bool", spread="r"),
    "mask_window": Layer(4, 2, 24, mask="window", left=50, right=1, operand="f16", spread="bh"),
    "alibi": Biased(4, 2, 24, bias="#attn.alibi<distance = signed>", numbers=Alibi()),
    "alibi_of_keys": Biased(4, 2, 24, bias="#attn.alibi<distance = key>", numbers=Alibi(of_keys=True)),
    "buckets_top_left": Biased(4, 2, 24, top_left=True, numbers=Buckets(8, 40, TABLE),
                               bias="#attn.buckets<count = 8, max_distance = 40, alignment = top_left>"),
    "softcap_f16": Layer(4, 2, 24, softcap=20.0, storage=("f16", "f16", "f16")),
    "latent": Layer(6, 1, 40, value_dim=32, rope_dim=8),
    "latent_prefix": Layer(6, 1, 40, value_dim=32, rope_dim=8, mask="prefix"),
    "expanded": Expanded(6, 6, 16, value_dim=4),
}
PACKED = ["causal", "window_sinks", "chunk", "two_sided", "top_left", "prefix", "documents_window", "mask",
          "alibi_of_keys", "latent"]
# Tensors that are not a row for each sequence.
SHARED = ("query", "mask", "sinks", "bias_table")
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
        words = [ctypes.addressof(placed[n].dl) if n in placed else 0 for n in names]
        words += tail_words({n: ctypes.addressof(t.dl) for n, t in others.items()})
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
        """What all parts get, whole: `rows` are dense, or packed."""
        random = np.random.default_rng(7)
        batch, keys = len(LENGTHS), max(LENGTHS)
        inputs = {"query": random.standard_normal((*rows, layer.heads, layer.head_dim)),
                  "key": 2 * random.standard_normal((batch, keys, layer.kv_heads, layer.head_dim)),
                  "value": random.standard_normal((batch, keys, layer.kv_heads, layer.values))}
        inputs = stored(layer, {name: x.astype(np.float32) for name, x in inputs.items()})
        if "prefix" in layer.masks:
            inputs["prefix_lengths"] = np.array(PREFIXES, np.int32)
        if "document" in layer.masks:
            ends = np.cumsum(random.integers(1, 60, (batch, keys)), axis=1)
            inputs["document_ids"] = np.stack([np.searchsorted(e, np.arange(keys), side="right") for e in ends])
        if layer.operand:
            most = rows[1] if len(rows) > 1 else max(np.diff(OFFSETS))
            inputs["mask"] = make_mask(layer, random, batch, most, keys, LENGTHS)
        if layer.sinks:
            inputs["sinks"] = random.standard_normal(layer.heads).astype(np.float32)
        if isinstance(layer, Biased) and isinstance(layer.numbers, Buckets):
            inputs["bias_table"] = layer.numbers.table
        return inputs

    def whole_of(self, layer, inputs, b, query):
        """Output and lse of the rows of sequence `b` in NumPy, and how far off they may be."""
        rows, length = len(query), LENGTHS[b]
        tensors = {name: x[b:b + 1] for name, x in inputs.items() if name not in SHARED}
        tensors |= {"query": query[None], "kv_lengths": np.array([length])}
        if layer.sinks:
            tensors["sinks"] = inputs["sinks"]
        if layer.operand:
            mask = inputs["mask"]
            tensors["mask"] = mask[b if len(mask) > 1 else 0][None, :, :rows]
        if isinstance(layer, Biased):
            layer = dataclasses.replace(layer, operand="f32")
            position = np.arange(rows)[:, None] + (0 if layer.top_left else length - rows)
            tensors["mask"] = layer.numbers.at(layer.heads, position, np.arange(length)[None], layer.factor)[None]
        expected = attend(layer, tensors)
        return [x[0] for x in expected[:2]], tolerances(layer, tensors, expected)

    def whole(self, layer, inputs, rows):
        queries = inputs["query"] if len(rows) > 1 else np.split(inputs["query"], OFFSETS[1:-1])
        results, bounds = zip(*[self.whole_of(layer, inputs, b, query) for b, query in enumerate(queries)])
        join = np.stack if len(rows) > 1 else np.concatenate
        return [join(x) for x in zip(*results)], np.max(bounds, axis=0)

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
                kernel, {**inputs, **caches, "kv_lengths": np.array(lengths, np.int32)},
                {**beside, **more, "key_offsets": np.array(begins, np.int32),
                 "sequence_lengths": np.array(LENGTHS, np.int32)}, run))
        return [np.stack(x) for x in zip(*results)]

    def check(self, name, rows, **options):
        kernel = self.kernel(name)
        beside = {"q_indptr": np.array(OFFSETS, np.int32)} if len(rows) == 1 else {}
        inputs, kind = self.inputs(kernel.layer, rows), kernel.layer.storage[0]
        (output, lse), (off, lse_off) = self.whole(kernel.layer, inputs, rows)
        bound = off + EXACT[kind] * np.abs(inputs["value"]).max()
        for count, cuts in CUTS.items():
            with self.subTest(layer=name, parts=count, rows=rows, **options):
                outputs, lses = self.parts(kernel, inputs, cuts, beside, **options)
                merged = {"outputs": place(outputs, kind), "lses": place(lses, "f32"),
                          "sinks": place(inputs["sinks"], kind) if kernel.layer.sinks else None,
                          "output": Tensor(output.shape, kind), "lse": Tensor(lse.shape)}
                merge(kernel, merged)
                self.assertLess(np.abs(merged["output"].get() - output).max(), bound)
                got = merged["lse"].get()
                np.testing.assert_array_equal(np.isneginf(got), np.isneginf(lse))
                seen = ~np.isneginf(lse)
                self.assertLess(np.abs(got[seen] - lse[seen]).max(initial=0), lse_off)

    def test_rows_of_every_schedule(self):
        for name, rows in itertools.product(LAYERS, (70, 7, 1)):
            self.check(name, (len(LENGTHS), rows))

    def test_packed_rows(self):
        for name in PACKED:
            self.check(name, (OFFSETS[-1],))

    def test_pages(self):
        for name, rows in itertools.product(PACKED, ((len(LENGTHS), 20), (OFFSETS[-1],))):
            self.check(name, rows, pages=True)

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

    def test_what_is_said_of_keys_is_said_of_all(self):
        lengths = {"key_offsets": np.array([0, 200, 0], np.int32), "sequence_lengths": np.array([9, 300, 5], np.int32)}
        for name, field in (("mask", "mask"), ("documents", "document_ids")):
            kernel = self.kernel(name)
            inputs = self.inputs(kernel.layer, (3, 2)) | {"kv_lengths": np.array([9, 100, 5], np.int32)}
            self.call(kernel, inputs, lengths)
            inputs[field] = inputs[field][..., :299]
            message = (f"^parts_core: {field} has extent 299 in dimension . .keys., expected at least the 300 "
                       "keys of the longest sequence$")
            with self.subTest(name), self.assertRaisesRegex(CallFailed, message):
                self.call(kernel, inputs, lengths)

    def test_headers_say_who_takes_parts(self):
        for name in ("causal", "top_left", "documents", "latent"):
            with self.subTest(name):
                header = pathlib.Path(self.kernel(name).folder.name, "out", "parts.h").read_text()
                cores, others = header.count("of sequence_lengths[b], which"), header.count("core alone take parts")
                self.assertEqual((cores, cores + others), (2 if name == "latent" else 1, header.count("DLTensor *key_offsets")))


if __name__ == "__main__":
    unittest.main()
