"""Compares what attnc imports with what the configuration classes of
transformers 5.23 make of the same files (Inputs/resolved.json)."""

import json
import math
import os
import re
import subprocess
import sys


def layer_types(fields):
    """One "sliding" or "full" per layer."""
    count = fields["num_hidden_layers"]
    types = fields.get("layer_types")
    if types:
        period = types["period"]
        return [period[i % len(period)].split("_")[0] for i in range(count)]
    return ["sliding" if fields.get("sliding_window") else "full"] * count


def kv_heads(fields):
    if fields["model_type"] == "falcon" and fields["multi_query"]:
        return 1
    return fields.get("num_key_value_heads", fields["num_attention_heads"])


def expected_latent(fields):
    """Those of a latent layer; the scale carries what YaRN does to scores."""
    layer = {"heads": fields["num_attention_heads"], "hidden": fields["hidden_size"],
             "kv_rank": fields["kv_lora_rank"], "nope_dim": fields["qk_nope_head_dim"],
             "rope_dim": fields["qk_rope_head_dim"], "value_dim": fields["v_head_dim"],
             "pairing": "interleaved"}
    if fields["q_lora_rank"]:
        layer["query_rank"] = fields["q_lora_rank"]
    rope = fields["rope_parameters"]
    layer.update(theta=float(rope["rope_theta"]), scaling=rope["rope_type"],
                 factor=float(rope["factor"]), mscale=rope["mscale"],
                 mscale_all_dim=rope["mscale_all_dim"])
    m = 0.1 * rope["mscale_all_dim"] * math.log(rope["factor"]) + 1
    layer["scale"] = fields["qk_head_dim"] ** -0.5 * m * m
    return layer


def expected_layer(fields, kind):
    """The attributes that a declaration of these layers has to print."""
    if "kv_lora_rank" in fields:
        return expected_latent(fields)
    heads, hidden = fields["num_attention_heads"], fields["hidden_size"]
    head_dim = fields.get("head_dim") or hidden // heads
    layer = {"heads": heads, "hidden": hidden, "kv_heads": kv_heads(fields),
             "head_dim": head_dim}
    if kind == "sliding":
        layer["window"] = fields["sliding_window"]
    rope = fields.get("rope_parameters")
    if rope:
        layer["theta"] = float(rope["rope_theta"])
        if rope["rope_type"] != "default":
            layer["scaling"] = rope["rope_type"]
            layer["factor"] = float(rope["factor"])
    if fields.get("attn_logit_softcapping"):
        layer["softcap"] = float(fields["attn_logit_softcapping"])
    scalar = fields.get("query_pre_attn_scalar", head_dim)
    if scalar != head_dim:
        layer["scale"] = scalar**-0.5
    if fields["model_type"] == "gpt_oss":
        layer["sinks"] = True
    if fields["model_type"] in ("qwen3", "gemma3_text"):
        layer["eps"] = float(fields["rms_norm_eps"])
    alibi = {"bloom": {"distance": "key"}, "mpt": {"slopes": "ceil_power"}}
    layer.update(alibi.get(fields["model_type"], {}))
    # These classes have biases whatever a file says.
    always = {"bloom": ("qkv_bias", "output_bias"), "gpt2": ("qkv_bias", "output_bias"), "qwen2": ("qkv_bias",)}
    flags = always.get(fields["model_type"], ())
    if fields.get("attention_bias") or fields.get("bias"):
        flags = ("qkv_bias", "output_bias")
    layer.update(dict.fromkeys(flags, True))
    return layer


def printed_layers(text):
    """Layer number -> attributes, from the declarations in `text`."""
    layers = {}
    for declaration in re.findall(r"attn\.(?:grouped|latent)[^}]*", text):
        layer = {}
        for name, value in re.findall(
                r"(\w+) = (?:#attn\.)?(-?[0-9.e+-]+|yarn|llama3|interleaved|key|ceil_power)", declaration):
            if name not in ("right", "mask", "position", "layers", "original", "low", "high"):
                layer["window" if name == "left" else name] = (
                    value if value[0].isalpha() else float(value))
        for flag in ("sinks", "qkv_bias", "output_bias"):
            if re.search(rf"\b{flag}\b", declaration):
                layer[flag] = True
        for part in re.search(r"layers = \[([^]]*)", declaration).group(1).split(","):
            first, _, last = part.partition(" to ")
            for number in range(int(first), int(last or first) + 1):
                layers[number] = layer
    return layers


def main():
    configs, here = sys.argv[1], os.path.dirname(__file__)
    with open(os.path.join(here, "Inputs", "resolved.json")) as file:
        resolved = json.load(file)
    for name, fields in sorted(resolved.items()):
        text = subprocess.run(["attnc", "import", os.path.join(configs, name)],
                              check=True, capture_output=True, text=True).stdout
        found = printed_layers(text)
        wanted = [expected_layer(fields, kind) for kind in layer_types(fields)]
        assert sorted(found) == list(range(len(wanted))), f"{name}: {sorted(found)}"
        for number, layer in enumerate(wanted):
            same = found[number].keys() == layer.keys() and all(
                math.isclose(value, layer[name]) if isinstance(value, float)
                else value == layer[name] for name, value in found[number].items())
            assert same, (
                f"{name}: layer {number} is {found[number]}, expected {layer}")
        print(f"{name}: {len(wanted)} layers agree")


main()
