"""Calls kernels with what a serving engine has: sequences of any lengths in one
call, packed end to end, and caches on pages, around rings or in slots.
"""
import ctypes
import dataclasses
import mmap

import numpy as np
from kernel import EXECUTIONS, CallFailed, DLTensor, Tensor, tail_words
from scope_kernel import View
from storage import KINDS, encode

FLAG_RING = 2
MAP_NORESERVE = 0x4000  # of Linux; Python 3.13 names it


@dataclasses.dataclass
class Sequence:
    """The tensors of one sequence without their batch: rows of the call, and
    caches of exactly its keys. Rows that the call appends are NaN in them."""

    rows: int
    length: int
    arrays: dict


class Batch:
    """Sequences for one kernel, and what each gets alone."""

    def __init__(self, kernel, sequences, shared):
        self.kernel, self.sequences, self.shared = kernel, sequences, shared
        shapes = {t["name"]: t["shape"] for t in kernel.tensors}
        self.caches = [n for n, s in shapes.items() if s[:2] == ["batch", "kv_capacity"] and len(s) > 2]
        self.of_rows = [n for n, s in shapes.items() if s[:2] == ["batch", "query_length"]]
        self.roles = {t["name"]: t["role"] for t in kernel.tensors}
        self.kinds = {t["name"]: t["type"] for t in kernel.tensors}
        self.shapes = shapes
        self.alone = [self.call_alone(s) for s in sequences]

    def call_alone(self, sequence):
        one = {n: x[None] for n, x in sequence.arrays.items()}
        got = self.kernel({**one, **self.shared, "kv_lengths": np.array([sequence.length], np.int32)})
        return {n: x[0] for n, x in got.items()}

    def rows(self, name):
        return np.concatenate([s.arrays[name] for s in self.sequences])

    def lengths(self):
        return np.array([s.length for s in self.sequences], np.int32)

    def mask(self):
        """[batch, 1, rows, keys], of the sequence with the most of either."""
        most = max(s.rows for s in self.sequences), max(s.length for s in self.sequences)
        mask = np.full((len(self.sequences), 1, *most), np.nan, self.sequences[0].arrays["mask"].dtype)
        for b, sequence in enumerate(self.sequences):
            mask[b, :, :sequence.rows, :sequence.length] = sequence.arrays["mask"]
        return mask

    def document_ids(self):
        """[batch, keys], of the sequence with the most keys and three more."""
        most = max(s.length for s in self.sequences) + 3
        ids = [s.arrays["document_ids"] for s in self.sequences]
        return np.stack([np.pad(x, (0, most - len(x)), constant_values=-9) for x in ids])

    def indptr(self):
        return np.cumsum([0] + [s.rows for s in self.sequences]).astype(np.int32)

    def place(self, spread, padding=0):
        """Every tensor of a packed call in guarded memory; `padding` rows belong to no sequence."""
        placed = dict(spread.caches)
        tokens = sum(s.rows for s in self.sequences) + padding
        for name, shape in self.shapes.items():
            if name in self.caches:
                continue
            if name in self.of_rows:
                placed[name] = Tensor((tokens, *shape[2:]), self.kinds[name])
                if self.roles[name] == "input":
                    placed[name].array[:tokens - padding] = self.rows(name)
                continue
            of_all = {"kv_lengths": self.lengths, "mask": self.mask, "document_ids": self.document_ids}
            value = of_all[name]() if name in of_all else self.shared[name]
            placed[name] = Tensor(value.shape, self.kinds[name])
            placed[name].array[...] = value
        return placed

    def unpack(self, placed, tail):
        """Makes a packed call one of [batch, query_length, ...], for sequences of equal rows."""
        shape = len(self.sequences), self.sequences[0].rows
        for name in self.of_rows:
            tensor = Tensor((*shape, *placed[name].array.shape[1:]), self.kinds[name])
            tensor.array[...] = placed[name].array.reshape(tensor.array.shape)
            placed[name] = tensor
        del tail["q_indptr"]
        if "slot_mapping" in tail:
            tail["slot_mapping"] = tail["slot_mapping"].reshape(shape)

    def call(self, spread, execution="serial", padding=0, flags=0, absent=(), is_packed=True):
        """The rows of each sequence's outputs, after one call for all of them: one of EXECUTIONS, or
        a function like those."""
        placed = self.place(spread, padding)
        tail = {"q_indptr": self.indptr(), **spread.tail}
        if not is_packed:
            self.unpack(placed, tail)
        tensors = {}
        for name, value in tail.items():
            tensors[name] = Tensor(value.shape, "i64" if value.dtype == np.int64 else "i32")
            tensors[name].array[...] = value
        pointers = [0 if n in absent else ctypes.addressof(placed[n].dl) for n in self.shapes]
        pointers += tail_words({n: ctypes.addressof(t.dl) for n, t in tensors.items()})
        head = np.array([16 + 8 * len(pointers), 1, self.kernel.index, flags | spread.flags], np.uint32)
        args = np.concatenate([head.view(np.uint64), np.array(pointers, np.uint64)])
        most = {"batch": len(self.sequences), "query_length": max(s.rows for s in self.sequences),
                "kv_capacity": spread.promised(self)}
        context, workspace, text = self.kernel.context(most, 1 if execution == "serial" else 2)
        status = EXECUTIONS.get(execution, execution)(self.kernel, args.ctypes.data, context, "")
        if status:
            raise CallFailed(f"status {status}: {text.value.decode()}")
        del workspace
        begins = self.indptr()
        flat = {n: placed[n].array.reshape(-1, *self.shapes[n][2:]) for n in self.of_rows
                if self.roles[n] == "output"}
        return [{n: x[begins[b]:begins[b + 1]].copy() for n, x in flat.items()}
                for b in range(len(self.sequences))]


