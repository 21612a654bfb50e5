"""The application and the tasks of a day of ``watchkeeper experiment``: real Python text, and edits of it.

The application has fees (each with parameters and a rate) and flows that call them, one check for each flow. Whoever
edits reads the contract from the tree that it works in, so a stale tree makes a stale edit.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import msgspec

MODULES, FEES, DESKS = 8, 24, 6
_IMPORT = "from engine import " + ", ".join(f"fees_{each}" for each in range(MODULES))
_RUNNER = """\
import pathlib
import sys

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))
for path in sorted(here.glob("check_*.py")):
    try:
        exec(compile(path.read_text(), str(path), "exec"), {"__name__": path.stem})
    except Exception:
        print(path.stem.removeprefix("check_"))
"""


class Work(StrEnum):
    """What a task does."""

    SIGNATURE = "signature"  # a fee gets a required parameter; all callers in sight are adapted
    RATE = "rate"  # a fee's result changes; all checks in sight are adapted
    BODY = "body"  # a line in a fee, its result stays
    CALLER = "caller"  # a new flow that calls a fee, with its check
    SOLO = "solo"  # a module of its own


SHARES: Mapping[Work, int] = MappingProxyType(
    {Work.SIGNATURE: 10, Work.RATE: 10, Work.BODY: 15, Work.CALLER: 40, Work.SOLO: 25}
)
"""How often each kind of work occurs, in parts of a hundred."""


class Task(msgspec.Struct, frozen=True):
    """One issue with the minutes of its steps: read, edit, edit the checks, verify; and of what may come between."""

    number: int
    work: Work
    fee: int
    desk: int
    steps: tuple[float, ...]
    rebase: float
    adapt: float
    repair: float

    @property
    def issue(self) -> str:
        """As the person wrote it."""
        subject = "something new" if self.work is Work.SOLO else _fee_name(self.fee)
        return f"Issue {self.number}: {self.work.value} of {subject}"


class Day(msgspec.Struct, frozen=True):
    """Tasks in the order in which they are dealt, and the pairs planted in them: (changes a contract, relies on it)."""

    seed: int
    tasks: tuple[Task, ...]
    planted: tuple[tuple[int, int], ...]


def make_day(seed: int, tasks: int, shares: Mapping[Work, int] = SHARES, *, every: int = 10) -> Day:
    """The day of this seed. A pair is planted in ``every`` tasks, 0 for none; all else is the same with and without."""
    chance = random.Random(f"day {seed}")  # noqa: S311 - a day is drawn, no secret
    works = chance.choices(list(shares), list(shares.values()), k=tasks)
    fees = chance.choices(range(FEES), [1 / (rank + 3) for rank in range(FEES)], k=tasks)
    planting, planted = random.Random(f"planted {seed}"), []  # noqa: S311 - a day is drawn, no secret
    if every and shares.get(Work.CALLER) and shares.get(Work.SIGNATURE):
        for at in range(every // 2 - 1, tasks - 1, every):
            works[at : at + 2] = planting.choice((Work.SIGNATURE, Work.RATE)), Work.CALLER
            fees[at + 1] = fees[at]
            planted.append((at, at + 1))
    made = [_task(chance, number, work, fee) for number, (work, fee) in enumerate(zip(works, fees, strict=True))]
    return Day(seed, tuple(made), tuple(planted))


def write_application(root: Path) -> None:
    """The application as the day finds it."""
    for folder in ("engine", "checks"):
        (root / folder).mkdir(parents=True)
    (root / "engine/__init__.py").write_text('"""What the newsroom charges."""\n')
    (root / "checks/run.py").write_text(_RUNNER)
    for module in range(MODULES):
        fees = [_fee(each) for each in range(FEES) if each % MODULES == module]
        _write(root / f"engine/fees_{module}.py", ['"""Fees."""', *fees])
    for desk in range(DESKS):
        flows = [_flow(root, f"first_{desk}_{each}", (desk * 4 + each) % FEES) for each in range(4)]
        _write(root / f"engine/desk_{desk}.py", [f'"""A desk of the newsroom."""\n\n{_IMPORT}', *flows])
    for fee in range(FEES):
        _adapt_checks(root, fee)


def apply_engine(root: Path, task: Task) -> None:
    """The edit of the application itself, written from what this tree says. Idempotent."""
    path = root / _fee_path(task.fee)
    if task.work is Work.SOLO:
        (root / f"engine/solo_{task.number}.py").write_text(
            f'"""Alone."""\n\n\ndef solo_{task.number}():\n    return 1\n'
        )
    elif task.work is Work.CALLER:
        _put_flow(root, task)
    elif task.work is Work.SIGNATURE:
        if f"extra_{task.number}" not in path.read_text():
            _edit_fee(path, task.fee, r"^(def \w+\([^)]*)\)", rf"\1, extra_{task.number})")
        _adapt_flows(root, task.fee)
    elif task.work is Work.RATE:
        _edit_fee(path, task.fee, r"rate = \d+", f"rate = {100 + task.number}")
    elif f"# {task.number}\n" not in path.read_text():
        _edit_fee(path, task.fee, r"    steps = units\n", rf"\g<0>    steps = max(steps, 0)  # {task.number}\n")


def apply_checks(root: Path, task: Task) -> None:
    """The edit of the checks that goes with it. Idempotent."""
    if task.work is Work.SOLO:
        text = f"from engine import solo_{task.number}\n\nassert solo_{task.number}.solo_{task.number}() == 1\n"
        (root / f"checks/check_solo_{task.number}.py").write_text(text)
    elif task.work is not Work.BODY:
        _adapt_checks(root, task.fee)


def repair(root: Path, fee: int) -> None:
    """All flows and checks of the fee as its contract is in this tree."""
    _adapt_flows(root, fee)
    _adapt_checks(root, fee)


def written_symbols(root: Path, task: Task) -> tuple[tuple[str, str], ...]:
    """What the task edits of what stands already: (path, symbol)."""
    if task.work in (Work.SOLO, Work.CALLER):
        return ()
    own = (_fee_path(task.fee), _fee_name(task.fee))
    if task.work is not Work.SIGNATURE:
        return (own,)
    return (own, *((f"engine/desk_{desk}.py", name) for desk, name in _callers(root, task.fee)))


def fee_of_check(root: Path, name: str) -> int:
    """Which fee the check named ``name`` relies on; -1 for none."""
    for path in sorted(root.glob("engine/desk_*.py")):
        if found := re.search(
            rf"^def flow_{name}\(.*\n    return fees_\d+\.fee_(\d+)\(", path.read_text(), re.MULTILINE
        ):
            return int(found[1])
    return -1


def _task(chance: random.Random, number: int, work: Work, fee: int) -> Task:
    steps = (
        *(chance.triangular(4, 30, 10) for _ in range(2)),
        chance.triangular(2, 15, 5),
        chance.triangular(2, 15, 5),
    )
    late = chance.triangular(5, 25, 10), chance.triangular(3, 15, 6), chance.triangular(15, 60, 30)
    return Task(number, work, fee, chance.randrange(DESKS), steps, *late)


def _fee_name(fee: int) -> str:
    return f"fee_{fee:02}"


def _fee_path(fee: int) -> str:
    return f"engine/fees_{fee % MODULES}.py"


def _fee(fee: int) -> str:
    head = f'def {_fee_name(fee)}(units):\n    """A fee."""\n    rate = {fee + 2}\n'
    return head + "    steps = units\n    total = steps * rate\n    return total"


def _flow(root: Path, name: str, fee: int) -> str:
    extra, _ = _contract(root, fee)
    call = f"fees_{fee % MODULES}.{_fee_name(fee)}({', '.join(['units', *['1'] * extra])})"
    return f"def flow_{name}(units):\n    return {call}"


def _contract(root: Path, fee: int) -> tuple[int, int]:
    """How many parameters beside the first the fee wants, and its rate, as this tree has it."""
    found = re.search(
        rf"^def {_fee_name(fee)}\(([^)]*)\):.*?rate = (\d+)",
        (root / _fee_path(fee)).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None
    return found[1].count(","), int(found[2])


def _edit_fee(path: Path, fee: int, pattern: str, new: str) -> None:
    blocks = _blocks(path)
    at = next(at for at, block in enumerate(blocks) if block.startswith(f"def {_fee_name(fee)}("))
    blocks[at] = re.sub(pattern, new, blocks[at], count=1)
    _write(path, blocks)


def _put_flow(root: Path, task: Task) -> None:
    path, name = root / f"engine/desk_{task.desk}.py", f"flow_{task.number}"
    blocks = [block for block in _blocks(path) if not block.startswith(f"def {name}(")]
    blocks.insert(2 + task.number % 4, _flow(root, str(task.number), task.fee))
    _write(path, blocks)


def _callers(root: Path, fee: int) -> Iterator[tuple[int, str]]:
    for desk in range(DESKS):
        for block in _blocks(root / f"engine/desk_{desk}.py"):
            if block.startswith("def ") and f".{_fee_name(fee)}(" in block:
                yield desk, block[4 : block.index("(")]


def _adapt_flows(root: Path, fee: int) -> None:
    names = {name for _, name in _callers(root, fee)}
    for desk in {desk for desk, _ in _callers(root, fee)}:
        path = root / f"engine/desk_{desk}.py"
        blocks = [(block, block[4:].partition("(")[0]) for block in _blocks(path)]
        _write(path, [_flow(root, name[5:], fee) if name in names else block for block, name in blocks])


def _adapt_checks(root: Path, fee: int) -> None:
    _, rate = _contract(root, fee)
    for desk, name in _callers(root, fee):
        text = f"from engine import desk_{desk}\n\nassert desk_{desk}.{name}(10) == 10 * {rate}\n"
        (root / f"checks/check_{name[5:]}.py").write_text(text)


def _blocks(path: Path) -> list[str]:
    return path.read_text().rstrip("\n").split("\n\n\n")


def _write(path: Path, blocks: list[str]) -> None:
    text = "\n\n\n".join(blocks) + "\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
