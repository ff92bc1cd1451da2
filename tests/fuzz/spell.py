"""Writes one meaning in a random spelling."""
import dataclasses
import math
import re

import numpy

from writer import Writer

LOWEST = -3.4028234663852886e38
INFINITY = -math.inf
FINITE_TRAPS = ("small fill", "scale behind a finite fill", "finite fill of blind rows", "finite fill beside a mask")
# Sizes that stand for open ones, and their multiples too.
OPEN = {"batch": 1000003, "queries": 1000033, "keys": 1000037}
# What a window has for a side without a limit.
UNBOUNDED = 2**31 - 1


def logical(role, *shape):
    """Labels of the elements of a logical parameter: like the parameter of a
    module that has one for each role."""
    start = {"q": 1, "k": 2, "v": 3, "o": 4, "qa": 5, "qb": 6, "kva": 7, "kb": 8, "vb": 9, "r": 10}[role]
    bias = 1 << 16 if len(shape) == 1 else 0
    return (start << 20) + bias + numpy.arange(math.prod(shape)).reshape(shape)


def opened(text):
    """The text with open sizes in its types."""
    def size(match):
        return "?x" if any(int(match[1]) % prime == 0 for prime in OPEN.values()) else match[0]
    return re.sub(r"(?<=[<x])(\d+)x", size, text)


