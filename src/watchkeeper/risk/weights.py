"""What each kind of point weighs, and why: the one table of the score.

A weight is a share of certainty that a person has to look: 100 would mean always. Each kind has the weight of its
mildest and of its worst case; ``assess`` chooses between them by what it knows. They were set by hand and corrected by
reading the outcome for merges of real projects; they are an order of what to read first, not a probability of defects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from watchkeeper.risk.points import PointKind


class Weight(NamedTuple):
    """The weight of the mildest and of the worst case, and why these."""

    least: int
    most: int
    why: str


WEIGHTS: Mapping[PointKind, Weight] = {
    PointKind.SIZE: Weight(1, 30, "defects found by review fall as a change grows; nobody reads 1,000 lines well"),
    PointKind.SPREAD: Weight(2, 12, "a change in many places has many neighbours that its author did not read"),
    PointKind.REWRITE: Weight(8, 20, "what a module learned in years of mending goes with its lines"),
    PointKind.DEPENDENTS: Weight(3, 20, "an error in a hub is an error in everything that relies on it"),
    PointKind.CONTRACT: Weight(1, 18, "who relies on the old contract fails, the more so where it was left as it was"),
    PointKind.UNCOVERED: Weight(2, 16, "a passed test says nothing of a line that it does not execute"),
    PointKind.AUTH: Weight(5, 28, "an error lets in who should stay out, and no test of a feature shows it"),
    PointKind.MONEY: Weight(5, 20, "an error costs money before anybody sees it"),
    PointKind.MIGRATION: Weight(10, 16, "it runs once, on data that no test has, and has no way back"),
    PointKind.SECRETS: Weight(10, 40, "what was pushed once is known for good"),
    PointKind.DELETION: Weight(8, 22, "what was deleted by mistake does not come back with a revert"),
    PointKind.DELIVERY: Weight(3, 8, "it decides what is built, tested and sent out, and runs with its rights"),
    PointKind.SENSITIVE: Weight(18, 18, "a person said so"),
    PointKind.TEST_DELETED: Weight(3, 22, "what it guarded is guarded no longer"),
    PointKind.ASSERTION_REMOVED: Weight(6, 20, "the test still passes, and no longer says what it said"),
    PointKind.ASSERTION_WEAKER: Weight(8, 18, "as a removed one, and harder to see"),
    PointKind.EXPECTATION_CHANGED: Weight(2, 10, "either what was asked for changed, or the test was bent to the code"),
    PointKind.TEST_SKIPPED: Weight(8, 22, "a skipped test is green and says nothing"),
    PointKind.TOLERANCE_WIDENED: Weight(8, 14, "the test passes for results that were wrong before"),
    PointKind.SUBJECT_MOCKED: Weight(14, 20, "the test tests its mock"),
    PointKind.EXCEPTION_SWALLOWED: Weight(14, 20, "the test cannot fail where it should"),
    PointKind.NEW_DEPENDENCY: Weight(8, 12, "code of others that nobody here has read, with all rights of this one"),
    PointKind.NEW_TABLE: Weight(6, 8, "data outlive the code that made them"),
    PointKind.NEW_ROUTE: Weight(5, 8, "a new way in"),
    PointKind.NEW_ENVIRONMENT: Weight(4, 6, "it has to be set wherever this runs, and is missed at run time"),
    PointKind.NEW_PUBLIC: Weight(1, 5, "what is public has to be kept"),
    PointKind.REMOVED_ROUTE: Weight(14, 18, "who calls it is outside, and cannot be looked up"),
    PointKind.REMOVED_OPTION: Weight(12, 16, "scripts of others stop at it"),
    PointKind.REMOVED_COMMAND: Weight(14, 18, "as an option"),
    PointKind.REMOVED_PUBLIC: Weight(4, 16, "who imports it fails; outside this repository nobody can look"),
    PointKind.REMOVED_ENVIRONMENT: Weight(6, 8, "it is set somewhere, and has no effect from now on, without a word"),
    PointKind.REMOVED_SETTING: Weight(4, 8, "as an environment variable"),
    PointKind.REMOVED_TABLE: Weight(20, 24, "its data go with it"),
}

MOST_OF_A_KIND = 60
"""However many points of one kind there are, they come to no more than this."""
