"""test_summary.py RESULTS: counts a test run from what ctest and GoogleTest wrote, and prints "N passed, M failed".

A GoogleTest program counts with each of its cases, any other test as one. A program that failed without a failed
case (a crash, a timeout) counts as one failure more. Exit 1 when anything failed, or nothing ran.
"""
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def cases(path):
    """(passed, failed, skipped) of one GoogleTest report."""
    passed = failed = skipped = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def summarise(folder):
    passed = failed = skipped = 0
    for test in xml.parse(folder / "ctest.xml").getroot().iter("testcase"):
        reason = test.find("skipped")
        if reason is not None and reason.get("message", "").startswith("SKIP_"):  # by its exit code, as CMake knows it
            skipped += 1
            continue
        good = test.get("status") == "run"
        report = folder / f"{test.get('name')}_test.xml"
        try:
            p, f, s = cases(report) if report.exists() else (int(good), 0, 0)
        except xml.ParseError:  # the program died while writing it
            p, f, s = 0, 0, 0
        if not good and f == 0:
            f = 1
        passed, failed, skipped = passed + p, failed + f, skipped + s
    return passed, failed, skipped


def main():
    passed, failed, skipped = summarise(Path(sys.argv[1]))
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
