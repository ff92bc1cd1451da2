"""Rotary positions in NumPy, from their papers: plain, linear, llama3 and YaRN."""
import dataclasses
import math
from typing import Optional

import numpy as np


def yarn_bound(rotations, dims, theta, original):
    """The dim that turns so many times over the original positions."""
    return dims * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(theta))


def yarn_factor(factor, mscale):
    return 0.1 * mscale * math.log(factor) + 1


@dataclasses.dataclass(frozen=True)
class Rope:
    theta: float
    dims: Optional[int] = None  # of a head's first ones; all of them by default
    interleaved: bool = False
    scaling: Optional[dict] = None  # as in config.json

    def frequencies(self, dims):
        """Inverse frequencies, and the factor of sine and cosine."""
        plain = self.theta ** (-np.arange(0, dims, 2) / dims)
        given = self.scaling or {}
        kind = given.get("rope_type")
        if kind == "linear":
            return plain / given["factor"], 1.0
        if kind == "llama3":
            turns = given["original_max_position_embeddings"] * plain / (2 * np.pi)
            low, high = given["low_freq_factor"], given["high_freq_factor"]
            kept = np.clip((turns - low) / (high - low), 0, 1)
            return plain * (kept + (1 - kept) / given["factor"]), 1.0
        if kind != "yarn":
            return plain, 1.0
        original = given["original_max_position_embeddings"]
        low = yarn_bound(given.get("beta_fast", 32), dims, self.theta, original)
        high = yarn_bound(given.get("beta_slow", 1), dims, self.theta, original)
        if given.get("truncate", True):
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, dims - 1)
        stretched = np.clip((np.arange(dims // 2) - low) / (high - low), 0, 1)
        frequencies = plain * (1 - stretched + stretched / given["factor"])
        scales = [yarn_factor(given["factor"], given.get(key, 1))
                  for key in ("mscale", "mscale_all_dim")]
        return frequencies, scales[0] / (scales[1] if "mscale_all_dim" in given else 1)

    def rotate(self, x, positions):
        """[B,S,H,D] at positions [B,S]; angles are those of float32 (item 11)."""
        dims = self.dims or x.shape[-1]
        frequencies, factor = self.frequencies(dims)
        angles = positions[..., None].astype(np.float32) * frequencies.astype(np.float32)
        turns = [(factor * f(angles.astype(np.float64))).astype(x.dtype)[:, :, None]
                 for f in (np.cos, np.sin)]
        halves = (slice(0, dims, 2), slice(1, dims, 2)) if self.interleaved else (
            slice(0, dims // 2), slice(dims // 2, dims))
        a, b = (x[..., half] for half in halves)
        y = x.copy()
        y[..., halves[0]] = a * turns[0] - b * turns[1]
        y[..., halves[1]] = a * turns[1] + b * turns[0]
        return y
