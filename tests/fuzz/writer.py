"""Functions of the attn dialect, with the steps that a fuzzer needs besides."""
import os
import sys

import numpy

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "examples", "variants"))
from graph import Graph, Tensor, number  # noqa: E402


class Writer(Graph):
    """Arguments appear when they are first asked for. `labels` says which
    elements of which logical parameter a weight holds."""

    def __init__(self, name):
        super().__init__(name, {}, {})
        self.labels = {}

    def argument(self, name, shape, element="f32"):
        if name not in self.arguments:
            self.arguments[name] = Tensor(f"%arg{len(self.arguments)}", shape, element)
        return self.arguments[name]

    def weight(self, name, labels):
        self.labels[name] = labels
        return self.argument(name, labels.shape)

    # Shapes.
    def tile(self, x, dim, times):
        shape = [size * times if i == dim else size for i, size in enumerate(x.shape)]
        return self.step("tile", [x], shape, f"times = {times}, dim = {dim}", x.element)

    def repeat_kv(self, x, times):
        shape = [size * times if i == 2 else size for i, size in enumerate(x.shape)]
        return self.step("repeat_kv", [x], shape, f"times = {times}")

    # The textbook's own steps.
    def score(self, q, k):
        return self.step("score", [q, k], (q.shape[0], q.shape[2], q.shape[1], k.shape[1]))

    def weighted_sum(self, p, v):
        return self.step("weighted_sum", [p, v], (p.shape[0], p.shape[2], p.shape[1], v.shape[3]))

    def softcap(self, x, cap):
        return self.step("softcap", [x], x.shape, f"cap = {number(cap)}", types=x.type)

    @staticmethod
    def operands(**tensors):
        return " ".join(f"{name}({t.name} : {t.type})" for name, t in tensors.items() if t)

    def symbolic_mask(self, x, mask, lengths=None, documents=None):
        return self.step("mask", [x], x.shape, f"mask = {mask}", types=x.type,
                         tail=self.operands(lengths=lengths, documents=documents))

    def position_bias(self, x, bias, lengths=None, table=None):
        return self.step("position_bias", [x], x.shape, f"bias = {bias}", types=x.type,
                         tail=self.operands(lengths=lengths, table=table))

    def softmax_over(self, x, dim=None, sinks=None):
        tail = f"sinks({sinks.name} : {sinks.type})" if sinks else ""
        if dim is not None:
            tail = " ".join(filter(None, [tail, f"dim({dim})"]))
        return self.step("softmax", [x], x.shape, tail=tail)

    def rms_norm(self, x, weight):
        return self.step("rms_norm", [x], x.shape, "eps = 1.0e-6", types=x.type,
                         tail=f"weight({weight.name} : {weight.type})")

    def rope_at(self, x, pairing, positions=None, heads_first=False):
        fields = f"position = #attn.rope<theta = 1.0e4, pairing = {pairing}>"
        fields += ", heads_first" if heads_first else ""
        tail = f"positions({positions.name} : {positions.type})" if positions else ""
        return self.step("rope", [x], x.shape, fields, types=x.type, tail=tail)

    def where(self, condition, lhs, rhs):
        shape = max((lhs.shape, rhs.shape), key=lambda s: (len(s), numpy.prod(s)))
        return self.step("where", [condition, lhs, rhs], shape)

    # Upstream dialects.
    def raw(self, text):
        self.lines.append("    " + text)

    def fresh(self, shape, element="f32"):
        result = Tensor(f"%{self.count}", shape, element)
        self.count += 1
        return result

    def linalg_softmax(self, x):
        empty, result = self.fresh(x.shape), self.fresh(x.shape)
        self.raw(f"{empty.name} = tensor.empty() : {x.type}")
        self.raw(f"{result.name} = linalg.softmax dimension({len(x.shape) - 1}) "
                 f"ins({x.name} : {x.type}) outs({empty.name} : {x.type}) -> {x.type}")
        return result

    def spelled_softmax(self, x):
        """exp(x - max(x)) / sum(exp(x - max(x)))"""
        rank, row = len(x.shape), Tensor("", x.shape[:-1], "f32")
        dims = ", ".join(f"d{i}" for i in range(rank))
        all_dims = f"affine_map<({dims}) -> ({dims})>"
        rows = f"affine_map<({dims}) -> ({', '.join(f'd{i}' for i in range(rank - 1))})>"
        parallel = ", ".join(['"parallel"'] * rank)
        reduction = ", ".join(['"parallel"'] * (rank - 1) + ['"reduction"'])
        i = self.count
        self.count += 1
        n = f"%soft{i}_"

        def reduce(start, source, op, result):
            self.raw(f"{n}{result}c = arith.constant {start} : f32")
            self.raw(f"{n}{result}e = tensor.empty() : {row.type}")
            self.raw(f"{n}{result}f = linalg.fill ins({n}{result}c : f32) outs({n}{result}e : {row.type}) -> {row.type}")
            self.raw(f"{n}{result} = linalg.generic {{indexing_maps = [{all_dims}, {rows}], "
                     f"iterator_types = [{reduction}]}} ins({source} : {x.type}) outs({n}{result}f : {row.type}) {{")
            self.raw("^bb0(%a: f32, %b: f32):")
            self.raw(f"  %c = arith.{op} %a, %b : f32")
            self.raw("  linalg.yield %c : f32")
            self.raw(f"}} -> {row.type}")

        def combine(source, rows_of, body, result):
            self.raw(f"{n}{result}e = tensor.empty() : {x.type}")
            self.raw(f"{n}{result} = linalg.generic {{indexing_maps = [{all_dims}, {rows}, {all_dims}], "
                     f"iterator_types = [{parallel}]}} ins({source}, {rows_of} : {x.type}, {row.type}) "
                     f"outs({n}{result}e : {x.type}) {{")
            self.raw("^bb0(%a: f32, %b: f32, %out: f32):")
            for line in body:
                self.raw("  " + line)
            self.raw(f"}} -> {x.type}")

        reduce("0xFF800000", x.name, "maximumf", "max")
        combine(x.name, f"{n}max", ["%d = arith.subf %a, %b : f32", "%y = math.exp %d : f32",
                                    "linalg.yield %y : f32"], "exp")
        reduce("0.0", f"{n}exp", "addf", "sum")
        combine(f"{n}exp", f"{n}sum", ["%y = arith.divf %a, %b : f32", "linalg.yield %y : f32"], "p")
        return Tensor(f"{n}p", x.shape, "f32")
