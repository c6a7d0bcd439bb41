"""A folder of src/ includes only folders above it (docs/HACKING.md), and LibTorch stays in its rooms.

Checked too: no LibTorch header is reached, at any depth, from the rooms that have none and from the public headers;
a public header includes public headers alone.
"""
import re
from pathlib import Path

import policy

ROOMS = ["core", "io", "hub", "text", "model", "adapter", "exec", "pass", "lm", "represent", "measure", "train", "store", "landscape", "merge",
         "study", "report", "serve", "cli"]
TORCH_FREE = {"core", "io", "hub", "text", "store", "landscape", "report", "serve"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
TORCH = re.compile(r"^(ATen|torch|c10|caffe2)/")
SUFFIXES = {".h", ".cpp", ".hpp", ".cc", ".cu", ".inc"}


def includes(path, root):
    """(as written, file in this tree or None) of each include of a file."""
    for _, name in INCLUDE.findall(path.read_text(errors="replace")):
        places = (root / "src" / name, path.parent / name, root / "include" / name)
        yield name, next((p.resolve() for p in places if p.is_file()), None)


def room_of(path, root):
    inside = path.relative_to(root)
    return inside.parts[1] if inside.parts[0] == "src" and len(inside.parts) > 2 else None


def torch_chain(path, root, seen):
    """The includes that lead from a file to a LibTorch header, or None."""
    for name, target in includes(path, root):
        if TORCH.match(name):
            return [name]
        if target and target not in seen and root in target.parents:
            seen.add(target)
            rest = torch_chain(target, root, seen)
            if rest:
                return [name, *rest]
    return None


def check_file(path, root):
    room, here = room_of(path, root), path.relative_to(root)
    if room is not None and room not in ROOMS:
        return [f"{here}: src/{room} is not a room of the house"]
    problems = []
    for name, target in includes(path, root):
        other = room_of(target, root) if target and root in target.parents else None
        if other and room is None:
            problems.append(f"{here}: a public header includes {name} of src/{other}")
        elif other and ROOMS.index(other) > ROOMS.index(room):
            problems.append(f"{here}: {room} includes {name}, but {other} is below {room}")
    if room is None or room in TORCH_FREE:
        chain = torch_chain(path, root, {path})
        if chain:
            where = f"{room} has no LibTorch" if room else "public headers have no LibTorch"
            problems.append(f"{here}: {where}, but includes {' -> '.join(chain)}")
    return problems


def check(root):
    root = Path(root).resolve()
    problems = []
    for path in policy.files(root, ["src", "include"], SUFFIXES):
        problems += check_file(path, root)
    return problems


PLANTS = [
    ("an include of a folder below", {"src/core/planted.cpp": '#include "io/file.h"\n'}, ["core includes io/file.h"]),
    ("a folder-relative include of a folder below", {"src/io/planted.h": '#include "../store/store.h"\n'}, ["io includes", "store"]),
    ("a LibTorch header in a room without", {"src/text/planted.cpp": "#include <ATen/ATen.h>\n"}, ["text has no LibTorch", "ATen/ATen.h"]),
    ("a LibTorch header behind another header",
     {"src/exec/planted.h": "#include <c10/util/Half.h>\n", "src/landscape/planted.cpp": '#include "exec/planted.h"\n'},
     ["landscape has no LibTorch", "exec/planted.h -> c10/util/Half.h"]),
    ("a LibTorch header in the public API", {"include/deltascape/planted.h": "#  include <torch/torch.h>\n"}, ["public headers have no LibTorch"]),
    ("a room's header in the public API", {"include/deltascape/planted.h": '#include "io/file.h"\n'}, ["a public header includes io/file.h"]),
    ("a folder that is no room", {"src/misc/planted.cpp": "\n"}, ["src/misc is not a room"]),
]


if __name__ == "__main__":
    policy.run(check, PLANTS)
