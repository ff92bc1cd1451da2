"""Attention in NumPy, written from the semantics and from nothing else.

`attend` in float64 is the reference. In float32 it is the naive evaluation of
item 13: scores, softmax and weighted sum in float32, sums in ascending order,
the output rounded once to what it is stored in.
"""
import dataclasses
from typing import Optional

import numpy as np

from storage import keep


@dataclasses.dataclass(frozen=True)
class Layer:
    """What a declared layer says, as far as the core scope needs it."""

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: Optional[int] = None
    mask: str = "causal"  # bidirectional, causal, window, chunk, prefix, document, or some with +
    left: Optional[int] = None
    right: Optional[int] = None
    chunk: Optional[int] = None
    top_left: bool = False
    scale: Optional[float] = None
    softcap: Optional[float] = None
    sinks: bool = False
    # Latent attention, absorbed: the last elements of the one key head, whose
    # first ones, the latent, are the value.
    rope_dim: int = 0
    # Latent attention, expanded: the elements of a key that do not rotate.
    nope_dim: int = 0
    # Of queries, sinks and outputs, of keys and of values.
    storage: tuple = ("f32", "f32", "f32")
    # The type of a mask that calls bring, and what it has several of: batch, heads, rows.
    operand: str = ""
    spread: str = "bhr"

    @property
    def values(self):
        return self.value_dim or self.head_dim

    @property
    def factor(self):
        return self.scale if self.scale is not None else self.head_dim ** -0.5

    @property
    def masks(self):
        return self.mask.split("+")

    def mask_text(self):
        texts = [self.one_mask_text(mask) for mask in self.masks]
        return texts[0] if len(texts) == 1 else f"#attn.all<[{', '.join(texts)}]>"

    def one_mask_text(self, mask):
        words = []
        if mask == "window":
            sides = {"left": self.left, "right": self.right}
            words += [f"{side} = {keys}" for side, keys in sides.items() if keys]
        if mask == "chunk":
            words.append(f"size = {self.chunk}")
        if self.top_left:
            words.append("alignment = top_left")
        return f"#attn.{mask}" + (f"<{', '.join(words)}>" if words else "")

    def arguments(self, tensors):
        """The tensors under the names of the call."""
        if not self.rope_dim:
            return tensors
        rows = tensors["key"][:, :, 0]
        rest = {name: tensor for name, tensor in tensors.items() if name not in ("key", "value")}
        return {**rest, "latent": rows[..., :self.values], "rope_key": rows[..., self.values:]}

    def stored_in(self, name):
        """The type of a tensor."""
        return {"key": self.storage[1], "value": self.storage[2], "lse": "f32",
                "mask": self.operand}.get(name, self.storage[0])

    def storage_text(self):
        parts = zip(("activation", "key", "value"), self.storage)
        return f"#attn.storage<{', '.join(f'{part} = {kind}' for part, kind in parts)}>"

    def value(self, tensors):
        return tensors["key"][..., :self.values] if self.rope_dim else tensors["value"]

    def operand_text(self):
        return [f"mask_operand = {self.operand.replace('bool', 'i1')}"] if self.operand else []

    def mlir_latent(self, name):
        sizes = {"kv_rank": self.values, "nope_dim": 8, "rope_dim": self.rope_dim, "value_dim": 4}
        if self.nope_dim:
            sizes = {"kv_rank": 4, "nope_dim": self.nope_dim, "rope_dim": self.head_dim - self.nope_dim,
                     "value_dim": self.values}
        fields = ["hidden = 64", f"heads = {self.heads}", *(f"{size} = {n}" for size, n in sizes.items()),
                  "layers = array<i64: 0>", f"scale = {self.factor!r}", f"mask = {self.mask_text()}",
                  *self.operand_text(), f"storage = {self.storage_text()}"]
        return f"attn.latent @{name} {{{', '.join(fields)}}}\n"

    def mlir(self, name):
        if self.rope_dim or self.nope_dim:
            return self.mlir_latent(name)
        fields = [f"hidden = {self.heads * self.head_dim}", f"heads = {self.heads}",
                  f"kv_heads = {self.kv_heads}", f"head_dim = {self.head_dim}"]
        if self.value_dim is not None:
            fields.append(f"value_dim = {self.value_dim}")
        fields += ["layers = array<i64: 0>", f"mask = {self.mask_text()}",
                   f"storage = {self.storage_text()}"]
        if self.scale is not None:
            fields.append(f"scale = {self.scale!r}")
        if self.softcap is not None:
            fields.append(f"softcap = {self.softcap!r}")
        if self.sinks:
            fields.append("sinks")
        fields += self.operand_text()
        return f"attn.grouped @{name} {{{', '.join(fields)}}}\n"


