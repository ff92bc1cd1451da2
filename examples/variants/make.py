#!/usr/bin/env python3
"""Prints attention modules as a person writes them in a framework: graphs of
the attn dialect for `attnc compile --require-fused`.

    make.py NAME [--like TENSORS.safetensors] [--heads H] [--kv-heads K]

Widths and lengths are those of the tensors in the file, in.* and weight.*, or
of a small module without one. Arguments bear the tensors' names and the result
is `out`, so that `attnc run DIR --in TENSORS.safetensors` needs nothing else.
"""
import argparse
import math
import sys

from graph import Graph


def attend(g, q, k, v, scale, mask=None):
    """softmax(mask(scale * q k^T)) v for [..., tokens, width]."""
    score = g.matmul(q, g.swap(k))
    if scale != 1:
        score = g.scale(score, scale)
    if mask:
        score = mask(score)
    return g.matmul(g.softmax(score), v)


def causal(g):
    """A registered mask, longer than the sequence and cut to it, filled in."""
    def mask(score):
        queries, keys = score.shape[-2:]
        longest = max(1024, queries, keys)
        future = g.triangle("triu", g.full((longest, longest), True, "i1"), 1)
        future = g.slice(g.slice(future, 0, 0, queries), 1, 0, keys)
        return g.masked_fill(score, future, -math.inf)
    return mask


def split(g, x, heads):
    """[batch, tokens, width] -> [batch, heads, tokens, head size]"""
    return g.transpose(g.unflatten(x, 2, heads), 0, 2, 1, 3)


def merge(g, context):
    """[batch, heads, tokens, head size] -> [batch, tokens, width]"""
    return g.flatten(g.transpose(context, 0, 2, 1, 3), 2)


# Section 1: attention of x with itself.
def no_weights(g, heads, kv_heads):
    x = g["in.x"]
    return attend(g, x, x, x, 1)


# Section 2: trainable projections, as matrices [in, out] or linear layers.
def single_head(g, heads, kv_heads):
    q, k, v = (g.matmul(g["in.x"], g[f"weight.{name}"]) for name in ("query", "key", "value"))
    return attend(g, q, k, v, q.shape[-1] ** -0.5)


def single_head_linear_bias(g, heads, kv_heads):
    q, k, v = (g.linear(g["in.x"], g[f"weight.{name}.weight"], g[f"weight.{name}.bias"])
               for name in ("query", "key", "value"))
    return attend(g, q, k, v, q.shape[-1] ** -0.5)


# Section 3: two spellings of the causal mask.
def causal_minus_inf(g, heads, kv_heads):
    q, k, v = (g.linear(g["in.x"], g[f"weight.{name}"]) for name in ("query", "key", "value"))
    return attend(g, q, k, v, q.shape[-1] ** -0.5, causal(g))


def causal_renormalised(g, heads, kv_heads):
    q, k, v = (g.linear(g["in.x"], g[f"weight.{name}"]) for name in ("query", "key", "value"))
    score = g.scale(g.matmul(q, g.swap(k)), q.shape[-1] ** -0.5)
    past = g.triangle("tril", g.full(score.shape[-2:], 1, "f32"), 0)
    weights = g.binary("mul", g.softmax(score), past)
    weights = g.binary("div", weights, g.sum(weights, len(weights.shape) - 1))
    return g.matmul(weights, v)


# Section 4: heads as modules of their own, or cut out of one projection.
def stacked_heads(g, heads, kv_heads):
    contexts = []
    for head in range(heads):
        q, k, v = (g.linear(g["in.x"], g[f"weight.heads.{head}.{name}"]) for name in ("query", "key", "value"))
        contexts.append(attend(g, q, k, v, q.shape[-1] ** -0.5, causal(g)))
    return g.concat(contexts, 2)


def split_heads(g, heads, kv_heads):
    q, k, v = (split(g, g.linear(g["in.x"], g[f"weight.{name}"]), heads) for name in ("query", "key", "value"))
    context = merge(g, attend(g, q, k, v, q.shape[-1] ** -0.5, causal(g)))
    return g.linear(context, g["weight.out_proj.weight"], g["weight.out_proj.bias"])


# Section 5: the blocks of an encoder and a decoder.
def packed_attention(g, prefix, x, memory, heads, mask):
    """Attention with one weight for q, k and v: [3 width, width]."""
    weight, bias = g[f"{prefix}.in_proj_weight"], g[f"{prefix}.in_proj_bias"]
    width = weight.shape[1]

    def part(i, source):
        return g.linear(source, g.slice(weight, 0, i * width, width), g.slice(bias, 0, i * width, width))

    if x is memory:
        packed = g.linear(x, weight, bias)
        q, k, v = (g.slice(packed, 2, i * width, width) for i in range(3))
    else:
        q, k, v = part(0, x), part(1, memory), part(2, memory)
    q, k, v = (split(g, tensor, heads) for tensor in (q, k, v))
    context = merge(g, attend(g, q, k, v, q.shape[-1] ** -0.5, mask))
    return g.linear(context, g[f"{prefix}.out_proj.weight"], g[f"{prefix}.out_proj.bias"])


