#!/usr/bin/env bash
# Compiles a real model's attention, checks the kernels on this machine's CPU,
# and shows errors and speed. Installs what it lacks:
#   examples/quickstart.sh [config.json]   (default: Llama-3-8B)
set -euo pipefail
cd "$(dirname "$0")/.."

config=${1:-examples/configs/llama-3-8b.json}
attnc=build/release/bin/attnc

announce() { printf '\n$ %s\n' "$*"; }
step() { announce "$@" && "$@"; }

tools/scripts/install_dependencies.sh
cmake --preset release --log-level=WARNING >/dev/null
cmake --build build/release --target attnc

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
kernels=$out/kernels

step cat "$config"
step "$attnc" import "$config"
step "$attnc" compile "$config" -o "$kernels"
step ls -l "$kernels"
# Against the float64 reference: the first of the checks, and how many passed.
announce "$attnc" verify "$kernels"
"$attnc" verify "$kernels" >"$out/checks" || { cat "$out/checks"; exit 1; }
sed -n '1,24p;$!d;s/^/  ...\n/p' "$out/checks"
step "$attnc" bench "$kernels"
