"""Compares the inverse frequencies and attention factors of imported layers with
the formulas of the papers, evaluated by NumPy in float64."""

import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

LLAMA = {"model_type": "llama", "hidden_size": 96, "num_attention_heads": 6,
         "num_hidden_layers": 2, "max_position_embeddings": 256}
PHI3 = dict(LLAMA, model_type="phi3", original_max_position_embeddings=32)
LONG = {"rope_type": "longrope", "rope_theta": 1e4,
        "long_factor": [1.0, 1.6, 2.2, 2.8, 3.4, 4.0, 4.6, 5.2],
        "short_factor": [1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35]}
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32,
        "rope_theta": 1e4}

CASES = {
    "linear": dict(LLAMA, rope_parameters={"rope_type": "linear", "factor": 4.0}),
    "dynamic": dict(LLAMA, rope_parameters={"rope_type": "dynamic", "factor": 4.0}),
    "hunyuan alpha": dict(LLAMA, rope_parameters={"rope_type": "dynamic", "alpha": 1000.0}),
    "yarn": dict(LLAMA, rope_parameters=dict(YARN, beta_fast=8.0)),
    "yarn, not truncated": dict(LLAMA, rope_parameters=dict(YARN, beta_fast=4.0, truncate=False)),
    "yarn with mscale": dict(LLAMA, rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=0.707)),
    "yarn with attention_factor": dict(LLAMA, rope_parameters=dict(YARN, attention_factor=1.25)),
    "llama3": dict(LLAMA, rope_parameters={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32, "rope_theta": 5e5}),
    "longrope, long": dict(PHI3, rope_parameters=LONG),
    "longrope, short": dict(PHI3, max_position_embeddings=32, rope_parameters=LONG),
    "longrope, partial": dict(PHI3, hidden_size=192, partial_rotary_factor=0.5,
                              rope_parameters=LONG),
    "gemma3": dict(LLAMA, model_type="gemma3_text", num_hidden_layers=3, head_dim=16,
                   layer_types=["sliding_attention", "sliding_attention", "full_attention"],
                   num_key_value_heads=2, sliding_window=6, rope_parameters={
                       "full_attention": {"factor": 8.0, "rope_theta": 1e6, "rope_type": "linear"},
                       "sliding_attention": {"rope_theta": 1e4, "rope_type": "default"}}),
    "gpt_oss": dict(LLAMA, model_type="gpt_oss", head_dim=24, num_key_value_heads=2,
                    rope_parameters=dict(YARN, rope_theta=1.5e5, truncate=False)),
    "proportional": dict(LLAMA, rope_parameters={
        "rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25}),
}


def length_factor(factor, k):
    return 1.0 if factor <= 1 else 0.1 * k * math.log(factor) + 1


def yarn(rope, d, plain, theta, original):
    turns = [rope.get("beta_fast") or 32, rope.get("beta_slow") or 1]
    low, high = (d * math.log(original / (2 * math.pi * b)) / (2 * math.log(theta)) for b in turns)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, d - 1)
    if low == high:
        high += 0.001
    ramp = np.clip((np.arange(d // 2) - low) / (high - low), 0, 1)
    factor = rope["factor"]
    amplitude = rope.get("attention_factor")
    if amplitude is None and rope.get("mscale") and rope.get("mscale_all_dim"):
        amplitude = (length_factor(factor, rope["mscale"])
                     / length_factor(factor, rope["mscale_all_dim"]))
    elif amplitude is None:
        amplitude = length_factor(factor, 1)
    return plain / factor * ramp + plain * (1 - ramp), amplitude


def llama3(rope, plain, original):
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    wave = 2 * np.pi / plain
    smooth = (original / wave - low) / (high - low)
    middle = (1 - smooth) * plain / rope["factor"] + smooth * plain
    long = wave > original / low
    short = wave < original / high
    return np.where(long, plain / rope["factor"], np.where(short, plain, middle)), 1.0


def expected(config, rope, head_dim):
    """Frequencies and attention factor that `rope` describes."""
    theta = rope.get("rope_theta", config.get("rope_theta", 1e4))
    kind = rope.get("rope_type", rope.get("type", "default"))
    share = rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
    most = config.get("max_position_embeddings")
    original = config.get("original_max_position_embeddings",
                          rope.get("original_max_position_embeddings", most))
    d = head_dim if kind == "proportional" else int(head_dim * share)
    plain = theta ** (-np.arange(0, d, 2) / d)
    if kind == "linear":
        return plain / rope["factor"], 1.0
    if kind == "dynamic" and "alpha" in rope:
        return (theta * rope["alpha"] ** (d / (d - 2))) ** (-np.arange(0, d, 2) / d), 1.0
    if kind == "yarn":
        return yarn(rope, d, plain, theta, original)
    if kind == "llama3":
        return llama3(rope, plain, original)
    if kind == "longrope":
        factors = rope["long_factor" if most > original else "short_factor"]
        s = most / original
        amplitude = math.sqrt(1 + math.log(s) / math.log(original)) if s > 1 else 1.0
        return plain / np.array(factors), amplitude
    if kind == "proportional":
        turning = int(share * head_dim // 2)
        return np.where(np.arange(d // 2) < turning, plain, 0), 1.0
    return plain, 1.0


def check(name, path):
    with open(path) as file:
        config = json.load(file)
    text = subprocess.run(["attnc", "explain", "--json", path], check=True, capture_output=True,
                          text=True).stdout
    layers = json.loads(text)["layers"]
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    head_dim = (config.get("qk_rope_head_dim") or config.get("head_dim")
                or config["hidden_size"] // config["num_attention_heads"])
    for layer in layers:
        own = rope
        if "full_attention" in rope:
            own = rope[config["layer_types"][layer["layer"]]]
        frequencies, amplitude = expected(config, own, head_dim)
        found = np.array(layer["rope"]["inverse_frequencies"])
        assert found.shape == frequencies.shape, f"{name}: {found.shape}, {frequencies.shape}"
        assert (found == found.astype(np.float32)).all(), f"{name}: not f32"
        assert np.allclose(found, frequencies, rtol=2 ** -23, atol=0), (
            f"{name}: layer {layer['layer']} has {found}, expected {frequencies}")
        assert math.isclose(layer["rope"]["attention_factor"], amplitude, rel_tol=1e-12), (
            f"{name}: {layer['rope']['attention_factor']}, expected {amplitude}")
    print(f"{name}: {len(layers)} layers agree")


def main():
    for name in ("deepseek-v2-lite.json", "deepseek-v3.json", "gpt-oss-20b.json",
                 "llama-3.1-8b.json", "qwen3-8b.json"):
        check(name, os.path.join(sys.argv[1], name))
    with tempfile.TemporaryDirectory() as folder:
        for name, config in CASES.items():
            path = os.path.join(folder, "config.json")
            with open(path, "w") as file:
                json.dump(config, file)
            check(name, path)


main()
