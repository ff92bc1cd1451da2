"""Spellings of what is projected: heads, rotations, repeats, latents."""
import math

import numpy


def logical(role, *shape):
    """Labels of the elements of a logical parameter: like the parameter of a
    module that has one for each role."""
    start = {"q": 1, "k": 2, "v": 3, "o": 4, "qa": 5, "qb": 6, "kva": 7, "kb": 8, "vb": 9, "r": 10}[role]
    bias = 1 << 16 if len(shape) == 1 else 0
    return (start << 20) + bias + numpy.arange(math.prod(shape)).reshape(shape)


class ProjectionSpeller:
    """Part of a Speller: `m` is the meaning, `c` the choices, `g` the writer."""

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
