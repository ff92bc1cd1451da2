"""Calls every verb with every kind of bad input: one message on stderr, the
right status, nothing on stdout and nothing left behind."""

import json
import os
import struct
import subprocess
import sys

INPUT_VERBS = ("import", "compile", "verify", "bench", "explain")


def layer(**fields):
    """A declared layer in a .mlir file."""
    fields = {"hidden": 64, "heads": 4, "kv_heads": 2, "head_dim": 16, **fields}
    text = ", ".join(f"{key} = {value}" for key, value in fields.items())
    return f"attn.grouped @a {{{text}, layers = array<i64: 0>, mask = #attn.causal}}\n"


def config(model_type="llama", **fields):
    return json.dumps({"model_type": model_type, **fields})


# File name, contents, and what the message says.
INPUTS = [
    ("empty.json", "", "empty.json: error: file is empty"),
    ("empty.mlir", "", "empty.mlir: error: file is empty"),
    ("truncated.json", config()[:-5], "truncated.json:1:"),
    ("deep.json", "[" * 100000, "deep.json:1:257: error: nested deeper than 256 levels"),
    ("deep.mlir", "module { " * 100000, "error: nested deeper than 256 levels"),
    ("words.json", "hello", "words.json:1:1: error: not valid JSON"),
    ("bytes.json", b"\x7fELF\x02\x01\x00\xff\xfe", "bytes.json:1:7: error: not valid JSON"),
    ("bytes.mlir", b"\x7fELF\x02\x01\x00\xff\xfe", "bytes.mlir:1:"),
    ("words.mlir", "module {\n  attn.grouped @a {\n}", "words.mlir:"),
    ("divides.json", config(num_attention_heads=32, num_key_value_heads=7),
     "num_key_value_heads: 7 does not divide num_attention_heads 32"),
    ("divides.mlir", layer(kv_heads=3), "divides.mlir:1:1: error: 'attn.grouped' op"),
    ("head-0.json", config(head_dim=0), "head_dim: 0 is not in 1 to 65536"),
    ("head-0.mlir", layer(head_dim=0), "head-0.mlir:1:"),
    ("head-huge.json", config(head_dim=2**40), "head_dim: 1099511627776 is not in 1 to 65536"),
    ("head-huge.mlir", layer(head_dim=2**40), "head-huge.mlir:1:"),
    ("head-vast.mlir", layer(head_dim=2**80), "head-vast.mlir:1:"),
    ("window.json", config("mistral", sliding_window=-5), "sliding_window: -5 is not in 1 to"),
    ("theta.json", config(rope_theta=0), "rope_theta: expected a number over 0, found 0"),
    ("model.json", config("lama"), "model_type: unknown model_type 'lama'"),
    ("rope.json", config(rope_scaling={"rope_type": "spiral"}), "unknown rope_type 'spiral'"),
    ("mark.json", b"\xef\xbb\xbf" + config("lama").encode(), "mark.json:1:2: error: model_type: unk"),
    ("mark.mlir", b"\xef\xbb\xbf" + layer(kv_heads=3).encode(), "mark.mlir:1:1: error: 'attn.grouped' op"),
    ("absent.json", None, "absent.json: error: cannot be read: No such file or directory"),
    ("absent/deep.json", None, "absent/deep.json: error: cannot be read"),
]


class Checker:
    def __init__(self, folder):
        self.folder = folder
        self.temporary = os.path.join(folder, "temporary")
        os.makedirs(self.temporary)
        self.count = 0

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, contents):
        with open(self.path(name), "wb") as file:
            file.write(contents.encode() if isinstance(contents, str) else contents)
        return self.path(name)

    def listing(self):
        return sorted(os.path.join(root, name) for root, folders, files in os.walk(self.folder)
                      for name in folders + files)

    def expect(self, status, message, *arguments):
        """Runs attnc in the folder, where relative outputs would land."""
        before = self.listing()
        done = subprocess.run(["attnc", *arguments], capture_output=True, text=True,
                              errors="replace", cwd=self.folder, timeout=120,
                              env={**os.environ, "TMPDIR": self.temporary})
        lines = done.stderr.splitlines()
        errors = [line for line in lines if "error: " in line]
        notes = [line for line in lines if "note: " in line]
        told = (arguments, done.returncode, done.stderr)
        assert done.returncode == status, told
        assert len(errors) == 1 and len(errors) + len(notes) == len(lines), told
        assert message in errors[0], (message, told)
        said = errors[0].split("error: ", 1)[1]
        assert not said[0].isupper() and not said.endswith("."), told
        assert not done.stdout, (arguments, done.stdout)
        assert self.listing() == before, (arguments, set(self.listing()) ^ set(before))
        self.count += 1


def check_inputs(checker):
    for name, contents, message in INPUTS:
        if contents is not None:
            checker.write(name, contents)
        for verb in INPUT_VERBS:
            output = ["-o", "out"] if verb == "compile" else []
            checker.expect(1, message, verb, name, *output)
    os.mkdir(checker.path("folder"))
    for verb in INPUT_VERBS:
        takes_folder = verb in ("verify", "bench", "explain")
        expected = "it holds no manifest" if takes_folder else (
            "folder: error: is a folder, expected a config.json or a .mlir file")
        checker.expect(1, expected, verb, "folder", *(["-o", "out"] if verb == "compile" else []))


