#!/usr/bin/env bash
# install_dependencies.sh [--tests]: installs what building attnc needs on Debian
# 12, with --tests also the browser that the tests look at pages with, another C
# library and emulators of other CPUs, and nothing that is already there. Needs
# root or sudo only when a package is missing.
set -euo pipefail

packages=(
  ccache clang-22 clang-format-22 clang-tidy-22 cmake git
  libclang-rt-22-dev libfmt-dev libgtest-dev liblld-22-dev libmlir-22-dev
  libstdc++-12-dev libzstd-dev lld-22 llvm-22-dev llvm-22-tools mlir-22-tools
  ninja-build python3 python3-venv zlib1g-dev
)
case ${1:-} in
  "") ;;
  --tests)
    packages+=(chromium musl-tools qemu-user)
    # What links programs for aarch64 where the machine is none.
    [ "$(dpkg --print-architecture)" != amd64 ] ||
      packages+=(libc6-dev-arm64-cross libgcc-12-dev-arm64-cross) ;;
  *) echo "error: unknown option '$1'" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "error: missing packages and neither root nor sudo: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}"
