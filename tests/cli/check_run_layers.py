"""Runs kernels of scope layer and attend on files: which layer's weights are
taken, and one message and no file for what is wrong."""

import os
import random
import sys

from check_run import attnc, close, compile_model, rand, read, write

HIDDEN, HEADS, KV_HEADS, SIZE = 12, 3, 1, 4
CHECKPOINT = "model.layers.{}.self_attn.{}.weight"
SHAPES = {"q_proj": (HEADS * SIZE, HIDDEN), "k_proj": (KV_HEADS * SIZE, HIDDEN),
          "v_proj": (KV_HEADS * SIZE, HIDDEN), "o_proj": (HIDDEN, HEADS * SIZE)}
FIELDS = {"hidden_size": HIDDEN, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
          "head_dim": SIZE, "num_hidden_layers": 2}


class Case:
    """A compiled folder, and the files of its calls."""

    def __init__(self, folder, name, fields, *scopes):
        options = [word for scope in scopes for word in ("--scope", scope)]
        self.kernels = compile_model(folder, name, {**FIELDS, **fields}, *options)
        self.folder = folder
        self.paths = [os.path.join(folder, name) for name in ("in", "weights", "out")]
        self.weights = {CHECKPOINT.format(layer, name): rand(*shape)
                        for layer in range(2) for name, shape in SHAPES.items()}
        self.tensors = {"hidden_states": rand(2, 3, HIDDEN), "past_key": rand(2, 4, KV_HEADS, SIZE),
                        "past_value": rand(2, 4, KV_HEADS, SIZE)}

    def run(self, *options, drop=(), **changed):
        """Status and text with some tensors changed or dropped, weights among them."""
        for path, tensors in zip(self.paths, (self.tensors, self.weights)):
            mine = {n: x for n, x in changed.items()
                    if n.endswith(".weight") == (tensors is self.weights)}
            write(path, {n: x for n, x in {**tensors, **mine}.items() if n not in drop})
        return attnc("run", self.kernels, "--in", self.paths[0], "--weights", self.paths[1], "--out",
                     self.paths[2], *options)

    def result(self, *options, **changed):
        status, text = self.run(*options, **changed)
        assert status == 0, text
        result = read(self.paths[2])
        os.remove(self.paths[2])
        return result

    def expect(self, message, *options, **changed):
        status, text = self.run(*options, **changed)
        sources = f"{self.paths[0]}, {self.paths[1]}: " if "tensor" in message else ""
        assert status == 1 and text == f"attnc: error: {sources}{message}\n", (message, text)
        assert not os.path.exists(self.paths[2]), message


def check_choice(case):
    first, second = (case.result("--layer", layer) for layer in "01")
    assert sorted(first) == ["output", "present_key", "present_value"], list(first)
    assert first["present_key"][1] == [2, 7, KV_HEADS, SIZE]
    assert close(first["present_key"][2][:16], case.tensors["past_key"][2][:16]), "the past stays"
    assert first["output"] != second["output"]
    assert case.result() == first, "where layers are equal, the first is taken"
    assert case.result("--layer", "model.layers.1.self_attn") == second
    # A file that belongs to one layer wins over a checkpoint.
    bare = {f"{name}.weight": case.weights[CHECKPOINT.format(1, name)] for name in SHAPES}
    assert case.result("--layer", "0", **bare) == second
    # Another module of the layer has a weight of that name, but not all.
    assert case.result("--layer", "0", **{"model.layers.0.mlp.o_proj.weight": rand(1)}) == first
    print("layers have their weights")


