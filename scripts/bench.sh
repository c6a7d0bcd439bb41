#!/usr/bin/env bash
# bench.sh BUILD [COMPARE OPTION...]: Deltascape against its peers on SmolLM2-135M-Instruct, one pinned core
# (bench/compare.py says how).
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/bench.sh BUILD [COMPARE OPTION...]}
shift
scripts/python_env.sh
base=build/bench/SmolLM2-135M-Instruct
[ -f "$base/config.json" ] || .venv/bin/python bench/peers/gguf_to_hf.py "$(scripts/real_model.sh)" "$base"
.venv/bin/python bench/compare.py --program "$build/deltascape" --base "$base" "$@"
