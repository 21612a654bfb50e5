"""Failures in words, or as documents, with what to do about them."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import click

from watchkeeper.cli.output import find_terminal, say, show_document
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.printing import printable


def report(error: Exception, environ: Mapping[str, str], *, wants_json: bool) -> int:
    """Tell what happened and what to do next, on stderr or as a document on stdout; the exit code. Never raises."""
    failure = _explained(error, environ)
    if wants_json:
        facts = {"slug": failure.slug, "message": failure.message, "hint": failure.hint, "facts": failure.facts}
        show_document({"error": facts})
    else:
        _say_failure(failure)
    return failure.exit_code


def _explained(error: Exception, environ: Mapping[str, str]) -> WatchkeeperError:
    match error:
        case WatchkeeperError():
            return error
        case click.ClickException():
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "watchkeeper"
            return UsageError(_sentence(error), slug="usage", hint=f"{command} --help")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return WatchkeeperError(
                f"There is no space left to write to: {error}", slug="disk-full", hint="free disk space: df -h"
            )
        case _:
            return _internal(error, environ)


def _internal(error: Exception, environ: Mapping[str, str]) -> WatchkeeperError:
    """A fault of Watchkeeper itself: a sentence for the person, the traceback in a file, else on stderr."""
    from watchkeeper.record.failures import explain_fault
    from watchkeeper.record.home import find_home

    explained = explain_fault(error, find_home(environ), Path(sys.argv[0]).name)
    if not explained.facts["traceback"]:
        say("".join(traceback.format_exception(error)))
    return explained


def _sentence(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).removesuffix(".")
    return text or "The command line cannot be understood"


def _say_failure(failure: WatchkeeperError) -> None:
    cross = find_terminal(sys.stderr, {}).symbol("✖", "x")
    say(f"{cross} {printable(failure.message)} [{failure.slug}]\nnext: {printable(failure.hint)}")
