"""The issues of a fleet's day: what an agent is to do about each, and which two go wrong together. Values, and texts.

A planted pair is two issues, each right alone. ``loud``: a test that one of them brings fails on both together;
otherwise only ``truth_of`` sees it, which no agent, no probe and no queue knows. Near ones touch the same file or
function and go together.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

PLANTED = (
    "dual-loud", "contract-loud", "migrations", "text", "dual-quiet", "contract-quiet", "environment",
)  # fmt: skip
"""Kinds of planted pairs, in the order in which projects get them."""

NEAR = ("near-file", "near-words", "near-call")
"""Kinds of pairs that go together although they touch the same."""

FIRST = 100


class Work(NamedTuple):
    """One issue. ``key`` stands in its title and so in its branch; ``side`` is ``a`` or ``b`` of a pair, else ``""``.

    ``manner``: steady, slow, crashes (its first turn), breaks (its own test, in its first turn), nothing, duplicate,
    question. ``after``: the key of an issue that has to be closed first.
    """

    key: str
    project: int
    kind: str
    number: int
    side: str = ""
    manner: str = "steady"
    after: str = ""

    @property
    def pair(self) -> tuple[int, int]:
        """The same for both sides of a pair, and for nothing else."""
        return self.project, self.number

    @property
    def title(self) -> str:
        return f"{self.key} {_ASKED[self.kind]} {self.number}"

    @property
    def label(self) -> str:
        return {"duplicate": "duplicate", "question": "question"}.get(self.manner, "ready-for-dev")


_ASKED = {
    "plain": "add part", "nothing": "mend part", "duplicate": "add again part", "question": "what about part",
    "dual-loud": "reserve more of plan", "dual-quiet": "reserve more of plan", "contract-loud": "fees of kind",
    "contract-quiet": "fees of kind", "migrations": "a column for shop", "environment": "a limit for",
    "text": "say it better in note", "near-file": "rates of kind", "near-words": "rate of kind",
    "near-call": "use the rate of kind",
}  # fmt: skip


def plan_day(projects: int, issues: int, pairs: int, seed: int) -> list[Work]:
    """So many issues, in the order in which they are filed; both sides of a pair follow each other closely."""
    dice = random.Random(seed)
    per = [issues // projects + (number < issues % projects) for number in range(projects)]
    of_project = [
        _plan_project(
            number, per[number], [PLANTED[each % len(PLANTED)] for each in range(number, pairs, projects)], dice
        )
        for number in range(projects)
    ]
    day: list[Work] = []
    while any(of_project):
        for queue in of_project:  # a little of everything in each project, all day
            day += [queue.pop(0) for _ in range(min(2, len(queue)))]
    return day


def _plan_project(project: int, count: int, planted: list[str], dice: random.Random) -> list[Work]:
    numbers = iter(range(FIRST, FIRST + 10 * count))
    left = count
    twos: list[list[tuple[str, int, str, str]]] = []
    for kind in [*planted, *([NEAR[project % len(NEAR)]] if count >= 2 * len(planted) + 6 else [])]:
        number = next(numbers)
        twos.append([(kind, number, side, dice.choice(("steady", "slow"))) for side in "ab"])
        left -= 2
    manners = ["nothing", "breaks", "duplicate", "crashes", "question", "slow"]
    manners = manners[project % 6 :] + manners[: project % 6] if project > 1 else ["nothing"]
    ones = []
    for at in range(left):
        manner = manners[at // 2] if at % 2 and at // 2 < len(manners) else "steady"
        kind = manner if manner in ("nothing", "duplicate", "question") else "plain"
        ones.append([(kind, next(numbers), "", manner)])
    mixed = [*twos, *ones]
    dice.shuffle(mixed)
    flat = [each for group in mixed for each in group]
    works = [
        Work(f"p{project:02}i{at:03}", project, kind, number, side, manner)
        for at, (kind, number, side, manner) in enumerate(flat)
    ]
    plain = [each for each in works if each.kind == "plain"]
    if len(plain) >= 3:  # the last one is built on the first
        last = works.index(plain[-1])
        works[last] = works[last]._replace(after=plain[0].key)
    return works


def numbers_of(works: list[Work], project: int) -> list[int]:
    """The numbers that the files of a project have to hold."""
    return sorted({each.number for each in works if each.project == project})


def base_files(works: list[Work], project: int) -> dict[str, str]:
    """The files of a project before anybody works on it; its runner and its settings are another's matter."""
    mine = [each for each in works if each.project == project]
    files: dict[str, str] = {
        "pkg/__init__.py": "", "work/__init__.py": "", "parts/__init__.py": "",
        "tests/test_base.py": "import pkg.rates\n\n\ndef test_rates_load():\n    assert pkg.rates\n",
    }  # fmt: skip
    files["NOTES.md"] = "# Notes\n\n" + "".join(f"Note {n} is short.\n\n" for n in numbers_of(works, project))
    files["pkg/rates.py"] = '"""Rates."""\n' + "".join(rate(n) for n in numbers_of(works, project))
    for each in mine:
        files |= _base_of(each.kind, each.number)
    return files


