#!/usr/bin/env bash
# Formatting, clang-tidy and the project's own rules. One line a check: `ok ...`
# or `not ok ...`; the exit status is 1 when one is not ok.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

usage() {
  cat <<'TEXT'
usage: tools/scripts/lint.sh [options]
  -f             fix what can be fixed: formatting, white space, tidy's own fixes
  --tidy WHAT    run clang-tidy-22 on: none, changed (default: files that differ
                 from the main branch or, on it, from ten commits before,
                 committed or not), all, or a git revision to compare with
  --build DIR    the build whose compile_commands.json clang-tidy reads
                 (default: build/release)
TEXT
}

fix=no tidy=changed build=build/release
while [ $# -gt 0 ]; do
  case $1 in
    -f) fix=yes; shift ;;
    --tidy | --build)
      [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
      [ "$1" = --tidy ] && tidy=$2 || build=$2
      shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "error: unknown option '$1'" >&2; usage >&2; exit 2 ;;
  esac
done

status=0
report() {
  if [ "$1" -eq 0 ]; then
    echo "ok $2"
  else
    echo "not ok $2"
    status=1
  fi
}

sources() {
  git ls-files -co --exclude-standard -- '*.c' '*.cpp' '*.h' |
    while read -r file; do [ -f "$file" ] && echo "$file"; done
}

check_format() {
  local mode=(--dry-run -Werror)
  [ "$fix" = no ] || mode=(-i)
  sources | xargs -r clang-format-22 "${mode[@]}"
}

# What clang-tidy compares with; nothing: with no file at all.
tidy_base() {
  local before
  case $tidy in
    all) return ;;
    changed) before=$(git merge-base HEAD main 2>/dev/null) ;;
    *) git merge-base HEAD "$tidy"; return ;;
  esac
  if [ -z "$before" ] || [ "$before" = "$(git rev-parse HEAD)" ]; then
    before=$(git rev-parse --verify --quiet HEAD~10)
  fi
  echo "$before"
}

changed_sources() {
  local base
  base=$(tidy_base) || return 1
  if [ -z "$base" ]; then
    sources
    return
  fi
  { git diff --name-only "$base"; git ls-files -o --exclude-standard; } |
    sort -u | while read -r file; do [ -f "$file" ] && echo "$file"; done
}

# Says how many files were read: none is nothing to be sure of.
check_tidy() {
  local files changed jobs arguments=(-quiet -p "$build")
  if [ ! -f "$build/compile_commands.json" ]; then
    echo "error: $build/compile_commands.json is missing: build first, or --tidy none" >&2
    return 1
  fi
  changed=$(changed_sources) || return 1
  # Only what the build compiles has flags to be read by.
  files=$(echo "$changed" | grep -E '\.(c|cpp)$' |
    while read -r file; do
      grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json" && echo "$file"
    done)
  tidied=$(echo -n "$files" | grep -c '')
  [ -n "$files" ] || return 0
  [ "$fix" = no ] || arguments+=(-fix)
  jobs=$(nproc)
  [ "$fix" = no ] || jobs=1
  echo "$files" | xargs -P "$jobs" -n 1 clang-tidy-22 "${arguments[@]}" 2>/dev/null
}

check_format
report $? "clang-format"

rules=(tools/scripts/lint_rules.py)
[ "$fix" = no ] || rules+=(-f)
python3 "${rules[@]}" || status=1

if [ "$tidy" != none ]; then
  tidied=0
  check_tidy
  result=$?
  if [ "$result" -eq 0 ] && [ "$tidied" -eq 0 ]; then
    echo "skipped clang-tidy ($tidy): no compiled file differs"
  else
    report "$result" "clang-tidy ($tidy, $tidied files)"
  fi
fi
exit $status