class Speller:
    """`trap` names a near miss: one step that is another function."""

    def __init__(self, meaning, choices, name, trap=None):
        if meaning.dynamic:
            keys = OPEN["queries" if meaning.family == "rows" else "keys"]
            meaning = dataclasses.replace(meaning, **OPEN | {"keys": keys})
        self.m, self.c, self.trap = meaning, choices, trap
        self.g = Writer(name)

    def spell(self):
        """The text of the function, and the labels of its weights."""
        self.is_stack = self.is_stacked()
        out = self.stacked() if self.is_stack else self.together()
        if self.m.output and self.m.family != "heads":
            labels = logical("o", self.m.hidden, out.shape[-1])
            if self.c.pick("output", ["linear", "matmul"]) == "matmul":
                out = self.g.matmul(out, self.g.weight("weight.o", labels.T))
            else:
                out = self.g.linear(out, self.g.weight("weight.o", labels))
        if self.c.flag("dead code"):
            self.g.scale(out, 2.0)
        text = self.g.text(out)
        return opened(text) if self.m.dynamic else text, self.g.labels

    # Projections.
    def source(self, role):
        m = self.m
        length = m.queries if role == "q" else m.keys
        name = "memory" if m.family == "cross" and role != "q" else "x"
        shape = (m.batch, length, m.hidden)
        return self.g.argument(name, shape[1:] if m.rank == 2 else shape)

    def width(self, role):
        m = self.m
        return {"q": m.heads * m.dim, "k": m.kv_heads * m.dim, "v": m.kv_heads * m.value_dim}[role]

    def weights(self, role):
        labels = logical(role, self.width(role), self.m.hidden)
        return labels, logical(role, self.width(role)) if self.m.projection_bias else None

    def packed_roles(self):
        return ("q", "k", "v") if self.m.family == "rows" else ("k", "v")

    def linear(self, x, name, labels, bias):
        """A projection with weights of its own."""
        choice = "stacked projections" if self.is_stack else "projections"
        choice += " with bias" if bias is not None else ""
        if self.c.pick(choice, ["linear", "matmul"]) == "matmul":
            y = self.g.matmul(x, self.g.weight(f"weight.{name}", labels.T))
            return self.g.binary("add", y, self.g.weight(f"bias.{name}", bias)) if bias is not None else y
        weight = self.g.weight(f"weight.{name}", labels)
        return self.g.linear(x, weight, None if bias is None else self.g.weight(f"bias.{name}", bias))

    def packings(self):
        m = self.m
        return ["separate", "rows", "weights"] + ["heads"] * (m.rank == 4 and m.dim == m.value_dim)

    def projected(self, role):
        """[batch, tokens, width] of a role."""
        g, x, roles = self.g, self.source(role), self.packed_roles()
        packing = self.c.pick("packing", self.packings())
        if packing == "separate" or role not in roles:
            return self.linear(x, role, *self.weights(role))
        labels = [self.weights(r) for r in roles]
        weight = g.weight("weight.packed", numpy.concatenate([w for w, _ in labels]))
        bias = None
        if self.m.projection_bias:
            bias = g.weight("bias.packed", numpy.concatenate([b for _, b in labels]))
        offset = sum(self.width(r) for r in roles[:roles.index(role)])
        size = self.width(role)
        if packing == "weights":
            return g.linear(x, g.slice(weight, 0, offset, size), g.slice(bias, 0, offset, size) if bias else None)
        if not hasattr(self, "packed"):
            self.packed = g.linear(x, weight, bias)
        if packing == "heads":
            heads = g.unflatten(self.packed, 2, self.packed.shape[-1] // self.m.dim)
            return g.flatten(g.slice(heads, 2, offset // self.m.dim, size // self.m.dim), 2)
        return g.slice(self.packed, len(x.shape) - 1, offset, size)

    # Heads.
    def heads_of(self, role):
        """[batch, tokens, heads, size], or the same with heads first; or
        [batch, tokens, size], [tokens, size]."""
        m, g, c = self.m, self.g, self.c
        heads, size = (m.heads if role == "q" else m.kv_heads), (m.value_dim if role == "v" else m.dim)
        length = m.queries if role == "q" else m.keys
        if m.family == "heads":
            shape = (m.batch, length, heads, size)
            if m.rank < 4:
                shape = (m.batch, length, size)[3 - m.rank:]
            x = g.argument({"kv": "qkk", "qkv": "qqq"}.get(m.tied, "qkv")["qkv".index(role)], shape)
        else:
            x = self.projected(role)
            early = f"{role} scaled before the {'rotation' if m.rope else 'split'}"
            if self.scale_at(role) and not m.norm and c.flag(early):
                x, self.scaled = self.apply_scale(x, self.scale_at(role)), self.scaled | {role}
            if m.rank == 4:
                x = g.unflatten(x, 2, heads)
        if m.norm and role != "v":
            x = g.rms_norm(x, g.argument(f"norm.{role}", (m.dim,)))
        return x

    def rotated(self, role, x):
        if not self.m.rope or role == "v":
            return x
        length = self.m.queries if role == "q" else self.m.keys
        positions = None
        if self.m.positions:
            positions = self.g.argument(f"positions.{role}", (self.m.batch, length), "i32")
        if self.c.flag(f"{role} rotated with heads first"):
            x = self.g.transpose(x, 0, 2, 1, 3)
            x = self.g.rope_at(x, self.m.rope, positions, heads_first=True)
            return self.g.transpose(x, 0, 2, 1, 3)
        return self.g.rope_at(x, self.m.rope, positions)

    def repeated(self, role, x, dim):
        """Key or value heads, each repeated in place along dimension dim."""
        g, times, name = self.g, self.m.group, f"{role} repeated"
        if self.trap == "tile" and role == "k":
            return g.tile(x, dim, times)
        if self.trap == "expand in front" and role == "v":
            return g.flatten(g.expand(x, dim, times), dim)
        kinds = ["interleave", "expand"]
        if dim == 2:
            kinds.append("repeat_kv")
        if times == 4:
            kinds.append("twice")
        if self.m.kv_heads == 1:
            kinds += ["tile", "expand in front", "expand alone"]
        kind = self.c.pick(name, kinds)
        if kind == "interleave":
            return g.repeat_interleave(x, dim, times)
        if kind == "repeat_kv":
            return g.repeat_kv(x, times)
        if kind == "twice":
            return g.repeat_interleave(g.repeat_interleave(x, dim, 2), dim, 2)
        if kind == "tile":
            return g.tile(x, dim, times)
        if kind == "expand":
            return g.flatten(g.expand(x, dim + 1, times), dim)
        if kind == "expand in front":
            return g.flatten(g.expand(x, dim, times), dim)
        return g.expand(g.flatten(x, dim - 1) if dim > 0 else x, dim, times)

    def grouped(self, role, x, dim):
        m = self.m
        if role == "q":
            return x
        if m.group == 1 and not self.c.flag(f"{role} repeated once"):
            return x
        if m.group == 1:
            return self.g.repeat_interleave(x, dim, 1)
        return self.repeated(role, x, dim)

    # Latent attention.
    def latent_query(self, x):
        m, g, size = self.m, self.g, self.m.dim + self.m.rope_dim
        if m.query_rank:
            x = g.linear(x, g.weight("weight.qa", logical("qa", m.query_rank, m.hidden)))
        labels = logical("qb" if m.query_rank else "q", m.heads * size, x.shape[-1])
        q = g.unflatten(self.linear(x, "q", labels, None), 2, m.heads)
        if not m.rope:
            return q
        rotated = self.rotated("q", g.slice(q, 3, m.dim, m.rope_dim))
        return g.concat([g.slice(q, 3, 0, m.dim), rotated], 3)

    def latent_rows(self, x):
        """What a token leaves in the cache: latent and key part."""
        m, g = self.m, self.g
        down, part = logical("kva", m.hidden, m.hidden), logical("r", m.rope_dim, m.hidden)
        if self.c.pick("latent", ["separate", "packed"]) == "separate":
            return self.linear(x, "kva", down, None), self.linear(x, "r", part, None)
        both = self.linear(x, "kva", numpy.concatenate([down, part]), None)
        return g.slice(both, 2, 0, m.hidden), g.slice(both, 2, m.hidden, m.rope_dim)

    def latent_heads(self, latent):
        """The part of the keys that is projected, and the values."""
        m, g = self.m, self.g
        keys = logical("kb", m.heads * m.dim, m.hidden)
        values = logical("vb", m.heads * m.value_dim, m.hidden)
        kind = self.c.pick("up", ["separate", "per head", "packed"])
        if kind == "separate":
            return (g.unflatten(self.linear(latent, "kb", keys, None), 2, m.heads),
                    g.unflatten(self.linear(latent, "vb", values, None), 2, m.heads))
        if kind == "packed":
            both = self.linear(latent, "kvb", numpy.concatenate([keys, values]), None)
            return (g.unflatten(g.slice(both, 2, 0, len(keys)), 2, m.heads),
                    g.unflatten(g.slice(both, 2, len(keys), len(values)), 2, m.heads))
        split = [labels.reshape(m.heads, -1, m.hidden) for labels in (keys, values)]
        labels = numpy.concatenate(split, axis=1).reshape(-1, m.hidden)
        both = g.unflatten(self.linear(latent, "kvb", labels, None), 2, m.heads)
        return g.slice(both, 3, 0, m.dim), g.slice(both, 3, m.dim, m.value_dim)

    def latent(self):
        m, g = self.m, self.g
        x = self.source("k")
        q = self.latent_query(x)
        latent, part = self.latent_rows(x)
        k, v = self.latent_heads(latent)
        part = self.rotated("k", g.expand(part, 2, 1))
        kind = self.c.pick("part repeated", ["interleave", "expand", "tile", "expand alone"])
        if kind == "interleave":
            part = g.repeat_interleave(part, 2, m.heads)
        elif kind == "expand":
            part = g.flatten(g.expand(part, 3, m.heads), 2)
        elif kind == "tile":
            part = g.tile(part, 2, m.heads)
        else:
            part = g.expand(g.flatten(part, 1), 2, m.heads)
        return q, g.concat([k, part], 3), v

    # Scales.
    def scale_at(self, place):
        return self.scales.get(place)

    def place_scale(self):
        m = self.m
        places = ["scores", "q", "k", "roots"]
        if not (m.softcap or m.has_run_time_mask or m.sinks):
            places.append("masked scores")
        place = self.c.pick("scale", places) if m.scale != 1 else "scores"
        root = math.sqrt(m.scale)
        self.scales = {"q": root, "k": root} if place == "roots" else {place: m.scale}
        self.scaled = set()

    def apply_scale(self, x, by):
        g = self.g
        if by == 1:
            return x
        kind = self.c.pick("scale by", ["scale", "mul", "div", "mul in front"])
        if kind == "scale":
            return g.scale(x, by)
        shape = self.c.pick("scale of shape", [(1,), (), (1, 1)])
        constant = g.full(shape, 1 / by if kind == "div" else by, "f32")
        if kind == "mul in front":
            return g.binary("mul", constant, x)
        return g.binary(kind, x, constant)

    def scaled_operand(self, role, x):
        if not self.scale_at(role) or role in self.scaled:
            return x
        return self.apply_scale(x, self.scale_at(role))

    # Products.
    def together(self):
        m, g, c = self.m, self.g, self.c
        self.place_scale()
        if m.family == "latent":
            q, k, v = self.latent()
        else:
            q, k, v = (self.rotated(role, self.heads_of(role)) for role in ("q", "k", "v"))
        if m.rank < 4:
            q, k = self.scaled_operand("q", q), self.scaled_operand("k", k)
            score = g.matmul(q, g.swap(k))
            return g.matmul(self.probability(score), v)
        if self.is_folded():
            return self.folded(q, k, v)
        score = self.product(q, k)
        probability = self.probability(score)
        if c.pick("sum", self.sums()) == "weighted_sum":
            return self.merged(g.weighted_sum(probability, self.repeat_third("v", v)), first=False)
        return self.merged(g.matmul(probability, self.heads_first("v", v)), first=True)

    def repeat_third(self, role, x):
        return self.grouped(role, x, 2)

    def heads_first(self, role, x):
        """[batch, heads, tokens, size], repeated before or after that."""
        if self.c.flag(f"{role} repeated with heads first"):
            return self.grouped(role, self.g.transpose(x, 0, 2, 1, 3), 1)
        return self.g.transpose(self.grouped(role, x, 2), 0, 2, 1, 3)

    def product(self, q, k):
        g, c = self.g, self.c
        if c.pick("product", ["matmul", "score"]) == "score":
            q, k = self.scaled_operand("q", q), self.scaled_operand("k", k)
            return g.score(q, self.repeat_third("k", k))
        scale_first = c.flag("scaled before the transpose")
        if scale_first:
            q, k = self.scaled_operand("q", q), self.scaled_operand("k", k)
        q = g.transpose(q, 0, 2, 1, 3)
        if c.flag("k transposed at once"):
            k = g.transpose(self.repeat_third("k", k), 0, 2, 3, 1)
            if not scale_first:
                q, k = self.scaled_operand("q", q), self.scaled_operand("k", k)
            return g.matmul(q, k)
        if self.m.group == 1 and c.flag("k transposed before the split"):
            k = g.transpose(g.flatten(k, 2), 0, 2, 1)
            k = g.swap(g.unflatten(k, 1, self.m.kv_heads))
        else:
            k = self.heads_first("k", k)
        if not scale_first:
            q, k = self.scaled_operand("q", q), self.scaled_operand("k", k)
        return g.matmul(q, g.swap(k))

    def sums(self):
        """Keys and values of open sizes have roles by the textbook's steps alone."""
        is_textbook = self.c.pick("product", ["matmul", "score"]) == "score"
        if self.m.dynamic:
            return ["weighted_sum" if is_textbook else "matmul"]
        # Values behind a length hold NaN where the check sees that they are
        # keys, which a matmul does not leave out.
        if self.m.tied and self.m.lengths and is_textbook:
            return ["weighted_sum"]
        # Whether a weight that underflows lets a NaN through is left open.
        if self.trap in FINITE_TRAPS:
            return ["matmul"]
        return ["matmul", "weighted_sum"]

    # Heads folded into the batch, for products of one batch dimension.
    def is_folded(self):
        m = self.m
        can_be = not (m.bias or m.sinks or m.lengths or m.dynamic or self.trap) and not {"full", "heads"} & set(
            m.hiding + m.showing + m.added)
        return can_be and self.c.flag("heads folded into the batch")

    def folded(self, q, k, v):
        m, g = self.m, self.g
        q = g.flatten(g.transpose(self.scaled_operand("q", q), 0, 2, 1, 3), 0)
        k = g.flatten(self.heads_first("k", self.scaled_operand("k", k)), 0)
        v = g.flatten(self.heads_first("v", v), 0)
        out = g.matmul(self.probability(g.matmul(q, g.swap(k)), rank=3), v)
        return self.merged(g.unflatten(out, 0, m.batch), first=True)

    def merged(self, out, first):
        g = self.g
        if first:
            out = g.transpose(out, 0, 2, 1, 3)
        return g.flatten(out, 2) if self.m.family != "heads" else out

    # Stacked heads.
    def is_stacked(self):
        m = self.m
        can_be = (m.family in ("rows", "cross") and m.rank == 4 and m.group == 1
                  and not (m.dynamic and m.band or m.norm or m.rope or m.bias or m.sinks or m.lengths)
                  and not {"full", "heads"} & set(m.hiding + m.showing + m.added))
        return can_be and self.c.flag("stacked heads")

    def stacked(self):
        m, g = self.m, self.g
        self.place_scale()
        outputs = []
        for head in range(m.kv_heads):
            self.scaled = set()
            parts = []
            for role, size in (("q", m.dim), ("k", m.dim), ("v", m.value_dim)):
                labels, bias = self.weights(role)
                rows = slice(head * size, (head + 1) * size)
                x = self.linear(self.source(role), f"{role}.{head}", labels[rows], None if bias is None else bias[rows])
                parts.append(self.scaled_operand(role, x))
            score = g.matmul(parts[0], g.swap(parts[1]))
            outputs.append(g.matmul(self.probability(score, rank=3), parts[2]))
        return g.concat(outputs, 2)

    # Scores.
    def probability(self, score, rank=None):
        m, g = self.m, self.g
        rank = rank or m.rank
        if self.c.flag("dead scores"):
            g.scale(score, 2.0)
        if self.scale_at("scores"):
            score = self.apply_scale(score, self.scale_at("scores"))
        if self.trap == "mask before softcap":
            score = self.banded(score, rank)
        if m.softcap:
            score = self.capped(score)
        if self.trap == "capped twice":
            score = g.softcap(score, 1.5)
        if m.bias and self.trap == "bias before the scale":
            return self.softmax(g.scale(g.position_bias(score, f"#attn.alibi<distance = {m.bias}>"), 0.5), rank)
        if m.bias:
            score = g.position_bias(score, f"#attn.alibi<distance = {m.bias}>")
        for step in self.mask_steps(rank):
            score = step(score)
        if self.trap == "scale behind a finite fill":
            score = g.scale(score, 1e-33)
        if self.trap == "negative scale behind the mask":
            score = g.scale(score, -1.0)
        if self.trap == "scores times scores":
            score = g.binary("mul", score, score)
        if self.scale_at("masked scores"):
            score = self.apply_scale(score, self.scale_at("masked scores"))
        return self.softmax(score, rank)

    def capped(self, score):
        g, cap = self.g, self.m.softcap
        kind = self.c.pick("softcap", ["softcap", "tanh", "scaled"])
        if kind == "softcap":
            return g.softcap(score, cap)
        if kind == "scaled":
            return g.scale(g.softcap(g.scale(score, 0.25), 0.25 * cap), 4.0)
        return self.apply_scale(g.unary("tanh", self.apply_scale(score, 1 / cap)), cap)

    def softmax(self, score, rank):
        g, m = self.g, self.m
        if self.trap == "wrong axis":
            return g.softmax_over(score, rank - 2)
        if self.trap == "axis of heads":
            return g.softmax_over(score, 1)
        if self.trap == "probabilities used twice":
            p = g.softmax_over(score)
            return g.binary("add", p, g.sum(p, rank - 2))
        if self.trap == "sum of other rows":
            p = g.binary("mul", g.softmax_over(score), self.band_tensor("f32", shows=True))
            return g.binary("div", p, g.sum(p, rank - 2))
        if m.sinks:
            return g.softmax_over(score, sinks=g.argument("sinks", (m.heads,)))
        kinds = ["softmax", "dim"]
        if self.renormalises(rank):
            kinds = ["softmax"]
        elif not (m.lengths or m.dynamic):
            kinds += ["linalg", "spelled out"]
        kind = self.c.pick("softmax", kinds)
        if kind == "dim":
            return g.softmax_over(score, rank - 1)
        if kind == "linalg":
            return g.linalg_softmax(score)
        if kind == "spelled out":
            return g.spelled_softmax(score)
        p = g.softmax_over(score)
        return self.renormalised(p, rank) if self.renormalises(rank) else p

    def named(self, choice):
        """The choice by another name where keys are values too."""
        return f"{choice} of tied keys" if self.m.tied else choice

    # Masks.
    def renormalises(self, rank):
        m = self.m
        can_be = m.band and not (m.has_run_time_mask or m.sinks or m.has_blind_row)
        return bool(can_be and self.trap is None and self.c.pick(self.named("band"), self.band_kinds(rank)) == "renormalised")

    def renormalised(self, p, rank):
        g = self.g
        kind = self.c.pick("zeroed by", ["mul", "fill", "where"])
        if kind == "mul":
            z = g.binary("mul", p, self.band_tensor("f32", shows=True))
        elif kind == "fill":
            z = g.masked_fill(p, self.band_tensor("i1", shows=False), 0)
        else:
            z = g.where(self.band_tensor("i1", shows=True), p, g.full((1,), 0, "f32"))
        return g.binary("div", z, g.sum(z, rank - 1))

    def band_kinds(self, rank):
        m = self.m
        if m.dynamic:
            return ["symbol"]
        kinds = ["fill", "where", "where not", "added", "added fill", "added where", "joined"]
        if rank == 4 and not m.bias:
            kinds.append("symbol")
        if not (m.has_run_time_mask or m.has_blind_row or m.sinks):
            kinds.append("renormalised")
            kinds += ["finite fill", "finite where", "finite added", "finite product", "finite difference"]
        return kinds

    def side(self, diagonal, above, value, element):
        """A triangle of the scores' sizes, of a larger constant or not."""
        g, m = self.g, self.m
        op = "triu" if above else "tril"
        if self.c.pick("registered", ["exact", "registered"]) == "exact":
            return g.triangle(op, g.full((m.queries, m.keys), value, element), diagonal)
        row = max(diagonal - (m.keys - m.queries), 0) if self.c.flag("registered further down") else 0
        size = max(m.queries + row, m.keys) + 3
        # Element (i + row, j) lies on diagonal j - i - row.
        big = g.triangle(op, g.full((size, size), value, element), diagonal - row)
        return g.slice(g.slice(big, 0, row, m.queries), 1, 0, m.keys)

    def limits(self):
        """Rows see the diagonals above the first and below the second."""
        m = self.m
        shift = m.keys - m.queries if m.band.bottom_right else 0
        low = None if m.band.left is None else shift - m.band.left
        high = None if m.band.right is None else shift + m.band.right
        if self.trap == "other diagonal":
            low, high = (low, high + 1) if high is not None else (low - 1, high)
        return low, high

    def band_tensor(self, element, shows):
        """1 or true where keys are seen, or hidden."""
        g, (low, high) = self.g, self.limits()
        if element == "f32":
            parts = []
            if high is not None:
                parts.append(self.side(high - 1, False, 1, "f32"))
            if low is not None:
                parts.append(self.side(low + 1, True, 1, "f32"))
            shown = parts[0] if len(parts) == 1 else g.binary("mul", *parts)
            return shown if shows else g.binary("sub", g.full((1,), 1, "f32"), shown)
        negate = self.c.flag("band negated")
        direct = shows != negate
        parts = []
        if high is not None:
            parts.append(self.side(high - 1, False, True, "i1") if direct else self.side(high, True, True, "i1"))
        if low is not None:
            parts.append(self.side(low + 1, True, True, "i1") if direct else self.side(low, False, True, "i1"))
        if len(parts) == 2:
            if self.c.flag("band swapped"):
                parts.reverse()
            parts = [g.binary("and" if direct else "or", *parts)]
        return g.unary("not", parts[0]) if negate else parts[0]

    def widened(self, mask, rank):
        """The same mask with more dimensions in front, or as it is."""
        if rank > 2 and self.c.flag("band has scores' rank"):
            for _ in range(rank - 2):
                mask = self.g.expand(mask, 0, 1)
        return mask

    def finite(self):
        m = self.m
        fill = LOWEST if not m.softcap else self.c.pick("finite", [LOWEST, -1e9])
        return -20.0 if self.trap == "small fill" else fill

    def banded(self, score, rank):
        g, m = self.g, self.m
        kinds = self.band_kinds(rank)
        if self.trap in FINITE_TRAPS:
            kinds = ["finite fill", "finite where", "finite added"]
        elif self.trap and not m.dynamic:
            kinds = ["fill", "where", "added"]
        kind = self.c.pick(self.named("band"), kinds)
        if kind == "renormalised":
            return score
        if kind == "symbol":
            return g.symbolic_mask(score, self.symbol())
        if self.trap == "transposed band":
            return g.masked_fill(score, g.step("transpose", [self.band_tensor("i1", False)], (m.keys, m.queries),
                                               "permutation = array<i64: 1, 0>", "i1"), INFINITY)
        shown = lambda: self.widened(self.band_tensor("i1", True), rank)
        hidden = lambda: self.widened(self.band_tensor("i1", False), rank)
        constant = lambda value: g.full((1,), value, "f32")
        fill = self.finite() if kind.startswith("finite") else INFINITY
        kind = kind.removeprefix("finite ")
        if kind == "fill":
            return g.masked_fill(score, hidden(), fill)
        if kind == "where":
            return g.where(shown(), score, constant(fill))
        if kind == "where not":
            return g.where(hidden(), constant(fill), score)
        if kind == "product":
            return self.sum(score, self.widened(g.binary("mul", self.band_tensor("f32", False), constant(fill)), rank))
        if kind == "difference":
            hidden = self.widened(self.band_tensor("f32", False), rank)
            return g.binary("sub", score, g.binary("mul", hidden, constant(-fill)))
        return self.sum(score, self.widened(self.added_band(kind, fill), rank))

    def added_band(self, kind, fill):
        g, m = self.g, self.m
        low, high = self.limits()
        if kind == "added" and (low is None or high is None):
            diagonal, above = (high, True) if low is None else (low, False)
            return self.side(diagonal, above, fill, "f32")
        if kind == "added where":
            return g.where(self.band_tensor("i1", True), g.full((m.queries, m.keys), 0, "f32"), g.full((1,), fill, "f32"))
        return g.masked_fill(g.full((m.queries, m.keys), 0, "f32"), self.band_tensor("i1", False), fill)

    def sum(self, score, added):
        return self.g.binary("add", added, score) if self.c.flag("mask in front") else self.g.binary("add", score, added)

    def symbol(self):
        m = self.m
        if m.band is None:
            return "#attn.bidirectional"
        alignment = "" if m.band.bottom_right else "alignment = top_left"
        if m.band.is_causal:
            return f"#attn.causal<{alignment}>" if alignment else "#attn.causal"
        left, right = (UNBOUNDED if side is None else side for side in (m.band.left, m.band.right))
        return f"#attn.window<left = {left}, right = {right}{', ' + alignment if alignment else ''}>"

    def tensor_mask(self, kind, element, role, rank):
        """A mask argument, aligned with scores of this rank."""
        g, m = self.g, self.m
        if kind == "matrix":
            return g.argument(f"{role}.matrix", (m.queries, m.keys), element)
        if kind == "heads":
            return g.argument(f"{role}.heads", (m.heads, m.queries, m.keys), element)
        if kind == "full":
            return g.argument(f"{role}.full", (m.batch, 1, m.queries, m.keys), element)
        mask = g.expand(g.argument(f"{role}.padding", (m.batch, m.keys), element), 1, 1)
        if rank == 3 and m.rank == 4 and not self.is_stack:
            return self.repeated_mask(mask)
        if rank == 3:
            return mask
        return g.expand(mask, self.c.pick("padding expanded", [1, 2]), 1)

    def repeated_mask(self, mask):
        """[batch, 1, keys] for each head of a folded batch."""
        g = self.g
        wide = g.expand(mask, 1, self.m.heads)
        return g.step("flatten", [wide], (wide.shape[0] * wide.shape[1], *wide.shape[2:]), "dim = 0", wide.element)

    def mask_steps(self, rank):
        """One function of the scores for each mask, in some order."""
        m, g, c = self.m, self.g, self.c
        steps, conditions = [], []
        if m.band and self.trap != "mask before softcap":
            if not m.lengths:
                kind = c.pick(self.named("band"), self.band_kinds(rank)) if not self.trap else ""
                if kind == "joined" and (m.hiding or m.showing):
                    conditions.append(lambda: self.band_tensor("i1", False))
                else:
                    steps.append(lambda s: self.banded(s, rank))
        for kind in m.added:
            steps.append(lambda s, kind=kind: self.sum(s, self.tensor_mask(kind, "f32", "added", rank)))
        for kind in m.hiding:
            conditions.append(lambda kind=kind: self.tensor_mask(kind, "i1", "hiding", rank))
        for kind in m.showing:
            conditions.append(lambda kind=kind: g.unary("not", self.tensor_mask(kind, "i1", "showing", rank)))
        if conditions and c.flag("conditions joined") or len(conditions) > len(m.hiding + m.showing):
            steps.append(lambda s: self.hide(s, self.join(conditions)))
        else:
            steps += [lambda s, one=one: self.hide(s, one()) for one in conditions]
        order = c.pick("mask order", ["written", "reversed"])
        if order == "reversed":
            steps.reverse()
        if m.lengths:
            lengths = g.argument("lengths", (m.batch,), "i32")
            if m.band:
                if c.pick("band of lengths", ["symbol", "fill"]) == "fill":
                    steps.append(lambda s: g.masked_fill(s, self.band_tensor("i1", False), INFINITY))
                    steps.append(lambda s: g.symbolic_mask(s, "#attn.bidirectional", lengths))
                    return steps
            steps.append(lambda s: g.symbolic_mask(s, self.symbol(), lengths))
        return steps

    def join(self, conditions):
        g = self.g
        values = [one() for one in conditions]
        if self.c.flag("conditions swapped"):
            values.reverse()
        if self.c.flag("conditions shown"):
            values = [g.unary("not", value) for value in values]
            joined = values[0]
            for value in values[1:]:
                joined = g.binary("and", joined, value)
            return g.unary("not", joined)
        joined = values[0]
        for value in values[1:]:
            joined = g.binary("or", joined, value)
        return joined

    def hide(self, score, condition):
        g = self.g
        kind = self.c.pick(self.named("hidden by"), ["fill", "where", "where not", "added"])
        if kind == "fill":
            return g.masked_fill(score, condition, INFINITY)
        minus = g.full((1,), INFINITY, "f32")
        if kind == "where":
            return g.where(condition, minus, score)
        if kind == "where not":
            return g.where(g.unary("not", condition), score, minus)
        return self.sum(score, g.masked_fill(g.full(condition.shape, 0, "f32"), condition, INFINITY))
