"""What an attention computes, and nothing about how it is written."""
import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """Row i stands at p = i, or i + keys - queries, and sees p - left < j < p + right."""
    left: int | None = None
    right: int | None = None
    bottom_right: bool = False

    def range(self, row, queries, keys):
        position = row + (keys - queries if self.bottom_right else 0)
        begin = 0 if self.left is None else min(max(position - self.left + 1, 0), keys)
        end = keys if self.right is None else min(max(position + self.right, begin), keys)
        return begin, end

    @property
    def is_causal(self):
        return self.left is None and self.right == 1

    def moved(self, offset):
        """The same rows seen from positions that are `offset` further."""
        left = None if self.left is None else self.left + offset
        right = None if self.right is None else self.right - offset
        return Band(left, right, not self.bottom_right)


@dataclass(frozen=True)
class Meaning:
    """softmax(mask(bias(softcap(scale * q . k)))) . v of these sizes."""
    # Where q, k and v come from: arguments, projections of x, or of x and
    # memory, or a latent that heads share.
    family: str = "heads"
    # 4 with heads; 3 without; 2 without a batch too.
    rank: int = 4
    batch: int = 1
    queries: int = 2
    keys: int = 2
    kv_heads: int = 1
    group: int = 1
    dim: int = 2
    value_dim: int = 2
    hidden: int = 3
    scale: float = 1.0
    softcap: float = 0.0
    band: Band | None = None
    # Boolean arguments that hide, or show, keys: "matrix", "padding", "full".
    hiding: tuple = ()
    showing: tuple = ()
    # Float arguments that are added: "matrix", "heads", "full".
    added: tuple = ()
    # What the first of them is stored in.
    added_type: str = "f32"
    # "", the distance of an ALiBi bias ("signed", "absolute", "key"), or "buckets" of a table.
    bias: str = ""
    sinks: bool = False
    lengths: bool = False
    # Packed into one sequence, whose numbers are an argument.
    documents: bool = False
    # Which of the arguments are one: "", "kv" or "qkv".
    tied: str = ""
    # "", "half" or "interleaved".
    rope: str = ""
    positions: bool = False
    norm: bool = False
    projection_bias: bool = False
    output: bool = False
    # Batch and tokens of any size, in `queries` and `keys` of the type.
    dynamic: bool = False
    # Latent attention: 0 without compressed queries.
    query_rank: int = 0
    rope_dim: int = 2

    @property
    def heads(self):
        return self.kv_heads * self.group

    @property
    def looks(self):
        """The symbolic mask has operands, so there is one in every spelling."""
        return self.lengths or self.documents

    @property
    def has_run_time_mask(self):
        return bool(self.hiding or self.showing or self.added or self.bias or self.looks)

    def ranges(self):
        band = self.band or Band()
        return [band.range(row, self.queries, self.keys) for row in range(self.queries)]

    @property
    def has_blind_row(self):
        return not self.dynamic and any(begin == end for begin, end in self.ranges())

    def is_band_seen(self):
        """Each side of the band hides a key from some row that sees one, and
        the band is written as a compiler would that has only the rows."""
        band = self.band
        seen = [(begin, end) for begin, end in self.ranges() if begin < end]
        if band.left is not None and not any(begin > 0 for begin, end in seen):
            return False
        if band.right is not None and not any(end < self.keys for begin, end in seen):
            return False
        if any(side is not None and side < 1 for side in (band.left, band.right)):
            return False
        if band.left is None and band.right is None:
            return False
        offset = self.keys - self.queries
        if offset == 0:
            return not band.bottom_right
        if not band.bottom_right:
            return band.is_causal or not band.moved(offset).is_causal
        top_left = band.moved(-offset)
        can_be = all(side is None or side > 0 for side in (top_left.left, top_left.right))
        return not top_left.is_causal and (band.is_causal or not can_be)

    def is_valid(self):
        if self.dynamic and (self.family == "latent" or self.hiding or self.showing or self.added or self.looks
                             or self.positions or self.tied or self.rank < 4 and self.band or self.rank == 2):
            return False
        if self.band and not self.is_band_seen():
            return False
        if self.rank < 4 and (self.heads > 1 or self.bias or self.sinks or self.looks or self.rope or self.norm):
            return False
        if self.rank == 2 and (self.batch > 1 or "padding" in self.hiding + self.showing):
            return False
        if self.rank < 4 and {"heads", "full"} & set(self.hiding + self.showing + self.added):
            return False
        if self.keys == 1 and (self.hiding or self.showing or self.added):
            return False
        if self.lengths and self.band and self.band.bottom_right:
            return False
        if self.rope and self.dim % 2:
            return False
        if self.tied and (self.family != "heads" or self.value_dim != self.dim):
            return False
        if self.tied == "qkv" and (self.group > 1 or self.queries != self.keys):
            return False
        if self.family == "rows" and self.keys != self.queries:
            return False
        if self.family == "heads" and (self.norm or self.projection_bias):
            return False
        if self.family == "latent":
            return (self.rank == 4 and self.group == 1 and self.keys == self.queries
                    and not (self.norm or self.projection_bias or self.bias))
        return True


