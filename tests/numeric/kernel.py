"""Compiles layers with attnc and calls the kernels as an engine does: ctypes on
libNAME.so, DLPack tensors with any strides, a guard page behind every buffer.
"""
import ctypes
import json
import mmap
import os
import pathlib
import platform
import re
import signal
import struct
import subprocess
import tempfile
import threading

import numpy as np

from storage import KINDS, decode, encode

LIBC = ctypes.CDLL(None, use_errno=True)
PAGE = mmap.PAGESIZE
POISON = 0xFF
FLAG_NO_SINK = 1
PR_SET_SECCOMP, SECCOMP_MODE_STRICT = 22, 1  # of linux/prctl.h and linux/seccomp.h
SYS_EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, BODY, ctypes.c_void_p)


class Context(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("abi", ctypes.c_uint32),
                ("workspace", ctypes.c_void_p), ("workspace_bytes", ctypes.c_uint64),
                ("workers", ctypes.c_int64), ("parallel_for", PARALLEL_FOR),
                ("pool", ctypes.c_void_p), ("text", ctypes.c_char_p),
                ("text_bytes", ctypes.c_uint64), ("target", ctypes.c_char_p)]


class Maxima(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("abi", ctypes.c_uint32), ("batch", ctypes.c_int64),
                ("query_length", ctypes.c_int64), ("workers", ctypes.c_int64),
                ("kv_length", ctypes.c_int64)]


# What follows the tensors in args: (kind, name), in order.
TAIL = re.findall(r"^  (SCALE|GROUP|TENSOR)\((\w+)\)",
                  (pathlib.Path(__file__).parents[2] / "runtime/attn_rt_tail.h").read_text(), re.M)


def tail_words(pointers):
    """The words of those fields; `pointers` to tensors by name, all else is absent."""
    return np.frombuffer(b"".join(struct.pack("<I" if kind == "GROUP" else "<Q", pointers.get(name, 0))
                                  for kind, name in TAIL), np.uint64).tolist()


class Plan(ctypes.Structure):
    _fields_ = [("phases", ctypes.c_int64), ("tasks", ctypes.c_int64 * 64),
                ("target", ctypes.c_char_p), ("schedule", ctypes.c_char_p)]


