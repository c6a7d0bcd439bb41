"""A family is a row of the tables (src/model/families*.cpp): other code asks for the row's fields, never for its name."""
import re
from pathlib import Path

import policy

TABLES = re.compile(r"^src/model/families\w*\.cpp$")
# A row's names, and the first of the texts that a function which makes rows is given.
NAMES = [re.compile(r'\.(?:model_type|gguf|gguf_alias|gguf_written|wrapper) = "([^"]+)"'), re.compile(r'\b\w+\("([^"]+)", "')]
TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
COMPARED = re.compile(r'(?:\bmodel_type|[.>]gguf)(?: [=!]= |\.(?:starts_with|ends_with|find|contains)\()"')
COMMENT = re.compile(r"//[^\n]*")
# Names that mean something else where they stand.
FORMATS = {
    ("src/text/gguf_tokenizer.cpp", "gpt2"),  # kinds of vocabularies: tokenizer.ggml.model
    ("src/text/gguf_tokenizer.cpp", "llama"),
}


def family_names(root):
    tables = [p for p in policy.files(root, ["src/model"], {".cpp"}) if TABLES.match(p.relative_to(root).as_posix())]
    return {name for path in tables for pattern in NAMES for name in pattern.findall(path.read_text())}


def check(root):
    root = Path(root)
    names = family_names(root)
    problems = [] if len(names) > 40 else [f"src/model/families.cpp: {len(names)} names of families found, there are more"]
    for path in policy.files(root, ["src", "include"], {".h", ".cpp"}):
        here = path.relative_to(root).as_posix()
        if TABLES.match(here):
            continue
        code = COMMENT.sub("", path.read_text(errors="replace"))
        for name in sorted(set(TEXT.findall(code)) & names):
            if (here, name) not in FORMATS:
                problems.append(f'{here}: names the family "{name}": ask for a field of its row (src/model/architecture.h)')
        problems += [f"{here}: compares a family's name with a text: {found}" for found in COMPARED.findall(code)]
    return problems


PLANTS = [
    ("a family's name in a reader", {"src/model/spec.cpp": 'bool x = model_type == "qwen3_moe";\n'}, ["spec.cpp", '"qwen3_moe"']),
    ("one that a function makes the row of", {"src/adapter/planted.cpp": 'auto x = "distilbert";\n'}, ['"distilbert"']),
    ("llama.cpp's name", {"src/engine/planted.h": 'auto x = "command-r";\n'}, ["src/engine/planted.h", '"command-r"']),
    ("a format's name in another file", {"src/text/planted.cpp": 'auto x = "gpt2";\n'}, ["src/text/planted.cpp", '"gpt2"']),
    ("the beginning of a name", {"src/model/planted.cpp": 'bool x = a.model_type.starts_with("cohe");\n'}, ["compares a family's name"]),
]

if __name__ == "__main__":
    policy.run(check, PLANTS)
