"""Documents tell the truth about the tree: links lead somewhere, and a `path/file.ext` in them is a file that exists.

Code cites documents that are there: a docs/NAME.md is a file of this tree, and a section that is named behind it (§ and
a number) is a numbered heading of that document. The same holds for sections that documents cite.
"""
import re
from pathlib import Path

import policy

FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"`([^`\n]+)`")
# What a reader takes for a file of this tree: a relative path with a folder and an extension, no placeholder in it.
FILE = re.compile(r"^(?:\.{1,2}/)?[\w.-]+(?:/[\w.*-]+)*/[\w.*-]+\.[a-z][a-z0-9]{0,4}$")
MADE_BY_A_RUN = re.compile(r"^(build|demo|\.venv|\.cache)/")

FOLDERS = ["src", "include", "tests", "scripts", "cmake", "bench"]
SUFFIXES = {".h", ".cpp", ".py", ".sh", ".cmake", ".txt", ".test", ".js", ".css", ".html"}
AT_ROOT = ["CMakeLists.txt", "CMakePresets.json", "Makefile"]
SECTIONS = r"§\d+(?:\.\d+)*(?:(?:, | and )§\d+(?:\.\d+)*)*"
# Not the middle of a URL, and not a document of another project, whose name stands before it: "ggml docs/gguf.md".
CITED = re.compile(rf"(?<![\w/.-])(?<!ggml )(docs/[\w/-]+\.md)(?:\)?,? ({SECTIONS}))?")
# In a document: [name](name.md) §N.
LINKED = re.compile(rf"\]\(([\w/.-]+\.md)\),? ({SECTIONS})")
NO_DOCUMENT = re.compile(r"\bDESIGN\b(?:\.md| §[\d.]*\d)?|(?<![\w/.-])design\.md")
LINE_END = re.compile(r"[ \t]*\n[ \t]*(?://+|#+)?[ \t]*")


def anchors(text):
    """The #anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+\s+(.+?)\s*#*$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def numbered(text):
    """The numbers of a document's headings: "4.1" of "### 4.1 Names"."""
    return set(re.findall(r"^#+\s+(\d+(?:\.\d+)*)\.?\s", FENCE.sub("", text), re.M))


def joined(text):
    """Without line ends: a citation may be broken where a comment's line ends."""
    return LINE_END.sub(" ", text)


def exists(name, document, root):
    return any(any(base.glob(name)) if "*" in name else (base / name).exists() for base in (document.parent, root))


def check_links(document, text, root):
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path) if path else document
        if not there.exists():
            yield f"links to {target}, which is not there"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
            yield f"links to {target}, but there is no such heading"


def check_mentions(document, text, root):
    for mention in CODE.findall(FENCE.sub("", text)):
        if FILE.match(mention) and not MADE_BY_A_RUN.match(mention) and not exists(mention, document, root):
            yield f"mentions `{mention}`, which is not there"


def check_sections(document, name, sections):
    """`sections`: "§4 and §5.1", or nothing."""
    known = numbered(document.read_text()) if sections else set()
    for section in re.findall(r"[\d.]*\d", sections):
        if section not in known:
            yield f"cites {name} §{section}, but no heading there has that number"


def check_linked_sections(document, text, root):
    for name, sections in LINKED.findall(joined(text)):
        if (document.parent / name).exists():  # else check_links() says so
            yield from check_sections(document.parent / name, name, sections)


def check_citations(path, text, root):
    for name, sections in CITED.findall(joined(text)) if "docs/" in text else ():
        if not (root / name).exists():
            yield f"cites {name}, which is not there"
        else:
            yield from check_sections(root / name, name, sections)


def check_loose_citations(path, text, root):
    for found in NO_DOCUMENT.findall(joined(text)) if "DESIGN" in text or "design.md" in text else ():
        yield f"cites {found}, which is no document: docs/design.md §N is one"


def check(root):
    root = Path(root)
    documents = [d for d in (root / "README.md", *sorted((root / "docs").glob("**/*.md"))) if d.exists()]
    checks = [(d, (check_links, check_mentions, check_linked_sections, check_citations)) for d in documents]
    code = [*policy.files(root, FOLDERS, SUFFIXES), *(root / name for name in AT_ROOT)]
    this = root / "tests/policy/doc_links.py"  # its plants cite what is not there
    checks += [(path, (check_citations, check_loose_citations)) for path in code if path != this]
    problems = []
    for path, finders in checks:
        text = path.read_text(errors="replace")
        for find in finders:
            problems += [f"{path.relative_to(root)}: {line}" for line in find(path, text, root)]
    return problems


PLANTS = [
    ("a broken link", {"docs/planted.md": "See [this](no_such.md).\n"}, ["docs/planted.md", "links to no_such.md"]),
    ("a link to a missing heading", {"docs/planted.md": "# Here\n[there](#there)\n"}, ["links to #there", "no such heading"]),
    ("a mention of a missing file", {"docs/planted.md": "It is in `src/core/no_such.cpp`.\n"}, ["mentions `src/core/no_such.cpp`"]),
    ("a broken link in the README", {"README.md": "\n[x](docs/no_such.md)\n"}, ["README.md", "docs/no_such.md"]),
    ("a missing section in a document", {"docs/planted.md": "[design.md](design.md) §1 and §99\n"}, ["docs/planted.md", "cites design.md §99"]),
    ("the same without a link", {"docs/planted.md": "As docs/design.md §99 says.\n"}, ["docs/planted.md", "cites docs/design.md §99"]),
    ("a missing document in a comment", {"src/core/planted.h": "// As docs/no_such.md says.\n"}, ["src/core/planted.h", "cites docs/no_such.md"]),
    ("a missing document in a public header", {"include/deltascape/planted.h": "// docs/no_such.md §1\n"}, ["cites docs/no_such.md"]),
    ("a missing section in a comment", {"src/core/planted.cpp": "int x;  // docs/design.md §4.99.\n"}, ["cites docs/design.md §4.99"]),
    ("a missing section behind another", {"src/core/planted.cpp": "// docs/design.md §4 and §99\n"}, ["cites docs/design.md §99"]),
    ("a missing section on the next line", {"src/core/planted.h": "  // a long line (docs/design.md\n  // §99).\n"}, ["cites docs/design.md §99"]),
    ("a section of a document without numbers", {"tests/planted.cpp": "// docs/formats.md §1\n"}, ["cites docs/formats.md §1"]),
    ("a missing section in a docstring", {"tests/planted.py": '"""Checks docs/design.md\n§99."""\n'}, ["cites docs/design.md §99"]),
    ("a missing section in a script", {"scripts/planted.sh": "# docs/design.md §99\n"}, ["scripts/planted.sh", "§99"]),
    ("a missing section in CMake", {"CMakeLists.txt": "# docs/design.md §99\n"}, ["CMakeLists.txt", "§99"]),
    ("a missing section in a spec", {"tests/cli/specs/planted.test": "# docs/design.md §99\n"}, ["planted.test", "§99"]),
    ("a document without its folder", {"bench/planted.py": "# As DESIGN.md says.\n"}, ["bench/planted.py", "cites DESIGN.md"]),
    ("the same in lower case", {"cmake/planted.cmake": "# As design.md §4 says.\n"}, ["cmake/planted.cmake", "cites design.md"]),
    ("a section without its document", {"src/core/planted.h": "// As DESIGN\n// §4 says.\n"}, ["cites DESIGN §4"]),
]

if __name__ == "__main__":
    policy.run(check, PLANTS)
