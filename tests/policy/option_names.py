"""The library names options by their fields, option("max_tokens"); what a --flag is called the command line alone knows."""
import re
from pathlib import Path

import policy

FLAG = re.compile(r'"(?:[^"\\\n]|\\.)*--[a-z](?:[^"\\\n]|\\.)*"')
# Other programs' commands; and what the states of unfinished trainings call their settings.
OTHERS = re.compile(r"hf download|--include '|--revision|llama-gguf-split|^\"--(?:init|seed|base-name)\"$")


def check(root):
    root = Path(root)
    problems = []
    for path in policy.files(root, ["src", "include"], {".h", ".cpp"}):
        if path.relative_to(root).parts[:2] == ("src", "cli"):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            code = line.split(" //")[0] if not line.lstrip().startswith("//") else ""
            problems += [f"{path.relative_to(root)}:{number}: {text} names a flag; use option()"
                         for text in FLAG.findall(code) if not OTHERS.search(text)]
    return problems


PLANTS = [
    ("a flag in a message", {"src/core/planted.cpp": 'const char* why = "give a smaller --memory";\n'}, ["src/core/planted.cpp:1", "--memory"]),
    ("a flag as a field", {"src/train/planted.cpp": 'auto c = ErrorContext{.field = "--max-tokens"};\n'}, ["--max-tokens"]),
]

if __name__ == "__main__":
    policy.run(check, PLANTS)
