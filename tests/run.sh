#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test suite. The last line is
# `N passed, M failed`; the exit status is 1 when M is not 0.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

usage() {
  cat <<'TEXT'
usage: tests/run.sh [options]
  --preset NAME      release (default), dev, asan or tsan
  --only LIST        comma-separated suites of: lit roundtrip unit numeric fuzz
                     lint docs
                     (default: all of them; asan: lit,unit; tsan: unit,
                     and of that what has threads)
  --filter REGEX     of the lit tests, only those whose path matches
  --unit-filter GLOB of the unit tests, only those whose name matches
  --long             10000 cases of the fuzz suite, not 300
  --seed S           of the fuzz suite's random cases; 1 by default
  --tidy WHAT        what lint gives to clang-tidy: none, changed (default), all
  --werror           warnings in attnc's own code are errors
  --no-install       install nothing
TEXT
}

preset=release only="" filter=. unit_filter='*' cases=300 seed=1 tidy=changed
werror=OFF install=yes
while [ $# -gt 0 ]; do
  case $1 in
    --preset | --only | --filter | --unit-filter | --seed | --tidy)
      [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; } ;;&
    --preset) preset=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --filter) filter=$2; shift 2 ;;
    --unit-filter) unit_filter=$2; shift 2 ;;
    --long) cases=10000; shift ;;
    --seed) seed=$2; shift 2 ;;
    --tidy) tidy=$2; shift 2 ;;
    --werror) werror=ON; shift ;;
    --no-install) install=no; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "error: unknown option '$1'" >&2; usage >&2; exit 2 ;;
  esac
done

target=all unit_tests=attn-unit-tests
case $preset in
  release | dev) : "${only:=lit,roundtrip,unit,numeric,fuzz,lint,docs}" ;;
  asan) : "${only:=lit,unit}" ;;
  tsan)
    : "${only:=unit}"
    target=attn-thread-tests unit_tests=attn-thread-tests ;;
  *) echo "error: unknown preset '$preset'" >&2; exit 2 ;;
esac

build=build/$preset
results=$build/test-results
passed=0 failed=0

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

# The suite's own counts; one that left none behind has crashed: one failure.
tally() {
  local counts
  counts=$(python3 tests/count.py "$2" "$results/$1") || counts="0 1"
  echo "-- $1: ${counts% *} ok, ${counts#* } not ok"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

must() {
  "$@" && return
  echo "error: '$*' failed" >&2
  failed=1
  finish
}

run_lit() {
  build/venv/bin/python3 "$(llvm-config-22 --bindir)/lit" -sv --show-unsupported --timeout 600 \
    --allow-empty-runs --filter "$filter" -o "$results/$1" "$build/tests"
  tally "$1" lit
}

suite_lit() { run_lit lit; }
suite_roundtrip() { ATTN_ROUNDTRIP=1 filter='dialects|passes' run_lit roundtrip; }

suite_unit() {
  "$build/bin/$unit_tests" --gtest_brief=1 \
    --gtest_filter="$unit_filter" --gtest_output="json:$results/unit"
  tally unit gtest
}

suite_numeric() {
  ATTN_BIN=$PWD/$build/bin build/venv/bin/python3 -m unittest discover \
    -s tests/numeric -p 'test_*.py' 2>&1 | tee "$results/numeric"
  tally numeric unittest
}

suite_fuzz() {
  build/venv/bin/python3 tests/fuzz/run.py --bin "$build/bin" \
    --cases "$cases" --seed "$seed" --keep "$results/fuzz-failures" \
    2>&1 | tee "$results/fuzz"
  tally fuzz tap
}

suite_lint() {
  tools/scripts/lint.sh --build "$build" --tidy "$tidy" | tee "$results/lint"
  tally lint tap
}

suite_docs() {
  python3 tools/scripts/check_docs.py --build "$build" | tee "$results/docs"
  tally docs tap
}

[ "$install" = no ] || must tools/scripts/install_dependencies.sh --tests
must tools/scripts/make_venv.sh build/venv tests/requirements.txt
must cmake --preset "$preset" -DATTN_WERROR="$werror" --log-level=WARNING
must cmake --build "$build" --target "$target"

rm -rf "$results"
mkdir -p "$results"
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
for suite in ${only//,/ }; do
  case $suite in
    lit | roundtrip | unit | numeric | fuzz | lint | docs) "suite_$suite" ;;
    *) echo "error: unknown suite '$suite'" >&2; failed=$((failed + 1)) ;;
  esac
done
finish
