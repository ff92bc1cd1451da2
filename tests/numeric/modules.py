"""Attention modules of model families in NumPy, as their papers and papers' code
describe them: a whole sequence at once, without a cache.

In float64 a module is the reference, in float32 the naive evaluation, which keeps
what a cache would hold as it is stored. Weights are called as in checkpoints,
without the parts that lead to a layer.
"""
import dataclasses
from typing import Optional

import numpy as np
from biases import Alibi, Buckets
from rotations import Rope


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + x.dtype.type(eps)) * weight


def attention(q, k, v, scale, softcap=None, window=None, sinks=None, starts=(0, 0), bias=None, document=None):
    """[B,T,H,D] over keys at the same places; each sequence begins at its start, each of its
    documents `document` rows after the one before."""
    kind = q.dtype.type
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], axis=2) for x in (k, v))
    scores = np.einsum("bihd,bjhd->bhij", q, k) * kind(scale)
    if softcap:
        scores = kind(softcap) * np.tanh(scores / kind(softcap))
    row, key = np.arange(q.shape[1])[:, None], np.arange(q.shape[1])[None]
    if bias:
        scores = scores + np.stack([bias.at(q.shape[2], row - s, key - s, scale) for s in starts]).astype(kind)
    seen = (key <= row) & (key > row - (window or 1 << 30))
    starts = np.array(starts)[:, None, None]
    seen = seen & (key >= starts)
    if document:
        seen &= (key - starts) // document == (row - starts) // document
    seen = seen[:, None]
    scores = np.where(seen, scores, kind(-np.inf))
    sinks = np.full(q.shape[2], -np.inf, kind) if sinks is None else sinks
    sink = sinks.reshape(1, -1, 1, 1)
    largest = np.maximum(np.maximum(scores.max(-1, keepdims=True), sink), kind(-1e30))
    weights = np.exp(scores - largest)
    total = weights.sum(-1, keepdims=True) + np.exp(sink - largest)
    weights = weights / np.where(total == 0, 1, total)
    return np.einsum("bhij,bjhd->bihd", weights, v)


def as_it_is(held):
    return held


