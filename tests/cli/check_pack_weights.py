"""Packs weights of checkpoints: results of `attnc run` do not change, and what is wrong
is one message and no file."""

import json
import os
import random
import sys

from check_run import FORMATS, attnc, read, write
from check_run_layers import Case

FORMATS["U8"] = "B"


def pack(case, *options, weights=None, folder=None):
    path = os.path.join(case.folder, "packed")
    if os.path.exists(path):
        os.remove(path)
    status, text = attnc("pack-weights", folder or case.kernels, "--weights", weights or case.paths[1], "--out", path,
                         *options)
    assert (status == 0) == os.path.exists(path), text
    return path, text


def check_results(case):
    for layer in "01":
        raw = case.result("--layer", layer)
        path, text = pack(case, "--layer", layer)
        dtype, shape, _ = read(path)["packed_weights"]
        assert text == f"wrote {path}: packed_weights U8 [{shape[0]}] of layer {layer}\n", text
        assert dtype == "U8" and shape[0] % 64 == 0
        assert case.result("--layer", layer, "--pack-weights") == raw
        status, text = attnc("run", case.kernels, "--in", case.paths[0], "--weights", path, "--out", case.paths[2],
                             "--layer", layer)
        assert status == 0 and read(case.paths[2]) == raw, text
        os.remove(case.paths[2])
        check_shards(case, layer, raw, read(path))
    # Without --layer, where layers are equal, the first.
    assert read(pack(case)[0]) == read(pack(case, "--layer", "0")[0])
    print("packed weights give the same results")


def check_shards(case, layer, raw, packed):
    """A checkpoint of several files and an index gives what one file gives."""
    names = sorted(case.weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in parts.items():
        write(os.path.join(case.folder, file), {name: case.weights[name] for name in held})
    index = os.path.join(case.folder, "model.safetensors.index.json")
    with open(index, "w") as file:
        json.dump({"metadata": {}, "weight_map": {name: part for part, held in parts.items() for name in held}}, file)
    path, text = pack(case, "--layer", layer, weights=index)
    assert read(path) == packed, text
    status, text = attnc("run", case.kernels, "--in", case.paths[0], "--weights", index, "--out", case.paths[2],
                         "--layer", layer)
    assert status == 0 and read(case.paths[2]) == raw, text
    os.remove(case.paths[2])
    shard = os.path.join(case.folder, "b.safetensors")
    for own in (shard, index):
        _, text = attnc("pack-weights", case.kernels, "--weights", index, "--out", own)
        assert text == (f"attnc: error: --out '{own}' is a file of --weights, which the results would overwrite; "
                        "name another\n"), text
    for wrong, why in (("{}", "has no 'weight_map', which names the file of each tensor in an index of safetensors "
                              "files"),
                       ('{"weight_map": {"x": "../y"}}', "weight_map: 'x' is not in a file beside the index"),
                       ('{"weight_map": {"x": "b.safetensors"}}', f"weight_map: 'x' is not in {shard}"),
                       ("[" * 1000000, "1:257: nested deeper than 256 levels"),
                       ('{"weight_map": {"x": 1}}', "weight_map: 'x' is not in a file beside the index")):
        with open(index, "w") as file:
            file.write(wrong)
        expect(f"{index}: {why}", pack(case, weights=index))


def expect(message, path_and_text):
    assert path_and_text[1] == f"attnc: error: {message}\n", (message, path_and_text[1])


def check_errors(case, other):
    path = pack(case)[0]
    packed = read(path)["packed_weights"]
    size = packed[1][0]
    write(case.paths[1], case.weights)
    kept = case.weights

    def run(tensor):
        case.weights = {"packed_weights": tensor}
        status, text = case.run()
        case.weights = kept
        assert status == 1, text
        return None, text
    sources = f"{case.paths[0]}, {case.paths[1]}: "
    expect(f"{sources}tensor 'packed_weights': is U8 [64], expected U8 [{size}]", run(("U8", [64], [0] * 64)))
    expect("equal_layer: packed_weights does not begin as packed weights do: fill it with equal_layer_pack_weights",
           run(("U8", [size], [0] * size)))
    wrong = list(packed[2])
    wrong[8:16] = [0] * 8
    _, text = run(("U8", [size], wrong))
    assert text.startswith("attnc: error: equal_layer: packed_weights has layout 0x0 of target 'native', expected"), text
    write(case.paths[1], {n: x for n, x in kept.items() if "0.self_attn.k_proj" not in n})
    expect(f"{case.paths[1]}: no tensor 'k_proj.weight' of layer 0, which kernel 'equal_layer' needs as [4, 12]", pack(case))
    write(case.paths[1], kept)
    plain = Case(case.folder, "plain", {"model_type": "llama"}, "core")
    expect("kernel 'plain_core' has no weights to pack: --pack-weights is for scope layer",
           (None, plain.run("--pack-weights")[1]))
    expect("'core' has no kernel of scope 'layer' for layer 0, only core_core", pack(case, folder=other.kernels))
    status, text = attnc("pack-weights", case.kernels, "--weights", case.paths[1], "--out", case.paths[1])
    assert status == 1 and text == (f"attnc: error: --out '{case.paths[1]}' is a file of --weights, which the "
                                    "results would overwrite; name another\n"), text
    print("errors of packed weights are clear")


def main():
    folder = sys.argv[1]
    random.seed(5)
    os.makedirs(folder)
    case = Case(folder, "equal", {"model_type": "llama"}, "layer")
    check_results(case)
    check_errors(case, Case(folder, "core", {"model_type": "llama"}, "core"))


main()
