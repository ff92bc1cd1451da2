"""Checks the form of `attnc bench --json`, and its numbers against each other."""
import json
import math
import sys

REFERENCES = {
    "prefill_2048_noncausal_d128": 4 * 32 * 2048 * 2048 * 128,
    "prefill_2048_noncausal_d64": 4 * 32 * 2048 * 2048 * 64,
    "prefill_2048_causal_d128": 4 * 32 * (2048 * 2049 // 2) * 128,
    "decode_16384_d128": 2 * 8 * 16384 * 128 * 4,
}
SHAPE = {"batch", "query_length", "kv_length", "query_heads", "kv_heads", "head_dim", "value_dim"}

with open(sys.argv[1]) as file:
    report = json.load(file)
machine = report["machine"]
assert machine["cpu"]
assert set(machine["fma_gflops"]) == set(machine["read_gbps"]) == {"1"}

cases = {entry["case"]: entry for entry in report["cases"]}
OWN = {"prefill_2048", "decode_16384", "decode_16384_token_major"}
assert set(cases) == set(REFERENCES) | OWN, sorted(cases)
for name, entry in cases.items():
    assert set(entry["shape"]) == SHAPE, entry
    assert entry["scope"] == "core" and entry["dtype"] == "f32" and entry["threads"] == 1
    assert entry["phase"] == name.split("_")[0]
    assert entry["causal"] is ("noncausal" not in name)
    assert entry["kernel"].endswith("_core") and entry["target"] == "native", entry
    assert entry["limit"] == ("memory" if entry["phase"] == "decode" else "fma"), entry
    memory = entry["limit"] == "memory"
    speed = entry["gbps" if memory else "gflops"]
    limit = machine["read_gbps" if memory else "fma_gflops"]["1"]
    assert math.isclose(entry["fraction"], speed / limit, rel_tol=1e-6), entry
    if name in REFERENCES:
        work = REFERENCES[name]
        assert math.isclose(speed, work / entry["median_ms"] / 1e6, rel_tol=1e-6), entry
