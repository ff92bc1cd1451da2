#!/usr/bin/env bash
# Builds attnc and the operator of examples/onnxruntime, and measures it beside ONNX
# Runtime's own: tests/bench/group_query.sh [options of group_query.py].
set -euo pipefail
cd "$(dirname "$0")/../.."

tools/scripts/install_dependencies.sh
tools/scripts/make_venv.sh build/venv tests/requirements.txt
cmake --preset release --log-level=WARNING >/dev/null
cmake --build build/release --target attnc
out=build/release/group-query
build/release/bin/attnc compile examples/configs/llama-3-8b.json --scope attend \
  --dtype f32 -o "$out" >/dev/null
header=${ONNXRUNTIME_INCLUDE:-tests/abi/Inputs/onnxruntime}
clang-22 -O2 -fPIC -shared examples/onnxruntime/attnc_ops.c -I"$header" -I"$out" \
  "$out/libllama_3_8b.a" -o build/release/libattnc_ops.so
build/venv/bin/python3 tests/bench/group_query.py build/release/libattnc_ops.so "$@"
