#!/usr/bin/env python3
"""Runs the reference cases of `attnc bench` on ONNX Runtime and PyTorch too.

Everything is measured in the same run on the same machine: attnc, then the
peers, then attnc again, so that a machine that slows down slows all of them.
One row for each case and number of threads; a ratio above 1 says that attnc is
that many times as fast. Where a library has several ways to compute a case, its
fastest counts.

    tests/bench/peers.sh                     (makes the Python environment first)
    peers.py --attnc build/release/bin/attnc [--threads 1,2] [--runs 9] [--json]
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper

HEADS, KV_HEADS = 32, 8
# name: query length, keys, head size, causal
CASES = {
    "prefill_2048_noncausal_d128": (2048, 2048, 128, False),
    "prefill_2048_noncausal_d64": (2048, 2048, 64, False),
    "prefill_2048_causal_d128": (2048, 2048, 128, True),
    "decode_16384_d128": (1, 16384, 128, True),
}
FLUSH = numpy.ones(64 << 20, dtype=numpy.float32)  # 256 MiB


class Case:
    """Tensors of one case, [batch, heads, sequence, head size], in f32."""

    def __init__(self, name):
        self.queries, self.keys, self.size, self.causal = CASES[name]
        random = numpy.random.default_rng(1)

        def make(heads, length):
            shape = (1, heads, length, self.size)
            return random.standard_normal(shape, dtype=numpy.float32)

        self.query = make(HEADS, self.queries)
        self.key = make(KV_HEADS, self.keys)
        self.value = make(KV_HEADS, self.keys)

    @property
    def is_decode(self):
        return self.queries == 1


def token_major(array):
    """[batch, heads, sequence, size] -> [batch, sequence, heads * size]."""
    batch, heads, length, size = array.shape
    return numpy.ascontiguousarray(array.transpose(0, 2, 1, 3)).reshape(
        batch, length, heads * size)


def repeat_heads(array):
    return numpy.repeat(array, HEADS // KV_HEADS, axis=1)


def torch_ways(case, threads):
    """PyTorch's scaled_dot_product_attention, with and without its own GQA."""
    torch.set_num_threads(threads)
    attention = torch.nn.functional.scaled_dot_product_attention
    causal = case.causal and not case.is_decode
    query = torch.from_numpy(case.query)
    grouped = [torch.from_numpy(array) for array in (case.key, case.value)]
    repeated = [torch.from_numpy(repeat_heads(array)) for array in (case.key, case.value)]

    def run_grouped():
        return attention(query, *grouped, is_causal=causal, enable_gqa=True).numpy()

    def run_repeated():
        return attention(query, *repeated, is_causal=causal).numpy()

    # A decode step reads four times the cache when its heads are repeated.
    return {"gqa": run_grouped} if case.is_decode else {
        "gqa": run_grouped, "mha": run_repeated}


