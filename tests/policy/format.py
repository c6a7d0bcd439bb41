"""C++ is formatted as .clang-format says, by the version that tests/requirements.txt pins."""
import subprocess
from pathlib import Path

import policy

PROGRAM = Path(__file__).resolve().parents[2] / ".venv/bin/clang-format"


def check(root):
    if not PROGRAM.exists():
        return [f"{PROGRAM} is missing: run scripts/python_env.sh"]
    paths = [str(p) for p in policy.files(Path(root), ["src", "include", "tests", "examples"], {".h", ".cpp"})]
    style = f"--style=file:{Path(root).resolve() / '.clang-format'}"
    done = subprocess.run([str(PROGRAM), style, "--dry-run", *paths], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "clang-format-violations" in line]
    places = sorted({line.split(":")[0] for line in lines})
    return [f"{Path(place).resolve().relative_to(Path(root).resolve())}: not formatted; run clang-format -i" for place in places]


PLANTS = [("an unformatted source file", {"src/core/planted.cpp": "int  main( ){return 0 ;}\n"}, ["src/core/planted.cpp"])]

if __name__ == "__main__":
    policy.run(check, PLANTS)
