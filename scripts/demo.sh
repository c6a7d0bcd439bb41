#!/usr/bin/env bash
# demo.sh BUILD: the whole of Deltascape on a real model. Trains a pool of nine small adapters of SmolLM2-135M-Instruct
# (three domains, three disjoint splits each, from examples/data), embeds it, clusters it, finds which of its adapters
# fit a few examples of a task, and draws its map.
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

step "the pool: nine adapters (a few minutes; once)"
mkdir -p demo/examples demo/pool
# A domain's last twenty examples are a task's; line n of the others is split n mod 3's.
for file in examples/data/*.jsonl; do
  domain=$(basename "$file" .jsonl)
  tail -n 20 "$file" >"demo/examples/$domain-task.jsonl"
  for split in 1 2 3; do
    name=$domain-$split
    head -n -20 "$file" | awk -v part="$split" '(NR - 1) % 3 == part - 1' >"demo/examples/$name.jsonl"
    [ -d "demo/pool/$name" ] || show train --base "$base" --base-name HuggingFaceTB/SmolLM2-135M-Instruct \
      --data "demo/examples/$name.jsonl" --out "demo/pool/$name" --seed "$split" --learning-rate 5e-4 --warmup 0.1 \
      --batch 4 --accumulation 1 --epochs 1 --max-tokens 224 --long-examples truncate
  done
done

rm -f demo/*.db demo/*.db-{shm,wal}
pool=(demo/pool/*)
step "embed"
show embed --base "$base" --label-regex '([a-z]+)-[0-9]+$' --store demo/deltascape.db --out demo/embeddings.npz "${pool[@]}"
step "clusters"
show cluster --store demo/deltascape.db
step "neighbours of ${pool[0]##*/}"
show near --store demo/deltascape.db "${pool[0]##*/}"
step "which adapters fit twenty examples of a task"
# Tasks meet variants best at a third of the depth (docs/tasks.md): a second space in the same store.
show embed --base "$base" --layer 0.33 --store demo/deltascape.db -q "${pool[@]}" >/dev/null
show spaces --store demo/deltascape.db
show task --base "$base" --store demo/deltascape.db --layer 0.33 --examples demo/examples/math-task.jsonl -k 3
step "map"
show map --store demo/deltascape.db --layer last --out demo/map.html
printf '\nThe map is %s/demo/map.html: open it in a browser. The pool is in demo/pool, the embeddings in demo/deltascape.db and demo/embeddings.npz.\n' "$PWD"
