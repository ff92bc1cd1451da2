#!/usr/bin/env bash
# Builds attnc for aarch64 from Debian's packages, runs it emulated, and compares
# what it compiles with what this machine's attnc does, byte by byte. One line a
# case: `ok ...` or `not ok ...`; the exit status is 1 when one is not ok.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'TEXT'
usage: tools/scripts/compare_hosts.sh [options] [INPUT [option of attnc compile...]]
  --dir DIR   where packages, build and results go (default: build/hosts); 2 GB,
              300 MB of them from this machine's Debian mirror, without root
  --jobs N    compile N files at once (default: one for each core)
With an INPUT that is the only case; otherwise a choice of configs.
TEXT
}

dir=build/hosts jobs=$(nproc)
while [ $# -gt 0 ]; do
  case $1 in
    --dir | --jobs)
      [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
      [ "$1" = --dir ] && dir=$2 || jobs=$2
      shift 2 ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "error: unknown option '$1'" >&2; usage >&2; exit 2 ;;
    *) break ;;
  esac
done
if ! command -v qemu-aarch64 >/dev/null; then
  echo "error: no qemu-aarch64; tools/scripts/install_dependencies.sh --tests installs it" >&2
  exit 1
fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
sysroot=$dir/sysroot

# The machine's sources and keys, with a state and an architecture of our own;
# what it does after updates is none of ours.
apt() {
  mkdir -p "$dir"/apt/{state/lists,cache/archives}/partial
  touch "$dir/apt/status"
  cat >"$dir/apt/apt.conf" <<TEXT
#clear APT::Update;
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "$(id -un)";
Dir::State "$dir/apt/state";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache";
TEXT
  apt-get -c "$dir/apt/apt.conf" -qq "$@"
}

# LLVM is the same version on both sides; the rest is what it is linked with.
fetch() {
  local packages=(libfmt-dev libgtest-dev libstdc++-12-dev libzstd-dev zlib1g-dev) package link
  for package in clang-22 liblld-22-dev libmlir-22-dev lld-22 llvm-22-dev mlir-22-tools; do
    packages+=("$package=$(dpkg-query -W -f='${Version}' "$package")")
  done
  apt update
  apt install -y --download-only --no-install-recommends "${packages[@]}"
  rm -rf "$sysroot"
  mkdir "$sysroot"
  for package in "$dir"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$sysroot"
  done
  # Absolute links would leave the folder.
  find "$sysroot" -type l -lname '/*' | while read -r link; do
    ln -sfnr "$sysroot$(readlink "$link")" "$link"
  done
  rm -rf "$dir/apt"
  touch "$dir/fetched"
}

build() {
  cmake --preset release --log-level=WARNING >/dev/null
  cmake --build build/release --target attnc -j "$jobs"
  cmake --preset release -B "$dir/build" --toolchain "$PWD/tools/cmake/aarch64.cmake" \
    -DATTN_SYSROOT="$sysroot" --log-level=WARNING >/dev/null
  cmake --build "$dir/build" --target attnc -j "$jobs"
}

status=0
compare() {
  local label="${1##*/}${2:+ ${*:2}}"
  local options=("$@" --target x86-64-v3 --target x86-64-v4 --target aarch64)
  rm -rf "$dir"/{here,there}
  build/release/bin/attnc compile "${options[@]}" -o "$dir/here" >/dev/null
  qemu-aarch64 -L "$sysroot" "$dir/build/bin/attnc" compile "${options[@]}" -o "$dir/there" \
    >/dev/null
  # Only the first target's own architecture writes the shared library.
  rm "$dir"/here/lib*.so
  if diff -r "$dir/here" "$dir/there"; then
    echo "ok $label: $(cat "$dir"/here/* | wc -c) bytes in $(find "$dir/here" -type f | wc -l) files"
  else
    echo "not ok $label"
    status=1
  fi
}

[ -e "$dir/fetched" ] || fetch
build
if [ $# -gt 0 ]; then
  compare "$@"
  exit $status
fi
# Each kind of layer, position, type and scope once. A scaling by 13 has another
# scale in its last bit where a product and a sum are fused.
configs=examples/configs
sed 's/"factor": 40.0/"factor": 13.0/' $configs/deepseek-v2-lite.json >"$dir/fusable.json"
compare "$dir/fusable.json" --scope core
compare $configs/gpt2.json
compare $configs/llama-3.1-8b.json --dtype bf16
compare $configs/gpt-oss-20b.json --dtype f32 --k-dtype f16 --v-dtype f16
compare $configs/gemma-2-9b.json --scope core --scope attend --dtype f16
compare $configs/bloom-560m.json --scope core
compare $configs/deepseek-v3.json --dtype bf16
compare tests/abi/Inputs/functions.mlir
exit $status
