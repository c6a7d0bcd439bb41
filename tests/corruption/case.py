"""What a case of the corruption suite is, and the usual kinds of them."""
import dataclasses
from typing import Callable

import formats as f

MARKER = "code-was-run"  # what hostile code would leave in the folder of its case
BASE, ADAPTER = "../sound/base", "../sound/adapter"  # beside every case's folder


@dataclasses.dataclass
class Case:
    name: str
    make: Callable  # called with the case's folder
    command: list
    says: list  # what the line must name
    exit: int = 1
    absent: tuple = ()  # what must not be there afterwards


def embed(*models, base=BASE, more=()):
    return ["embed", "--base", base, "--out", "out.npz", *more, *models]


def with_adapter(name, says, config=None, tensors=None, files=None, more=()):
    """An adapter of the sound base; `files`: name in its folder -> content, beside or in place of the usual ones."""
    def make(folder):
        weights = False if files and any(n.startswith("adapter_model") for n in files) else tensors
        if isinstance(weights, bytes):
            f.make_adapter(folder / "bad", config, False)
            f.write(folder / "bad/adapter_model.safetensors", weights)
        else:
            f.make_adapter(folder / "bad", config, weights)
        for file, content in (files or {}).items():
            f.write(folder / "bad" / file, content)

    return Case(name, make, embed("bad", more=more), ["bad", *says], absent=("out.npz",))


def with_base(name, says, config=None, tensors=None, tokenizer=None, files=None, command=None):
    """A base of its own and the sound adapter; a file whose content is None is taken away."""
    def make(folder):
        f.make_base(folder / "base", config, tensors if isinstance(tensors, dict) else None, tokenizer)
        if isinstance(tensors, bytes):
            f.write(folder / "base/model.safetensors", tensors)
        for file, content in (files or {}).items():
            if content is None:
                (folder / "base" / file).unlink()
            else:
                f.write(folder / "base" / file, content)

    return Case(name, make, command or embed(ADAPTER, base="base"), ["base", *says], absent=("out.npz",))


def with_file(name, file, content, command, says, **more):
    """One file (content: bytes, text or JSON), one command."""
    return Case(name, lambda folder: f.write(folder / file, content), command, says, **more)
