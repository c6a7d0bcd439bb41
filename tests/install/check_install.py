#!/usr/bin/env python3
"""Installs the library into a scratch folder, builds examples/cpp against what lies there, with find_package and with
pkg-config, and runs them on a tiny model.

check_install.py --cmake CMAKE --compiler CXX --build BUILD --examples FOLDER --model GOLDEN_MODEL
"""
import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

ADAPTERS = ["lora_bf16", "ia3"]
# Ours and LibTorch's: what a user of the library must not get.
PRIVATE_FLAGS = ["-ffp-contract", "-fopenmp", "_GLIBCXX_ASSERTIONS", "DELTASCAPE_VERSION", "/torch/include"]


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, check=False, **options)
    assert done.returncode == 0, f"{command} exits with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def install(args, prefix):
    run(args.cmake, "--install", args.build, "--prefix", prefix)
    assert "deltascape" in run(prefix / "bin/deltascape", "--version")
    headers = {p.name for p in (prefix / "include/deltascape").iterdir()}
    own = {p.name for p in (args.examples.parents[1] / "include/deltascape").iterdir()}
    assert headers == own, f"installed headers differ: {headers ^ own}"


def compile_headers(args, prefix):
    """Each public header stands alone, and needs nothing but the standard library."""
    for header in sorted((prefix / "include/deltascape").iterdir()):
        run(args.compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", prefix / "include", "-x",
            "c++", "-", input=f"#include <deltascape/{header.name}>\n")


def build_with_cmake(args, prefix, folder):
    """Returns the folder of the programs."""
    run(args.cmake, "-S", args.examples, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_CXX_COMPILER={args.compiler}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        leaked = [flag for flag in PRIVATE_FLAGS if flag in entry["command"]]
        assert not leaked, f"{leaked} in {entry['command']}"
        assert str(args.examples.parents[1] / "include") not in entry["command"], "headers of the source tree are used"
    run(args.cmake, "--build", folder)
    return folder


def build_with_pkg_config(args, prefix, folder):
    """The same without CMake."""
    folder.mkdir()
    found = next(prefix.glob("**/pkgconfig"))
    environment = os.environ | {"PKG_CONFIG_PATH": str(found)}
    flags = run("pkg-config", "--cflags", "--libs", "deltascape", env=environment).split()
    for source in sorted(args.examples.glob("*.cpp")):
        run(args.compiler, "-std=c++20", source, *flags, "-o", folder / source.stem)
    return folder


def use(args, programs, scratch):
    """Embeds two adapters, searches, clusters and draws them. Returns what was printed."""
    store = scratch / "store.db"
    adapters = [args.model / name for name in ADAPTERS]
    embedded = run(programs / "embed_models", store, args.model / "base", *adapters)
    assert all(f"{name}: norm" in embedded for name in ADAPTERS), embedded
    page = scratch / "map.html"
    found = run(programs / "search_store", store, ADAPTERS[0], page)
    assert f"near {ADAPTERS[1]} " in found and "cluster " in found, found
    assert page.read_text().rstrip().endswith("</html>")
    return embedded + found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cmake", required=True)
    parser.add_argument("--compiler", required=True)
    for name in ("build", "examples", "model"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        prefix = scratch / "prefix"
        install(args, prefix)
        compile_headers(args, prefix)
        printed = []
        for build in (build_with_cmake, build_with_pkg_config):
            own = scratch / build.__name__
            printed.append(use(args, build(args, prefix, own), own))
        assert printed[0] == printed[1], printed
    print("installed, found by CMake and by pkg-config, and run")


if __name__ == "__main__":
    main()