class Spread:
    """Where the caches of a batch are; `before` is what they hold at first."""

    flags = 0

    def __init__(self):
        self.caches, self.tail, self.before = {}, {}, {}

    def fill(self, batch, name, tensor):
        """Every row of every sequence at its place; NaN in the others."""
        tensor.array[...] = encode(np.nan, batch.kinds[name])
        for b, sequence in enumerate(batch.sequences):
            for j in self.held(sequence, batch.roles[name] == "updated"):
                tensor.array[self.place(b, j)] = sequence.arrays[name][j]
        self.caches[name], self.before[name] = tensor, tensor.array.copy()

    def held(self, sequence, is_updated):
        return range(sequence.length)

    def slots(self, batch, size):
        """The row of each new token, where `size` rows follow each other."""
        places = [self.place(b, j) for b, sequence in enumerate(batch.sequences)
                  for j in range(sequence.length - sequence.rows, sequence.length)]
        return np.array([first * size + row for first, row in places], np.int64)

    def after(self, batch, name):
        """What the cache has to hold after the call."""
        array = self.before[name].copy()
        for b, sequence in enumerate(batch.sequences):
            if batch.roles[name] == "updated":
                for j in range(max(sequence.length - sequence.rows, 0), sequence.length):
                    array[self.place(b, j)] = batch.alone[b][name][j]
        return array


class OnePiece(Spread):
    """[batch, capacity, ...]"""

    def __init__(self, batch, capacity, by_slots=False):
        super().__init__()
        self.capacity = capacity
        if by_slots:
            self.tail["slot_mapping"] = self.slots(batch, capacity)
        for name in batch.caches:
            shape = (len(batch.sequences), capacity, *batch.shapes[name][2:])
            self.fill(batch, name, Tensor(shape, batch.kinds[name]))

    def place(self, b, j):
        return b, j

    def promised(self, _):
        return self.capacity


class Ring(OnePiece):
    """Row j % capacity. The last `capacity` rows are left: of those before the call where it
    appends its own."""

    flags = FLAG_RING

    def place(self, b, j):
        return b, j % self.capacity

    def held(self, sequence, is_updated):
        end = max(sequence.length - sequence.rows, 0) if is_updated else sequence.length
        return range(max(end - self.capacity, 0), end)

    def promised(self, batch):
        return max(self.capacity, *batch.lengths())


class Pages(Spread):
    """[pages, rows, ...] in an order of no meaning, with pages that nobody uses."""

    def __init__(self, batch, rows, rank=2, order=None, by_slots=False, share=0):
        super().__init__()
        random = np.random.default_rng(rows)
        counts = [-(-s.length // rows) for s in batch.sequences]
        self.size, spare = rows, 3
        free = list(random.permutation(sum(counts) + spare))
        self.pages = [[int(free.pop()) for _ in range(count)] for count in counts]
        for pages in self.pages[1:]:
            pages[:share] = self.pages[0][:share]
        total = sum(counts) + spare
        for name in batch.caches:
            shape = (total, rows, *batch.shapes[name][2:])
            self.fill(batch, name, self.pool(shape, batch.kinds[name], order if len(shape) == 4 else None))
        if rank == 2:
            table = np.full((len(counts), max(counts) + 2), -1, np.int32)  # no page where no key is
            for b, pages in enumerate(self.pages):
                table[b, :len(pages)] = pages
            self.most = table.shape[1]
            self.tail["page_table"] = table
        else:
            self.most = max(counts)
            self.tail["page_table"] = np.array(sum(self.pages, []), np.int32)
            self.tail["page_indptr"] = np.cumsum([0] + counts).astype(np.int32)
        if by_slots:
            self.tail["slot_mapping"] = self.slots(batch, rows)

    def pool(self, shape, kind, order):
        return Tensor(shape, kind, order)

    def place(self, b, j):
        return self.pages[b][j // self.size], j % self.size

    def promised(self, _):
        return self.most * self.size


class PagesOfBoth(Pages):
    """Keys and values on pages of one buffer: the dimension of 2 is at `axis`."""

    def __init__(self, batch, rows, axis):
        self.axis, self.both, self.parts = axis, None, 0
        super().__init__(batch, rows)

    def pool(self, shape, kind, order):
        self.both = self.both or Tensor((*shape[:self.axis], 2, *shape[self.axis:]), kind)
        self.parts += 1
        return View(self.both, (*[slice(None)] * self.axis, self.parts - 1))


class FarPages(Pages):
    """Pages more than 2^31 bytes apart, of which few are ever touched."""

    def pool(self, shape, kind, order):
        return Far(shape, kind)


class Far:
    """An array whose first dimension has a stride of 2^31 bytes and a row more."""

    def __init__(self, shape, kind):
        dtype, code = KINDS[kind]
        size = np.dtype(dtype).itemsize
        inner = int(np.prod(shape[1:]))
        stride = 2 ** 31 // size + inner
        self.map = mmap.mmap(-1, size * (stride * (shape[0] - 1) + inner),
                             flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
        flat = np.frombuffer(self.map, dtype)
        strides = [stride] + [int(np.prod(shape[d + 1:])) for d in range(1, len(shape))]
        self.array = np.lib.stride_tricks.as_strided(flat, shape, [size * s for s in strides])
        self.shape = (ctypes.c_int64 * len(shape))(*shape)
        self.strides = (ctypes.c_int64 * len(shape))(*strides)
        self.dl = DLTensor(flat.ctypes.data, 1, 0, len(shape), code, 8 * size, 1, self.shape, self.strides, 0)