def heads_of(rows, heads):
    return rows.reshape(*rows.shape[:-1], heads, rows.shape[-1] // heads)


@dataclasses.dataclass(frozen=True)
class Grouped:
    """Query heads that share keys and values."""

    hidden: int
    heads: int
    kv_heads: int
    size: int
    rope: Optional[Rope] = None
    window: Optional[int] = None
    scale: Optional[float] = None
    softcap: Optional[float] = None
    sinks: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    norm_offset: Optional[float] = None  # None: no norms of queries and keys
    value_norm: str = ""  # "weighted" or "weightless"
    alibi: Optional[Alibi] = None
    buckets: Optional[Buckets] = None
    query_gate: bool = False  # q_proj makes for each head its query and its gate
    head_gate: bool = False  # g_proj makes, with a bias, one gate for each head
    packed: Optional[str] = None
    grouped: bool = False
    output: str = "o_proj"
    input_major: bool = False
    document: Optional[int] = None  # rows of each document
    caches = ("key", "value")

    def shapes(self):
        widths = [self.heads * self.size * (2 if self.query_gate else 1),
                  self.kv_heads * self.size, self.kv_heads * self.size]
        names = ["q_proj", "k_proj", "v_proj"]
        if self.packed:
            names, widths = [self.packed], [sum(widths)]
        linears = [(n, w, self.hidden, self.qkv_bias) for n, w in zip(names, widths)]
        linears.append((self.output, self.hidden, self.heads * self.size, self.output_bias))
        shapes = {}
        for name, outputs, inputs, has_bias in linears:
            major = (inputs, outputs) if self.input_major else (outputs, inputs)
            shapes |= {f"{name}.weight": major} | ({f"{name}.bias": (outputs,)} if has_bias else {})
        if self.norm_offset is not None:
            shapes |= {"q_norm.weight": (self.size,), "k_norm.weight": (self.size,)}
        if self.value_norm == "weighted":
            shapes["v_norm.weight"] = (self.size,)
        if self.head_gate:
            shapes |= {"g_proj.weight": (self.heads, self.hidden), "g_proj.bias": (self.heads,)}
        if self.buckets:
            shapes |= {"bias_table": (self.buckets.count, self.heads)}
        return shapes | ({"sinks": (self.heads,)} if self.sinks else {})

    def linear(self, w, name, x):
        weight = w[f"{name}.weight"]
        return x @ (weight if self.input_major else weight.T)

    def split(self, rows):
        """Rows of the three projections, or of the one, as heads."""
        if not self.packed:
            parts = [heads_of(x, n) for x, n in zip(rows, (self.heads, self.kv_heads, self.kv_heads))]
            both = parts[0]
            gates = [both[..., self.size:]] if self.query_gate else []
            return [both[..., :self.size], *parts[1:], *gates]
        group = self.heads // self.kv_heads
        if self.grouped:  # each key/value head: its queries, its key, its value
            parts = rows[0].reshape(*rows[0].shape[:-1], self.kv_heads, group + 2, self.size)
            query = parts[..., :group, :]
            return [query.reshape(*rows[0].shape[:-1], self.heads, self.size),
                    parts[..., group, :], parts[..., group + 1, :]]
        heads = heads_of(rows[0], self.heads + 2 * self.kv_heads)
        return np.split(heads, [self.heads, self.heads + self.kv_heads], axis=-2)

    def project(self, w, x):
        """Queries, keys and values without their biases."""
        names = [self.packed] if self.packed else ["q_proj", "k_proj", "v_proj"]
        parts = self.split([self.linear(w, name, x) for name in names])
        if self.head_gate:
            parts.append(self.linear(w, "g_proj", x)[..., None])
        return dict(zip(("query", "key", "value", "gate"), parts))

    def arrange(self, w, rows, positions):
        """Queries, keys and values as the layer attends with them, then what the output is gated by."""
        names = [self.packed] if self.packed else ["q_proj", "k_proj", "v_proj"]
        parts = list(rows.values())
        if self.qkv_bias:
            biases = self.split([w[f"{n}.bias"] for n in names])
            parts = [x + b for x, b in zip(parts, biases)] + parts[len(biases):]
        q, k, v = parts[:3]
        if self.norm_offset is not None:
            q, k = (rms_norm(x, w[f"{n}.weight"] + x.dtype.type(self.norm_offset), 1e-6)
                    for x, n in ((q, "q_norm"), (k, "k_norm")))
        if self.value_norm:
            v = rms_norm(v, w.get("v_norm.weight", v.dtype.type(1)), 1e-6)
        if self.rope:
            q, k = (self.rope.rotate(x, positions) for x in (q, k))
        return q, k, v, *parts[3:]

    def cached(self, w, rows, positions):
        return dict(zip(self.caches, self.arrange(w, rows, positions)[1:]))

    def attend(self, w, rows, positions, starts, keep_key=as_it_is, keep_value=as_it_is):
        q, k, v, *gates = self.arrange(w, rows, positions)
        output = attention(q, keep_key(k), keep_value(v), self.scale or self.size ** -0.5, self.softcap, self.window,
                           w.get("sinks"), starts, self.bias(w), self.document)
        if self.head_gate:
            return output * np.tanh(gates[0] + w["g_proj.bias"][:, None])
        return output / (1 + np.exp(-gates[0])) if self.query_gate else output

    def bias(self, w):
        return dataclasses.replace(self.buckets, table=w["bias_table"]) if self.buckets else self.alibi

    def out(self, w, heads):
        rows = self.linear(w, self.output, heads.reshape(*heads.shape[:2], heads.shape[2] * heads.shape[3]))
        return rows + w[f"{self.output}.bias"] if self.output_bias else rows


@dataclasses.dataclass(frozen=True)
class Latent:
    """Multi-head latent attention; a compressed query if there is a rank."""

    hidden: int
    heads: int
    query_rank: Optional[int]
    kv_rank: int
    nope: int
    rope_size: int
    value: int
    rope: Rope
    scale: Optional[float] = None
    bias: bool = False
    window: Optional[int] = None
    document: Optional[int] = None
    caches = ("latent", "rope_key")

    def shapes(self):
        queries = self.heads * (self.nope + self.rope_size)
        linears = [("kv_a_proj_with_mqa", self.kv_rank + self.rope_size, self.hidden, self.bias),
                   ("kv_b_proj", self.heads * (self.nope + self.value), self.kv_rank, False),
                   ("o_proj", self.hidden, self.heads * self.value, self.bias)]
        if self.query_rank:
            linears += [("q_a_proj", self.query_rank, self.hidden, self.bias),
                        ("q_b_proj", queries, self.query_rank, False)]
        else:
            linears.append(("q_proj", queries, self.hidden, False))
        shapes = {"kv_a_layernorm.weight": (self.kv_rank,)}
        if self.query_rank:
            shapes["q_a_layernorm.weight"] = (self.query_rank,)
        for name, outputs, inputs, has_bias in linears:
            shapes |= {f"{name}.weight": (outputs, inputs)}
            shapes |= {f"{name}.bias": (outputs,)} if has_bias else {}
        return shapes

    def project(self, w, x):
        def linear(name, rows):
            return rows @ w[f"{name}.weight"].T + w.get(f"{name}.bias", x.dtype.type(0))
        query = linear("q_b_proj", rms_norm(linear("q_a_proj", x), w["q_a_layernorm.weight"], 1e-6)
                       ) if self.query_rank else linear("q_proj", x)
        return {"query": heads_of(query, self.heads),
                "latent_and_rope_key": linear("kv_a_proj_with_mqa", x)}

    def cached(self, w, rows, positions):
        both = rows["latent_and_rope_key"]
        return {"latent": rms_norm(both[..., :self.kv_rank], w["kv_a_layernorm.weight"], 1e-6),
                "rope_key": self.rope.rotate(both[..., None, self.kv_rank:], positions)[..., 0, :]}

    def attend(self, w, rows, positions, starts, keep_key=as_it_is, keep_value=as_it_is):
        query, (latent, shared) = rows["query"], self.cached(w, rows, positions).values()
        latent, shared = keep_value(latent), keep_key(shared)[..., None, :]
        expanded = heads_of(latent @ w["kv_b_proj.weight"].T, self.heads)
        key = np.concatenate([expanded[..., :self.nope], np.repeat(shared, self.heads, axis=2)], -1)
        turned = self.rope.rotate(query[..., self.nope:], positions)
        query = np.concatenate([query[..., :self.nope], turned], -1)
        return attention(query, key, expanded[..., self.nope:],
                         self.scale or (self.nope + self.rope_size) ** -0.5, window=self.window, starts=starts,
                         document=self.document)

    def out(self, w, heads):
        rows = heads.reshape(*heads.shape[:2], heads.shape[2] * heads.shape[3]) @ w["o_proj.weight"].T
        return rows + w.get("o_proj.bias", rows.dtype.type(0))


def evaluate(module, weights, hidden, positions, starts, kind=np.float64):
    w = {name: tensor.astype(kind) for name, tensor in weights.items()}
    rows = module.project(w, hidden.astype(kind))
    return module.out(w, module.attend(w, rows, positions, starts))
