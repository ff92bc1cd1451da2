"""What tensors are stored in, in NumPy: f16 is its own, bf16 the upper half of
an f32, rounded in integers.
"""
import json
import pathlib

import numpy as np

# In memory, and DLPack's code: int 0, float 2, bfloat 4, bool 6.
KINDS = {"f32": (np.float32, 2), "f16": (np.float16, 2), "bf16": (np.uint16, 4),
         "i64": (np.int64, 0), "i32": (np.int32, 0), "bool": (np.uint8, 6)}


def encode(values, kind):
    """Values as they are in memory, rounded to the nearest, ties to even."""
    if kind != "bf16":
        with np.errstate(over="ignore"):
            return np.asarray(values).astype(KINDS[kind][0])
    values = np.asarray(values, np.float32)
    bits = values.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(values), bits >> 16 | 0x40, rounded).astype(np.uint16)


def decode(stored, kind):
    """What is in memory as f32, or integers as they are."""
    if kind == "bf16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32) if kind == "f16" else stored


def keep(values, kind):
    """What is left of f32 values when they are stored."""
    return decode(encode(values, kind), kind)


def save(tensors, path):
    """A safetensors file of (values, kind) by name: NumPy has no bf16 for its writer."""
    header, data = {}, b""
    for name, (values, kind) in tensors.items():
        held = encode(values, kind).tobytes()
        header[name] = {"dtype": kind.upper(), "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + len(held)]}
        data += held
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def load(path):
    """The (values, kind) of a file by name."""
    whole = pathlib.Path(path).read_bytes()
    first = 8 + int.from_bytes(whole[:8], "little")
    tensors = {}
    for name, tensor in json.loads(whole[8:first]).items():
        if name == "__metadata__":
            continue
        kind = tensor["dtype"].lower()
        begin, end = (first + offset for offset in tensor["data_offsets"])
        stored = np.frombuffer(whole[begin:end], KINDS[kind][0]).reshape(tensor["shape"])
        tensors[name] = decode(stored, kind), kind
    return tensors


def patterns(kind):
    """The values of all 65536 patterns of 16 bits."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    return decode(bits.view(KINDS[kind][0]), kind)
