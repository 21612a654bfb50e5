"""The risk of a change as a value: a score, and the points that it is made of, each with its reason."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class PointKind(StrEnum):
    """What a point is about. Several points of one kind add up less and less."""

    SIZE = "size"
    SPREAD = "spread"
    REWRITE = "rewrite"
    DEPENDENTS = "dependents"
    CONTRACT = "contract"
    UNCOVERED = "uncovered"
    AUTH = "auth"
    MONEY = "money"
    MIGRATION = "migration"
    SECRETS = "secrets"
    DELETION = "deletion"
    DELIVERY = "delivery"
    SENSITIVE = "sensitive"  # an area that the user named
    TEST_DELETED = "test-deleted"
    ASSERTION_REMOVED = "assertion-removed"
    ASSERTION_WEAKER = "assertion-weaker"
    EXPECTATION_CHANGED = "expectation-changed"
    TEST_SKIPPED = "test-skipped"
    TOLERANCE_WIDENED = "tolerance-widened"
    SUBJECT_MOCKED = "subject-mocked"
    EXCEPTION_SWALLOWED = "exception-swallowed"
    NEW_DEPENDENCY = "new-dependency"
    NEW_TABLE = "new-table"
    NEW_ROUTE = "new-route"
    NEW_ENVIRONMENT = "new-environment"
    NEW_PUBLIC = "new-public"
    REMOVED_ROUTE = "removed-route"
    REMOVED_OPTION = "removed-option"
    REMOVED_COMMAND = "removed-command"
    REMOVED_PUBLIC = "removed-public"
    REMOVED_ENVIRONMENT = "removed-environment"
    REMOVED_SETTING = "removed-setting"
    REMOVED_TABLE = "removed-table"


HIGHEST = 100
"""The highest score."""


class RiskPoint(msgspec.Struct, frozen=True):
    """One thing that makes a change risky. ``reason`` is one sentence that names it; ``line`` is 0 for a whole file.

    ``path`` and ``line`` are in the change's text; of what is gone, in the base's.
    """

    kind: PointKind
    weight: int
    reason: str
    path: str = ""
    line: int = 0


class Risk(msgspec.Struct, frozen=True):
    """How risky a change is: 0 (nothing that could break changed) to 100, and why, the heaviest first.

    ``could_not`` says what could not be looked at. It adds nothing to the score, and it is never green: a change with
    a low score and something in ``could_not`` is not known to be harmless.
    """

    score: int
    points: tuple[RiskPoint, ...] = ()
    could_not: tuple[str, ...] = ()
