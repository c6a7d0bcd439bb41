#!/usr/bin/env bash
# Fuzzes the readers with libFuzzer under address and undefined-behaviour sanitizers (targets: tests/fuzz).
#   fuzz.sh build                 builds the targets into build/fuzz; exit 77 where Clang or its libFuzzer is missing
#   fuzz.sh TARGET|all SECONDS    fuzzes each target so long, going on from the corpus of earlier runs
#   fuzz.sh short TARGET          a bounded run from the seeds alone, the same every time (a test of `make test`)
#   fuzz.sh clang                 names the Clang that is used; exit 1 where there is none
#   fuzz.sh sum                   what all runs of build/fuzz came to
# A run prints one line: executions, seconds, findings. A finding's input lies in build/fuzz/findings, and exit is 1.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/fuzz
limits=(-timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1)
short_runs=20000 short_seconds=20

die() { echo "fuzz: $*" >&2; exit "${code:-2}"; }

# The first Clang that can link a libFuzzer program.
find_clang() {
  local candidate
  for candidate in clang++ clang++-{20,19,18,17,16,15,14}; do
    command -v "$candidate" >/dev/null || continue
    echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
      "$candidate" -x c++ -fsanitize=fuzzer,address,undefined - -o /dev/null 2>/dev/null && { echo "$candidate"; return; }
  done
  return 1
}

build_targets() {
  local clang
  clang=$(find_clang) || code=77 die "skipped: no Clang with libFuzzer here (scripts/bootstrap.sh --tests installs it)"
  mkdir -p $build
  (
    flock 9  # several runs may begin at once
    [ -f $build/build.ninja ] || cmake --preset fuzz -DCMAKE_CXX_COMPILER="$clang" >/dev/null
    ninja -C $build fuzz_targets
    python3 tests/fuzz/make_corpus.py $build/seeds
  ) 9>$build/.lock
}

targets() { ls tests/fuzz/*_fuzz.cpp | sed 's|.*/||; s|_fuzz.cpp$||'; }

# run NAME CORPUS OPTION...: one libFuzzer process, its line of sums, and 1 when it ended with a finding.
run() {
  local name=$1 corpus=$2 log marker slow executions status=0 began=$EPOCHREALTIME cpu
  shift 2
  [ -x "$build/${name}_fuzz" ] || die "there is no target $name (or it is not built: scripts/fuzz.sh build)"
  log=$(mktemp) marker=$(mktemp)
  mkdir -p "$corpus" $build/findings $build/sums
  TIMEFORMAT='%U %S'
  cpu=$({ time "$build/${name}_fuzz" "${limits[@]}" -dict="$build/seeds/$name.dict" \
    -artifact_prefix="$build/findings/$name-" "$@" "$corpus" "$build/seeds/$name" >"$log" 2>&1; } 2>&1) || status=$?
  # A machine that was busy, or asleep, is no finding: what took too long has to do so again, alone.
  slow=$(find $build/findings -name "$name-timeout-*" -newer "$marker")
  if ((status)) && [ -n "$slow" ] && "$build/${name}_fuzz" "${limits[@]}" $slow >/dev/null 2>&1; then
    rm $slow
    status=0
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  awk -v name="$name" -v n="${executions:-0}" -v from="$began" -v to="$EPOCHREALTIME" -v cpu="$cpu" -v bad=$((status != 0)) \
    -v sums="$build/sums/$name" 'BEGIN {
      split(cpu, t, " "); used = t[1] + t[2]
      printf "%s: %d executions, %.0f s (%.0f s of CPU), %d findings\n", name, n, to - from, used, bad
      printf "%d %.1f %.1f %d\n", n, to - from, used, bad >>sums }'
  if ((status)); then tail -n 40 "$log" >&2; fi
  rm -f "$log" "$marker"
  return $((status != 0))
}

sums() {
  for name in $(targets); do
    [ -f "$build/sums/$name" ] || continue
    awk -v name="$name" '{ n += $1; s += $2; c += $3; bad += $4 }
      END { printf "%s: %d executions, %.0f s (%.0f s of CPU), %d findings\n", name, n, s, c, bad }' "$build/sums/$name"
  done
}

case ${1:-} in
  build) build_targets ;;
  clang) find_clang ;;
  sum) sums ;;
  short)
    name=${2:?usage: scripts/fuzz.sh short TARGET}
    find_clang >/dev/null || code=77 die "skipped: no Clang with libFuzzer here"
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    run "$name" "$fresh" -seed=1 -runs=$short_runs -max_total_time=$short_seconds
    ;;
  "") die "usage: scripts/fuzz.sh build | TARGET|all SECONDS | short TARGET | clang | sum" ;;
  *)
    seconds=${2:?usage: scripts/fuzz.sh TARGET|all SECONDS}
    build_targets >/dev/null
    if [ "$1" = all ]; then chosen=$(targets); else chosen=$1; fi
    failed=0
    for name in $chosen; do run "$name" "$build/corpus/$name" -max_total_time="$seconds" || failed=1; done
    exit $failed
    ;;
esac