def random_band(rng, queries, keys):
    side = lambda: rng.choice([None, 1, 2, 3, max(queries, keys) - 1])
    if rng.random() < 0.6:
        return Band(None, 1, rng.random() < 0.4)
    return Band(side(), side(), rng.random() < 0.3)


def draw(rng):
    """Any meaning, valid or not."""
    chance = lambda p: rng.random() < p
    family = rng.choice(["heads", "heads", "rows", "rows", "rows", "cross", "latent"])
    rank = 4 if family == "latent" else rng.choice([4, 4, 4, 4, 3, 2])
    queries = rng.choice([1, 2, 3, 3, 4, 5, 6])
    keys = queries if family in ("rows", "latent") or chance(0.3) else rng.choice([1, 2, 3, 4, 5, 6, 7])
    kv_heads = rng.choice([1, 2, 2, 3]) if rank == 4 else 1
    group = rng.choice([1, 1, 2, 3, 4]) if rank == 4 and family != "latent" else 1
    dim = rng.choice([1, 2, 3, 4])
    rope = rng.choice(["half", "interleaved"]) if dim % 2 == 0 and chance(0.3) and rank == 4 else ""
    dynamic = family != "latent" and rank > 2 and chance(0.15)
    pick = lambda names, p: tuple(name for name in names if chance(p) and not dynamic)
    masks = ("matrix", "padding", "full") if rank == 4 else ("matrix", "padding")
    band = random_band(rng, queries, keys) if chance(0.6) else None
    return Meaning(
        family=family, rank=rank, batch=1 if rank == 2 else rng.choice([1, 2]), queries=queries, keys=keys,
        kv_heads=kv_heads, group=group, dim=dim, value_dim=rng.choice([dim, dim, 1, 2, 3]), hidden=rng.choice([2, 3, 5]),
        scale=rng.choice([1.0, dim ** -0.5, dim ** -0.5, 0.3, 2.0]), softcap=rng.choice([0.0, 0.0, 0.0, 2.0, 30.0]),
        band=band, hiding=pick(masks, 0.12), showing=pick(masks, 0.08),
        added=pick(("matrix", "heads", "full") if rank == 4 else ("matrix",), 0.08),
        bias=rng.choice(["signed", "absolute", "key", "buckets"]) if rank == 4 and chance(0.1) else "",
        sinks=rank == 4 and chance(0.08), lengths=rank == 4 and chance(0.08),
        documents=rank == 4 and chance(0.08),
        tied=rng.choice(["kv", "qkv"]) if family == "heads" and chance(0.3) else "", rope=rope,
        positions=bool(rope) and chance(0.5), norm=rank == 4 and family in ("rows", "cross") and chance(0.2),
        projection_bias=family in ("rows", "cross") and chance(0.3), output=chance(0.3),
        dynamic=dynamic, query_rank=rng.choice([0, 3]), rope_dim=2, added_type=rng.choice(["f32", "f16", "bf16"]))


def random_meaning(rng):
    while True:
        meaning = draw(rng)
        if meaning.is_valid():
            return meaning


def simpler(meaning):
    """Meanings that differ in one field, which is nearer to its default."""
    plain = Meaning()
    for field in dataclasses.fields(Meaning):
        value, default = getattr(meaning, field.name), getattr(plain, field.name)
        if value == default:
            continue
        others = [default]
        if isinstance(value, tuple) and len(value) > 1:
            others += [value[:i] + value[i + 1:] for i in range(len(value))]
        if isinstance(value, int) and not isinstance(value, bool) and value > default:
            others += [value - 1]
        if isinstance(value, float) and not math.isclose(value, 0.5):
            others += [0.5]
        for other in others:
            candidate = dataclasses.replace(meaning, **{field.name: other})
            if candidate.is_valid():
                yield candidate
    # Self-attention has one length.
    if meaning.queries == meaning.keys > 1:
        candidate = dataclasses.replace(meaning, queries=meaning.queries - 1, keys=meaning.keys - 1)
        if candidate.is_valid():
            yield candidate