def _base_of(kind: str, n: int) -> dict[str, str]:
    match kind.partition("-")[0]:
        case "dual":
            return {f"pkg/plan_{n}.py": plan(n, 10, 10)}
        case "contract":
            return {f"pkg/fee_{n}.py": fee(n, ""), f"tests/test_fee_{n}.py": test_fee(n, "")}
        case "migrations":
            return {f"shop_{n}/migrations/0001_initial.py": migration(n, "", "initial")}
        case _:
            return {}


def edits_of(work: Work) -> dict[str, str | tuple[str, str]]:
    """What an agent does of its own accord: by path a whole new file, or what is replaced by what."""
    n, side = work.number, work.side
    kind, _, voice = work.kind.partition("-")
    match kind:
        case "dual":
            old, new = plan_lines(n, side)
            tests = {f"tests/test_plan_{n}_{side}.py": test_plan(n)} if voice == "loud" else {}
            return {f"pkg/plan_{n}.py": (old, new), **tests}
        case "contract" if side == "a":
            new = ", *, tax"
            return {
                f"pkg/fee_{n}.py": (
                    f"def fee_{n}(amount):\n    return amount * 2",
                    f"def fee_{n}(amount{new}):\n    return amount * 2 + tax",
                ),
                f"tests/test_fee_{n}.py": test_fee(n, ", tax=1"),
            }  # fmt: skip
        case "contract":
            tests = {f"tests/test_use_{n}.py": test_use(n)} if voice == "loud" else {}
            return {f"work/use_{n}.py": use(n, ""), **tests}
        case "migrations":
            colour = {"a": "blue", "b": "red"}[side]
            return {f"shop_{n}/migrations/0002_{colour}.py": migration(n, "0001_initial", colour)}
        case "environment":
            seconds = {"a": "30", "b": "30000"}[side]
            return {
                f"work/limit_{n}_{side}.py": limit(n, seconds),
                f"tests/test_limit_{n}_{side}.py": test_limit(n, side),
            }
        case "text":
            return {"NOTES.md": (f"Note {n} is short.", f"Note {n} says what {side} means.")}
        case "near":
            return _near_edits(voice, n, side)
        case _:
            return {f"parts/part_{n}.py": part(n), f"tests/test_part_{n}.py": test_part(n)}


def _near_edits(voice: str, n: int, side: str) -> dict[str, str | tuple[str, str]]:
    if voice == "words":  # one says what the function does, the other changes what it does
        if side == "a":
            return {"pkg/rates.py": (f'"""Rate {n}."""', f'"""Rate {n}, without taxes."""')}
        return {"pkg/rates.py": (f"    kept_{n} = side_{n} - 1\n", f"    kept_{n} = side_{n} - 2\n")}
    if voice == "call" and side == "b":  # of a function that becomes wider
        return {f"work/call_{n}.py": f"from pkg.rates import rate_{n}\n\n\ndef call_{n}():\n    return rate_{n}(1)\n"}
    if voice == "call":
        return {"pkg/rates.py": (f"def rate_{n}(amount):", f"def rate_{n}(amount, scale=1):")}
    if side == "a":  # two functions of one file
        return {"pkg/rates.py": (f"    part_{n} = amount * 3\n", f"    part_{n} = amount * 4\n")}
    return {"pkg/rates.py": ('"""Rates."""\n', f'"""Rates."""\n\n\ndef extra_{n}():\n    return {n}\n')}


def truth_of(work: Work) -> str:
    """Code that fails where both sides of a pair are in a tree and do not go together; ``""``: nothing can be wrong."""
    n = work.number
    match work.kind.partition("-")[0]:
        case "dual":
            return f"from pkg.plan_{n} import plan_{n}\nassert plan_{n}() <= 100, plan_{n}()"
        case "contract":
            return (
                f"import importlib.util as u\n"
                f"if u.find_spec('work.use_{n}'):\n"
                f"    from work.use_{n} import use_{n}\n"
                f"    use_{n}()"
            )
        case "migrations":
            return (
                "import glob, re\n"
                f"found = sorted(glob.glob('shop_{n}/migrations/*.py'))\n"
                f"names = [each.rpartition('/')[2][:-3] for each in found]\n"
                "parents = [p for f in found for p in re.findall(r', \"(\\w+)\"\\)', open(f).read())]\n"
                "assert set(parents) <= set(names), (parents, names)\n"
                "assert len(set(names) - set(parents)) == 1, names"
            )
        case "environment":
            return (
                "import glob, re\n"
                f"found = [m for f in glob.glob('work/limit_{n}_*.py')"
                ' for m in re.findall(r\'"(\\w+)", "(\\d+)"\', open(f).read())]\n'
                "assert len(dict(found)) == len(set(found)), found"
            )
        case _:
            return ""


