#!/usr/bin/env bash
# make_venv.sh DIR REQUIREMENTS: a Python environment with exactly these pinned
# packages. One that has them already is left alone.
set -euo pipefail

dir=$1
requirements=$2
stamp=$dir/installed.txt
cmp -s "$requirements" "$stamp" && exit 0

rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$stamp"
