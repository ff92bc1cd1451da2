#!/usr/bin/env python3
"""The same tokens give the same bits: alone, and in one call with others, wherever
the caches are.
"""
import ctypes
import unittest

import numpy as np
from attention import Layer
from kernel import EXECUTIONS, CallFailed, Kernel, Plan
from scope_kernel import ScopeKernel
from serving import FLAG_RING, Batch, FarPages, OnePiece, Pages, PagesOfBoth, Ring, Sequence
from storage import KINDS
from test_caches import MODULES
from test_layers import Folder

SCOPES = ("core", "attend", "layer")
# Prompts, chunks, single tokens and nothing at all: (new rows, keys with them).
MIXED = [(1, 300), (21, 21), (7, 140), (1, 1), (0, 30), (33, 1100), (1, 17), (2, 2), (16, 64), (1, 129),
         (3, 260), (1, 2100), (0, 0), (17, 145), (5, 5), (1, 128)]
FEW = [(1, 300), (21, 150), (0, 9), (1, 129)]


def appends(batch):
    return any(role == "updated" for role in batch.roles.values())


class ServingTest(unittest.TestCase):
    folders = {}
    batches = {}

    def batch(self, name, scope, sizes):
        key = name, scope, tuple(sizes)
        if key not in self.batches:
            ServingTest.batches[key] = self.build(*key)
        return self.batches[key]

    def build(self, name, scope, sizes):
        module, config = MODULES[name]
        if name not in self.folders:
            ServingTest.folders[name] = Folder(config, [module], "model.layers.{}.self_attn", SCOPES)
        folder = self.folders[name]
        kernel = ScopeKernel(folder.path("built"), "k_m", 0, scope)
        random = np.random.default_rng(len(sizes))
        weights = {t["name"]: folder.weights[0][t["name"]] for t in kernel.tensors
                   if t["name"] in folder.weights[0]}
        return Batch(kernel, [self.sequence(kernel, random, *size) for size in sizes], weights)

    def sequence(self, kernel, random, rows, length):
        arrays = {}
        for tensor in kernel.tensors:
            shape, dtype = tensor["shape"], KINDS[tensor["type"]][0]
            if tensor["role"] == "output" or len(shape) < 2 or shape[0] != "batch":
                continue
            if tensor["name"] == "mask":
                hidden = random.random((1, rows, length)) < 0.3
                arrays["mask"] = np.where(hidden, -np.inf, random.uniform(-1, 1, hidden.shape)).astype(dtype)
            elif tensor["name"] == "document_ids":
                arrays["document_ids"] = np.cumsum(random.random(length) < 0.05).astype(np.int32)
            elif tensor["name"] == "position_ids":
                arrays["position_ids"] = np.arange(length - rows, length, dtype=np.int32)
            elif shape[1] == "query_length":
                arrays[tensor["name"]] = random.standard_normal((rows, *shape[2:])).astype(dtype)
            else:
                held = random.standard_normal((length, *shape[2:])).astype(dtype)
                if tensor["role"] == "updated":
                    held[length - rows:] = np.nan
                arrays[tensor["name"]] = held
        return Sequence(rows, length, arrays)

    def same(self, expected, got, what):
        self.assertEqual((expected.shape, expected.dtype), (got.shape, got.dtype), what)
        self.assertEqual(expected.tobytes(), got.tobytes(), what)

    def check(self, batch, spread, what, **options):
        got = batch.call(spread, **options)
        for b, (alone, mixed) in enumerate(zip(batch.alone, got)):
            for name in mixed:
                self.same(alone[name], mixed[name], f"{what}: {name} of sequence {b}")
        for name, tensor in spread.caches.items():
            self.same(spread.after(batch, name), tensor.array, f"{what}: {name} holds other rows")

    def for_all(self, sizes, check):
        for name in MODULES:
            for scope in SCOPES:
                with self.subTest(module=name, scope=scope):
                    check(self.batch(name, scope, sizes))

    def test_sequences_packed_into_one_call(self):
        self.for_all(MIXED, lambda batch: self.check(batch, OnePiece(batch, 2100), "in one piece"))

    def test_projections_of_all_sequences_are_one(self):
        def tasks(batch):
            plan = Plan()

            def execution(kernel, args, context, _):
                return kernel.function("_plan")(
                    ctypes.c_void_p(args), ctypes.byref(context), ctypes.byref(plan))

            batch.call(OnePiece(batch, 64), execution)
            return plan.tasks

        for name in MODULES:
            with self.subTest(module=name):
                many = self.batch(name, "layer", [(1, length) for length in range(40, 56)])
                one = self.batch(name, "layer", [(1, 40)])
                decode = next(p for p in one.kernel.description["programs"] if p["max_queries"] == 1)
                self.assertGreater(len(decode["token_phases"]), 1)
                together, alone = tasks(many), tasks(one)
                for phase in range(decode["phases"]):
                    expected = 1 if phase in decode["token_phases"] else len(many.sequences)
                    self.assertEqual(together[phase], expected * alone[phase], f"phase {phase}")

    def test_capacity_and_padding_rows_change_no_bit(self):
        def check(batch):
            for capacity, padding in ((300, 0), (600, 5), (12000, 1)):
                self.check(batch, OnePiece(batch, capacity), f"capacity {capacity}", padding=padding)
        self.for_all(FEW, check)

    def test_pages_of_any_size(self):
        def check(batch):
            for rows in (1, 16, 24, 32, 48, 128, 256):
                self.check(batch, Pages(batch, rows), f"pages of {rows}")
                self.check(batch, Pages(batch, rows, rank=1), f"a list of pages of {rows}")
                self.check(batch, Pages(batch, rows, order=(0, 2, 1, 3)), f"pages of {rows}, heads first")
        self.for_all(FEW, check)

    def test_infinities_on_pages(self):
        """A key without weight hides an infinite value, on whatever page it stands."""
        for name in ("norms", "halves"):
            batch = self.batch(name, "core", [(1, 300), (1, 150), (2, 129)])
            for sequence in batch.sequences:
                arrays = sequence.arrays
                arrays["query"][..., 0] = abs(arrays["query"][..., 0])
                arrays["key"][[7, 40, 126], :, 0] = -np.inf
                arrays["value"][[7, 40, 126], :, :3] = np.inf
            batch.alone = [batch.call_alone(s) for s in batch.sequences]
            self.assertTrue(all(np.isfinite(a["output"].astype(np.float32)).all() for a in batch.alone))
            for rows in (16, 24, 48, 128):
                self.check(batch, Pages(batch, rows), f"pages of {rows}")

    def test_keys_and_values_on_pages_of_one_buffer(self):
        """[2, pages, ...], [pages, 2, ...] and [pages, rows, 2, ...] are views of it."""
        def check(batch):
            if len({tuple(batch.shapes[n]) for n in batch.caches}) > 1:
                return  # latents
            for axis in (0, 1, 2):
                for rows in (16, 128):
                    self.check(batch, PagesOfBoth(batch, rows, axis), f"both, 2 at {axis}, pages of {rows}")
        self.for_all(FEW, check)

    def test_a_mixed_batch_on_pages(self):
        self.for_all(MIXED, lambda batch: self.check(batch, Pages(batch, 16), "pages"))

    def test_pages_far_apart(self):
        """Beyond 2^31 bytes from each other."""
        self.for_all([(1, 100), (3, 90)], lambda batch: self.check(batch, FarPages(batch, 64), "far pages"))

    def test_sequences_share_the_pages_of_a_prefix(self):
        def check(batch):
            for sequence in batch.sequences[1:]:
                for name in batch.caches:
                    sequence.arrays[name][:64] = batch.sequences[0].arrays[name][:64]
            batch.alone = [batch.call_alone(s) for s in batch.sequences]
            self.check(batch, Pages(batch, 16, share=4), "a prefix of four pages")
        self.for_all([(1, 300), (21, 150), (1, 129)], check)

    def test_executions(self):
        def check(batch):
            for execution in EXECUTIONS:
                self.check(batch, Pages(batch, 16), execution, execution=execution)
        self.for_all(FEW, check)

    def test_slots_say_where_rows_are_appended(self):
        """The table shows other pages than those that are written to: only slots say where."""
        def check(batch):
            if not appends(batch):
                return
            plain, moved = Pages(batch, 16), Pages(batch, 16, by_slots=True)
            batch.call(plain)
            moved.tail["page_table"] = np.zeros_like(moved.tail["page_table"])
            batch.call(moved)
            for name, tensor in moved.caches.items():
                self.same(plain.caches[name].array, tensor.array, f"{name} of slots")
        self.for_all(FEW, check)

    def test_slots_without_pages(self):
        def check(batch):
            if appends(batch):
                spread = OnePiece(batch, 300)
                spread.tail["slot_mapping"] = np.concatenate(
                    [b * 300 + np.arange(s.length - s.rows, s.length) for b, s in enumerate(batch.sequences)])
                self.check(batch, spread, "slots of one piece")
        self.for_all(FEW, check)

    def test_rows_that_are_not_packed(self):
        """[batch, query_length, ...] on pages, around rings and by slots."""
        for rows in (1, 3, 19):
            def check(batch, rows=rows):
                self.check(batch, Pages(batch, 16, by_slots=appends(batch)), f"pages of {rows} rows", is_packed=False)
                self.check(batch, Pages(batch, 128, rank=1), f"a list of pages of {rows} rows", is_packed=False)
                self.check(batch, OnePiece(batch, 333, by_slots=appends(batch)), f"slots of {rows} rows", is_packed=False)
            self.for_all([(rows, length) for length in (19, 300, 65)], check)
        batch = self.batch("window_sinks", "layer", [(3, 19), (3, 300)])
        self.check(batch, Ring(batch, 30), "a ring", is_packed=False)

    def test_slots_outside_the_caches_are_refused(self):
        batch = self.batch("norms", "attend", FEW)
        for slot in (-2, 10 ** 6, -2 ** 63):
            spread = Pages(batch, 16, by_slots=True)
            spread.tail["slot_mapping"][3] = slot
            with self.assertRaisesRegex(CallFailed, rf"slot_mapping of token 3 is {slot}, expected -1 to \d+"):
                batch.call(spread)
            for name, tensor in spread.caches.items():
                self.same(spread.before[name], tensor.array, name)

    def test_slots_of_padding_rows_count_for_nothing(self):
        def check(batch):
            if appends(batch):
                spread = Pages(batch, 16, by_slots=True)
                spread.tail["slot_mapping"] = np.append(spread.tail["slot_mapping"], [-2, 2 ** 62]).astype(np.int64)
                self.check(batch, spread, "slots of no row", padding=2)
        self.for_all(FEW, check)

    def test_rows_without_a_slot_are_not_appended(self):
        def check(batch):
            if not appends(batch):
                return
            spread = Pages(batch, 16, by_slots=True)
            spread.tail["slot_mapping"][:] = -1
            batch.call(spread)
            for name, tensor in spread.caches.items():
                self.same(spread.before[name], tensor.array, name)
        self.for_all(FEW, check)

    def test_a_layer_reads_caches_that_another_layer_fills(self):
        """Without keys and values nothing is appended, and the rest is as it was."""
        def check(batch):
            new_rows = [t["name"] for t in batch.kernel.tensors
                        if t["name"] in ("key", "value", "latent_and_rope_key") and t["role"] == "input"]
            if batch.kernel.description["scope"] != "attend":
                return
            for spread in (Pages(batch, 16), OnePiece(batch, 300)):
                first = batch.call(spread)
                held = {n: t.array.copy() for n, t in spread.caches.items()}
                for one, two in zip(first, batch.call(spread, absent=new_rows)):
                    for name in one:
                        self.same(one[name], two[name], name)
                for name, tensor in spread.caches.items():
                    self.same(held[name], tensor.array, name)
                if len(new_rows) > 1:
                    with self.assertRaisesRegex(CallFailed, "key is NULL, but value is not"):
                        batch.call(spread, absent=["key"])
        self.for_all(FEW, check)

    def test_rings(self):
        for scope in SCOPES:
            for name in ("window_sinks", "mask_operand"):
                batch = self.batch(name, scope, FEW)
                for capacity in (25, 64, 130):  # a window of 5 and 21 rows
                    with self.subTest(scope=scope, layer=name, capacity=capacity):
                        self.check(batch, Ring(batch, capacity), f"a ring of {capacity}")
            for name in ("latent", "latent_mask_operand"):
                batch = self.batch(name, scope, FEW)
                with self.subTest(scope=scope, layer=name):
                    self.check(batch, Ring(batch, 400), "a ring of 400")

    def test_documents_are_not_looked_for_behind_a_ring(self):
        layer = Layer(4, 2, 16, mask="window+document", left=5, right=1)
        kernel = Kernel(layer, "documents")
        self.addCleanup(kernel.folder.cleanup)
        random = np.random.default_rng(1)
        inputs = {n: random.standard_normal(s).astype(np.float32)
                  for n, s in {"query": (1, 3, 4, 16), "key": (1, 64, 2, 16), "value": (1, 64, 2, 16)}.items()}
        inputs |= {"document_ids": np.zeros((1, 64), np.int32), "kv_lengths": np.array([70], np.int32)}
        with self.assertRaisesRegex(CallFailed, "is 70, beyond a ring of 64 rows"):
            kernel(inputs, flags=FLAG_RING)

    def test_what_a_ring_cannot_hold_is_refused(self):
        batch = self.batch("window_sinks", "attend", FEW)
        with self.assertRaisesRegex(CallFailed, "beyond a ring of 24 rows: a layer that looks back at 5 keys needs 25 "
                                                "rows for 21 new ones"):
            batch.call(Ring(batch, 24))
        batch = self.batch("norms", "attend", FEW)
        with self.assertRaisesRegex(CallFailed, "beyond a ring of 299 rows: the layer looks back at all keys$"):
            batch.call(Ring(batch, 299))


if __name__ == "__main__":
    unittest.main()
