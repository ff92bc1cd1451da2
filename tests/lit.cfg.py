# How the lit tests run: with the tools of this build and of its LLVM, and with
# ATTN_ROUNDTRIP=1 every attn-opt also prints, parses and compares its IR.
import importlib.util
import os
import platform
import shutil
import sys

import lit.formats

config.name = "attnc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "bench", "numeric", "unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.attn_build_root, "tests")

# The venv of tests/run.sh has NumPy and safetensors; lit's own Python may not.
venv_python = os.path.join(config.attn_source_root, "build", "venv", "bin", "python3")
python = venv_python if os.path.exists(venv_python) else sys.executable

tools = [os.path.join(config.attn_build_root, "bin"), config.llvm_tools_dir]
config.environment["PATH"] = os.pathsep.join(tools + [os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=fail"
for variable in ("HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

config.substitutions += [
    ("%build", config.attn_build_root),
    ("%cc", config.c_compiler),
    ("%cxx", config.cxx_compiler),
    ("%python", python),
    ("%source", config.attn_source_root),
    ("%configs", os.path.join(config.attn_source_root, "examples", "configs")),
]
if os.environ.get("ATTN_ROUNDTRIP") == "1":
    config.substitutions.append((r"\battn-opt\b", "attn-opt --verify-roundtrip"))

# Features gate tests by what the machine and the build have.
config.available_features.add(platform.machine())
config.available_features.update(filter(None, config.sanitizers.split(",")))
if not config.sanitizers:
    config.available_features.add("no-sanitizer")
if os.path.exists("/proc/cpuinfo"):
    with open("/proc/cpuinfo") as cpuinfo:
        flags = set(cpuinfo.read().split())
    config.available_features.update({"avx2", "avx512f"} & flags)
# Engines that the examples call kernels from; tests/requirements.txt names their packages.
engines = {name: spec for name in ("libggml", "onnxruntime") if (spec := importlib.util.find_spec(name))}
config.available_features.update(engines)
if "libggml" in engines:
    config.substitutions.append(("%libggml", os.path.dirname(engines["libggml"].origin)))
# No package of Debian 12's or PyPI's has this header; libonnxruntime-dev of later releases does.
onnxruntime_include = os.environ.get("ONNXRUNTIME_INCLUDE", "/usr/include/onnxruntime")
if os.path.exists(os.path.join(onnxruntime_include, "onnxruntime_c_api.h")):
    config.available_features.add("onnxruntime-header")
    config.substitutions.append(("%onnxruntime_include", onnxruntime_include))
# Other CPUs and another C library, where their packages are installed.
for program, feature in (("qemu-x86_64", "qemu-x86_64"), ("musl-gcc", "musl")):
    if shutil.which(program):
        config.available_features.add(feature)
if shutil.which("qemu-aarch64") and os.path.exists("/usr/aarch64-linux-gnu/lib/libc.a"):
    config.available_features.add("aarch64-emulator")
if os.path.exists("/dev/nvidia0"):
    config.available_features.add("cuda")
