"""A verb of the command line: its help shows how it is used before it explains."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
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


class VerbGroup(Verb, click.Group):
    """A verb that consists of verbs; each is imported when it is run.

    ``verbs`` has what each does, and ``find`` gives the one of a name.
    """

    def __init__(
        self, *args: Any, verbs: Mapping[str, str], find: Callable[[str], click.Command], **kwargs: Any
    ) -> None:
        super().__init__(*args, subcommand_metavar="VERB [OPTIONS]", **kwargs)
        self._verbs, self._find = verbs, find

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._find(cmd_name) if cmd_name in self._verbs else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises click.UsageError for a verb that does not exist, with a near one."""
        if args[0] not in self._verbs:
            near = difflib.get_close_matches(args[0], self._verbs, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; the verbs are {', '.join(self._verbs)}"
            raise click.UsageError(f"There is no verb {f'{ctx.info_name} {args[0]}'!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(self._verbs.items()))


def verb(*, examples: Sequence[str], then: str) -> Callable[[Callable[..., int]], Verb]:
    """Make a function a verb: its docstring is the help, what it returns the exit code."""
    return click.command(cls=Verb, examples=examples, then=then)


def _write_paragraphs(formatter: click.HelpFormatter, text: str) -> None:
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(text)
