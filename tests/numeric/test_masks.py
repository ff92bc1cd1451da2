#!/usr/bin/env python3
"""Blocks of keys that a mask tensor hides from all rows of a task are skipped: with
the bits that they have where they are not, and without a look at their keys.
"""
import ctypes
import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from kernel import LIBC, PAGE, CallFailed, Context, Guarded, Kernel, Maxima, PARALLEL_FOR, Tensor
from layers import LAYERS
from storage import encode
from test_core import CASES, make_inputs

HEADS, BLOCK, BLOCKS = 4, 128, 3
KEYS = BLOCK * BLOCKS
HIDDEN = slice(BLOCK, 2 * BLOCK)

FUNCTION = """
func.func @f(%q: tensor<?x?x4x64xf32> {{attn.name = "q"}}, %k: tensor<?x?x1x64xf32> {{attn.name = "k"}},
             %v: tensor<?x?x1x64xf32> {{attn.name = "v"}}, %mask: tensor<?x1x?x?x{0}> {{attn.name = "mask"}})
    -> (tensor<?x?x4x64xf32> {{attn.name = "o"}}) {{
  %o, %lse = attn.flash %q, %k, %v tensor_mask(%mask : tensor<?x1x?x?x{0}>)
      {{scale = 0.125, mask = #attn.bidirectional}}
      : tensor<?x?x4x64xf32>, tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>
      -> tensor<?x?x4x64xf32>, tensor<?x?x4xf32>
  return %o : tensor<?x?x4x64xf32>
}}
"""
LATENT = """
attn.latent @f {{hidden = 64, heads = 4, kv_rank = 64, nope_dim = 8, rope_dim = 8, value_dim = 4, layers = [0],
                mask = #attn.bidirectional, mask_operand = {0}}}
"""
CACHES = {"latent_cache": (1, KEYS, 64), "rope_key_cache": (1, KEYS, 8)}
# A source, a kernel, its tensors without the mask as their sizes depend on the rows, and what
# holds keys, a block of which is whole pages.
SUBJECTS = {
    "function": (FUNCTION, "f", lambda rows: {"q": (1, rows, HEADS, 64), "k": (1, KEYS, 1, 64), "v": (1, KEYS, 1, 64),
                                              "o": (1, rows, HEADS, 64)}, ("k", "v")),
    "absorbed": (LATENT, "absorbed_core",
                 lambda rows: {"query": (1, rows, HEADS, 72), "latent": (1, KEYS, 64), "rope_key": (1, KEYS, 8),
                               "output": (1, rows, HEADS, 64)}, ("latent", "rope_key")),
    # Absorbed for few queries, expanded for 100.
    "attend": (LATENT, "attend",
               lambda rows: {"query": (1, rows, HEADS, 16), "latent_and_rope_key": (1, rows, 72), **CACHES,
                             "kv_a_layernorm.weight": (64,), "kv_b_proj.weight": (HEADS * 12, 64),
                             "output": (1, rows, HEADS, 4)}, tuple(CACHES)),
}


