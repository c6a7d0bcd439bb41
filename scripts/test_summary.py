"""test_summary.py RESULTS: counts a test run from what ctest and GoogleTest wrote: what was skipped and why, and then
"N passed, M failed, K skipped".

A test with a report of GoogleTest (RESULTS/NAME.xml) counts with each of its cases, any other as one, and with each line
"SKIPPED …" that it printed. One that failed without a failed case (a crash, a timeout), or ran no case, counts as one
failure more. Exit 1 when anything failed, or nothing ran.
"""
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path


def cases(path):
    """(passed, failed, reasons of the skipped) of one GoogleTest report."""
    passed, failed, reasons = 0, 0, []
    for case in xml.parse(path).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skipped is not None:
            reasons.append(skipped.get("message", "").strip().splitlines()[-1:] or ["no reason given"])
        elif case.get("status") != "notrun":
            passed += 1
    return passed, failed, [reason[0] for reason in reasons]


def counts(test, report):
    """(passed, failed, reasons of the skipped) of one test of ctest."""
    skipped = test.find("skipped")
    said = (test.findtext("system-out") or "").splitlines()
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):  # by its exit code, as CMake knows it
        return 0, 0, said[-1:] or ["no reason given"]
    good = test.get("status") == "run"
    if not report.exists():
        return int(good), int(not good), [line[len("SKIPPED "):] for line in said if line.startswith("SKIPPED ")]
    try:
        passed, failed, reasons = cases(report)
    except xml.ParseError:  # the program died while writing it
        passed, failed, reasons = 0, 0, []
    if failed == 0 and (not good or passed + len(reasons) == 0):
        failed = 1
    return passed, failed, reasons


def main():
    folder = Path(sys.argv[1])
    passed, failed, skipped = 0, 0, Counter()
    for test in xml.parse(folder / "ctest.xml").getroot().iter("testcase"):
        p, f, reasons = counts(test, folder / f"{test.get('name')}.xml")
        passed, failed = passed + p, failed + f
        skipped.update(f"{test.get('name')}: {reason}" for reason in reasons)
    for reason, times in skipped.items():
        print(f"skipped {times}: {reason}")
    print(f"{passed} passed, {failed} failed, {sum(skipped.values())} skipped")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
