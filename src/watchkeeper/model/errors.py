"""Errors that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping


class WatchkeeperError(Exception):
    """Something went wrong that the user can do something about.

    ``message`` says what happened to which named thing, ``slug`` names a section of ``docs/errors.md``, ``hint`` is the
    next command to run or thing to do, ``facts`` are values for ``--json``. ``exit_code`` is what the CLI ends with.
    """

    exit_code = 5

    def __init__(self, message: str, *, slug: str, hint: str, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.slug = slug
        self.hint = hint
        self.facts = dict(facts or {})


class UsageError(WatchkeeperError):
    """The command was given something it cannot work with (exit 2)."""

    exit_code = 2


class NotARepositoryError(WatchkeeperError):
    """There is no git repository, or no configuration, where one is needed (exit 3)."""

    exit_code = 3


class GitError(WatchkeeperError):
    """git could not do what was asked of it."""
