"""A file of code stays below 600 lines: split along the idea before that."""
from pathlib import Path

import policy

LIMIT = 600
FOLDERS = ["src", "include", "tests", "python", "web", "bench", "scripts", "cmake", "examples"]
SUFFIXES = {".h", ".cpp", ".hpp", ".cc", ".cu", ".inc", ".py", ".sh", ".js", ".mjs", ".ts", ".css", ".cmake"}


def check(root):
    problems = []
    for path in policy.files(Path(root), FOLDERS, SUFFIXES):
        lines = path.read_text(errors="replace").count("\n")
        if lines > LIMIT:
            problems.append(f"{path.relative_to(root)}: {lines} lines, the limit is {LIMIT}")
    return problems


PLANTS = [
    ("a long source file", {"src/core/planted.cpp": "\n" * (LIMIT + 1)}, ["src/core/planted.cpp: 601 lines"]),
    ("a long script", {"tests/planted/planted.py": "\n" * (LIMIT + 50)}, ["tests/planted/planted.py: 650 lines"]),
]

if __name__ == "__main__":
    policy.run(check, PLANTS)
