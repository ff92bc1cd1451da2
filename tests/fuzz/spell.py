"""Writes one meaning in a random spelling."""
import dataclasses
import math
import re

from spell_masks import FINITE_TRAPS, MaskSpeller
from spell_projections import ProjectionSpeller, logical
from writer import Writer

# Sizes that stand for open ones, and their multiples too.
OPEN = {"batch": 1000003, "queries": 1000033, "keys": 1000037}


def opened(text):
    """The text with open sizes in its types."""
    def size(match):
        return "?x" if any(int(match[1]) % prime == 0 for prime in OPEN.values()) else match[0]
    return re.sub(r"(?<=[<x])(\d+)x", size, text)


class Speller(ProjectionSpeller, MaskSpeller):
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
        can_be = not (m.bias or m.sinks or m.looks or m.dynamic or self.trap) and not {"full", "heads"} & set(
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
                  and not (m.dynamic and m.band or m.norm or m.rope or m.bias or m.sinks or m.looks)
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
            return self.softmax(g.scale(self.biased(score), 0.5), rank)
        if m.bias:
            score = self.biased(score)
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

    def biased(self, score):
        g, m = self.g, self.m
        lengths = g.argument("lengths", (m.batch,), "i32") if m.lengths else None
        if m.bias != "buckets":
            return g.position_bias(score, f"#attn.alibi<distance = {m.bias}>", lengths)
        table = g.argument("bucket table", (8, m.heads))
        return g.position_bias(score, "#attn.buckets<count = 8, max_distance = 6>", lengths, table)

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
        elif not (m.looks or m.dynamic):
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
