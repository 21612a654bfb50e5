"""What scripted sessions are to do to each other, rule by rule: the edits, and who has to be told of them.

Every plan has numbers of its own, which stand in all that it touches, so that a notice says by itself what it is about.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scripted_agent import Agent, Step

FIRST = 100
ANCHOR = "# what follows is to come\n"
_IN_AREA = 20
_NUMBER = re.compile(r"_(\d{3,6})(?!\d)")


class Sides(NamedTuple):
    """What each of two does; ``severity`` is that of their conflict, empty where there is none."""

    one: Sequence[Step]
    two: Sequence[Step]
    severities: tuple[str, ...] = ()


@dataclass
class Expected:
    """A session that has to be told once: not before ``since``, and in time from ``due`` on. Monotonic seconds.

    ``others`` are the sessions on the other side, one after the other; none where nobody is known.
    """

    agent: Agent
    others: list[Agent]
    since: float = 0.0
    due: float = 0.0
    is_saver: bool = False
    is_timed: bool = True


@dataclass
class Plan:
    """One thing that was planted, and what is true of it. Times are monotonic seconds, 0 for not yet."""

    repository: int
    rule: str
    numbers: tuple[int, ...]
    severities: tuple[str, ...]
    made: float = 0.0
    made_wall: float = 0.0
    over: float = 0.0
    is_unattributed: bool = False
    seats: tuple[Path, ...] = ()
    """The checkouts of its sides."""
    expected: list[Expected] = field(default_factory=list)
    heed: dict[Agent, str] = field(default_factory=dict)
    """What has to become of the notice of each."""

    @property
    def is_meeting(self) -> bool:
        return bool(self.severities)

    def told(self, agent: Agent) -> float | None:
        """When it was first told."""
        return next((told.at for told in list(agent.told) if set(self.numbers) & set(numbers_in(told.text))), None)

    def end(self, at: float) -> None:
        """It is over: who was told, and still is at work, has heeded that."""
        self.over = at
        for each in self.expected:
            if each.agent not in self.heed and self.told(each.agent) is not None:
                self.heed[each.agent] = "heeded"


def numbers_in(text: str) -> tuple[int, ...]:
    """The plans' numbers that a text names."""
    return tuple(dict.fromkeys(int(found) for found in _NUMBER.findall(text)))


def area_of(number: int) -> str:
    return f"pkg/area{number // _IN_AREA}.py"


def lines_of(number: int) -> dict[str, str]:
    """The lines of a function, by what they are."""
    n = number
    return {
        "def": f"def rate_{n}(amount_{n}):\n",
        "doc": f'    """What an amount of kind {n} comes to."""\n',
        "part": f"    part_{n} = amount_{n} * 3\n",
        "side": f"    side_{n} = amount_{n} + {n}\n",
        "step": f"    step_{n} = part_{n} + 11\n",
        "kept": f"    kept_{n} = side_{n} - 1\n",
        "whole": f"    whole_{n} = step_{n} * 2\n",
        "return": f"    return whole_{n}, kept_{n}\n",
    }


def write_project(root: Path, count: int) -> None:
    """A project with functions and sequences of migrations for ``count`` plans."""
    (root / "pkg").mkdir()
    texts: dict[str, list[str]] = {}
    for number in range(FIRST, FIRST + count):
        texts.setdefault(area_of(number), []).append("".join(lines_of(number).values()))
        if is_sequence(number):
            folder = root / f"shop_{number}" / "migrations"
            folder.mkdir(parents=True)
            (folder / "0001_initial.py").write_text(_migration(number, "", "Initial"))
    for path, functions in texts.items():
        gap = "\n\nGAP = 1\nGAP_TOO = 2\n\n\n"
        (root / path).write_text(gap.join(["", *functions]))


def is_function(number: int) -> bool:
    """Whether a plan may take this number, and with it the next."""
    return number % 5 in (1, 3)


def is_sequence(number: int) -> bool:
    return number % 5 == 0


MEETINGS = ("text", "write-write", "stale-read contract", "stale-read behaviour", "deleted", "resource", "write-skew")
OTHERS = ("docstring", "comment", "independent", "same edit", "fitting call", "neighbours")
NOT_HERE = frozenset({"resource", "same edit"})
"""Those that two sessions of one checkout can not do: a file is there already, or there is nothing left to edit."""


