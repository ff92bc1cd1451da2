#!/usr/bin/env python3
"""attnc.GroupQueryAttention beside ONNX Runtime's own, in one process:

    python3 examples/onnxruntime/compare.py build/libattnc_ops.so

Both get the same tensors: a prompt, a prompt that ends in padding, a chunk that
continues it, and one more token for each sequence in caches that are updated in
place; then come tensors that do not fit. One line a case; the exit status is 1 when a
result differs.
"""
import re
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

# Llama-3-8B's attention; the kernels have the same numbers inside.
HEADS, KV_HEADS, DIM, THETA = 32, 8, 128, 500000.0
CAPACITY = 128
CACHES = ("key", "value")


def rotations(capacity):
    """cos_cache and sin_cache of angles in f32, as Llama's own code has them and attnc's kernels compute them."""
    frequencies = (THETA ** (-np.arange(0, DIM, 2) / DIM)).astype(np.float32)
    angle = np.outer(np.arange(capacity, dtype=np.float32), frequencies).astype(np.float64)
    return {"cos_cache": np.cos(angle).astype(np.float32), "sin_cache": np.sin(angle).astype(np.float32)}


class Operator:
    """A session of one node; the same calls whichever of the two it is."""

    def __init__(self, library=None, threads=1, capacity=CAPACITY, layer=0):
        inputs = ["query", "key", "value", "past_key", "past_value", "seqlens_k", "total_sequence_length"]
        outputs = ["output", "present_key", "present_value"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors are exceptions
        self.constants = {}
        if library:
            options.register_custom_ops_library(library)
            node = helper.make_node("GroupQueryAttention", inputs, outputs, domain="attnc", layer=layer)
        else:
            self.constants = rotations(capacity)
            inputs += self.constants
            node = helper.make_node("GroupQueryAttention", inputs, outputs, domain="com.microsoft", do_rotary=1,
                                    num_heads=HEADS, kv_num_heads=KV_HEADS)
        kinds = {"seqlens_k": TensorProto.INT32, "total_sequence_length": TensorProto.INT32}
        graph = helper.make_graph(
            [node], "attention",
            [helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), None) for name in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs])
        model = helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17), helper.make_opsetid(node.domain, 1)])
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def feeds(self, rows, lengths):
        """The inputs but for the caches, from [batch, rows, heads, size] and the valid keys after the call."""
        feeds = {name: array.reshape(*array.shape[:2], -1) for name, array in rows.items()}
        return {**feeds, **self.constants, "seqlens_k": np.array(lengths, np.int32) - 1,
                "total_sequence_length": np.array([max(lengths)], np.int32)}

    def apart(self, rows, caches, lengths):
        """The caches that come out are new arrays."""
        past = {f"past_{name}": cache for name, cache in zip(CACHES, caches)}
        return self.session.run(None, {**self.feeds(rows, lengths), **past})

    def bound(self, rows, caches, lengths):
        """A function that makes one call, which updates `caches` where they are."""
        binding = self.session.io_binding()
        value_of = onnxruntime.OrtValue.ortvalue_from_numpy  # the array's memory, no copy
        for name, array in self.feeds(rows, lengths).items():
            binding.bind_ortvalue_input(name, value_of(np.ascontiguousarray(array)))
        for name, cache in zip(CACHES, map(value_of, caches)):
            binding.bind_ortvalue_input(f"past_{name}", cache)
            binding.bind_ortvalue_output(f"present_{name}", cache)
        binding.bind_output("output", "cpu")

        def run():
            self.session.run_with_iobinding(binding)
            return binding.get_outputs()[0]

        return run

    def in_place(self, rows, caches, lengths):
        arrays = [cache.copy() for cache in caches]
        output = self.bound(rows, arrays, lengths)()
        return [output.numpy().copy(), *arrays]


def random_rows(random, batch, rows):
    def make(heads):
        return random.standard_normal((batch, rows, heads, DIM), dtype=np.float32)

    return {"query": make(HEADS), "key": make(KV_HEADS), "value": make(KV_HEADS)}


def grown(caches):
    """The same keys in caches of CAPACITY places."""
    batch, heads, length, size = caches[0].shape
    return [np.concatenate([cache, np.zeros((batch, heads, CAPACITY - length, size), np.float32)], axis=2)
            for cache in caches]


def difference(ours, theirs, new, lengths):
    """The largest one over rows that are not padding and keys that are valid."""
    errors = [np.abs(ours[0][b, :n] - theirs[0][b, :n]).max() for b, n in enumerate(new)]
    errors += [np.abs(ours[i][b, :, :n] - theirs[i][b, :, :n]).max() for i in (1, 2) for b, n in enumerate(lengths)]
    return max(errors)


def main(library):
    random = np.random.default_rng(1)
    operators = [Operator(library, threads=2), Operator(threads=2)]
    empty = [np.zeros((2, KV_HEADS, 0, DIM), np.float32)] * 2
    wrong = 0

    def case(name, way, rows, caches, new, lengths):
        ours, theirs = (getattr(operator, way)(rows, caches, lengths) for operator in operators)
        error = difference(ours, theirs, new, lengths)
        right = error < 2e-5
        print(f"{name}: {'the same' if right else f'differs by {error:.2e}'}")
        nonlocal wrong
        wrong += not right
        return ours[1:]

    caches = case("prompt", "apart", random_rows(random, 2, 40), empty, (40, 40), (40, 40))
    # ONNX Runtime continues one prompt at a time; attnc's kernels any number.
    case("chunk", "apart", random_rows(random, 1, 24), [cache[:1] for cache in caches], (24,), (64,))
    caches = case("padded prompt", "apart", random_rows(random, 2, 40), empty, (40, 23), (40, 23))
    caches = case("decode in place", "in_place", random_rows(random, 2, 1), grown(caches), (1, 1), (41, 24))
    caches = case("next token", "in_place", random_rows(random, 2, 1), caches, (1, 1), (42, 25))

    refuse(library, random_rows(random, 2, 10), empty)
    return wrong > 0


def refuse(library, rows, caches):
    """What is wrong is an exception, and where it is the model that does not fit it has the kernel's own message."""

    def case(layer=0, **wrong):
        try:
            operator = Operator(library, layer=layer)
            # The cache that comes out has 12 places, so that two of them are neither past nor new.
            feeds = {**operator.feeds(rows, (10, 12)), "seqlens_k": np.array([9, 9], np.int32),
                     "past_key": caches[0], "past_value": caches[1]}
            operator.session.run(None, {**feeds, **wrong})
            print("not refused:", *wrong)
        except Exception as error:
            print("refused:", re.sub(".*(Status Message|initialization): ", "", str(error)))

    case(layer=99)
    case(layer=-1)
    case(key=rows["key"].reshape(2, 10, -1)[:, 1:])
    case(value=rows["value"].reshape(2, 10, -1)[:1])
    case(past_key=caches[0][:, 1:])
    case(past_value=np.zeros((2, KV_HEADS, 5, DIM), np.float32))
    case(seqlens_k=np.array([9], np.int32))
    case(seqlens_k=np.array([9, 10], np.int32))
    case(seqlens_k=np.array([9, -1], np.int32))
    case(total_sequence_length=np.array([], np.int32))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
