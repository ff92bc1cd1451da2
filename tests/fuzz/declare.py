"""Random layers of the declared dialect, and configurations of known models."""
import json
import os

CONFIGS = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "configs")


def mask(rng):
    alignment = rng.choice(["", "alignment = top_left"])
    kind = rng.choice(["bidirectional", "causal", "causal", "window"])
    if kind == "bidirectional":
        return "#attn.bidirectional"
    if kind == "causal":
        return f"#attn.causal<{alignment}>" if alignment else "#attn.causal"
    sides = f"left = {rng.choice([1, 2, 3, 5, 100])}, right = {rng.choice([1, 1, 2, 4])}"
    return f"#attn.window<{sides}{', ' + alignment if alignment else ''}>"


def rope(rng):
    return f"#attn.rope<theta = 1.0e4, pairing = {rng.choice(['half', 'interleaved'])}>"


def grouped(rng):
    """The fields of a layer, and those that may be left out."""
    kv_heads, dim = rng.choice([1, 2, 3]), rng.choice([1, 2, 3, 4, 8])
    heads = kv_heads * rng.choice([1, 2, 3, 5])
    fields = {"hidden": heads * dim, "heads": heads, "kv_heads": kv_heads, "head_dim": dim, "layers": "[0]",
              "mask": mask(rng)}
    implied = {"value_dim": dim, "scale": repr(dim ** -0.5)}
    if rng.random() < 0.3:
        fields["value_dim"] = rng.choice([1, 2, 5])
    if rng.random() < 0.3:
        fields["scale"] = rng.choice(["0.25", "1.0", "-0.5", "3.0"])
    if rng.random() < 0.3:
        fields["softcap"] = rng.choice(["2.0", "50.0"])
    if rng.random() < 0.3:
        fields["sinks"] = None
    if rng.random() < 0.2:
        fields["mask_operand"] = rng.choice(["i1", "f32", "f16", "bf16"])
    if rng.random() < 0.2:
        fields["value_norm"] = f"#attn.norm<eps = 1.0e-6{rng.choice(['', ', weighted = false'])}>"
    if dim % 2 == 0 and rng.random() < 0.4:
        fields["position"] = rope(rng)
    return "grouped", fields, {name: value for name, value in implied.items() if name not in fields}


def latent(rng):
    nope, rotated = rng.choice([1, 2, 3, 4]), rng.choice([2, 4])
    fields = {"hidden": 12, "heads": rng.choice([1, 2, 3]), "kv_rank": rng.choice([1, 3, 5]), "nope_dim": nope,
              "rope_dim": rotated, "value_dim": rng.choice([1, 2, 4]), "layers": "[0]", "mask": mask(rng)}
    if rng.random() < 0.5:
        fields["query_rank"] = rng.choice([1, 4])
    if rng.random() < 0.5:
        fields["position"] = rope(rng)
    if rng.random() < 0.2:
        fields["mask_operand"] = rng.choice(["i1", "f32", "f16", "bf16"])
    if rng.random() < 0.3:
        fields["scale"] = "0.25"
    return "latent", fields, {} if "scale" in fields else {"scale": repr((nope + rotated) ** -0.5)}


def layers(rng, name):
    """One layer as it is, and with the implied fields written out."""
    op, fields, implied = rng.choice([grouped, grouped, latent])(rng)

    def text(symbol, values):
        listed = ", ".join(field if value is None else f"{field} = {value}" for field, value in values.items())
        return f"attn.{op} @{symbol} {{{listed}}}\n"

    return {f"{name}_plain": text(f"{name}_plain", fields), f"{name}_1": text(f"{name}_1", fields | implied)}


def config(rng):
    """A known model of other sizes, as JSON text, and the same in other words."""
    name = rng.choice(sorted(file for file in os.listdir(CONFIGS) if file.endswith(".json")))
    with open(os.path.join(CONFIGS, name)) as file:
        values = json.load(file)
    heads_key = "n_head" if "n_head" in values else "num_attention_heads"
    kv_key = next((key for key in ("num_kv_heads", "num_key_value_heads") if key in values), None)
    kv_heads = rng.choice([1, 2, 3])
    heads = kv_heads * rng.choice([1, 2, 4])
    if "kv_lora_rank" in values or kv_key == "num_kv_heads":
        kv_heads = heads
    size = rng.choice([2, 4, 6, 8])
    values[heads_key] = heads
    if kv_key:
        values[kv_key] = kv_heads
    values["n_embd" if "n_embd" in values else "hidden_size"] = heads * size
    if "head_dim" in values:
        values["head_dim"] = size
    for key, sizes in {"kv_lora_rank": [3, 8], "qk_nope_head_dim": [2, 5], "qk_rope_head_dim": [2, 4],
                       "v_head_dim": [1, 4]}.items():
        if key in values:
            values[key] = rng.choice(sizes)
    if values.get("q_lora_rank"):
        values["q_lora_rank"] = rng.choice([3, 6])
    if isinstance(values.get("sliding_window"), int):
        values["sliding_window"] = rng.choice([2, 3, 4096])
    if values.get("attn_logit_softcapping"):
        values["attn_logit_softcapping"] = rng.choice([2.0, 50.0])
    keys = list(values)
    rng.shuffle(keys)
    return name, json.dumps(values, indent=1), json.dumps({key: values[key] for key in keys})
