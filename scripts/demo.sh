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

step "the base: SmolLM2-135M-Instruct"
scripts/python_env.sh
base=$(scripts/real_model.sh)
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
