"""The risk of a change, completed by a run of the tests: what was known before, and lines that none executed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.exposure import Exposure, Measured, lines_of, spans_of
from watchkeeper.risk.assess import in_order, points_of, score_of_weights, untested_points
from watchkeeper.risk.facts import RiskFacts, Untested
from watchkeeper.risk.points import PointKind, Risk
from watchkeeper.risk.untested import find_lines
from watchkeeper.risk.words import count_of, render_lines

_MOST_SPANS = 4_000


def expose(files: Sequence[ChangedFile], facts: RiskFacts) -> Exposure:
    """What a run has to measure of a change. ``facts`` are of these files, and of no run."""
    known = {each.path: each for each in facts.files}
    wanted, missed = find_lines([(file, known[file.place]) for file in files if file.place in known])
    weights: dict[str, tuple[int, ...]] = {}
    for point in points_of(facts):
        weights[point.kind.value] = (*weights.get(point.kind.value, ()), point.weight)
    lines, unseen, count = {}, list(missed), 0
    for path, numbers in wanted.items():
        if not (spans := spans_of(numbers)):
            continue
        count += len(spans)
        if count <= _MOST_SPANS:
            lines[path] = spans
        else:
            unseen.append(f"which changed lines of {path} tests execute: the change is too large to follow all of it")
    return Exposure(weights, lines, tuple(unseen))


def complete(exposure: Exposure, measured: Measured) -> Risk:
    """The risk with what the run adds: the same as if its lines had been known from the beginning.

    ``points`` are those of the lines that no test executed, and no others.
    """
    untested = [Untested(path, lines_of(spans), measured.of[path]) for path, spans in measured.missed.items()]
    points = in_order(untested_points(untested))
    known = {PointKind(kind): list(weights) for kind, weights in exposure.weights.items() if kind in _KINDS}
    known.setdefault(PointKind.UNCOVERED, []).extend(point.weight for point in points)
    return Risk(score_of_weights(known), tuple(points), measured.unseen)


def worst(exposure: Exposure, measured: Measured | None = None) -> Risk:
    """The risk if no test executed what was not measured; without ``measured`` that is every changed line.

    No run can say more, so that one who is under a threshold with it needs none.
    """
    measured = measured or Measured()
    left = {path: spans for path, spans in exposure.lines.items() if path not in measured.of}
    return complete(
        exposure,
        Measured(
            {**measured.missed, **left},
            {**measured.of, **{path: len(lines_of(spans)) for path, spans in left.items()}},
            measured.unseen,
        ),
    )


_KINDS = frozenset(kind.value for kind in PointKind)
"""A weight of a kind that another version knew is passed over, not guessed at."""


def describe_measured(measured: Measured | None, exposure: Exposure | None) -> tuple[str, ...]:
    """What the newest run says of the changed lines, a sentence for each file; ``()`` where there is none to execute.

    ``measured`` is None where no run of all tests came to its end.
    """
    if measured is None:
        return (f"{_NOT}which changed lines tests execute: no run of all tests has ended",) if exposure else ()
    whole = [
        f"the run executed all of the {count_of(count, 'changed line')} of {path} that do something"
        for path, count in measured.of.items()
        if count and path not in measured.missed
    ]
    return (*describe_missed(measured), *whole, *(f"{_NOT}{each}" for each in measured.unseen))


def describe_missed(measured: Measured) -> tuple[str, ...]:
    """The lines that no test executed, a sentence for each file."""
    return tuple(
        f"lines {render_lines(lines_of(spans))} of {path}: no test of the run executed them"
        for path, spans in measured.missed.items()
    )


_NOT = "not measured: "