def key_padding(g, padding):
    """[batch, keys] -> [batch, 1, 1, keys]"""
    return g.expand(g.expand(padding, 1, 1), 2, 1)


def block(g, x, steps, norm_first):
    """Residual steps, each with a norm before it or after it."""
    for i, step in enumerate(steps, 1):
        weight, bias = g[f"weight.norm{i}.weight"], g[f"weight.norm{i}.bias"]
        if norm_first:
            x = g.binary("add", x, step(g.layer_norm(x, weight, bias)))
        else:
            x = g.layer_norm(g.binary("add", x, step(x)), weight, bias)
    return x


def feed_forward(g, activation):
    def step(x):
        hidden = g.linear(x, g["weight.linear1.weight"], g["weight.linear1.bias"])
        return g.linear(g.unary(activation, hidden), g["weight.linear2.weight"], g["weight.linear2.bias"])
    return step


def encoder_layer(g, heads, activation, norm_first):
    def mask(score):
        hidden = g.binary("or", g["in.src_mask"], key_padding(g, g["in.src_key_padding_mask"]))
        return g.masked_fill(score, hidden, -math.inf)

    def attention(x):
        return packed_attention(g, "weight.self_attn", x, x, heads, mask)

    return block(g, g["in.src"], [attention, feed_forward(g, activation)], norm_first)


def decoder_layer(g, heads, activation, norm_first):
    def self_attention(x):
        return packed_attention(g, "weight.self_attn", x, x, heads,
                                lambda score: g.binary("add", score, g["in.tgt_mask"]))

    def cross_attention(x):
        padding = key_padding(g, g["in.memory_key_padding_mask"])
        return packed_attention(g, "weight.multihead_attn", x, g["in.memory"], heads,
                                lambda score: g.masked_fill(score, padding, -math.inf))

    steps = [self_attention, cross_attention, feed_forward(g, activation)]
    return block(g, g["in.tgt"], steps, norm_first)


def encoder_layer_post_norm(g, heads, kv_heads):
    return encoder_layer(g, heads, "relu", False)


def encoder_layer_pre_norm(g, heads, kv_heads):
    return encoder_layer(g, heads, "gelu", True)


def decoder_layer_post_norm(g, heads, kv_heads):
    return decoder_layer(g, heads, "relu", False)


def decoder_layer_pre_norm(g, heads, kv_heads):
    return decoder_layer(g, heads, "gelu", True)


