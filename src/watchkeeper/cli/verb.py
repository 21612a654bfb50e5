"""A verb of the command line: its help shows how it is used before it explains."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import click


class Verb(click.Command):
    """A command whose help begins with one sentence and examples, and ends with what to run next."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), then: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._examples = examples
        self._then = then

    def format_help_text(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The sentence, the examples, then the rest of the docstring."""
        first, _, rest = inspect.cleandoc(self.help or "").partition("\n\n")
        _write_paragraphs(formatter, first)
        formatter.write("\nExamples:\n")
        for example in self._examples:
            formatter.write(f"  {example}\n")
        if rest:
            _write_paragraphs(formatter, rest)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What to run next."""
        formatter.write(f"\nnext: {self._then}\n")


def verb(*, examples: Sequence[str], then: str) -> Callable[[Callable[..., int]], Verb]:
    """Make a function a verb: its docstring is the help, what it returns the exit code."""
    return click.command(cls=Verb, examples=examples, then=then)


def _write_paragraphs(formatter: click.HelpFormatter, text: str) -> None:
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(text)
