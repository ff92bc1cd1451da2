#!/usr/bin/env python3
"""Callers that were built against an older header bring args that end earlier: each
entry of each layer gives them the bits that it gives to callers of today.

A page without access begins where the args end.
"""
import ctypes
import json
import unittest

import numpy as np
from kernel import PARALLEL_FOR, Context, Guarded, Maxima, Plan, place, tail_words
from storage import KINDS
from test_caches import MODULES
from test_layers import Folder

LAYERS = 2
EXTENTS = {"batch": 2, "kv_capacity": 40}
# What follows the tensors: room for quantised caches alone, as the first header had it, or all of today.
TAILS = {"nothing": 0, "the first tail": 24, "all": 8 * len(tail_words({}))}


def draw(tensor, extents):
    """What an input holds."""
    shape = [extents.get(size, size) for size in tensor["shape"]]
    random = np.random.default_rng(list(tensor["name"].encode()))
    if tensor["name"] == "kv_lengths":
        return np.array([extents["kv_capacity"], 9], np.int32)
    if tensor["type"] == "i32":
        return np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    return (random.standard_normal(shape) / 4).astype(KINDS[tensor["type"]][0])


class Entry:
    """An entry of a compiled folder, for one layer."""

    def __init__(self, library, description, layer):
        self.library, self.layer = library, layer
        self.symbol, self.tensors = description["symbol"], description["tensors"]
        self.extents = {**EXTENTS, "query_length": 1 if description["phase"] == "decode" else 21}

    def call(self, tail, left_out=()):
        """What results and caches hold after a call of args that end with `tail` bytes behind the tensors."""
        placed = {t["name"]: place(tuple(self.extents.get(size, size) for size in t["shape"]), t["type"], "plain")
                  for t in self.tensors}
        for tensor in self.tensors:
            if tensor["role"] != "output":
                placed[tensor["name"]].array[...] = draw(tensor, self.extents)
        names = [t["name"] for t in self.tensors if t["name"] not in left_out]
        args = Guarded(16 + 8 * len(names) + tail, 8)
        args.bytes[:] = 0
        words = args.bytes[:16 + 8 * len(names)]
        words[:16] = np.array([len(args.bytes), 1, self.layer, 0], np.uint32).view(np.uint8)
        words[16:] = np.array([ctypes.addressof(placed[n].dl) for n in names], np.uint64).view(np.uint8)
        self.run(ctypes.c_void_p(args.address))
        return {t["name"]: placed[t["name"]].array.tobytes() for t in self.tensors
                if t["role"] != "input" and t["name"] not in left_out}

    def run(self, args):
        self.library[self.symbol + "_workspace"].restype = ctypes.c_uint64
        maxima = Maxima(ctypes.sizeof(Maxima), 1, self.extents["batch"], self.extents["query_length"], 1,
                        self.extents["kv_capacity"])
        size = self.library[self.symbol + "_workspace"](ctypes.byref(maxima))
        workspace, text = Guarded((size + 63) // 64 * 64, 64), ctypes.create_string_buffer(512)
        context = Context(ctypes.sizeof(Context), 1, workspace.address, size, 1, PARALLEL_FOR(), None,
                          ctypes.cast(text, ctypes.c_char_p), 512, None)
        for suffix, more in (("_can_run", ()), ("_plan", (ctypes.byref(Plan()),)), ("", ())):
            if self.library[self.symbol + suffix](args, ctypes.byref(context), *more):
                raise AssertionError(f"{self.symbol}{suffix}: {text.value.decode()}")


class OlderCallersTest(unittest.TestCase):
    def entries(self, name):
        module, config = MODULES[name]
        folder = Folder(config, [module] * LAYERS, "model.layers.{}.self_attn", ("core", "attend", "layer"))
        self.addCleanup(folder.place.cleanup)
        manifest = json.loads(folder.path("built").joinpath("k_m.json").read_text())
        library = ctypes.CDLL(str(folder.path("built") / "libk_m.so"))
        for description in manifest["kernels"]:
            for layer in manifest["layers"]:
                if description["symbol"] in layer["kernels"]:
                    yield Entry(library, description, layer["index"])

    def test_args_that_end_earlier(self):
        for name in MODULES:
            if isinstance(MODULES[name][1], str):
                continue  # one declared layer
            count = 0
            for entry in self.entries(name):
                today, count = entry.call(TAILS["all"]), count + 1
                for tail, size in TAILS.items():
                    with self.subTest(module=name, entry=entry.symbol, layer=entry.layer, tail=tail):
                        self.assertEqual(today, entry.call(size))
                # The last field may be an output that nobody has to ask for.
                if entry.tensors[-1]["optional"]:
                    without = entry.call(0, left_out=(entry.tensors[-1]["name"],))
                    self.assertEqual({n: today[n] for n in without}, without)
            self.assertGreaterEqual(count, 3 * LAYERS, "an entry of each scope for each layer")


if __name__ == "__main__":
    unittest.main()
