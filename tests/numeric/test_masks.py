#!/usr/bin/env python3
"""Blocks of keys that a mask tensor hides from all rows of a task are skipped: with
the bits that they have where they are not, and without a look at their keys.
"""
import ctypes
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from kernel import LIBC, CallFailed, Context, Guarded, Maxima, PARALLEL_FOR, Tensor
from storage import encode

HEADS, SIZE, BLOCK, BLOCKS = 4, 64, 128, 3
KEYS = BLOCK * BLOCKS
HIDDEN = slice(BLOCK, 2 * BLOCK)

SOURCE = """
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


class Masked:
    """A kernel of attention under a mask tensor of one type."""

    def __init__(self, kind):
        self.folder = tempfile.TemporaryDirectory(prefix="attnc-numeric-")
        source = pathlib.Path(self.folder.name, "masked.mlir")
        source.write_text(SOURCE.format(kind))
        out = pathlib.Path(self.folder.name, "out")
        subprocess.run([pathlib.Path(os.environ["ATTN_BIN"], "attnc"), "compile", source, "-o", out], check=True,
                       capture_output=True)
        self.library = ctypes.PyDLL(str(out / "libmasked.so"))
        self.library["masked_f_workspace"].restype = ctypes.c_uint64

    def __call__(self, q, k, v, mask):
        """The tensors' output, in memory that the caller holds."""
        output = Tensor(q.shape)
        tensors = [q, k, v, mask, output]
        words = [ctypes.addressof(t.dl) for t in tensors]
        args = np.concatenate([np.array([16 + 8 * len(words), 1, 0, 0], np.uint32).view(np.uint64),
                               np.array(words, np.uint64)])
        maxima = Maxima(ctypes.sizeof(Maxima), 1, 1, q.shape[1], 1, KEYS)
        size = self.library["masked_f_workspace"](ctypes.byref(maxima))
        workspace, text = Guarded((size + 63) // 64 * 64, 64), ctypes.create_string_buffer(512)
        context = Context(ctypes.sizeof(Context), 1, workspace.address, size, 1, PARALLEL_FOR(), None,
                          ctypes.cast(text, ctypes.c_char_p), 512, None)
        if self.library["masked_f"](ctypes.c_void_p(args.ctypes.data), ctypes.byref(context)):
            raise CallFailed(text.value.decode())
        return output.array.copy()


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
    def tensors(self, rows):
        random = np.random.default_rng(5)
        made = []
        for shape in ((1, rows, HEADS, SIZE), (1, KEYS, 1, SIZE), (1, KEYS, 1, SIZE)):
            made.append(Tensor(shape))
            made[-1].put(random.standard_normal(shape))
        visible = random.random((1, 1, rows, KEYS)) < 0.7
        visible[..., HIDDEN] = False
        return made, visible

    def each(self, check):
        for kind in ("i1", "f32", "f16", "bf16"):
            kernel = Masked(kind)
            self.addCleanup(kernel.folder.cleanup)
            for rows in (1, 5, 100):
                with self.subTest(kind=kind, rows=rows):
                    check(kernel, kind, rows)

    def test_bits_are_those_of_blocks_that_are_not_skipped(self):
        def check(kernel, kind, rows):
            (q, k, v), visible = self.tensors(rows)
            k.array[:, HIDDEN] = np.nan
            skipped = kernel(q, k, v, mask_tensor(visible, kind))
            self.assertTrue(np.isfinite(skipped).all())
            k.array[:, HIDDEN] = 1
            seen = rows // 2
            visible[:, :, seen, BLOCK + 70] = True
            looked_at = kernel(q, k, v, mask_tensor(visible, kind))
            others = np.arange(rows) != seen
            np.testing.assert_array_equal(skipped[:, others].view(np.uint32), looked_at[:, others].view(np.uint32))
            self.assertFalse(np.array_equal(skipped[:, seen], looked_at[:, seen]))
        self.each(check)

    def test_hidden_keys_are_not_read(self):
        def check(kernel, kind, rows):
            (q, k, v), visible = self.tensors(rows)
            expected = kernel(q, k, v, mask_tensor(visible, kind))
            places = []
            for tensor in (k, v):
                places.append(tensor.dl.data + BLOCK * SIZE * 4)
                self.assertEqual(places[-1] % 4096, 0, "blocks are whole pages")
            child = os.fork()
            if child == 0:
                for place in places:
                    LIBC.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(BLOCK * SIZE * 4), 0)
                same = np.array_equal(kernel(q, k, v, mask_tensor(visible, kind)), expected)
                os._exit(0 if same else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0, "11 is a look at a hidden key")
        self.each(check)

    def test_nothing_visible(self):
        def check(kernel, kind, rows):
            (q, k, v), visible = self.tensors(rows)
            visible[...] = False
            self.assertTrue((kernel(q, k, v, mask_tensor(visible, kind)) == 0).all())
        self.each(check)


if __name__ == "__main__":
    unittest.main()
