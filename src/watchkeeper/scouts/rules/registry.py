"""All rules, and those of one dimension."""

from __future__ import annotations

from watchkeeper.scouts.rules import (
    database_sql,
    dead,
    dependencies_python,
    dependencies_script,
    errors_python,
    errors_script,
    ownership,
    performance_python,
    performance_script,
    secrets,
    security_python,
    security_script,
    tests_python,
    tests_script,
    untested,
    ux_pages,
    ux_script,
)
from watchkeeper.scouts.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *errors_python.RULES,
    *errors_script.RULES,
    *security_python.RULES,
    *security_script.RULES,
    *secrets.RULES,
    *ownership.RULES,
    *performance_python.RULES,
    *performance_script.RULES,
    *tests_python.RULES,
    *tests_script.RULES,
    *untested.RULES,
    *dead.RULES,
    *ux_script.RULES,
    *ux_pages.RULES,
    *dependencies_python.RULES,
    *dependencies_script.RULES,
    *database_sql.RULES,
)
"""A rule for several languages stands here once for each, under one id."""


def rules_of(dimension: str) -> tuple[Rule, ...]:
    """The rules of a dimension; ``()`` where it has none."""
    return tuple(rule for rule in RULES if rule.dimension == dimension)
