#!/usr/bin/env python3
"""The steps of a latent layer's scope attend, as engines call them: together they have
the bits of attend, and each product may be an engine's own.
"""
import unittest

import numpy as np
import tvm_ffi
from kernel import EXECUTIONS
from scope_kernel import ScopeKernel
from serving import Batch, OnePiece, Pages, Sequence
from storage import decode, encode, keep
from test_layer_storage import MODULES, Stored

MODULE, CONFIG = MODULES["deepseek_v3"]
STORAGES = {"f32": ("f32",) * 3, "bf16": ("bf16",) * 3, "f16": ("f16",) * 3, "f16_caches": ("f32", "f16", "f16"),
            "masked": ("f32",) * 3}
# The same layer, whose calls bring a mask.
MASKED = """attn.latent @m {hidden = 56, heads = 5, query_rank = 20, kv_rank = 24, nope_dim = 12, rope_dim = 8,
    value_dim = 14, layers = [0], position = #attn.rope<theta = 1.0e4, pairing = interleaved>,
    mask = #attn.causal, mask_operand = f16}"""
# Tokens, chunks and nothing at all of sequences that attend absorbs: (new rows, keys with them).
MIXED = [(1, 300), (21, 21), (7, 140), (1, 1), (0, 30), (24, 1100), (1, 17), (2, 2), (1, 2100), (0, 0), (5, 5)]
DECODE = [(1, 300), (1, 17), (1, 129)]
CHUNK = [(7, 140), (7, 9)]
STEPS = ("absorb_query", "absorbed", "expand_output")


def naive(rows, weight):
    """f32, ascending: rows [..., heads, in], weight [heads, in, out]."""
    total = np.zeros((*rows.shape[:-1], weight.shape[-1]), np.float32)
    for k in range(rows.shape[-1]):
        total += rows[..., k, None] * weight[:, k]
    return total


