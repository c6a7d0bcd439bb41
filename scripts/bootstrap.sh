#!/usr/bin/env bash
# Installs what building needs and is not there: Debian/Ubuntu packages, and in the virtual environment .venv LibTorch
# from the pip wheel of torch and the headers of assorthead. Does nothing, quickly, when nothing is missing.
# With --tests: Clang with libFuzzer for the fuzz targets and openssl for certificates too; without them their tests are
# skipped.
# DELTASCAPE_PYTHON names a Python that already has torch >= 2.11; the system's python3 is looked at too.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache mold pkg-config python3-venv libcli11-dev nlohmann-json3-dev
  libpcre2-dev libonig-dev libutf8proc-dev libsqlite3-dev libgtest-dev libgmock-dev libxxhash-dev zlib1g-dev
  libcurl4-openssl-dev libssl-dev)
torch_minimum=2.11
torch_wanted=2.13.0
assorthead_wanted=0.2.2
log=.cache/bootstrap.log

say() { echo "bootstrap: $*" >&2; }
die() { say "$*"; exit 1; }
logged() { mkdir -p .cache; "$@" >>"$log" 2>&1; }

install_packages() {
  local missing=() as_root=()
  command -v dpkg-query >/dev/null || die "this is not Debian or Ubuntu: install the likes of $*, then run cmake --preset release"
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing with apt: ${missing[*]}"
  logged "${as_root[@]}" apt-get update || say "apt-get update failed; going on with the package lists there are"
  logged "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" \
    || die "apt-get could not install ${missing[*]} (no network?); its output is in $log"
}

# The distribution's Clang and the sanitizers of the same version, which some releases keep in a package of their own.
install_fuzzer() {
  local version
  scripts/fuzz.sh clang >/dev/null && return
  version=$(apt-cache depends clang 2>/dev/null | grep -om1 'clang-[0-9]*') || return
  if apt-cache show "lib${version/clang/clang-rt}-dev" >/dev/null 2>&1; then
    install_packages clang "lib${version/clang/clang-rt}-dev"
  else
    install_packages clang
  fi
}

# Prints the folder above torch's, when the Python $1 has one of at least torch_minimum. Does not import torch.
torch_home() {
  "$1" - "$torch_minimum" 2>/dev/null <<'PY'
import importlib.util, pathlib, re, sys
folder = pathlib.Path(importlib.util.find_spec("torch").submodule_search_locations[0])
version = re.search(r"__version__ = '(\d+)\.(\d+)", (folder / "version.py").read_text())
least = tuple(int(part) for part in sys.argv[1].split("."))
sys.exit(print(folder.parent) if tuple(map(int, version.groups())) >= least else 1)
PY
}

make_environment() {
  local python home
  for python in ${DELTASCAPE_PYTHON:-} python3; do
    home=$(torch_home "$python") || continue
    say "using torch of $python"
    logged "$python" -m venv --system-site-packages .venv || die "$python -m venv failed; its output is in $log"
    # A Python that lives in an environment of its own does not hand its packages on: name their folder.
    torch_home .venv/bin/python >/dev/null || echo "$home" >"$(echo .venv/lib/python3*/site-packages)/deltascape_torch.pth"
    return
  done
  say "making .venv"
  logged python3 -m venv .venv || die "python3 -m venv failed; its output is in $log"
}

# The wheel that a plain `pip install torch` brings may carry CUDA (gigabytes): ask first, and take the CPU build
# through uv, which knows where it is, when it does.
install_torch() {
  local offline="cannot install torch $torch_wanted (no network?); connect once, or set DELTASCAPE_PYTHON to a Python with torch >= $torch_minimum; output is in $log"
  local report=.cache/torch.json
  say "installing torch $torch_wanted (CPU) into .venv"
  logged .venv/bin/python -m pip install --quiet --dry-run --report "$report" "torch==$torch_wanted" || die "$offline"
  if grep -qiE '"name": *"(nvidia|cuda|triton)' "$report"; then
    logged .venv/bin/python -m pip install --quiet uv || die "$offline"
    logged .venv/bin/uv pip install --python .venv/bin/python --torch-backend=cpu "torch==$torch_wanted" || die "$offline"
  else
    logged .venv/bin/python -m pip install --quiet "torch==$torch_wanted" || die "$offline"
  fi
}

has_assorthead() {
  .venv/bin/python -c 'import sys; from importlib.metadata import version; sys.exit(version("assorthead") != sys.argv[1])' \
    "$assorthead_wanted" 2>/dev/null
}

# Headers alone, packed as source: it takes no compiler.
install_assorthead() {
  say "installing assorthead $assorthead_wanted into .venv"
  logged .venv/bin/python -m pip install --quiet --no-deps "assorthead==$assorthead_wanted" \
    || die "cannot install assorthead $assorthead_wanted (no network?); connect once; output is in $log"
}

install_packages "${packages[@]}"
if [ "${1:-}" = --tests ]; then
  (install_packages openssl) || say "no openssl; TLS is not tested"
  (install_fuzzer) || say "no Clang with libFuzzer; the fuzz targets are not run"
fi
[ -x .venv/bin/python ] || make_environment
torch_home .venv/bin/python >/dev/null || install_torch
torch_home .venv/bin/python >/dev/null || die "torch was installed, but .venv/bin/python does not find torch >= $torch_minimum"
has_assorthead || install_assorthead
