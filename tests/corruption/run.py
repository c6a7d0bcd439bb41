#!/usr/bin/env python3
"""Runs the corruption suite: hostile files through the real program.

run.py --program P [--only WORD] [--jobs N]
Every case (cases_*.py) makes its files in a folder of its own and runs one command there. It must end as docs/design.md
§8 says, with exit code 1 (2 for usage) and one line of less than 400 characters on stderr that names file and field;
without a crash; in at most 5 seconds of processor time and 1 GiB of memory; and without running code that a file
brought: the marker that such code would leave must not be there.
"""
import argparse
import concurrent.futures
import dataclasses
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cases_pickle  # noqa: E402
import formats  # noqa: E402
from case import MARKER  # noqa: E402

MODULES = ["cases_safetensors", "cases_gguf", "cases_pickle", "cases_text", "cases_config", "cases_adapter",
           "cases_exchange", "cases_paths", "cases_holes"]
CPU_SECONDS, WALL_SECONDS, PEAK_KIB, LINE = 5, 30, 1 << 20, 400


# Runs a command in a process of its own, from a small one: the peak that the kernel counts begins with that of the
# process that makes it. Prints seconds of CPU, peak KiB and exit code (a signal as a negative one).
LAUNCHER = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # for the machine's sake: memory is judged by its peak
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
child = os.fork()
if child == 0:
    os.dup2(os.open(".stdout", os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(os.open(".stderr", os.O_WRONLY | os.O_CREAT), 2)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


@dataclasses.dataclass
class Result:
    code: int | None  # None: it did not end
    stderr: bytes
    seconds: float = 0  # of CPU
    peak: int = 0  # KiB


def run(command, folder):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "no-cache"), "NO_COLOR": "1",
                   "OMP_WAIT_POLICY": "passive"}
    process = subprocess.Popen([sys.executable, "-S", "-c", LAUNCHER, *command], cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, env=environment, start_new_session=True)
    try:
        said, _ = process.communicate(timeout=WALL_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Result(None, (folder / ".stderr").read_bytes())
    seconds, peak, code = said.split()
    return Result(int(code), (folder / ".stderr").read_bytes(), float(seconds), int(peak))


def problems(case, folder, result):
    if result.code is None:
        yield f"did not end in {WALL_SECONDS} s"
        return
    if result.code != case.exit:
        yield f"exit {result.code}, not {case.exit}"
    lines = result.stderr.decode(errors="backslashreplace").splitlines()
    if len(lines) != 1:
        yield f"{len(lines)} lines on stderr, not one"
    for line in lines[:3]:
        if len(line.encode()) >= LINE:
            yield f"a line of {len(line.encode())} characters"
        for word in case.says:
            if word not in line:
                yield f"the line does not say {word!r}"
    if result.seconds > CPU_SECONDS:
        yield f"{result.seconds:.1f} s of processor time"
    if result.peak > PEAK_KIB:
        yield f"{result.peak >> 10} MiB of memory"
    if (folder / MARKER).exists():
        yield "code from the file was run"
    for name in case.absent:
        if (folder / name).exists():
            yield f"{name} was left behind"
    if lines and (not lines[0].startswith("error: ") or "terminate called" in lines[0] or "c10::" in lines[0]):
        yield "no message of ours"


def dead_pickles(above):
    """Names of the programs of cases_pickle.LIVE that Python's own unpickler does not run: they would prove nothing."""
    dead = []
    for name, code in cases_pickle.LIVE.items():
        folder = Path(tempfile.mkdtemp(dir=above))
        subprocess.run([sys.executable, "-c", "import pickle, sys; pickle.load(sys.stdin.buffer)"],
                       input=b"\x80\x04" + code,
                       cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not (folder / MARKER).exists():
            dead.append(name)
    return dead


def judge(case, program, above):
    folder = Path(tempfile.mkdtemp(dir=above))
    try:
        case.make(folder)
        result = run([program, *case.command], folder)
        wrong = list(problems(case, folder, result))
        return wrong, result
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("-v", action="store_true", help="print every case's line")
    options = arguments.parse_args()
    program = str(Path(options.program).resolve())
    cases = [case for module in MODULES for case in importlib.import_module(module).cases()]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), f"two cases of one name: {[n for n in names if names.count(n) > 1]}"
    assert all(case.says for case in cases), "a case that asks for no word proves little"
    cases = [case for case in cases if options.only in case.name]
    began, failed, peak, slowest = time.time(), 0, 0, 0.0
    with tempfile.TemporaryDirectory() as above:
        formats.make_base(Path(above) / "sound" / "base")
        formats.make_adapter(Path(above) / "sound" / "adapter")
        for name in dead_pickles(above):
            failed += 1
            print(f"FAILED pickle: {name}: Python's own unpickler does not run it, so refusing it proves nothing")
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for case, (wrong, result) in zip(cases, pool.map(lambda c: judge(c, program, above), cases)):
                peak, slowest = max(peak, result.peak), max(slowest, result.seconds)
                if options.v and not wrong:
                    print(f"{case.name}\n    {result.stderr.decode(errors='replace').strip()}")
                if wrong:
                    failed += 1
                    said = result.stderr.decode(errors="backslashreplace")[:1500].strip()
                    print(f"FAILED {case.name}: {'; '.join(wrong)}\n    {said}")
    print(f"{len(cases)} cases, {failed} failed; at most {slowest:.1f} s of CPU and {peak >> 10} MiB a case; "
          f"{time.time() - began:.0f} s")
    sys.exit(failed > 0 or not cases)


if __name__ == "__main__":
    main()
