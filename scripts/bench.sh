#!/usr/bin/env bash
# bench.sh BUILD [WHAT] [OPTION...]: measures Deltascape, on pinned cores. WHAT is
#   smollm2    beside its peers on SmolLM2-135M-Instruct (bench/compare.py; the default)
#   gemma3     the same on Gemma 3 270M: peers on the dequantised model in float32, ours on that and on the GGUF (Q4_K_M)
#   precision  the error of each precision (bench/precision.py); --adapters names real adapters of SmolLM2
#   stream     a checkpoint of LLaMA-3.1-8B's shape, 16 GB, in 3 GiB (bench/make_checkpoint.py, bench/stream.py)
#   train      finetuning beside transformers + PEFT on SmolLM2 (bench/train.py); --data names other examples
#   generate   greedy decoding beside transformers on SmolLM2 (bench/generate.py); --data names prompts
#   busy       training and embedding alone and beside a busy process (bench/busy.py); --data names other examples
#   repeat     one embed 50 times beside a busy process, and in other arrangements: bit for bit the same (bench/repeat.py)
#   representations  silhouettes of the demo's pool in each representation (bench/representations.py)
#   kernels    the engine's kernels (Google Benchmark)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: scripts/bench.sh BUILD [smollm2|gemma3|precision|stream|train|generate|busy|repeat|representations|kernels] [OPTION...]}
shift
what=smollm2
case ${1:-} in smollm2 | gemma3 | precision | stream | train | generate | busy | repeat | representations | kernels) what=$1 && shift ;; esac
work=build/bench
python=.venv/bin/python

smollm2() {
  local base=$work/SmolLM2-135M-Instruct
  [ -f "$base/config.json" ] || $python bench/peers/gguf_to_hf.py "$(scripts/real_model.sh)" "$base" >&2
  echo "$base"
}

case $what in kernels) ;; *) scripts/python_env.sh ;; esac
case $what in
  smollm2)
    $python bench/compare.py --program "$build/deltascape" --base "$(smollm2)" --threads 1,2 --rss-counts 64,256 "$@" ;;
  gemma3)
    gguf=$(scripts/gemma_model.sh)
    # In float32 both forms hold the same numbers; bfloat16 would round what Q4_K_M means.
    base=$work/gemma-3-270m
    [ -f "$base/config.json" ] || $python bench/peers/gguf_to_hf.py "$gguf" "$base" --dtype float32
    $python bench/compare.py --program "$build/deltascape" --base "$base" --also-base "$gguf" --counts 1,16 \
      --out $work/compare-gemma3.json "$@" ;;
  precision)
    $python bench/precision.py --program "$build/deltascape" --base "$(smollm2)" "$@" ;;
  stream)
    base=$work/llama-8b-shape
    [ -f "$base/config.json" ] || $python bench/make_checkpoint.py "$base" --tokenizer "$(smollm2)"
    $python bench/stream.py --program "$build/deltascape" --base "$base" --cold "$@" ;;
  train)
    $python bench/train.py --program "$build/deltascape" --base "$(smollm2)" --data examples/data/math.jsonl "$@" ;;
  generate)
    $python bench/generate.py --program "$build/deltascape" --base "$(smollm2)" "$@" ;;
  busy)
    $python bench/busy.py --program "$build/deltascape" --base "$(smollm2)" --data examples/data/math.jsonl "$@" ;;
  repeat)
    $python bench/repeat.py --program "$build/deltascape" --base "$(smollm2)" "$@" ;;
  representations)
    [ -d demo/pool ] || { echo "bench: there is no demo/pool; run make demo first" >&2; exit 1; }
    $python bench/representations.py --program "$build/deltascape" --base "$(smollm2)" "$@" ;;
  kernels)
    ninja -C "$build" bench_kernels
    "$build/bench_kernels" "$@" ;;
esac
