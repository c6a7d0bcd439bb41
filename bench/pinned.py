"""Running whole programs on pinned cores, and comparing the embeddings they wrote: what the scripts here share."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


class Refused(Exception):
    """A program said no: exit code and its last words."""


def cores(count):
    """The last `count` processors this process may use: the first ones serve interrupts more often."""
    return set(sorted(os.sched_getaffinity(0))[-count:])


def run_pinned(command, on, output=None):
    """Wall seconds, processor seconds and peak resident bytes of a process on the cores `on`; stdout goes to `output`."""
    count = str(len(on))
    environment = os.environ | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "HF_HUB_OFFLINE": "1",
                                "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], env=environment, stdout=output or subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, on))
    errors = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Refused(f"{Path(command[0]).name} failed with {process.returncode}: {errors[-2000:].strip()}")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}


def embed(program, base, out, adapters, on, precision, *options):
    """One `deltascape embed` into out (npz) and a fresh store beside it."""
    store = Path(out).with_suffix(".db")
    for old in [Path(out), *store.parent.glob(store.name + "*")]:
        old.unlink(missing_ok=True)
    return run_pinned([program, "embed", "--base", base, "--precision", precision, "--threads", len(on), "--out", out,
                       "--store", store, *options, *adapters], on)


def bench(program, base, on, *options):
    """The JSON of one `deltascape bench`."""
    with open(os.devnull, "w") as nothing, subprocess.Popen(
            [str(part) for part in (program, "bench", "--base", base, "--threads", len(on), "--json", *options)],
            stdout=subprocess.PIPE, stderr=nothing, preexec_fn=lambda: os.sched_setaffinity(0, on)) as process:
        text = process.stdout.read()
    if process.returncode:
        raise Refused(f"bench failed with {process.returncode}: {text.decode(errors='replace').strip()}")
    return json.loads(text)


def embeddings(path):
    """Rows of an npz by the sorted last component of their names, float64: [N, ...]."""
    with np.load(path, allow_pickle=False) as arrays:
        order = np.argsort([os.path.basename(str(name)) for name in arrays["model_names"]])
        return arrays["embeddings"][order].astype(np.float64)


def difference(some, others):
    """Largest relative distance of a row from its counterpart."""
    return float((np.linalg.norm(some - others, axis=-1) / np.linalg.norm(others, axis=-1)).max())


def random_adapters(base, folder, count):
    """The first `count` of the random adapters in `folder`, made where they are missing."""
    subprocess.run([sys.executable, HERE / "make_adapters.py", base, folder, str(count)], check=True)
    return sorted(path for path in folder.iterdir() if (path / "adapter_config.json").exists())[:count]