def session_of(node, inputs, outputs, threads):
    graph = helper.make_graph(
        [node], "attention",
        [helper.make_tensor_value_info(name, kind, None) for name, kind in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs])
    model = helper.make_model(graph, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def head_major(array, size):
    """The inverse of token_major."""
    batch, length, width = array.shape
    return array.reshape(batch, length, width // size, size).transpose(0, 2, 1, 3)


def onnx_multi_head(case, threads):
    """MultiHeadAttention on repeated heads."""
    node = helper.make_node(
        "MultiHeadAttention", ["query", "key", "value"], ["output"],
        domain="com.microsoft", num_heads=HEADS, unidirectional=int(case.causal))
    names = ["query", "key", "value"]
    session = session_of(node, [(name, TensorProto.FLOAT) for name in names],
                         ["output"], threads)
    feeds = dict(zip(names, map(token_major, (
        case.query, repeat_heads(case.key), repeat_heads(case.value)))))
    return lambda: head_major(session.run(None, feeds)[0], case.size)


def onnx_grouped(case, threads):
    """GroupQueryAttention; a decode step appends in place to a shared cache."""
    names = ["query", "key", "value", "past_key", "past_value"]
    node = helper.make_node(
        "GroupQueryAttention", names + ["seqlens_k", "total_sequence_length"],
        ["output", "present_key", "present_value"], domain="com.microsoft",
        num_heads=HEADS, kv_num_heads=KV_HEADS)
    integers = [(name, TensorProto.INT32) for name in ("seqlens_k", "total_sequence_length")]
    session = session_of(node, [(name, TensorProto.FLOAT) for name in names] + integers,
                         ["output", "present_key", "present_value"], threads)

    value_of = onnxruntime.OrtValue.ortvalue_from_numpy
    binding = session.io_binding()
    binding.bind_output("output", "cpu")
    arrays = [numpy.ascontiguousarray(array)
              for array in (case.query, case.key[:, :, -case.queries:],
                            case.value[:, :, -case.queries:])]
    for name, array in zip(names, map(token_major, arrays)):
        binding.bind_ortvalue_input(name, value_of(array))
    past = 0 if not case.is_decode else case.keys
    for name, array in (("key", case.key), ("value", case.value)):
        cache = value_of(numpy.ascontiguousarray(array[:, :, :past]))
        binding.bind_ortvalue_input(f"past_{name}", cache)
        if case.is_decode:
            binding.bind_ortvalue_output(f"present_{name}", cache)
        else:
            binding.bind_output(f"present_{name}", "cpu")
    binding.bind_ortvalue_input("seqlens_k", value_of(numpy.array([case.keys - 1], numpy.int32)))
    binding.bind_ortvalue_input("total_sequence_length",
                                value_of(numpy.array([case.keys], numpy.int32)))

    def run():
        session.run_with_iobinding(binding)
        return head_major(binding.get_outputs()[0].numpy(), case.size)

    return run


def onnx_ways(case, threads):
    # GroupQueryAttention is always causal; MultiHeadAttention has no such cache.
    if case.is_decode:
        return {"gqa": onnx_grouped(case, threads)}
    if case.causal:
        return {"gqa": onnx_grouped(case, threads), "mha": onnx_multi_head(case, threads)}
    return {"mha": onnx_multi_head(case, threads)}


PEERS = {"onnxruntime": onnx_ways, "pytorch": torch_ways}


def time_ms(run, case, runs):
    """Median of `runs`; before a decode step the caches hold something else."""
    samples = []
    for index in range(runs + 1):
        if case.is_decode:
            FLUSH.sum()
        start = time.perf_counter()
        run()
        if index:  # the first one warms up
            samples.append((time.perf_counter() - start) * 1e3)
    return statistics.median(samples)


def measure_peers(name, threads, runs):
    """Milliseconds of each peer's fastest way; all must compute the same."""
    case = Case(name)
    milliseconds, reference = {}, None
    for peer, ways in PEERS.items():
        best = None
        for way, run in ways(case, threads).items():
            output = run()
            reference = output.copy() if reference is None else reference
            if not numpy.allclose(output, reference, atol=1e-4):
                sys.exit(f"error: {peer} ({way}) computes something else in {name}")
            elapsed = time_ms(run, case, runs)
            best = elapsed if best is None else min(best, elapsed)
        milliseconds[peer] = best
    return milliseconds


def measure_attnc(attnc, config, threads):
    """(case, threads) -> milliseconds, of the reference cases."""
    command = [attnc, "bench", config, "--json", "--dtype", "f32", "--threads", str(threads)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr or f"error: {' '.join(command)} failed")
    report = json.loads(result.stdout)
    return {(entry["case"], entry["threads"]): entry["median_ms"]
            for entry in report["cases"] if entry["case"] in CASES}


def measure(arguments):
    rows = []
    for threads in arguments.threads:
        before = measure_attnc(arguments.attnc, arguments.config, threads)
        peers = {name: measure_peers(name, threads, arguments.runs) for name in CASES}
        after = measure_attnc(arguments.attnc, arguments.config, threads)
        for name in CASES:
            ours = (before[name, threads] + after[name, threads]) / 2
            rows.append({"case": name, "threads": threads, "attnc_ms": ours,
                         **{f"{peer}_ms": value for peer, value in peers[name].items()},
                         **{f"{peer}_ratio": value / ours
                            for peer, value in peers[name].items()}})
    return rows


def print_table(rows):
    print(f"attnc against ONNX Runtime {onnxruntime.__version__} and "
          f"PyTorch {torch.__version__}, f32, {HEADS}/{KV_HEADS} heads, batch 1")
    print(f"{'case':<28} threads  {'attnc':>10}  {'onnxruntime':>19}  {'pytorch':>19}")
    for row in rows:
        print(f"{row['case']:<28} {row['threads']:>7}  {row['attnc_ms']:>7.2f} ms" + "".join(
            f"  {row[peer + '_ms']:>8.2f} ms {row[peer + '_ratio']:>6.2f}x" for peer in PEERS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attnc", default="build/release/bin/attnc")
    parser.add_argument("--config", default="examples/configs/llama-3-8b.json")
    parser.add_argument("--threads", default="1,2",
                        type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    arguments = parser.parse_args()
    rows = measure(arguments)
    print(json.dumps(rows, indent=2)) if arguments.json else print_table(rows)


if __name__ == "__main__":
    main()
