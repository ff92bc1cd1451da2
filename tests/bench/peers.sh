#!/usr/bin/env bash
# Builds attnc, makes the peers' Python environment (some gigabytes, once) and
# measures both in the same run: tests/bench/peers.sh [options of peers.py].
set -euo pipefail
cd "$(dirname "$0")/../.."

tools/scripts/install_dependencies.sh
tools/scripts/make_venv.sh build/peers-venv tests/bench/requirements.txt
cmake --preset release --log-level=WARNING >/dev/null
cmake --build build/release --target attnc
build/peers-venv/bin/python3 tests/bench/peers.py "$@"
