"""Checks the form of `attnc bench --json`, and its numbers against each other."""
import json
import math
import sys

REFERENCES = {
    "prefill_2048_noncausal_d128": 4 * 32 * 2048 * 2048 * 128,
    "prefill_2048_noncausal_d64": 4 * 32 * 2048 * 2048 * 64,
    "prefill_2048_causal_d128": 4 * 32 * (2048 * 2049 // 2) * 128,
    "decode_16384_d128": 4 * 32 * 16384 * 128,
}
BYTES = {"f32": 4, "f16": 2, "bf16": 2}
SHAPE = {"batch", "query_length", "kv_length", "query_heads", "kv_heads", "head_dim", "value_dim"}

with open(sys.argv[1]) as file:
    report = json.load(file)
machine = report["machine"]
assert machine["cpu"]
assert set(machine["fma_gflops"]) == set(machine["read_gbps"]) == {"1"}

# The input's kernels in its own type, the reference cases in each, or in that of
# --dtype.
own, types = sys.argv[2], sys.argv[3].split(",")
cases = {(entry["case"], entry["dtype"]): entry for entry in report["cases"]}
assert len(cases) == len(report["cases"])
OWN = {"prefill_2048", "decode_16384", "decode_16384_token_major"}
wanted = {(name, own) for name in OWN} | {(name, kind) for name in REFERENCES for kind in types}
assert set(cases) == wanted, sorted(cases)
for (name, kind), entry in cases.items():
    assert set(entry["shape"]) == SHAPE, entry
    assert entry["scope"] == "core" and entry["threads"] == 1
    assert entry["k_dtype"] == entry["v_dtype"] == kind
    assert entry["phase"] == name.split("_")[0]
    assert entry["causal"] is ("noncausal" not in name)
    assert entry["kernel"].endswith("_core") and entry["target"] == "native", entry
    memory = entry["limit"] == "memory"
    assert memory <= (entry["phase"] == "decode"), entry
    assert memory >= (entry["phase"] == "decode" and kind == "f32"), entry
    speed = entry["gbps" if memory else "gflops"]
    limit = machine["read_gbps" if memory else "fma_gflops"]["1"]
    assert math.isclose(entry["fraction"], speed / limit, rel_tol=1e-6), entry
    if name in REFERENCES and not memory:
        work = REFERENCES[name]
        assert math.isclose(speed, work / entry["median_ms"] / 1e6, rel_tol=1e-6), entry
    if name == "decode_16384_d128":
        work = 2 * 8 * 16384 * 128 * BYTES[kind]
        assert math.isclose(entry["gbps"], work / entry["median_ms"] / 1e6, rel_tol=1e-6), entry