class StepsTest(unittest.TestCase):
    folders = {}

    def layer(self, storage):
        """Whole kernel, steps, W_UK [heads, nope, rank] and W_UV [heads, rank, value]."""
        if storage not in self.folders:
            stored = Stored(MODULE, MASKED if storage == "masked" else CONFIG, STORAGES[storage])
            self.addClassCleanup(stored.place.cleanup)
            StepsTest.folders[storage] = stored
        stored = self.folders[storage]
        kernels = [ScopeKernel(stored.path("built"), "k_m", 0, "attend", kind) for kind in ("", *STEPS)]
        both = stored.weights["kv_b_proj.weight"].reshape(MODULE.heads, MODULE.nope + MODULE.value, MODULE.kv_rank)
        return kernels, both[:, :MODULE.nope], both[:, MODULE.nope:].transpose(0, 2, 1)

    def weights(self, kernel, storage):
        held = self.folders[storage].weights
        return {t["name"]: encode(held[t["name"]], t["type"]) for t in kernel.tensors if t["name"] in held}

    def sequences(self, kernel, sizes):
        """Projected rows and caches for the whole kernel."""
        random = np.random.default_rng(len(sizes))
        made = []
        for rows, length in sizes:
            arrays = {"position_ids": np.arange(length - rows, length, dtype=np.int32)}
            for tensor in kernel.tensors:
                name, shape, kind = tensor["name"], tensor["shape"], tensor["type"]
                if tensor["role"] == "output" or name in arrays or len(shape) < 2 or shape[0] != "batch":
                    continue
                if name == "mask":
                    hidden = random.random((1, rows, length)) < 0.3
                    arrays[name] = encode(np.where(hidden, -np.inf, random.uniform(-1, 1, hidden.shape)), kind)
                    continue
                count = rows if shape[1] == "query_length" else length
                values = random.standard_normal((count, *shape[2:])).astype(np.float32)
                if tensor["role"] == "updated":
                    values[length - rows:] = np.nan
                arrays[name] = encode(values, kind)
            arrays["rope_query"] = np.ascontiguousarray(arrays["query"][..., MODULE.nope:])
            made.append(Sequence(rows, length, arrays))
        return made

    def batch(self, kernel, storage, sequences):
        return Batch(kernel, sequences, self.weights(kernel, storage))

    def same(self, expected, got, what):
        self.assertEqual((expected.shape, expected.dtype), (got.shape, got.dtype), what)
        self.assertEqual(expected.tobytes(), got.tobytes(), what)

    def run_step(self, kernel, storage, sequences, spread=OnePiece, size=2100):
        """One packed call, with the bits of each sequence alone; what it writes is then known of each."""
        batch = self.batch(kernel, storage, sequences)
        placed = (spread if batch.caches else OnePiece)(batch, size)
        for b, (alone, mixed) in enumerate(zip(batch.alone, batch.call(placed, padding=3))):
            for name in mixed:
                self.same(alone[name], mixed[name], f"{kernel.symbol}: {name} of sequence {b}")
                sequences[b].arrays[name] = mixed[name]
        for name, tensor in placed.caches.items():
            self.same(placed.after(batch, name), tensor.array, f"{kernel.symbol}: {name}")
        return batch

    def check(self, storage, sizes, spread, size):
        (whole, *steps), _, _ = self.layer(storage)
        sequences = self.sequences(whole, sizes)
        expected = self.batch(whole, storage, sequences).alone
        for step in steps:
            batch = self.run_step(step, storage, sequences, spread, size)
            if "latent_cache" in batch.caches:
                for one, other in zip(expected, batch.alone):
                    for name in batch.caches:
                        self.same(one[name], other[name], name)
        for b, one in enumerate(expected):
            self.same(one["output"], sequences[b].arrays["output"], f"output of sequence {b}")

    def test_together_they_have_the_bits_of_attend(self):
        for storage in STORAGES:
            for name, sizes in {"mixed": MIXED, "decode": DECODE, "chunk": CHUNK}.items():
                for spread, size in ((OnePiece, 2100), (Pages, 16)):
                    with self.subTest(storage=storage, batch=name, spread=spread.__name__):
                        self.check(storage, sizes, spread, size)

    def within(self, got, exact, rounded, what):
        """Semantics, item 13."""
        tolerance = 2 * np.abs(rounded - exact).max(initial=0) + 1e-5
        error = np.abs(got - exact).max(initial=0)
        self.assertTrue(np.isfinite(got).all() and error <= tolerance, f"{what}: {error:.2e}, allowed {tolerance:.2e}")

    def test_products_alone(self):
        for storage, (kind, *_) in STORAGES.items():
            (whole, absorb, _, expand), up_key, up_value = self.layer(storage)
            for sizes in (MIXED, DECODE, [(200, 200)]):
                with self.subTest(storage=storage, rows=sum(rows for rows, _ in sizes)):
                    sequences = self.sequences(whole, sizes)
                    random = np.random.default_rng(7)
                    for sequence in sequences:
                        sequence.arrays["latent_output"] = random.standard_normal(
                            (sequence.rows, MODULE.heads, MODULE.kv_rank)).astype(np.float32)
                    self.run_step(absorb, storage, sequences)
                    self.run_step(expand, storage, sequences)
                    for sequence in sequences:
                        arrays = sequence.arrays
                        nope = decode(arrays["query"], kind)[..., :MODULE.nope]
                        for rows, weight, got, stored in (
                                (nope, up_key, arrays["absorbed_query"], "f32"),
                                (arrays["latent_output"], up_value, decode(arrays["output"], kind), kind)):
                            exact = np.einsum("thi,hio->tho", rows.astype(np.float64), weight.astype(np.float64))
                            self.within(got, exact, keep(naive(rows, weight), stored), "product")

    def test_an_engines_own_products(self):
        for storage, (kind, *_) in STORAGES.items():
            with self.subTest(storage=storage):
                (whole, _, absorbed, _), up_key, up_value = self.layer(storage)
                sequences = self.sequences(whole, MIXED)
                expected = self.batch(whole, storage, sequences).alone
                for sequence in sequences:
                    nope = decode(sequence.arrays["query"], kind)[..., :MODULE.nope]
                    sequence.arrays["absorbed_query"] = np.einsum("thi,hio->tho", nope, up_key).astype(np.float32)
                self.run_step(absorbed, storage, sequences)
                for sequence, one in zip(sequences, expected):
                    output = np.einsum("thi,hio->tho", sequence.arrays["latent_output"], up_value)
                    rounding = {"f32": 2e-5, "f16": 2e-3, "bf16": 2e-2}[kind]
                    self.assertLessEqual(np.abs(keep(output, kind) - decode(one["output"], kind)).max(initial=0),
                                         rounding * max(1, np.abs(output).max(initial=0)))

    def test_products_from_python(self):
        """Through TVM-FFI: tensors in order, then layer, flags, workspace and q_indptr."""
        (whole, absorb, _, _), _, _ = self.layer("f32")
        module = tvm_ffi.load_module(self.folders["f32"].path("built") / "libk_m.so")
        sequences = self.sequences(whole, MIXED)
        self.run_step(absorb, "f32", sequences)
        query, expected = (np.concatenate([s.arrays[n] for s in sequences]) for n in ("query", "absorbed_query"))
        got = np.full_like(expected, np.nan)
        bytes_needed = module.k_m_absorb_query_attend_workspace(len(MIXED), 24)
        offsets = np.cumsum([0] + [rows for rows, _ in MIXED]).astype(np.int32)
        module.k_m_absorb_query_attend(query, self.weights(absorb, "f32")["kv_b_proj.weight"], got, 0, 0,
                                       np.empty(bytes_needed + 64, np.uint8), offsets)
        self.same(expected, got, "absorbed_query")

    def test_executions(self):
        """Whoever runs the tasks, in whatever order."""
        (whole, *steps), _, _ = self.layer("f32")
        sequences = self.sequences(whole, MIXED)
        for step in steps:
            batch = self.run_step(step, "f32", sequences)
            for execution in EXECUTIONS:
                for alone, mixed in zip(batch.alone, batch.call(OnePiece(batch, 2100), execution=execution)):
                    for name in mixed:
                        self.same(alone[name], mixed[name], f"{step.symbol}, {execution}: {name}")


if __name__ == "__main__":
    unittest.main()