def check_usage(checker):
    checker.expect(2, "no verb given")
    checker.expect(2, "unknown verb 'complie'; did you mean 'compile'?", "complie")
    for verb in (*INPUT_VERBS, "run"):
        checker.expect(2, f"'attnc {verb}' needs ", verb)
        checker.expect(2, f"unknown option '--frob' of 'attnc {verb}'", verb, "x", "--frob")
        checker.expect(2, f"'attnc {verb}' is empty", verb, "")
    checker.expect(2, "option '-o': needs a value that is not empty", "compile", "x", "-o", "")


def check_outputs(checker):
    good = checker.write("good.mlir", layer())
    checker.write("file", "")
    checker.expect(1, "'file' exists and is not a folder", "compile", good, "-o", "file")
    checker.expect(1, "cannot write 'file/a/b': Not a directory", "compile", good, "-o", "file/a/b",
                   "--dump-ir", "dump")
    checker.expect(1, "cannot write 'file/a/b': Not a directory", "compile", good, "-o", "out",
                   "--dump-ir", "file/a/b")
    checker.expect(1, "cannot write '/proc/a/b'", "compile", good, "-o", "/proc/a/b")
    checker.expect(1, "is the current folder", "compile", good, "-o", ".")
    for verb, more in (("compile", ["-o", "out"]), ("verify", []), ("bench", []), ("explain", [])):
        checker.expect(1, "'file' exists and is not a folder", verb, good, *more, "--dump-ir", "file")
        checker.expect(1, "cannot write '/proc/a/b'", verb, good, *more, "--dump-ir", "/proc/a/b")
    for folder, dump in (("z", "z"), ("z", "z/ir"), ("z/kernels", "z"), ("none/../z", "z/")):
        checker.expect(1, f"the kernels go to '{folder}' and the dump to '{dump}'", "compile", good,
                       "-o", folder, "--dump-ir", dump)


def safetensors(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def check_tensors(checker):
    good = checker.write("good.mlir", layer())
    subprocess.run(["attnc", "compile", good, "-o", checker.path("kernels")], check=True,
                   stdout=subprocess.DEVNULL)

    def entry(dtype="F32", shape=(1, 1, 4, 16), offsets=(0, 256)):
        return {"query": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}

    data = bytes(256)
    two = {**entry(), "key": entry()["query"]}
    for contents, message in [
            (b"", "in: has 0 bytes, too few for safetensors"),
            (safetensors(entry(), data, size=2**60), "does not fit into"),
            (safetensors(b"{"), "in: header: 1:1: not valid JSON"),
            (safetensors(b"[" * 100000), "nested deeper than 256 levels"),
            (safetensors(entry(dtype="F33"), data), "tensor 'query': unknown dtype 'F33'"),
            (safetensors(entry(offsets=(0, 512)), data), "bytes 0 to 512 are not within the 256"),
            (safetensors(entry(offsets=(256, 0)), data), "bytes 256 to 0 are not within the 256"),
            (safetensors(entry(shape=(1, 1, 4, 17)), data), "does not fill the 256 bytes"),
            (safetensors(entry(shape=(2**40, 2**40, 4, 16)), data), "does not fill the 256 bytes"),
            (safetensors(two, data), "overlaps another tensor"),
            (safetensors(entry(shape=(1, 4, 16)), data),
             "tensor 'query': is F32 [1, 4, 16], expected F32 [batch, query_length, 4, 16]"),
            (safetensors(entry(dtype="I32"), data), "tensor 'query': is I32 [1, 1, 4, 16], expected"),
            (safetensors(entry(), data), "no tensor 'key', which kernel 'good_core' needs")]:
        checker.write("in", contents)
        checker.expect(1, message, "run", "kernels", "--in", "in", "--out", "out")
    checker.expect(1, "none: cannot be read", "run", "kernels", "--in", "none", "--out", "out")
    checker.expect(1, "folder: is a folder", "run", "kernels", "--in", "folder", "--out", "out")

    manifest = checker.path("kernels", "good.json")
    with open(manifest) as file:
        text = file.read()
    for verb, more in (("verify", []), ("bench", []), ("explain", []),
                       ("run", ["--in", "in", "--out", "out"])):
        checker.write(manifest, text.replace('"declared_ir": "module', '"declared_ir": "modul'))
        checker.expect(1, "custom op 'modul' is unknown", verb, "kernels", *more)
        checker.write(manifest, text[:-9])
        checker.expect(1, "its manifest 'good.json' is damaged: ", verb, "kernels", *more)
    checker.write(manifest, text)
    for verb in INPUT_VERBS:
        checker.expect(1, f"{manifest}: error: is the manifest of a compiled folder, expected",
                       verb, manifest, *(["-o", "out"] if verb == "compile" else []))
    checker.expect(1, "it is the manifest of one; name the folder", "run", manifest, "--in", "in",
                   "--out", "out")


def main():
    checker = Checker(sys.argv[1])
    check_inputs(checker)
    check_usage(checker)
    check_outputs(checker)
    check_tensors(checker)
    print(f"{checker.count} mistakes, one message each")


main()
