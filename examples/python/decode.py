#!/usr/bin/env python3
"""A prompt and one more token with Llama-3-8B's attention, called from Python:

    pip install apache-tvm-ffi numpy
    attnc compile examples/configs/llama-3-8b.json -o kernels
    python3 examples/python/decode.py kernels/libllama_3_8b.so

The arrays are the caller's: two sequences share caches of 512 places, and the
kernel reads and writes them where they are.
"""
import sys

import numpy as np
import tvm_ffi

BATCH, CAPACITY, PROMPT = 2, 512, 300
HEADS, KV_HEADS, DIM = 32, 8, 128


def attention(query, keys, values):
    """The last rows of one sequence in float64, to compare with."""
    keys, values = (np.repeat(x.astype(np.float64), HEADS // KV_HEADS, axis=1) for x in (keys, values))
    scores = np.einsum("ihd,jhd->hij", query, keys) / np.sqrt(DIM)
    position = np.arange(len(query))[:, None] + len(keys) - len(query)
    scores = np.where(np.arange(len(keys)) <= position, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("hij,jhd->ihd", weights / weights.sum(-1, keepdims=True), values)


def main(path):
    kernels = tvm_ffi.load_module(path)
    random = np.random.default_rng(1)
    key = np.zeros((BATCH, CAPACITY, KV_HEADS, DIM), np.float32)
    value = np.zeros_like(key)
    lengths = np.zeros(BATCH, np.int32)
    # One workspace for every call up to these maxima, allocated once.
    workspace = np.empty(kernels.llama_3_8b_core_workspace(BATCH, PROMPT, CAPACITY), np.uint8)

    for step, rows in (("prefill", PROMPT), ("decode", 1)):
        # What a model's projections and rotation would give.
        query = random.standard_normal((BATCH, rows, HEADS, DIM), dtype=np.float32)
        for cache in (key, value):
            cache[:, lengths[0]:lengths[0] + rows] = random.standard_normal((BATCH, rows, KV_HEADS, DIM))
        lengths += rows
        output = np.empty_like(query)
        # Tensors in the manifest's order (None: no lse), layer, flags, workspace.
        kernels.llama_3_8b_core(query, key, value, lengths, output, None, 0, 0, workspace)

        valid = lengths[0]
        expected = [attention(query[b], key[b, :valid], value[b, :valid]) for b in range(BATCH)]
        error = np.abs(output - np.stack(expected)).max()
        print(f"{step}: {rows} rows, {valid} keys, {'right' if error < 1e-5 else 'wrong'} by NumPy")

    # What is wrong is an exception, and nothing is computed.
    lengths[1] = CAPACITY + 1
    try:
        kernels.llama_3_8b_core(query, key, value, lengths, output, None)
    except ValueError as error:
        print("refused:", error)


if __name__ == "__main__":
    main(sys.argv[1])
