#!/usr/bin/env bash
# test.sh BUILD: makes the goldens that are missing or out of date, runs every test, and closes with the line
# "N passed, M failed, K skipped".
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/test.sh BUILD}
[ -f "$build/CTestTestfile.cmake" ] || { echo "test: $build is not a configured build with tests; run make first" >&2; exit 1; }
build=$(cd "$build" && pwd)

scripts/python_env.sh
scripts/real_model.sh >/dev/null
# The tiny models of make_goldens.py first: other goldens are made from them. Each script uses one core.
.venv/bin/python tests/make_goldens.py "$build/goldens"
printf '%s\n' tests/make_*_goldens.py | xargs -P 2 -I{} .venv/bin/python {} "$build/goldens"

results=$build/test-results
rm -rf "$results"
mkdir -p "$results"
status=0
ctest --test-dir "$build" --output-on-failure -j2 --output-junit "$results/ctest.xml" || status=$?
python3 scripts/test_summary.py "$results" || status=1
exit "$status"
