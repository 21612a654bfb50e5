"""What decides whether tests pass, beside the tests: configuration that leaves some out, commands whose failure does
not count, results that were recorded once and are compared with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.risk.facts import Place, Weakened
from watchkeeper.risk.files import sides_of
from watchkeeper.risk.left_out import options_of
from watchkeeper.risk.points import PointKind

_CONFIGURATION = re.compile(
    r"(^|/)(pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|\.coveragerc|noxfile\.py|Makefile|justfile|package\.json"
    r"|(jest|vitest|playwright|cypress)\.config\.\w+|\.gitlab-ci\.yml|\.circleci/.*|\.github/workflows/.*|\.ci/.*)$"
)
_LEFT_OUT = re.compile(
    r"--deselect\b|(?<![\w-])--ignore(-glob)?=|testPathIgnorePatterns|collect_ignore|-k\s+[\"']?not\b"
)
_NOT_COUNTED = re.compile(
    r"\|\|\s*true\b|continue-on-error:\s*true|allow_failure:\s*true|--exit-zero\b|--passWithNoTests\b"
)
_LEAST_COVER = re.compile(
    r"(?:fail_under|cov-fail-under|branches|lines|statements|functions)[\"']?\s*[=:]\s*(\d+(?:\.\d+)?)"
)
_WATCHER = b"watchkeeper_witness"
_RECORDED = re.compile(r"\.(snap|ambr|approved\.\w+)$|(^|/)__snapshots__/")


def find_loosened(files: Sequence[ChangedFile]) -> Iterator[Weakened]:
    """Where the gate itself lets more pass than it did."""
    for file in files:
        yield from _watched(file)
        if file.now is None or file.now_path is None or file.base is None:
            continue
        if _RECORDED.search(file.now_path):
            yield from _recorded(file)
        elif _CONFIGURATION.search(file.now_path):
            yield from _configured(file)


def _watched(file: ChangedFile) -> Iterator[Weakened]:
    """Code that runs beside the plugin could alter what it holds: who names it is looked at by a person."""
    if file.now is None or _WATCHER not in file.now.lower():
        return
    gone, new = sides_of(file)
    had = sum(_WATCHER.decode() in text.lower() for text in gone.values())
    named = [at for at, text in new.items() if _WATCHER.decode() in text.lower()]
    if len(named) > had:
        what = f"{file.place} now names what sees which tests pass, {_WATCHER.decode()}"
        yield Weakened(PointKind.SUBJECT_MOCKED, Place(file.place, named[0]), what)


def _recorded(file: ChangedFile) -> Iterator[Weakened]:
    gone = sides_of(file).gone
    if gone:
        what = f"{len(gone)} lines of the recorded results in {file.place} are others now"
        yield Weakened(PointKind.EXPECTATION_CHANGED, Place(file.place, min(gone)), what, len(gone), is_mild=True)


def _configured(file: ChangedFile) -> Iterator[Weakened]:
    gone, new = sides_of(file)
    options = options_of(file.place, file.now or b"")
    new = {at: text for at, text in new.items() if not any(word in text for word in options)}
    for pattern, what in ((_LEFT_OUT, "leaves tests out"), (_NOT_COUNTED, "lets a failure pass")):
        had = sum(len(pattern.findall(text)) for text in gone.values())
        for number, text in new.items():
            had -= len(pattern.findall(text))
            if had < 0:
                told = f"{file.place} now {what}: {text[:80]}"
                yield Weakened(PointKind.TEST_SKIPPED, Place(file.place, number), told)
                break
    yield from _less_cover(file, gone, new)


def _less_cover(file: ChangedFile, gone: Mapping[int, str], new: Mapping[int, str]) -> Iterator[Weakened]:
    old = [float(found[1]) for text in gone.values() if (found := _LEAST_COVER.search(text))]
    for number, text in new.items():
        found = _LEAST_COVER.search(text)
        if found is not None and old and float(found[1]) < min(old):
            what = f"{file.place} asks for less coverage: {min(old):g} was the least, and is {float(found[1]):g}"
            yield Weakened(PointKind.TOLERANCE_WIDENED, Place(file.place, number), what)
            return
