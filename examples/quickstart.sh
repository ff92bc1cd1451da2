#!/usr/bin/env bash
# Compiles a real model's attention, checks the kernels on this machine's CPU,
# and shows errors and speed. Installs what it lacks:
#   examples/quickstart.sh [config.json]   (default: Llama-3-8B)
set -euo pipefail
cd "$(dirname "$0")/.."

config=${1:-examples/configs/llama-3-8b.json}
attnc=build/release/bin/attnc

step() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

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
step "$attnc" verify "$kernels"
step "$attnc" bench "$kernels"
