#!/usr/bin/env python3
"""The operator of examples/onnxruntime against ONNX Runtime's GroupQueryAttention.

Two sessions of one process take turns with the same tensors, rotation and append to
caches in place included, so that a machine that slows down slows both. A ratio
above 1 says that attnc is that many times as fast; below it the exit status is 1.

    tests/bench/group_query.sh               (builds the operator first)
    group_query.py LIBRARY [--threads 1,2] [--runs 9]
"""
import argparse
import pathlib
import statistics
import sys
import time

import numpy as np
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "onnxruntime"))
from compare import DIM, HEADS, KV_HEADS, Operator, random_rows  # noqa: E402

# name: new rows, valid keys after them
CASES = {"prefill_512": (512, 512), "prefill_2048": (2048, 2048), "decode_4096": (1, 4096), "decode_16384": (1, 16384)}
FLUSH = np.ones(64 << 20, dtype=np.float32)  # 256 MiB


def elapsed_ms(run):
    """One call, with caches that are cold and no thread of the other session still spinning."""
    FLUSH.sum()
    time.sleep(0.02)
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def measure(operators, rows, keys, runs):
    """Median milliseconds of each operator; all must compute the same."""
    random = np.random.default_rng(1)
    inputs = random_rows(random, 1, rows)
    calls, outputs = [], []
    for operator in operators:
        caches = [np.random.default_rng(i).standard_normal((1, KV_HEADS, keys, DIM), dtype=np.float32) for i in (2, 3)]
        calls.append(operator.bound(inputs, caches, (keys,)))
        outputs.append(calls[-1]().numpy().copy())
    if not np.allclose(*outputs, atol=1e-4):
        sys.exit("error: the two compute different outputs")
    samples = [[elapsed_ms(call) for call in calls] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*samples)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library")
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    print(f"attnc in ONNX Runtime {onnxruntime.__version__} against its GroupQueryAttention, f32, "
          f"{HEADS}/{KV_HEADS} heads of {DIM}, batch 1")
    print(f"{'case':<14} threads {'attnc':>13} {'onnxruntime':>13}")
    slower = False
    for threads in options.threads:
        operators = [Operator(library, threads, capacity=16384) for library in (options.library, None)]
        for name, (rows, keys) in CASES.items():
            ours, theirs = measure(operators, rows, keys, options.runs)
            slower |= ours > theirs
            print(f"{name:<14} {threads:>7} {ours:>10.2f} ms {theirs:>10.2f} ms {theirs / ours:>6.2f}x")
    return slower


if __name__ == "__main__":
    sys.exit(main())
