"""What is a row of a table is known by its fields: a family's name, and PEFT's name of a kind of adapter, stand in the
tables alone (src/model/families*.cpp, src/adapter/kinds.cpp)."""
import re
from collections import namedtuple
from pathlib import Path

import policy

# `names`: patterns of the names in the table's files. `least`: of them. `compared`: code that asks for a name.
Table = namedtuple("Table", "what files names least compared header")
TABLES = [
    # A row's names, and the first of the texts that a function which makes rows is given.
    Table("family", re.compile(r"^src/model/families\w*\.cpp$"),
          [re.compile(r'\.(?:model_type|gguf|gguf_alias|gguf_written|wrapper) = "([^"]+)"'), re.compile(r'\b\w+\("([^"]+)", "')],
          40, re.compile(r'(?:\bmodel_type|[.>]gguf)(?: [=!]= |\.(?:starts_with|ends_with|find|contains)\()"'),
          "src/model/architecture.h"),
    Table("kind of adapter", re.compile(r"^src/adapter/kinds\.cpp$"), [re.compile(r'\.peft = "([^"]+)"')], 14,
          re.compile(r'\bpeft_type(?: [=!]= |\.(?:starts_with|ends_with|find|contains)\()"'), "src/adapter/kinds.h"),
]
TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
COMMENT = re.compile(r"//[^\n]*")
# Names that mean something else where they stand, or are written and not asked for. Transformers' registry of tokenizer
# classes (src/text/auto_class.cpp) has model types as words within a text, which is none of these names.
EXCEPTED = {
    ("src/text/gguf_tokenizer.cpp", "gpt2"),  # kinds of vocabularies: tokenizer.ggml.model
    ("src/text/gguf_tokenizer.cpp", "llama"),
    ("src/adapter/peft_forms.cpp", "LORA"),  # what these functions write
    ("src/adapter/peft_forms.cpp", "IA3"),
    ("src/adapter/peft_forms.cpp", "PREFIX_TUNING"),
    ("src/measure/random_adapters.cpp", "LORA"),
}


def check_table(root, table):
    code = [(p.relative_to(root).as_posix(), p.read_text(errors="replace")) for p in policy.files(root, ["src", "include"], {".h", ".cpp"})]
    names = {n for here, text in code if table.files.match(here) for pattern in table.names for n in pattern.findall(text)}
    if len(names) < table.least:
        yield f"{table.header}: {len(names)} names found in the table of this header, there are at least {table.least}"
    for here, text in code:
        if table.files.match(here):
            continue
        text = COMMENT.sub("", text)
        for name in sorted(set(TEXT.findall(text)) & names):
            if (here, name) not in EXCEPTED:
                yield f'{here}: names the {table.what} "{name}": ask for a field of its row ({table.header})'
        for found in table.compared.findall(text):
            yield f"{here}: compares the name of a {table.what} with a text: {found}"


def check(root):
    return [problem for table in TABLES for problem in check_table(Path(root), table)]


PLANTS = [
    ("a family's name in a reader", {"src/model/spec.cpp": 'bool x = model_type == "qwen3_moe";\n'}, ["spec.cpp", '"qwen3_moe"']),
    ("one that a function makes the row of", {"src/adapter/planted.cpp": 'auto x = "distilbert";\n'}, ['"distilbert"']),
    ("llama.cpp's name", {"src/exec/planted.h": 'auto x = "command-r";\n'}, ["src/exec/planted.h", '"command-r"']),
    ("a format's name in another file", {"src/text/planted.cpp": 'auto x = "gpt2";\n'}, ["src/text/planted.cpp", '"gpt2"']),
    ("the beginning of a name", {"src/model/planted.cpp": 'bool x = a.model_type.starts_with("cohe");\n'}, ["compares the name of a family"]),
    ("PEFT's name of a kind", {"src/adapter/adapter.cpp": 'bool x = c.peft_type == "VERA";\n'}, ["adapter.cpp", '"VERA"']),
    ("that of a kind without a row", {"src/adapter/planted.cpp": 'bool x = c.peft_type != "WAVEFT";\n'}, ["compares the name of a kind"]),
]

if __name__ == "__main__":
    policy.run(check, PLANTS)
