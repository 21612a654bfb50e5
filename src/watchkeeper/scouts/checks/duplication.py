"""The check ``duplication``: functions that were written twice, whatever they are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from watchkeeper.code.languages import find_language
from watchkeeper.code.likeness import digest_of
from watchkeeper.model.reading import CALLABLES, Status
from watchkeeper.model.scouting import KindId
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.refuting import is_foreign, is_test

_READ = (".py", ".ts", ".tsx", ".js", ".jsx")
_LEAST_LINES = 10
_MOST_BYTES = 1 << 20
_DISPROVE = "Do the two have to change apart from each other? Is one of them generated from the other?"


class Duplication:
    """Functions and methods of at least ten lines whose code is equal without the names; tests are left out."""

    name = "duplication"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 nothing is run
        """Each place but the first of equal ones is a finding."""
        files = [path for path in ground.having(*_READ) if not (is_foreign(path) or is_test(path))]
        if not files:
            return not_applicable(self.name, "there is no source file")
        places: dict[str, list[tuple[str, str, int, str]]] = defaultdict(list)
        count, large, unread = 0, 0, []
        for path in files:
            source = ground.read(path)
            language = find_language(path)
            if language is None or len(source) > _MOST_BYTES:
                large += language is not None
                continue
            reading = language.read(source, bodies=True)
            if reading.status is not Status.PARSED:
                unread.append(path)
                continue
            lines = source.decode("utf-8", "replace").splitlines()
            for symbol in reading.symbols:
                for first, last in symbol.spans if symbol.kind in CALLABLES else ():
                    count += last - first + 1 >= _LEAST_LINES
                    digest = digest_of("\n".join(lines[first - 1 : last])) if last - first + 1 >= _LEAST_LINES else None
                    if digest is not None:
                        places[digest].append((path, symbol.qualname, first, lines[first - 1].strip()))
        found = [raw for group in places.values() if len(group) > 1 for raw in _raws(group, ground.names)]
        if unread:
            some = ", ".join(unread[:3]) + (f" and {len(unread) - 3} more" if len(unread) > 3 else "")
            return could_not_look(self.name, f"{some} cannot be parsed", found)
        what = f"{count} functions in {len(files) - large} files"
        what += f"; left out: {large} larger than 1 MB" if large else ""
        return looked(self.name, found, what=what, proof="all were parsed")


CHECK = Duplication()


def _raws(group: list[tuple[str, str, int, str]], names: Mapping[str, str]) -> Iterator[Raw]:
    """The first by the name that it is known by is the one that the others are copies of."""
    (path, symbol, line, _), *copies = sorted(group, key=lambda each: (names.get(each[0], each[0]), each))
    for other, name, first, text in copies:
        yield Raw(
            "written-twice", other, f"{name} is {symbol} of {path}:{line} written again", first, text, name,
            evidence=f"equal without names: {len(group)} places", disprove=_DISPROVE, severity=1, confidence=0.7,
            kind=KindId("duplicate-code"),
        )  # fmt: skip
