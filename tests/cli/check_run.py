"""Compiles small models and runs them on files: right results for right
tensors, one message and no file for wrong ones."""

import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys

FORMATS = {"F32": "f", "F16": "e", "BF16": "H", "I32": "i", "I64": "q"}


def to_bf16(value):
    """The bits of the nearest bf16, ties to even."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def from_bf16(bits):
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


def write(path, tensors):
    """Writes name -> (dtype, shape, flat values)."""
    header, data = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        stored = [to_bf16(x) for x in values] if dtype == "BF16" else values
        packed = struct.pack(f"<{len(values)}{FORMATS[dtype]}", *stored)
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(size)), file.read()
    result = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = entry["dtype"]
        size = struct.calcsize(FORMATS[dtype])
        values = struct.unpack(f"<{(end - begin) // size}{FORMATS[dtype]}", data[begin:end])
        result[name] = (dtype, entry["shape"],
                        [from_bf16(x) for x in values] if dtype == "BF16" else list(values))
    return result


def attnc(*arguments):
    done = subprocess.run(["attnc", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def rand(*shape):
    values = [random.uniform(-2, 2) for _ in range(math.prod(shape))]
    return ("F32", list(shape), values)


def attention(query, key, value, lengths, window, sinks):
    """Output and lse of one causal layer, element by element."""
    batch, queries, heads, dim = query[1]
    keys, kv_heads = key[1][1], key[1][2]
    output, lse = [], []
    for b in range(batch):
        for i in range(queries):
            for h in range(heads):
                kv = h // (heads // kv_heads)
                row = query[2][((b * queries + i) * heads + h) * dim:][:dim]
                position = i + lengths[b] - queries
                terms = []
                for j in range(max(0, position - window + 1), min(position + 1, lengths[b])):
                    at = ((b * keys + j) * kv_heads + kv) * dim
                    score = sum(x * y for x, y in zip(row, key[2][at:at + dim]))
                    terms.append((score / math.sqrt(dim), value[2][at:at + dim]))
                logits = [score for score, _ in terms] + ([sinks[h]] if sinks else [])
                top = max(logits, default=0)
                total = sum(math.exp(logit - top) for logit in logits)
                for d in range(dim):
                    above = sum(math.exp(s - top) * v[d] for s, v in terms)
                    output.append(above / total if total else 0.0)
                lse.append(top + math.log(total) if total else -math.inf)
    return output, lse


def close(found, expected, error=1e-5):
    return all(f == e or abs(f - e) <= error * (1 + abs(e)) for f, e in zip(found, expected))


def compile_model(folder, name, fields, *options):
    config = os.path.join(folder, f"{name}.json")
    with open(config, "w") as file:
        json.dump(fields, file)
    kernels = os.path.join(folder, name)
    status, text = attnc("compile", config, "-o", kernels, *options)
    assert status == 0 and text.startswith(f"wrote {kernels}: {name}.h, "), text
    return kernels


def check_results(folder):
    llama = compile_model(folder, "tiny", {
        "model_type": "llama", "hidden_size": 72, "num_attention_heads": 9,
        "num_key_value_heads": 3, "num_hidden_layers": 2}, "--scope", "core")
    oss = compile_model(folder, "sinks", {
        "model_type": "gpt_oss", "hidden_size": 64, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "num_hidden_layers": 4,
        "sliding_window": 3})
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    cases = [(llama, 9, 3, 8, [], 10**9, None, "tiny_core, layer 0"),
             (llama, 9, 3, 8, ["--layer", "1", "--phase", "prefill"], 10**9, None,
              "tiny_core_prefill, layer 1"),
             (oss, 4, 2, 16, ["--layer", "model.layers.2.self_attn"], 3, True,
              "sinks_core, layer 2"),
             (oss, 4, 2, 16, ["--layer", "1"], 10**9, True, "sinks_core, layer 1")]
    for kernels, heads, kv_heads, dim, options, window, with_sinks, ran in cases:
        for queries, lengths in [(5, [7, 5]), (1, [7, 3]), (3, [7, 0])]:
            if "prefill" in options and queries == 1:
                continue
            tensors = {"query": rand(2, queries, heads, dim),
                       "key": rand(2, 7, kv_heads, dim),
                       "value": rand(2, 7, kv_heads, dim),
                       "kv_lengths": ("I64", [2], lengths),
                       "ignored": ("F32", [1], [0.0])}
            sinks = None
            if with_sinks:
                tensors["sinks"] = rand(heads)
                sinks = tensors["sinks"][2]
            write(path, tensors)
            status, text = attnc("run", kernels, "--in", path, "--out", out, *options)
            assert status == 0 and text == (
                f"wrote {out}: output F32 [2, {queries}, {heads}, {dim}], "
                f"lse F32 [2, {queries}, {heads}] (by {ran})\n"), text
            result = read(out)
            output, lse = attention(tensors["query"], tensors["key"], tensors["value"],
                                    lengths, window, sinks)
            assert result["output"][:2] == ("F32", [2, queries, heads, dim])
            assert result["lse"][:2] == ("F32", [2, queries, heads])
            assert close(result["output"][2], output), (kernels, queries)
            assert close(result["lse"][2], lse), (kernels, queries)
            os.remove(out)
    print("results agree")
    return llama, oss


def check_stored(folder):
    """Tensors of 16 bits go in and come out as the kernel stores them."""
    fields = {"model_type": "llama", "torch_dtype": "bfloat16", "hidden_size": 32,
              "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1}
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    for name, options, types, error in (
            ("brain", [], ("BF16", "BF16", "BF16"), 2**-8),
            ("caches", ["--dtype", "f32", "--k-dtype", "f16", "--v-dtype", "bf16"],
             ("F32", "F16", "BF16"), 1e-5),
            ("half", ["--dtype", "f16"], ("F16", "F16", "F16"), 2**-11)):
        kernels = compile_model(folder, name, fields, *options)
        shapes = {"query": [2, 3, 4, 8], "key": [2, 7, 2, 8], "value": [2, 7, 2, 8]}
        tensors = {tensor: (dtype, *rand(*shape)[1:])
                   for (tensor, shape), dtype in zip(shapes.items(), types)}
        write(path, {**tensors, "kv_lengths": ("I32", [2], [7, 5])})
        tensors = read(path)
        status, text = attnc("run", kernels, "--in", path, "--out", out)
        assert status == 0 and f"output {types[0]} [2, 3, 4, 8], lse F32 " in text, text
        result = read(out)
        output, lse = attention(*(tensors[n] for n in shapes), [7, 5], 10**9, None)
        assert close(result["output"][2], output, error), name
        assert close(result["lse"][2], lse), name
        os.remove(out)
        write(path, {**tensors, "key": rand(2, 7, 2, 8)})
        status, text = attnc("run", kernels, "--in", path, "--out", out)
        assert status == 1 and f"tensor 'key': is F32 [2, 7, 2, 8], expected {types[1]} [" in text
    print("tensors of 16 bits agree")


def check_latent(folder):
    """Which form runs is seen from the tensors; its scale here is 1/sqrt(12)."""
    kernels = compile_model(folder, "mla", {
        "model_type": "deepseek_v3", "hidden_size": 64, "num_attention_heads": 4,
        "num_hidden_layers": 2, "q_lora_rank": None, "kv_lora_rank": 8, "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4, "v_head_dim": 12})
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    lengths = [7, 5]
    for queries in (5, 1):
        query, key, value = rand(2, queries, 4, 12), rand(2, 7, 4, 12), rand(2, 7, 4, 12)
        latent, rope_key = rand(2, 7, 8), rand(2, 7, 4)
        joined = [x for row in range(14)
                  for x in latent[2][8 * row:][:8] + rope_key[2][4 * row:][:4]]
        forms = {"expanded": ({"key": key, "value": value}, key, value, 12),
                 "absorbed": ({"latent": latent, "rope_key": rope_key},
                              ("F32", [2, 7, 1, 12], joined), None, 8)}
        for form, (tensors, keys, values, size) in forms.items():
            write(path, {"query": query, "kv_lengths": ("I32", [2], lengths), **tensors})
            status, text = attnc("run", kernels, "--in", path, "--out", out)
            assert status == 0 and text.count("\n") == 1, text
            result = read(out)
            output, lse = attention(query, keys, values or keys, lengths, 10**9, None)
            output = [x for row in range(0, len(output), 12) for x in output[row:][:size]]
            assert result["output"][1] == [2, queries, 4, size], (form, result["output"][1])
            assert close(result["output"][2], output) and close(result["lse"][2], lse), form
            os.remove(out)
    write(path, {"query": query, "latent": latent})
    status, text = attnc("run", kernels, "--in", path, "--out", out)
    assert status == 1 and "no tensor 'rope_key', which kernel 'mla_absorbed_core' needs" in text
    write(path, {"query": query, "key": key})
    status, text = attnc("run", kernels, "--in", path, "--out", out)
    assert status == 1 and "no tensor 'value', which kernel 'mla_expanded_core' needs" in text
    print("both forms of a latent layer agree")


FUNCTION = """func.func @{name}(
    %q: tensor<?x?x2x{dim}xf32> {{attn.name = "query"}}, %k: tensor<?x?x2x{dim}xf32> {{attn.name = "key"}},
    %v: tensor<?x?x2x{dim}xf32> {{attn.name = "value"}})
    -> (tensor<?x?x2x{dim}xf32> {{attn.name = "output"}}, tensor<?x?x2xf32> {{attn.name = "lse"}}) {{
  %s = attn.score %q, %k : tensor<?x?x2x{dim}xf32>, tensor<?x?x2x{dim}xf32> -> tensor<?x2x?x?xf32>
  %t = attn.scale %s {{by = {scale}}} : tensor<?x2x?x?xf32>
  %p, %lse = attn.softmax %t : tensor<?x2x?x?xf32> -> tensor<?x2x?x?xf32>, tensor<?x?x2xf32>
  %o = attn.weighted_sum %p, %v
      : tensor<?x2x?x?xf32>, tensor<?x?x2x{dim}xf32> -> tensor<?x?x2x{dim}xf32>
  return %o, %lse : tensor<?x?x2x{dim}xf32>, tensor<?x?x2xf32>
}}
"""


def check_functions(folder):
    source, kernels = os.path.join(folder, "pair.mlir"), os.path.join(folder, "pair")
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    with open(source, "w") as file:
        file.write(FUNCTION.format(name="soft", scale=0.5, dim=8))
        file.write(FUNCTION.format(name="hard", scale=8.0, dim=16))
    status, text = attnc("compile", source, "-o", kernels)
    assert status == 0, text

    def tensors(dim):
        return {"query": rand(1, 2, 2, dim), "key": rand(1, 5, 2, dim), "value": rand(1, 5, 2, dim)}

    write(path, tensors(8))
    status, text = attnc("run", kernels, "--in", path, "--out", out)
    assert status == 1 and "choose one with --function: soft, hard" in text, text
    status, text = attnc("run", kernels, "--in", path, "--out", out, "--function", "none")
    assert status == 1 and "'pair' has no function 'none'" in text, text
    for function, dim in (("soft", 8), ("hard", 16)):
        write(path, tensors(dim))
        status, text = attnc("run", kernels, "--in", path, "--out", out, "--function", function)
        assert status == 0, text
        assert read(out)["output"][1] == [1, 2, 2, dim]
        os.remove(out)
    print("functions are told apart")


NORMED = """func.func @normed(
    %q: tensor<?x?x2x8xf32> {attn.name = "q"}, %k: tensor<?x?x2x8xf32> {attn.name = "k"})
    -> (tensor<?x?x2x8xf32> {attn.name = "y"}) {
  %n = attn.rms_norm %k {eps = 1.0e-6} : tensor<?x?x2x8xf32>
  %y, %lse = attn.flash %q, %n, %k {scale = 0.5, mask = #attn.bidirectional}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %y : tensor<?x?x2x8xf32>
}
"""


def check_empty_keys(folder):
    """A function keeps its keys normed: without keys it needs no room, not room for any number."""
    source, kernels = os.path.join(folder, "normed.mlir"), os.path.join(folder, "normed")
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    with open(source, "w") as file:
        file.write(NORMED)
    status, text = attnc("compile", source, "-o", kernels)
    assert status == 0, text
    with open(os.path.join(kernels, "normed.json")) as file:
        programs = json.load(file)["kernels"][0]["programs"]
    assert any("kv_capacity" in buffer["times"] for buffer in programs[0]["workspace"]["buffers"]), programs
    for keys in (0, 3):
        write(path, {"q": rand(1, 2, 2, 8), "k": rand(1, keys, 2, 8)})
        status, text = attnc("run", kernels, "--in", path, "--out", out)
        assert status == 0, text
        assert any(read(out)["y"][2]) == bool(keys)
        os.remove(out)
    print("no keys are run")


def check_errors(folder, llama, oss):
    path, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    good = {"query": rand(2, 3, 9, 8), "key": rand(2, 7, 3, 8), "value": rand(2, 7, 3, 8),
            "kv_lengths": ("I32", [2], [7, 3])}

    def expect(message, kernels=llama, options=(), drop=None, **changed):
        tensors = {**good, **changed}
        tensors.pop(drop, None)
        write(path, tensors)
        status, text = attnc("run", kernels, "--in", path, "--out", out, *options)
        assert status == 1 and text.count("\n") == 1 and message in text, (message, text)
        assert not os.path.exists(out), message
        left = [name for name in os.listdir(folder) if ".tmp" in name]
        assert not left, left

    expect("no tensor 'query', which kernel 'tiny_core' needs", drop="query")
    expect("no tensor 'value'", drop="value")
    expect("tensor 'query': is F32 [2, 9, 8], expected F32 [", query=rand(2, 9, 8))
    expect("tensor 'query': is F32 [2, 3, 8, 8], expected F32 [", query=rand(2, 3, 8, 8))
    expect("tensor 'key': is F32 [3, 7, 3, 8], expected F32 [", key=rand(3, 7, 3, 8))
    expect("tensor 'value': is F32 [2, 6, 3, 8], expected F32 [", value=rand(2, 6, 3, 8))
    expect("tensor 'key': is I32 [2, 7, 3, 8], expected F32",
           key=("I32", [2, 7, 3, 8], [0] * 336))
    expect("tensor 'kv_lengths': is F32 [2], expected I32 or I64 [batch 2]\n", kv_lengths=rand(2))
    expect("tensor 'kv_lengths': is I64 [1], expected I32 or I64 [batch 2]\n",
           kv_lengths=("I64", [1], [7]))
    expect("tensor 'kv_lengths': is I64 [2, 1], expected I32 or I64 [batch 2]\n",
           kv_lengths=("I64", [2, 1], [7, 3]))
    expect("tensor 'kv_lengths': is I32 [], expected I32 or I64 [batch 2]\n",
           kv_lengths=("I32", [], [7]))
    expect("tensor 'kv_lengths': element 1 is 4294967303, which int32 cannot hold",
           kv_lengths=("I64", [2], [7, 2**32 + 7]))
    for dtype in ("I32", "I64"):
        expect("error: tiny_core: kv_lengths [1] is 8, expected 0 to 7 (the keys' capacity)\n",
               kv_lengths=(dtype, [2], [7, 8]))
        expect("error: tiny_core: kv_lengths [0] is -1, expected 0 to 7 (the keys' capacity)\n",
               kv_lengths=(dtype, [2], [-1, 7]))
    expect("layer 2 does not exist: 'tiny' has layers 0 to 1\n", options=["--layer", "2"])
    expect("layer 'attn' is neither a number nor a prefix", options=["--layer", "attn"])
    expect("layers differ, choose one with --layer: ", kernels=oss)
    expect("no tensor 'sinks'", kernels=oss, options=["--layer", "0"],
           query=rand(2, 3, 4, 16), key=rand(2, 7, 2, 16), value=rand(2, 7, 2, 16))
    expect("'tiny' has no kernel of scope 'attend' for layer 0, only tiny_core\n", options=["--scope", "attend"])
    expect("", kernels=folder)
    expect("", kernels=os.path.join(folder, "none"))

    misspelt = {**good, "kv_length": good["kv_lengths"]}
    del misspelt["kv_lengths"]
    write(path, misspelt)
    status, text = attnc("run", llama, "--in", path, "--out", out)
    assert status == 0 and text.splitlines()[-1] == (
        f"attnc: warning: {path}: tensor 'kv_length' is ignored; did you mean 'kv_lengths', "
        "which is optional and not given?"), text
    os.remove(out)
    os.symlink(path, out)
    other = shutil.copy(path, path + ".copy")
    for option, options in (("--in", ["--in", path, "--out", path]),
                            ("--in", ["--in", path, "--out", out]),
                            ("--weights", ["--in", other, "--weights", path, "--out", out])):
        status, text = attnc("run", llama, *options)
        assert status == 1 and f"is a file of {option}, which the results would overwrite" in text
    os.remove(out)

    write(path, good)
    for bad in (os.path.join(folder, "none", "out"), folder):
        status, text = attnc("run", llama, "--in", path, "--out", bad)
        assert status == 1 and "cannot be written" in text, text
    with open(path, "r+b") as file:
        file.write(struct.pack("<Q", 1 << 60))
    status, text = attnc("run", llama, "--in", path, "--out", out)
    assert status == 1 and "does not fit" in text, text
    print("errors are clear")


def main():
    folder = sys.argv[1]
    random.seed(3)
    os.makedirs(folder)
    llama, oss = check_results(folder)
    check_stored(folder)
    check_latent(folder)
    check_errors(folder, llama, oss)
    check_functions(folder)
    check_empty_keys(folder)


if __name__ == "__main__":
    main()
