#!/usr/bin/env bash
# python_env.sh [REQUIREMENT...]: puts the pinned packages of tests/requirements.txt (the oracles, the demo's training),
# and any further ones given, into .venv. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=$(.venv/bin/python - "$@" <<'PY'
import sys
from importlib import metadata
from pathlib import Path
wanted = [line.strip() for line in Path("tests/requirements.txt").read_text().splitlines() if line.strip() and line[0] != "#"]
for requirement in wanted + sys.argv[1:]:
    name, _, version = requirement.partition("==")
    try:
        there = metadata.version(name)
    except metadata.PackageNotFoundError:
        there = None
    if there is None or (version and there != version):
        print(requirement)
PY
)
[ -n "$missing" ] || exit 0
echo "python_env: installing" $missing >&2
mkdir -p .cache
# shellcheck disable=SC2086
.venv/bin/python -m pip install --quiet $missing >>.cache/bootstrap.log 2>&1 || {
  echo "python_env: pip could not install" $missing "(no network?); its output is in .cache/bootstrap.log" >&2
  exit 1
}