class Masked:
    """A kernel of attention under a mask tensor of one type."""

    def __init__(self, out, symbol):
        kernels = json.loads((out / "masked.json").read_text())["kernels"]
        self.symbol = f"masked_{symbol}"
        self.names = next([t["name"] for t in k["tensors"]] for k in kernels if k["symbol"] == self.symbol)
        self.library = ctypes.PyDLL(str(out / "libmasked.so"))
        self.library[f"{self.symbol}_workspace"].restype = ctypes.c_uint64

    def __call__(self, tensors, mask):
        """The tensors' output, in memory that the caller holds."""
        tensors = {**tensors, "mask": mask}
        words = [ctypes.addressof(tensors[n].dl) if n in tensors else 0 for n in self.names]
        args = np.concatenate([np.array([16 + 8 * len(words), 1, 0, 0], np.uint32).view(np.uint64),
                               np.array(words, np.uint64)])
        maxima = Maxima(ctypes.sizeof(Maxima), 1, 1, mask.array.shape[2], 1, KEYS)
        size = self.library[f"{self.symbol}_workspace"](ctypes.byref(maxima))
        workspace, text = Guarded((size + 63) // 64 * 64, 64), ctypes.create_string_buffer(512)
        context = Context(ctypes.sizeof(Context), 1, workspace.address, size, 1, PARALLEL_FOR(), None,
                          ctypes.cast(text, ctypes.c_char_p), 512, None)
        if self.library[self.symbol](ctypes.c_void_p(args.ctypes.data), ctypes.byref(context)):
            raise CallFailed(text.value.decode())
        return next(tensors[n] for n in self.names if n in ("o", "output")).array.copy()


def mask_tensor(visible, kind):
    """[1, 1, rows, keys] of booleans, or added."""
    if kind == "i1":
        tensor = Tensor(visible.shape, "bool")
        tensor.array[...] = visible
        return tensor
    tensor = Tensor(visible.shape, kind)
    tensor.array[...] = encode(np.where(visible, np.float32(0.5), np.float32(-np.inf)), kind)
    return tensor


class MaskedBlocksTest(unittest.TestCase):
    folders = {}

    def folder(self, source, kind):
        """Where the source is compiled for masks of one type."""
        if (source, kind) not in self.folders:
            place = tempfile.TemporaryDirectory(prefix="attnc-numeric-")
            self.addClassCleanup(place.cleanup)
            path, out = (pathlib.Path(place.name, name) for name in ("masked.mlir", "out"))
            path.write_text(source.format(kind))
            subprocess.run([pathlib.Path(os.environ["ATTN_BIN"], "attnc"), "compile", path, "-o", out], check=True,
                           capture_output=True)
            MaskedBlocksTest.folders[source, kind] = out
        return self.folders[source, kind]

    def tensors(self, sizes):
        random = np.random.default_rng(5)
        made = {}
        for name, shape in sizes.items():
            made[name] = Tensor(shape)
            made[name].put(random.standard_normal(shape))
        rows = next(iter(sizes.values()))[1]
        visible = random.random((1, 1, rows, KEYS)) < 0.7
        visible[..., HIDDEN] = False
        return made, visible

    def each(self, check):
        """Calls `check` with a kernel, the mask's type, tensors, those of keys, and what rows see."""
        for name, (source, symbol, sizes, keys) in SUBJECTS.items():
            for kind in ("i1", "f32", "f16", "bf16"):
                kernel = Masked(self.folder(source, kind), symbol)
                for rows in (1, 5, 100):
                    with self.subTest(kernel=name, kind=kind, rows=rows):
                        tensors, visible = self.tensors(sizes(rows))
                        check(kernel, kind, tensors, [tensors[key] for key in keys], visible)

    def test_bits_are_those_of_blocks_that_are_not_skipped(self):
        def check(kernel, kind, tensors, keys, visible):
            for tensor in keys:
                tensor.array[:, HIDDEN] = np.nan
            skipped = kernel(tensors, mask_tensor(visible, kind))
            self.assertTrue(np.isfinite(skipped).all())
            for tensor in keys:
                tensor.array[:, HIDDEN] = 1
            seen = visible.shape[2] // 2
            visible[:, :, seen, BLOCK + 70] = True
            looked_at = kernel(tensors, mask_tensor(visible, kind))
            others = np.arange(visible.shape[2]) != seen
            np.testing.assert_array_equal(skipped[:, others].view(np.uint32), looked_at[:, others].view(np.uint32))
            self.assertFalse(np.array_equal(skipped[:, seen], looked_at[:, seen]))
        self.each(check)

    def test_hidden_keys_are_not_read(self):
        def check(kernel, kind, tensors, keys, visible):
            mask = mask_tensor(visible, kind)
            expected = kernel(tensors, mask)
            spans = []
            for tensor in keys:
                size = tensor.array[:, HIDDEN].nbytes
                spans.append((tensor.dl.data + size, size))
                self.assertEqual((spans[-1][0] % PAGE, size % PAGE), (0, 0), "blocks are whole pages")
            child = os.fork()
            if child == 0:
                for place, size in spans:
                    LIBC.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(size), 0)
                os._exit(0 if np.array_equal(kernel(tensors, mask), expected) else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0, "11 is a look at a hidden key")
        self.each(check)

    def test_nothing_visible(self):
        def check(kernel, kind, tensors, keys, visible):
            visible[...] = False
            self.assertTrue((kernel(tensors, mask_tensor(visible, kind)) == 0).all())
        self.each(check)


class HidingNothingTest(unittest.TestCase):
    def test_a_mask_that_hides_nothing_changes_no_bit(self):
        for name in ("gqa_6_2_d64_shown", "mla_6_l32_r8_shown", "mla_5_d23_v9_expanded_shown"):
            layer = LAYERS[name]
            plain, masked = (Kernel(one, name) for one in (dataclasses.replace(layer, operand=""), layer))
            self.addCleanup(plain.folder.cleanup)
            self.addCleanup(masked.folder.cleanup)
            for case in ("prefill_lengths", "short", "decode", "decode_of_splits"):
                inputs = make_inputs(layer, CASES[case])
                inputs["mask"][...] = True
                expected = plain({n: x for n, x in inputs.items() if n != "mask"})
                for part, got in masked(inputs).items():
                    with self.subTest(layer=name, case=case, part=part):
                        np.testing.assert_array_equal(expected[part].view(np.uint32), got.view(np.uint32))


if __name__ == "__main__":
    unittest.main()