def check_errors(case):
    weight = CHECKPOINT.format(1, "k_proj")
    case.expect("no tensor 'k_proj.weight' of layer 1, which kernel 'equal_layer' needs as [4, 12]", "--layer", "1",
                drop=[weight])
    case.expect("no tensor 'q_proj.weight' of layer 0, which kernel 'equal_layer' needs as [12, 12]",
                "--layer", "model.layers.0.attn")
    case.expect("no tensor 'hidden_states', which kernel 'equal_layer' needs as [batch, query_length, 12]",
                "--scope", "layer", drop=["hidden_states"])
    case.expect(f"tensor '{weight}': is F32 [12, 4], expected F32 [4, 12]", "--layer", "1",
                **{weight: rand(12, 4)})
    case.expect("tensor 'q_proj.weight' may be 'model.layers.0.cross_attn.q_proj.weight' or "
                "'model.layers.0.self_attn.q_proj.weight': choose the layer's attention module with --layer, as "
                "in --layer model.layers.0.self_attn", "--layer", "0",
                **{f"model.layers.0.cross_attn.{name}.weight": rand(*shape) for name, shape in SHAPES.items()})
    case.expect("tensor 'hidden_states': is F32 [2, 3, 8], expected F32 [batch, query_length, 12]",
                hidden_states=rand(2, 3, 8))
    case.expect("tensor 'past_key' holds 4 tokens, 'past_value' holds 5: expected as many",
                past_value=rand(2, 5, KV_HEADS, SIZE))
    case.expect("no tensor 'past_value', but 'past_key' holds 4 tokens", drop=["past_value"])
    case.expect("tensor 'past_key': is F32 [2, 4, 4, 1], expected F32 [2, tokens, 1, 4]",
                past_key=rand(2, 4, SIZE, KV_HEADS))
    case.expect("tensor 'kv_lengths': a length is 8, but 4 tokens and 3 new ones make 7",
                kv_lengths=("I32", [2], [7, 8]))
    case.expect("tensor 'position_ids': is I32 [2, 2], expected I32 or I64 [batch 2, query_length 3]",
                position_ids=("I32", [2, 2], [0] * 4))
    case.expect("'equal' has no kernel of scope 'core' for layer 0, only equal_attend, equal_layer", "--scope", "core")
    print("errors of layers are clear")


def check_heads(case):
    """Where no core kernel is, projected heads are enough to choose scope attend."""
    case.tensors = {"query": rand(2, 3, HEADS, SIZE), "key": rand(2, 3, KV_HEADS, SIZE),
                    "value": rand(2, 3, KV_HEADS, SIZE)}
    result = case.result()
    assert result["output"][1] == [2, 3, HEADS, SIZE] and "present_key" in result, list(result)
    status, text = case.run(present_key=rand(2, 3, KV_HEADS, SIZE))
    assert status == 0 and text.endswith(
        "tensor 'present_key' is ignored; did you mean 'past_key', which is optional and not given?\n"), text
    os.remove(case.paths[2])
    print("heads are enough for scope attend")


def check_differing(case):
    norms = {f"model.layers.{layer}.self_attn.{name}_norm.weight": rand(SIZE)
             for layer in range(2) for name in "qk"}
    case.weights.update(norms)
    case.expect("layers differ, choose one with --layer: 0 (mixed_full); 1 (mixed_sliding)")
    assert case.result("--layer", "0") != case.result("--layer", "1")
    print("layers that differ are told apart")


def check_steps(case):
    """The steps of a latent layer's scope attend, by their names, one after the other."""
    heads, nope, rope, value, rank = 2, 4, 4, 6, 8
    weights = {"kv_a_layernorm": (rank,), "kv_b_proj": (heads * (nope + value), rank)}
    case.weights = {CHECKPOINT.format(layer, name): rand(*shape)
                    for layer in range(2) for name, shape in weights.items()}
    query = rand(2, 3, heads, nope + rope)
    case.tensors = {"query": query, "latent_and_rope_key": rand(2, 3, rank + rope)}
    whole = case.result("--layer", "1")
    assert whole != case.result("--layer", "0")
    rows = range(nope, len(query[2]), nope + rope)
    case.tensors["rope_query"] = ("F32", [2, 3, heads, rope], [x for i in rows for x in query[2][i:i + rope]])
    for step in ("absorb_query", "absorbed", "expand_output"):
        case.tensors.update(case.result("--layer", "1", "--function", f"{step}_attend"))
    assert sorted(whole) == ["output", "present_latent", "present_rope_key"], list(whole)
    assert all(case.tensors[name] == whole[name] for name in whole), "steps have the bits of the whole"
    case.expect("'steps' has no function 'expand_attend'", "--function", "expand_attend")
    case.expect("--function 'absorbed_attend' names a kernel, which has one scope: leave --scope out",
                "--function", "absorbed_attend", "--scope", "core")
    case.expect("layer 1 has no kernel 'steps_expand_attend', only steps_attend, steps_absorb_query_attend, "
                "steps_absorbed_attend, steps_expand_output_attend", "--function", "expand_attend", "--layer", "1")
    print("steps of a layer are called by their names")


def main():
    folder = sys.argv[1]
    random.seed(4)
    os.makedirs(folder)
    case = Case(folder, "equal", {"model_type": "llama"}, "attend", "layer")
    check_choice(case)
    check_errors(case)
    check_heads(case)
    check_differing(Case(folder, "mixed", {
        "model_type": "qwen3", "sliding_window": 2, "use_sliding_window": True, "max_window_layers": 1,
        "layer_types": ["full_attention", "sliding_attention"]}, "layer"))
    check_steps(Case(folder, "steps", {
        "model_type": "deepseek_v3", "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": None,
        "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 6}, "attend"))


if __name__ == "__main__":
    main()
