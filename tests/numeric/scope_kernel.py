"""Calls kernels of scope attend and layer as an engine does: ctypes, caches of
any capacity and strides that are read and written, a guard page behind each tensor.
"""
import ctypes
import json

import numpy as np
from kernel import (EXECUTIONS, PARALLEL_FOR, CallFailed, Context, DLTensor, Guarded, Maxima, Tensor, place)


class View:
    """A part of a tensor, in its memory."""

    def __init__(self, whole, index):
        self.whole, self.array = whole, whole.array[index]
        rank = self.array.ndim
        self.shape = (ctypes.c_int64 * rank)(*self.array.shape)
        self.strides = (ctypes.c_int64 * rank)(*[s // whole.bytes for s in self.array.strides])
        offset = self.array.__array_interface__["data"][0] - whole.memory.address
        self.dl = DLTensor(whole.dl.data, 1, 0, rank, whole.dl.code, whole.dl.bits, 1, self.shape, self.strides, offset)


class Repeated:
    """One tensor for `count` sequences, with a stride of 0."""

    def __init__(self, whole, count):
        self.whole = whole
        shape = (count, *whole.array.shape[1:])
        strides = (0, *whole.array.strides[1:])
        self.array = np.lib.stride_tricks.as_strided(whole.array, shape, strides)
        self.shape = (ctypes.c_int64 * len(shape))(*shape)
        self.strides = (ctypes.c_int64 * len(shape))(*[s // whole.bytes for s in strides])
        self.dl = DLTensor(whole.dl.data, 1, 0, len(shape), whole.dl.code, whole.dl.bits, 1, self.shape,
                           self.strides, 0)


class ScopeKernel:
    """The kernel of one layer, by its number, in a compiled folder; `kind` where a scope has several."""

    def __init__(self, folder, name, layer, scope, kind=""):
        manifest = json.loads((folder / f"{name}.json").read_text())
        row = manifest["layers"][layer]
        self.index = row["index"]
        self.description = next(k for k in manifest["kernels"]
                                if k["symbol"] in row["kernels"] and k["scope"] == scope
                                and (not kind or k["symbol"] == f"{name}_{kind}_{scope}"))
        self.symbol, self.tensors = self.description["symbol"], self.description["tensors"]
        self.library = ctypes.CDLL(str(folder / f"lib{name}.so"))

    def function(self, suffix=""):
        function = self.library[self.symbol + suffix]
        if suffix == "_workspace":
            function.restype = ctypes.c_uint64
        if suffix == "_task":
            function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        return function

    def extents(self, arrays):
        """What the symbols of shapes stand for."""
        known = {}
        for tensor in self.tensors:
            if tensor["name"] in arrays and not tensor.get("mask"):
                known.update(zip(map(str, tensor["shape"]), arrays[tensor["name"]].shape))
        return known

    def context(self, extents, workers):
        maxima = Maxima(ctypes.sizeof(Maxima), 1, extents["batch"], extents["query_length"], workers,
                        extents["kv_capacity"])
        size = self.function("_workspace")(ctypes.byref(maxima))
        workspace = Guarded((size + 63) // 64 * 64, 64)
        text = ctypes.create_string_buffer(512)
        return Context(ctypes.sizeof(Context), 1, workspace.address, size, workers, PARALLEL_FOR(),
                       None, ctypes.cast(text, ctypes.c_char_p), 512, None), workspace, text

    def __call__(self, arrays, execution="serial", layout="plain", flags=0, views=None, promised=None):
        """What results hold, and what is updated holds afterwards; `views` are placed already.
        The workspace is for `promised` keys of a sequence, as many as caches have room for if None."""
        extents, placed = self.extents(arrays), {}
        for tensor in self.tensors:
            name, is_output = tensor["name"], tensor["role"] == "output"
            if tensor.get("mask"):
                shape = arrays[name].shape
            else:
                shape = [extents[str(s)] if isinstance(s, str) else s for s in tensor["shape"]]
            placed[name] = (views or {}).get(name) or place(tuple(shape), tensor["type"], layout)
            if not is_output:
                placed[name].array[...] = arrays[name]
        head = np.array([16 + 8 * len(placed), 1, self.index, flags], np.uint32)
        pointers = [ctypes.addressof(tensor.dl) for tensor in placed.values()]
        args = np.concatenate([head.view(np.uint64), np.array(pointers, np.uint64)])
        room = {**extents, "kv_capacity": promised or extents.get("kv_capacity", 0)}
        context, workspace, text = self.context(room, 1 if execution == "serial" else 2)
        status = EXECUTIONS[execution](self, args.ctypes.data, context, "")
        if status:
            raise CallFailed(f"status {status}: {text.value.decode()}")
        for name, tensor in placed.items():
            if isinstance(tensor, Tensor) and not tensor.outside_is_untouched():
                raise CallFailed(f"'{name}' was written outside its elements")
        del workspace
        return {t["name"]: placed[t["name"]].array.copy() for t in self.tensors if t["role"] != "input"}