# Section 6: fewer key and value heads, repeated for plain attention.
def grouped(g, memory, heads, kv_heads, repeat, rotate=lambda x: x, mask=None):
    q = g.transpose(rotate(g.unflatten(g.linear(g["in.x"], g["weight.q"]), 2, heads)), 0, 2, 1, 3)
    k = rotate(g.unflatten(g.linear(memory, g["weight.k"]), 2, kv_heads))
    v = g.unflatten(g.linear(memory, g["weight.v"]), 2, kv_heads)
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"{heads} query heads have size {q.shape[-1]} and {kv_heads} key heads {k.shape[-1]}")
    k, v = (repeat(tensor, heads // kv_heads) for tensor in (k, v))
    return g.linear(merge(g, attend(g, q, k, v, q.shape[-1] ** -0.5, mask)), g["weight.o"])


def gqa_repeat_interleave(g, heads, kv_heads):
    def repeat(x, times):
        return g.transpose(g.repeat_interleave(x, 2, times), 0, 2, 1, 3)
    return grouped(g, g["in.kv"], heads, kv_heads, repeat)


def gqa_expand_reshape(g, heads, kv_heads):
    def repeat(x, times):
        return g.flatten(g.expand(g.transpose(x, 0, 2, 1, 3), 2, times), 1)
    return grouped(g, g["in.kv"], heads, kv_heads, repeat)


# Section 7: rotation by complex numbers, that is of adjacent pairs.
def gqa_complex_rope(g, heads, kv_heads):
    def repeat(x, times):
        return g.transpose(g.repeat_interleave(x, 2, times), 0, 2, 1, 3)
    return grouped(g, g["in.x"], heads, kv_heads, repeat, lambda x: g.rope(x, 1e4, "interleaved"), causal(g))


def linear_shapes(name, size):
    return {f"{name}.weight": size, f"{name}.bias": size[:1]}


def packed_shapes(name, width):
    return {f"{name}.in_proj_bias": (3 * width,), f"{name}.in_proj_weight": (3 * width, width),
            **linear_shapes(f"{name}.out_proj", (width, width))}


def block_shapes(norms, width, hidden, attentions):
    shapes = {}
    for name in attentions:
        shapes |= packed_shapes(f"weight.{name}", width)
    shapes |= linear_shapes("weight.linear1", (hidden, width)) | linear_shapes("weight.linear2", (width, hidden))
    for i in range(1, norms + 1):
        shapes |= {f"weight.norm{i}.weight": (width,), f"weight.norm{i}.bias": (width,)}
    return shapes


CAUSAL = {"in.x": (2, 6, 3), "weight.key": (2, 3), "weight.query": (2, 3), "weight.value": (2, 3)}
ENCODER = {"in.src": (2, 16, 64), "in.src_key_padding_mask": (2, 16), "in.src_mask": (16, 16),
           **block_shapes(2, 64, 96, ["self_attn"])}
DECODER = {"in.memory": (2, 16, 64), "in.memory_key_padding_mask": (2, 16), "in.tgt": (2, 8, 64),
           "in.tgt_mask": (8, 8), **block_shapes(3, 64, 96, ["multihead_attn", "self_attn"])}
GROUPED = {"weight.k": (32, 64), "weight.o": (64, 64), "weight.q": (64, 64), "weight.v": (32, 64)}
ENCODER_MASKS = {"in.src_key_padding_mask": "i1", "in.src_mask": "i1"}
DECODER_MASKS = {"in.memory_key_padding_mask": "i1"}

# NAME: heads, kv heads, shapes without --like, elements that are not f32.
MODULES = {
    no_weights: (1, 1, {"in.x": (6, 3)}, {}),
    single_head: (1, 1, {"in.x": (6, 3), "weight.key": (3, 2), "weight.query": (3, 2), "weight.value": (3, 2)}, {}),
    single_head_linear_bias: (1, 1, {"in.x": (6, 3), **linear_shapes("weight.key", (2, 3)),
                                     **linear_shapes("weight.query", (2, 3)),
                                     **linear_shapes("weight.value", (2, 3))}, {}),
    causal_minus_inf: (1, 1, CAUSAL, {}),
    causal_renormalised: (1, 1, CAUSAL, {}),
    stacked_heads: (2, 2, {"in.x": (2, 6, 3), **{f"weight.heads.{head}.{name}": (2, 3) for head in range(2)
                                                 for name in ("key", "query", "value")}}, {}),
    split_heads: (2, 2, {"in.x": (2, 6, 3), "weight.key": (4, 3), **linear_shapes("weight.out_proj", (4, 4)),
                         "weight.query": (4, 3), "weight.value": (4, 3)}, {}),
    encoder_layer_post_norm: (8, 8, ENCODER, ENCODER_MASKS),
    encoder_layer_pre_norm: (8, 8, ENCODER, ENCODER_MASKS),
    decoder_layer_post_norm: (8, 8, DECODER, DECODER_MASKS),
    decoder_layer_pre_norm: (8, 8, DECODER, DECODER_MASKS),
    gqa_repeat_interleave: (8, 4, {"in.kv": (2, 16, 64), "in.x": (2, 8, 64), **GROUPED}, {}),
    gqa_expand_reshape: (8, 4, {"in.kv": (2, 16, 64), "in.x": (2, 8, 64), **GROUPED}, {}),
    gqa_complex_rope: (8, 4, {"in.x": (2, 16, 64), **GROUPED}, {}),
}
ELEMENTS = {"F32": "f32", "BOOL": "i1"}


def read_shapes(path):
    """Shapes and elements of a file's in.* and weight.* tensors."""
    from safetensors import safe_open
    shapes, elements = {}, {}
    with safe_open(path, "np") as tensors:
        for name in tensors.keys():
            if name.startswith(("in.", "weight.")):
                tensor = tensors.get_slice(name)
                if tensor.get_dtype() not in ELEMENTS:
                    sys.exit(f"error: {path}: '{name}' holds {tensor.get_dtype()}, expected F32 or BOOL")
                shapes[name] = tuple(tensor.get_shape())
                elements[name] = ELEMENTS[tensor.get_dtype()]
    return shapes, elements


def main():
    by_name = {module.__name__: module for module in MODULES}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME", choices=by_name, help=", ".join(by_name))
    parser.add_argument("--like", metavar="FILE", help="safetensors file whose shapes to take")
    parser.add_argument("--heads", type=int, help="query heads")
    parser.add_argument("--kv-heads", type=int, help="key and value heads")
    options = parser.parse_args()
    module = by_name[options.name]
    heads, kv_heads, shapes, elements = MODULES[module]
    if options.like:
        shapes, elements = read_shapes(options.like)
    graph = Graph(options.name, shapes, elements)
    is_grouped = kv_heads < heads
    heads = options.heads or heads
    kv_heads = options.kv_heads or (kv_heads if is_grouped else heads)
    if heads <= 0 or kv_heads <= 0 or heads % kv_heads:
        sys.exit(f"error: {kv_heads} key and value heads do not divide {heads} heads")
    try:
        out = module(graph, heads, kv_heads)
    except KeyError as missing:
        sys.exit(f"error: {options.like}: no tensor {missing}, which '{options.name}' takes")
    except ValueError as wrong:
        sys.exit(f"error: {wrong}")
    print(graph.text(out), end="")


if __name__ == "__main__":
    main()