def sides_of(rule: str, n: int, use: Step) -> Sides:
    """What each side does. ``use`` is how the second newly calls the function."""
    lines, part, whole = lines_of(n), first_edit(n), _line(n, "whole", f"    whole_{n} = step_{n} * 7\n")
    match rule:
        case "text":
            return Sides((part,), (_line(n, "part", f"    part_{n} = amount_{n} * 5\n"),), ("major", "blocking"))
        case "write-write":  # git merges it
            return Sides((part,), (whole,), ("major",))
        case "stale-read contract":
            return Sides((contract_edit(n),), (use,), ("blocking",))
        case "stale-read behaviour":
            return Sides((whole,), (use,), ("major",))
        case "deleted":
            gone = Step(area_of(n), "".join(lines.values()), f"# no more of kind {n}\n")
            return Sides((gone,), (use,), ("blocking",))
        case "resource":  # two migrations after one
            blue, red = (_migration(n, "0001_initial", name) for name in ("Blue", "Red"))
            folder = f"shop_{n}/migrations"
            one, two = Step(f"{folder}/0002_blue.py", "", blue), Step(f"{folder}/0002_red.py", "", red)
            return Sides((one,), (two,), ("blocking",))
        case "write-skew":  # each changes what the other newly relies on
            skewed = [
                _line(mine, "whole", f"    whole_{mine} = step_{mine} * 7 + rate_{other}(1)[0]\n")
                for mine, other in ((n, n + 1), (n + 1, n))
            ]
            return Sides(skewed[:1], skewed[1:], ("major",))
        case "docstring":
            said = f'    """What an amount of kind {n} comes to, taxes included."""\n'
            return Sides((whole,), (_line(n, "doc", said),))
        case "comment":
            return Sides((whole,), (_line(n, "part", f"    part_{n} = amount_{n} * 3  # thrice\n"),))
        case "independent":  # in one function, without a variable in common
            return Sides((part,), (_line(n, "kept", f"    kept_{n} = side_{n} - 2\n"),))
        case "same edit":
            return Sides((part,), (part,))
        case "fitting call":  # the contract became wider
            return Sides((_line(n, "def", f"def rate_{n}(amount_{n}, tax_{n}=0):\n"),), (use,))
        case _:  # neighbours: two functions of one file
            return Sides((part,), (person_edit(n + 1),))


def use_of(number: int, user: Agent, dice: random.Random) -> Step:
    """Code that newly calls the function: in a file of its own, or in the session's.

    In a checkout with others always in the session's: who deleted a file is told by nobody, and later unknown.
    """
    name = f"use_{number}"
    module = area_of(number)[:-3].replace("/", ".")
    text = f"def {name}(n):\n    from {module} import rate_{number}\n\n    return rate_{number}(n)\n"
    if not user.is_sharing and dice.random() < 0.5:
        return Step(f"work/{user.name}x{name}.py", "", text)
    return Step(user.own, ANCHOR, f"{text}\n\n{ANCHOR}")


def _line(number: int, what: str, new: str) -> Step:
    return Step(area_of(number), lines_of(number)[what], new)


def _migration(number: int, parent: str, name: str) -> str:
    needs = f'("shop_{number}", "{parent}")' if parent else ""
    return (
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [{needs}]\n    operations = []  # {name} of shop_{number}\n"
    )


def person_edit(number: int) -> Step:
    """What somebody changes in a function without telling of it."""
    return _line(number, "whole", f"    whole_{number} = step_{number} * 9\n")


def contract_edit(number: int) -> Step:
    """A parameter more, which every call has to give."""
    return _line(number, "def", f"def rate_{number}(amount_{number}, *, tax_{number}):\n")


def first_edit(number: int) -> Step:
    """What a session changes in the same function."""
    return _line(number, "part", f"    part_{number} = amount_{number} * 4\n")


def in_one_checkout(sides: Sides) -> Sides:
    """The same where both edit one file: the second finds what the first has written."""
    first, *_ = sides.one
    two = tuple(Step(each.path, first.new if each.old == first.old else each.old, each.new) for each in sides.two)
    return Sides(sides.one, two, sides.severities)
