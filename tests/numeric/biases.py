"""Biases of positions in float64: ALiBi (Press et al. 2021) as model families
compute it, and the buckets of T5 (Raffel et al. 2020)."""
import dataclasses
import math

import numpy as np


def to_bf16(x):
    """The bfloat16 next to each number that float32 holds, ties to even."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.int64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def powers(count, most):
    return [2.0 ** (-most * (h + 1) / count) for h in range(count)]


@dataclasses.dataclass(frozen=True)
class Alibi:
    """Slopes times distances, or numbers of keys."""

    ceil: bool = False  # slopes of the next higher power of two
    of_keys: bool = False
    most: float = 8.0
    times: int = 0  # rounded to bfloat16, scaled with the scores and added so often

    def slopes(self, heads):
        lower = 2 ** int(math.log2(heads))
        if lower == heads:
            return np.array(powers(heads, self.most))
        finer = powers(2 * lower, self.most)
        first = finer[1::2] if self.ceil else powers(lower, self.most)
        return np.array((first + finer[::2])[:heads])

    def at(self, heads, row, key, scale):
        """[heads, rows, keys]"""
        distance = key + 0 * row if self.of_keys else key - row
        slopes = self.slopes(heads)[:, None, None]
        if not self.times:
            return slopes * distance
        return to_bf16(to_bf16(slopes) * to_bf16(distance)) * scale * self.times


def bucket(distance, count, most, bidirectional):
    """The formula of the paper's code, in float64."""
    far, first = -distance, 0
    if bidirectional:
        count //= 2
        first = np.where(far < 0, count, 0)
        far = np.abs(far)
    far = np.maximum(far, 0)
    exact = count // 2
    share = np.log(np.maximum(far, exact) / exact) / np.log(most / exact)
    large = np.minimum(exact + (share * (count - exact)).astype(np.int64), count - 1)
    return first + np.where(far < exact, far, large)


@dataclasses.dataclass(frozen=True)
class Buckets:
    """A learned bias of each bucket of distances, of keys at and before a row."""

    count: int
    most: int
    table: np.ndarray = None

    def at(self, heads, row, key, scale):
        """[heads, rows, keys]"""
        return np.moveaxis(self.table[bucket(key - row, self.count, self.most, False)], 2, 0)
