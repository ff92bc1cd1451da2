"""Spellings of masks: filled, chosen, added, symbolic, before the softmax or behind it."""
import math

LOWEST = -3.4028234663852886e38
INFINITY = -math.inf
FINITE_TRAPS = ("small fill", "scale behind a finite fill", "finite fill of blind rows", "finite fill beside a mask")
# What a window has for a side without a limit.
UNBOUNDED = 2**31 - 1


class MaskSpeller:
    """Part of a Speller: `m` is the meaning, `c` the choices, `g` the writer."""

    def renormalises(self, rank):
        m = self.m
        can_be = m.band and not (m.has_run_time_mask or m.sinks or m.has_blind_row)
        return bool(can_be and self.trap is None and self.c.pick("band", self.band_kinds(rank)) == "renormalised")

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
        kind = self.c.pick("band", kinds)
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

    def symbol(self, has_band=True):
        m = self.m
        if m.documents:
            top_left = bool(m.band and not m.band.bottom_right)
            band = f"{self.band_symbol()}, " if m.band and has_band else ""
            # As many queries as keys: both alignments are one.
            if not band and m.queries == m.keys and not m.lengths:
                top_left = self.c.flag("documents from the first key on")
            return f"#attn.all<[{band}#attn.document{'<alignment = top_left>' if top_left else ''}]>"
        return self.band_symbol() if has_band else "#attn.bidirectional"

    def band_symbol(self):
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
            if not m.looks:
                kind = c.pick("band", self.band_kinds(rank)) if not self.trap else ""
                if kind == "joined" and (m.hiding or m.showing):
                    conditions.append(lambda: self.band_tensor("i1", False))
                else:
                    steps.append(lambda s: self.banded(s, rank))
        for number, kind in enumerate(m.added):
            element = "f32" if number else m.added_type
            steps.append(lambda s, kind=kind, element=element: self.sum(s, self.tensor_mask(kind, element, "added", rank)))
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
        if m.looks:
            lengths = g.argument("lengths", (m.batch,), "i32") if m.lengths else None
            documents = g.argument("documents", (m.batch, m.keys), "i32") if m.documents else None
            is_tensor = m.band and c.pick("band beside operands", ["symbol", "fill"]) == "fill"
            if is_tensor:
                steps.append(lambda s: g.masked_fill(s, self.band_tensor("i1", False), INFINITY))
            steps.append(lambda s: g.symbolic_mask(s, self.symbol(not is_tensor), lengths, documents))
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
        kind = self.c.pick("hidden by", ["fill", "where", "where not", "added"])
        if kind == "fill":
            return g.masked_fill(score, condition, INFINITY)
        minus = g.full((1,), INFINITY, "f32")
        if kind == "where":
            return g.where(condition, minus, score)
        if kind == "where not":
            return g.where(g.unary("not", condition), score, minus)
        return self.sum(score, g.masked_fill(g.full(condition.shape, 0, "f32"), condition, INFINITY))