class Guarded:
    """`size` bytes that end where a page without access begins."""

    def __init__(self, size, alignment=4):
        pages = (size + PAGE - 1) // PAGE
        self.map = mmap.mmap(-1, (pages + 1) * PAGE)
        anchor = ctypes.c_char.from_buffer(self.map)
        start = ctypes.addressof(anchor)
        del anchor
        if LIBC.mprotect(ctypes.c_void_p(start + pages * PAGE), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        self.address = (start + pages * PAGE - size) // alignment * alignment
        self.bytes = np.frombuffer((ctypes.c_char * size).from_address(self.address), np.uint8)
        self.bytes[:] = POISON


class Tensor:
    """An array at chosen strides, in elements, in guarded memory."""

    def __init__(self, shape, kind="f32", order=None, gap=0, offset=0):
        rank = len(shape)
        self.kind = kind
        dtype, code = KINDS[kind]
        self.bytes = np.dtype(dtype).itemsize
        strides, size = [1] * rank, 1
        for d in reversed(order or range(rank)):
            strides[d] = size
            size *= shape[d]
            if d == rank - 1:
                size += gap
        # The elements end at the guard page: nothing follows the last one.
        size = 1 + sum((n - 1) * s for n, s in zip(shape, strides)) if all(shape) else 0
        self.memory = Guarded((offset + size) * self.bytes, self.bytes)
        flat = self.memory.bytes.view(dtype)[offset:]
        self.array = np.lib.stride_tricks.as_strided(flat, shape, [self.bytes * s for s in strides])
        self.shape = (ctypes.c_int64 * rank)(*shape)
        self.strides = (ctypes.c_int64 * rank)(*strides)
        plain = order is None and not gap
        self.dl = DLTensor(self.memory.address, 1, 0, rank, code, 8 * self.bytes, 1, self.shape,
                           None if plain else self.strides, self.bytes * offset)

    def put(self, values):
        self.array[...] = encode(values, self.kind)

    def get(self):
        return decode(self.array.copy(), self.kind)

    def outside_is_untouched(self):
        inside = self.array.copy()
        self.array.view(f"u{self.bytes}")[...] = (1 << 8 * self.bytes) - 1
        untouched = bool((self.memory.bytes == POISON).all())
        self.array[...] = inside
        return untouched


LAYOUTS = {  # order in memory of 4- and 3-dimensional tensors, gap and offset in elements
    "plain": (None, None, 0, 0),
    "heads_first": ((0, 2, 1, 3), (1, 0, 2), 5, 3),
    "sequence_first": ((1, 0, 2, 3), (1, 0, 2), 0, 1),
}


def place(shape, kind, layout):
    order4, order3, gap, offset = LAYOUTS[layout]
    order = {4: order4, 3: order3}.get(len(shape))
    return Tensor(shape, kind, order, gap if order else 0, offset)


class Columns:
    """Columns of a tensor, in its memory."""

    def __init__(self, whole, first, count):
        self.whole = whole
        self.array = whole.array[..., first:first + count]
        rank = len(whole.shape)
        self.shape = (ctypes.c_int64 * rank)(*self.array.shape)
        self.dl = DLTensor(whole.dl.data, 1, 0, rank, whole.dl.code, whole.dl.bits, 1, self.shape,
                           whole.strides, whole.dl.byte_offset + whole.bytes * first)


def place_latents(inputs, kind, layout):
    """latent and rope_key as views of one buffer."""
    latent, rope_key = inputs["latent"], inputs["rope_key"]
    size = latent.shape[-1]
    rows = place((*latent.shape[:-1], size + rope_key.shape[-1]), kind, layout)
    parts = {"latent": Columns(rows, 0, size), "rope_key": Columns(rows, size, rope_key.shape[-1])}
    for name, part in parts.items():
        part.array[...] = encode(inputs[name], kind)
    return parts


class CallFailed(Exception):
    pass


class Kernel:
    """The core kernel of one layer."""

    def __init__(self, layer, name):
        self.layer = layer
        self.folder = tempfile.TemporaryDirectory(prefix="attnc-numeric-")
        source = pathlib.Path(self.folder.name, f"{name}.mlir")
        source.write_text(layer.mlir(name))
        out = pathlib.Path(self.folder.name, "out")
        attnc = pathlib.Path(os.environ["ATTN_BIN"], "attnc")
        done = subprocess.run([attnc, "compile", source, "-o", out], capture_output=True, text=True)
        if done.returncode:
            self.folder.cleanup()
            raise CallFailed(done.stderr or f"exit status {done.returncode}")
        self.manifest = json.loads((out / f"{name}.json").read_text())
        self.symbol = self.manifest["layers"][0]["kernels"][1 if layer.rope_dim else 0]
        kernels = {k["symbol"]: k for k in self.manifest["kernels"]}
        self.tensors = kernels[self.symbol]["tensors"]
        self.library = ctypes.CDLL(str(out / f"lib{name}.so"))
        self.library[f"{self.symbol}_workspace"].restype = ctypes.c_uint64

    def function(self, suffix=""):
        function = self.library[self.symbol + suffix]
        if suffix == "_task":
            function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        return function

    def shapes(self, inputs):
        batch, queries = inputs["query"].shape[:2]
        return {"output": (batch, queries, self.layer.heads, self.layer.values),
                "lse": (batch, queries, self.layer.heads)}

    def context(self, inputs, workers):
        maxima = Maxima(ctypes.sizeof(Maxima), 1, inputs["query"].shape[0],
                        inputs["query"].shape[1], workers)
        size = self.function("_workspace")(ctypes.byref(maxima))
        workspace = Guarded((size + 63) // 64 * 64, 64)
        text = ctypes.create_string_buffer(512)
        context = Context(ctypes.sizeof(Context), 1, workspace.address, size, workers,
                          PARALLEL_FOR(), None, ctypes.cast(text, ctypes.c_char_p), 512, None)
        return context, workspace, text

    def __call__(self, inputs, execution="serial", layout="plain", flags=0, entry="", absent=()):
        """Output and lse as f32; raises CallFailed with the status and its message."""
        inputs = self.layer.arguments(inputs)
        placed = {}
        if layout != "plain" and "latent" in inputs:
            placed = place_latents(inputs, self.layer.storage[1], layout)
        for tensor in self.tensors:
            name = tensor["name"]
            if name in placed or name in absent or (name not in inputs and tensor["role"] == "input"):
                continue
            shape = inputs[name].shape if tensor["role"] == "input" else self.shapes(inputs)[name]
            placed[name] = place(shape, tensor["type"], layout)
            if tensor["role"] == "input":
                placed[name].put(inputs[name])
        names = [t["name"] for t in self.tensors]
        head = np.array([16 + 8 * len(names), 1, 0, flags], np.uint32)
        pointers = [ctypes.addressof(placed[n].dl) if n in placed else 0 for n in names]
        args = np.concatenate([head.view(np.uint64), np.array(pointers, np.uint64)])
        context, workspace, text = self.context(inputs, 1 if execution == "serial" else 2)
        status = EXECUTIONS[execution](self, args.ctypes.data, context, entry)
        if status:
            raise CallFailed(f"status {status}: {text.value.decode()}")
        for name in ("output", "lse"):
            if name in placed and not placed[name].outside_is_untouched():
                raise CallFailed(f"'{name}' was written outside its elements")
        del workspace
        return {n: placed[n].get() for n in ("output", "lse") if n in placed}


def run_serial(kernel, args, context, entry):
    return kernel.function(entry)(ctypes.c_void_p(args), ctypes.byref(context))


def run_reversed(kernel, args, context, entry):
    plan = Plan()
    status = kernel.function(entry + "_plan")(ctypes.c_void_p(args), ctypes.byref(context),
                                              ctypes.byref(plan))
    for phase in range(plan.phases):
        for task in reversed(range(plan.tasks[phase])):
            status = status or kernel.function(entry + "_task")(
                args, ctypes.addressof(context), phase, task)
    return status


@PARALLEL_FOR
def on_two_threads(_, tasks, body, closure):
    """A context's parallel_for."""
    def work(ith):
        for task in range(ith, tasks, 2):
            body(closure, task)
    other = threading.Thread(target=work, args=(1,))
    other.start()
    work(0)
    other.join()


def run_threads(kernel, args, context, entry):
    context.parallel_for = on_two_threads
    return run_serial(kernel, args, context, entry)


def run_ggml(kernel, args, context, entry):
    """ith of nth: each thread takes its share of a phase, all meet, next phase."""
    plan = Plan()
    status = kernel.function(entry + "_plan")(ctypes.c_void_p(args), ctypes.byref(context),
                                              ctypes.byref(plan))
    if status:
        return status
    barrier = threading.Barrier(2)
    statuses = [0, 0]

    def work(ith):
        for phase in range(plan.phases):
            for task in range(ith, plan.tasks[phase], 2):
                statuses[ith] |= kernel.function(entry + "_task")(
                    args, ctypes.addressof(context), phase, task)
            barrier.wait()
    other = threading.Thread(target=work, args=(1,))
    other.start()
    work(0)
    other.join()
    return max(statuses)


def run_sealed(kernel, args, context, entry):
    """In a process that may read, write and exit: any other system call kills it. Results are in
    memory that both processes see."""
    call = ctypes.PyDLL(kernel.library._name)[kernel.symbol + entry]
    prctl, leave = ctypes.PyDLL(None).prctl, ctypes.PyDLL(None).syscall
    arguments = ctypes.c_void_p(args), ctypes.byref(context)
    child = os.fork()
    if child == 0:
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)
        leave(SYS_EXIT, call(*arguments))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise CallFailed(f"signal {os.WTERMSIG(status)}, of a system call if it is {int(signal.SIGKILL)}")
    return os.WEXITSTATUS(status)


EXECUTIONS = {"serial": run_serial, "reversed": run_reversed, "two_threads": run_threads,
              "ggml_style": run_ggml, "sealed": run_sealed}