def kept_of(work: Work) -> str:
    """Code that fails where a tree lost what the issue asked for."""
    n, side = work.number, work.side
    match work.kind.partition("-")[0]:
        case "text":
            return f"text = open('NOTES.md').read()\nassert 'what {side} means' in text and '<<<' not in text"
        case "contract":
            there = f"pkg/fee_{n}.py" if side == "a" else f"work/use_{n}.py"
            return f"assert {'tax' if side == 'a' else 'fee'!r} in open('{there}').read()"
        case "migrations":
            return f"import glob\nassert glob.glob('shop_{n}/migrations/*_{'blue' if side == 'a' else 'red'}.py')"
        case "environment":
            return f"open('work/limit_{n}_{side}.py')"
        case "plain":
            return f"from parts.part_{n} import part_{n}\nassert part_{n}() == {n}"
        case _:
            return ""


def rate(n: int) -> str:
    return (
        f'\n\ndef rate_{n}(amount):\n    """Rate {n}."""\n    part_{n} = amount * 3\n    side_{n} = amount + {n}\n'
        f"    step_{n} = part_{n} + 11\n    kept_{n} = side_{n} - 1\n    whole_{n} = step_{n} * 2\n"
        f"    return whole_{n}, kept_{n}\n"
    )


def plan(n: int, first: int, second: int) -> str:
    """What is used of a hundred: ``first`` and ``second``, and a little that is in between for git."""
    return (
        f'"""Plan {n}."""\n\n\ndef plan_{n}():\n    """How much of a hundred is used."""\n'
        f"    used = {first}\n"
        f"    names = ['one']\n    names += ['two']\n    names += ['three']\n"
        f"    total = used + {second}\n    return total\n"
    )


def plan_lines(n: int, side: str) -> tuple[str, str]:  # noqa: ARG001
    return ("used = 10", "used = 60") if side == "a" else ("used + 10", "used + 60")


def fee(n: int, more: str) -> str:
    return f'"""Fees of kind {n}."""\n\n\ndef fee_{n}(amount{more}):\n    return amount * 2\n'


def use(n: int, more: str) -> str:
    return f"from pkg.fee_{n} import fee_{n}\n\n\ndef use_{n}():\n    return fee_{n}(2{more})\n"


def limit(n: int, value: str) -> str:
    return f'import os\n\n\ndef limit():\n    return int(os.environ.get("LIMIT_{n}", "{value}"))\n'


def part(n: int) -> str:
    return f"def part_{n}():\n    return {n}\n"


def migration(n: int, parent: str, name: str) -> str:
    needs = f'("shop_{n}", "{parent}")' if parent else ""
    return (
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [{needs}]\n    operations = []  # {name}\n"
    )


def test_fee(n: int, more: str) -> str:
    return f"from pkg.fee_{n} import fee_{n}\n\n\ndef test_fee():\n    assert fee_{n}(3{more}) in (6, 7)\n"


def test_use(n: int) -> str:
    return f"from work.use_{n} import use_{n}\n\n\ndef test_use():\n    assert use_{n}() >= 4\n"


def test_plan(n: int) -> str:
    return f"from pkg.plan_{n} import plan_{n}\n\n\ndef test_plan():\n    assert plan_{n}() <= 100\n"


def test_limit(n: int, side: str) -> str:
    return f"from work.limit_{n}_{side} import limit\n\n\ndef test_limit():\n    assert limit() > 0\n"


def test_part(n: int) -> str:
    return f"from parts.part_{n} import part_{n}\n\n\ndef test_part():\n    assert part_{n}() == {n}\n"


def by_key(works: list[Work]) -> Mapping[str, Work]:
    return {each.key: each for each in works}


def pairs_of(works: list[Work]) -> Iterator[tuple[Work, Work]]:
    """Both sides of every pair, near ones too."""
    sides: dict[tuple[int, int], Work] = {}
    for each in works:
        if each.side:
            other = sides.setdefault(each.pair, each)
            if other is not each:
                yield (other, each) if other.side == "a" else (each, other)