def visible(layer, queries, keys, length, prefix=0, documents=None):
    """[queries, keys] booleans: does query i see key j?"""
    row = np.arange(queries)[:, None]
    key = np.arange(keys)[None, :]
    position = row if layer.top_left else row + length - queries
    seen = np.broadcast_to(key < length, (queries, keys)).copy()
    if "causal" in layer.masks:
        seen &= key <= position
    if "window" in layer.masks and layer.left:
        seen &= position - layer.left < key
    if "window" in layer.masks and layer.right:
        seen &= key < position + layer.right
    if "chunk" in layer.masks:
        seen &= (key <= position) & (key // layer.chunk == position // layer.chunk)
    if "prefix" in layer.masks:
        seen &= (key <= position) | (key < prefix)
    if "document" in layer.masks and length:
        stands = (position >= 0) & (position < length)
        seen &= stands & (documents[np.clip(position, 0, length - 1)] == documents[None, :])
    return seen


def added_by(mask, batch, keys):
    """What a mask of [batch, heads, rows, keys], any of them but the last 1, adds to one sequence."""
    one = mask[batch if mask.shape[0] > 1 else 0, :, :, :keys]
    return np.where(one, 0.0, -np.inf) if mask.dtype == bool else one


def scores_of(query, key, kind):
    """[heads, queries, keys] products, summed over the head in ascending order."""
    total = np.zeros((query.shape[1], query.shape[0], key.shape[0]), kind)
    for d in range(query.shape[2]):
        total += query[:, :, d].T[:, :, None] * key[:, :, d].T[:, None, :]
    return total


def weigh(scores, seen, sink):
    """Probabilities and lse of [heads, queries, keys] scores."""
    kind = scores.dtype.type
    scores = np.where(seen, scores, kind(-np.inf))
    largest = np.max(scores, axis=2, initial=-np.inf)
    sink = np.full(scores.shape[0], -np.inf, kind) if sink is None else sink.astype(kind)
    largest = np.maximum(largest, sink[:, None])  # keeps NaN
    empty = largest == -np.inf
    shift = np.where(empty, kind(0), largest)
    weights = np.exp(scores - shift[:, :, None])
    denominator = np.zeros(largest.shape, kind)
    for key in range(scores.shape[2]):
        denominator += weights[:, :, key]
    denominator += np.exp(sink[:, None] - shift)
    with np.errstate(divide="ignore"):
        lse = np.where(empty, kind(-np.inf), shift + np.log(denominator))
    safe = np.where(empty, kind(1), denominator)
    return weights / safe[:, :, None], lse


def attend_one(layer, query, key, value, length, looked_at, added, sink, kind):
    """One sequence: [S,H,D], [T,Hk,D], [T,Hk,V] -> [S,H,V], [S,H], max |score|."""
    group = layer.heads // layer.kv_heads
    seen = visible(layer, query.shape[0], key.shape[0], length, *looked_at)
    # Keys beyond the length are not read.
    query, key, value = (x.astype(kind) for x in (query, key[:length], value[:length]))
    seen = seen[:, :length]
    key, value = (np.repeat(x, group, axis=1) for x in (key, value))
    scores = scores_of(query, key, kind) * kind(layer.factor)
    if layer.softcap is not None:
        scores = kind(layer.softcap) * np.tanh(scores / kind(layer.softcap))
    seen = np.broadcast_to(seen, scores.shape)
    if added is not None:
        scores, seen = scores + added.astype(kind), seen & (added != -np.inf)
    finite = np.abs(scores[seen & np.isfinite(scores)])
    weights, lse = weigh(scores, seen, sink)
    output = np.zeros((layer.heads, query.shape[0], layer.values), kind)
    for j in range(length):
        weight = weights[:, :, j, None]
        product = weight * value[j][:, None, :]
        # A key of weight 0 brings in nothing but a NaN that the row sees.
        silent = (weight == 0) & ~(seen[:, :, j, None] & np.isnan(value[j][:, None, :]))
        output += np.where(silent, kind(0), product)
    return output.transpose(1, 0, 2), lse.T, finite.max(initial=0)


def attend(layer, tensors, kind=np.float64):
    """Output, lse and the largest finite visible score of a batch."""
    query, key, value = tensors["query"], tensors["key"], layer.value(tensors)
    lengths, prefixes = tensors.get("kv_lengths"), tensors.get("prefix_lengths")
    documents = tensors.get("document_ids")
    results = []
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for b in range(query.shape[0]):
            length = key.shape[1] if lengths is None else int(lengths[b])
            prefix = 0 if prefixes is None else int(prefixes[b])
            looked_at = (prefix, None if documents is None else documents[b])
            added = added_by(tensors["mask"], b, length) if layer.operand else None
            results.append(attend_one(layer, query[b], key[b], value[b], length, looked_at, added,
                                      tensors.get("sinks"), kind))
    outputs, lses, largest = zip(*results)
    return np.stack(outputs), np.stack(lses), max(largest)


def tolerances(layer, tensors, expected):
    """Item 13 for output and lse."""
    output, lse, largest = expected
    naive_output, naive_lse, _ = attend(layer, tensors, np.float32)
    naive_output = keep(naive_output, layer.stored_in("output"))
    values = np.abs(layer.value(tensors))
    most = values[np.isfinite(values)].max(initial=0)

    def error(left, right):
        both = np.isfinite(left) & np.isfinite(right)
        return np.abs(left[both] - right[both]).max(initial=0)

    # A sink is a logit of the lse as the scores are.
    logit = max(largest, np.abs(tensors.get("sinks", np.zeros(1))).max())
    return (2 * error(output, naive_output) + 1e-5 + 2.0 ** -23 * largest * most,
            2 * error(lse, naive_lse) + 1e-5 + 2.0 ** -23 * logit)
