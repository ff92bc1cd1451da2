#!/usr/bin/env python3
"""What a folder's archive, shared library and header have of each kernel of the
manifest: all of its entries and companions, and nothing that is not NAME's. The
pool of threads is in archives alone.
"""
import ctypes
import json
import pathlib
import re
import subprocess
import sys

COMPANIONS = ("", "_can_run", "_plan", "_task", "_workspace")
FFI = ("", "_workspace")
POOL = ("_pool_create", "_pool_run", "_pool_destroy")


def defined(path, *options):
    lines = subprocess.run(["llvm-nm", "--defined-only", *options, path], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return {line.split()[2] for line in lines if len(line.split()) == 3}


def declared(header):
    return set(re.findall(r"^[\w ]+[ *](\w+)\((?!\*)", header, re.M))


def fields(header, args):
    body = re.search(rf"typedef struct {args} {{(.*?)}} {args};", header, re.S).group(1)
    return re.findall(r"^  const DLTensor \*(\w+);", body, re.M)


def report(what, expected, found):
    for name in sorted(expected ^ found):
        print(f"FAIL: {name} is {'missing in' if name in expected else 'no symbol for'} the {what}")


def main():
    folder = pathlib.Path(sys.argv[1])
    manifest = json.loads(next(folder.glob("*.json")).read_text())
    name, kernels = manifest["name"], manifest["kernels"]
    header = (folder / f"{name}.h").read_text()
    symbols = {kernel["symbol"] for kernel in kernels}
    packing = {packed["pack"].replace("_pack_weights", end) for packed in
               (kernel.get("packed_weights") for kernel in kernels) if packed
               for end in ("_pack_weights", "_packed_weights_bytes")}
    plain = {symbol + end for symbol in symbols for end in COMPANIONS} | {f"{name}_info", f"{name}_merge"}
    foreign = {f"__tvm_ffi_{symbol}{end}" for symbol in symbols for end in FFI} | {f"__tvm_ffi_{name}_merge"}
    plain |= packing
    foreign |= {f"__tvm_ffi_{symbol}" for symbol in packing}
    pool = {name + end for end in POOL}
    report("archive", plain | pool, defined(folder / f"lib{name}.a", "-g"))
    report("shared library", plain | foreign, defined(folder / f"lib{name}.so", "-D"))
    report("header", plain | pool, declared(header[header.index("/* ATTN_ABI_1 */"):]))
    for kernel in kernels:
        if ("packed_weights" in kernel) != (kernel["scope"] == "layer"):
            print(f"FAIL: {kernel['symbol']} packs weights, or packs none")
        expected = [tensor.get("field", tensor["name"]) for tensor in kernel["tensors"]]
        got = fields(header, kernel["args"])
        if got[:len(expected)] != expected:
            print(f"FAIL: {kernel['args']} has {got}, expected first {expected}")
    info = ctypes.CDLL(str(folder / f"lib{name}.so"))[f"{name}_info"]
    info.restype = ctypes.c_void_p
    if info() != info() or ctypes.string_at(info()) != (folder / f"{name}.json").read_bytes():
        print(f"FAIL: {name}_info() is not the manifest")
    print(f"{name}: {len(symbols)} entries")


if __name__ == "__main__":
    main()
