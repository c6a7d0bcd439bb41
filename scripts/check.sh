#!/usr/bin/env bash
# check.sh BUILD: what continuous integration looks at beside `make test` (BUILD has its goldens): clang-tidy over the
# rooms without LibTorch, and their tests under address and undefined-behaviour sanitizers, in build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/check.sh BUILD}
[ -d "$build/goldens" ] || { echo "check: $build has no goldens; run make test first" >&2; exit 1; }
build=$(cd "$build" && pwd)
sanitized=build/fuzz

scripts/python_env.sh
scripts/tidy.py "$build"

clang=$(scripts/fuzz.sh clang) || { echo "check: no Clang with sanitizers; scripts/bootstrap.sh --tests installs it" >&2; exit 1; }
cmake --preset fuzz -DCMAKE_CXX_COMPILER="$clang" -DDELTASCAPE_ROOM_TESTS=ON >/dev/null
ninja -C $sanitized room_tests
ln -sfn "$build/goldens" $sanitized/goldens
export UBSAN_OPTIONS=print_stacktrace=1
ctest --test-dir $sanitized --output-on-failure -j2 -L 'unit|kill'
