"""Documents tell the truth about the tree: links lead somewhere, and a `path/file.ext` in them is a file that exists."""
import re
from pathlib import Path

import policy

FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"`([^`\n]+)`")
# What a reader takes for a file of this tree: a relative path with a folder and an extension, no placeholder in it.
FILE = re.compile(r"^(?:\.{1,2}/)?[\w.-]+(?:/[\w.*-]+)*/[\w.*-]+\.[a-z][a-z0-9]{0,4}$")
MADE_BY_A_RUN = re.compile(r"^(build|demo|\.venv|\.cache)/")


def anchors(text):
    """The #anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+\s+(.+?)\s*#*$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


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


def check(root):
    root = Path(root)
    documents = [d for d in (root / "README.md", *sorted((root / "docs").glob("**/*.md"))) if d.exists()]
    problems = []
    for document in documents:
        text = document.read_text()
        for find in (check_links, check_mentions):
            problems += [f"{document.relative_to(root)}: {line}" for line in find(document, text, root)]
    return problems


PLANTS = [
    ("a broken link", {"docs/planted.md": "See [this](no_such.md).\n"}, ["docs/planted.md", "links to no_such.md"]),
    ("a link to a missing heading", {"docs/planted.md": "# Here\n[there](#there)\n"}, ["links to #there", "no such heading"]),
    ("a mention of a missing file", {"docs/planted.md": "It is in `src/core/no_such.cpp`.\n"}, ["mentions `src/core/no_such.cpp`"]),
    ("a broken link in the README", {"README.md": "\n[x](docs/no_such.md)\n"}, ["README.md", "docs/no_such.md"]),
]

if __name__ == "__main__":
    policy.run(check, PLANTS)
