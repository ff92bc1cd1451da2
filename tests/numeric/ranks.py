"""The weights of one rank of several, out of those of a whole layer.

A module's heads are its `query`, `key`, `value` (and gate) in the order that
`split` gives; `join` is its inverse.
"""
import dataclasses

import numpy as np


def share(module, ranks):
    """The module that one of the ranks is, without the bias that none adds."""
    changes = {"heads": module.heads // ranks}
    if hasattr(module, "kv_heads"):
        changes |= {"kv_heads": max(module.kv_heads // ranks, 1), "output_bias": False}
    return dataclasses.replace(module, **changes)


def heads_of_rank(module, rank, ranks):
    """Query heads, and the key/value heads that they read."""
    count = module.heads // ranks
    queries = slice(rank * count, (rank + 1) * count)
    if not hasattr(module, "kv_heads"):
        return queries, queries
    group = module.heads // module.kv_heads
    return queries, slice(queries.start // group, (queries.stop - 1) // group + 1)


def join(module, parts):
    """[..., heads, size] of queries, keys, values and gates as rows of the projections."""
    query, key, value, *gate = parts
    lead = query.shape[:-2]
    if module.query_gate:
        query = np.concatenate([query, gate[0]], -1)
    if not module.packed:
        return [x.reshape(*lead, -1) for x in (query, key, value)]
    if module.grouped:
        groups = query.reshape(*lead, module.kv_heads, -1, module.size)
        both = np.concatenate([groups, key[..., None, :], value[..., None, :]], -2)
        return [both.reshape(*lead, -1)]
    return [np.concatenate([query, key, value], -2).reshape(*lead, -1)]


def slice_grouped(module, weights, rank, ranks):
    queries, keys = heads_of_rank(module, rank, ranks)
    part = share(module, ranks)

    def rows_of_rank(rows):  # [..., width] of each projection
        parts = module.split(rows)
        chosen = [queries, keys, keys, queries][:len(parts)]
        return join(part, [x[..., c, :] for x, c in zip(parts, chosen)])

    names = [module.packed] if module.packed else ["q_proj", "k_proj", "v_proj"]
    turn = (lambda x: x) if module.input_major else np.transpose
    rows = rows_of_rank([turn(weights[f"{n}.weight"]) for n in names])
    sliced = {f"{n}.weight": turn(x) for n, x in zip(names, rows)}
    if module.qkv_bias:
        biases = rows_of_rank([weights[f"{n}.bias"] for n in names])
        sliced |= {f"{n}.bias": x for n, x in zip(names, biases)}
    name = f"{module.output}.weight"
    inputs = turn(weights[name]).reshape(module.heads, -1, module.hidden)[queries]
    sliced[name] = turn(inputs.reshape(-1, module.hidden))
    for name in ("g_proj.weight", "g_proj.bias", "sinks"):
        if name in weights:
            sliced[name] = weights[name][queries]
    if "bias_table" in weights:
        sliced["bias_table"] = weights["bias_table"][:, queries]
    return sliced | {n: x for n, x in weights.items() if "norm" in n}


def slice_latent(module, weights, rank, ranks):
    """All that makes the latent and the compressed query is every rank's."""
    queries, _ = heads_of_rank(module, rank, ranks)
    sliced = dict(weights)
    for name in ("q_proj.weight", "q_b_proj.weight", "kv_b_proj.weight"):
        if name in weights:
            rows = weights[name]
            sliced[name] = rows.reshape(module.heads, -1, rows.shape[1])[queries].reshape(-1, rows.shape[1])
    inputs = weights["o_proj.weight"].reshape(module.hidden, module.heads, -1)[:, queries]
    return sliced | {"o_proj.weight": inputs.reshape(module.hidden, -1)}


def slice_weights(module, weights, rank, ranks):
    cut = slice_grouped if hasattr(module, "kv_heads") else slice_latent
    return cut(module, weights, rank, ranks)
