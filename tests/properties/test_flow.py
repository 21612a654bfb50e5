"""The flow of any edit can be asked for, and independence does not depend on who is asked first."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.code.linediff import hunks
from watchkeeper.code.python_source.flow import find_flow
from watchkeeper.conflicts.of_trees import conflicts_of_trees
from watchkeeper.model.flow import names_meet

LINES = '''\
@wrapped(limit=3)
async def work(self, queue, *rest, flag=False, **more):
    """What it does."""
    global counter
    total, (first, *others) = 0, rest
    for item in queue:
        if (found := self.cache.get(item)) is None:
            continue
        elif item.is_last:
            break
        else:
            total += found
    else:
        total = [each for each in others if each]
    async with self.lock, open(first) as file:
        rest[0].name = await file.read()
        del more["key"]
    try:
        assert total, "none"
        self.seen |= {item}
    except (ValueError, KeyError) as error:
        raise RuntimeError(f"no {error!r}") from None
    else:
        import os
    finally:
        print(total)
    while not flag:
        flag = yield total
    match queue:
        case [one, *many] if many:
            return one
        case {"kind": kind, **others}:
            self.kind = lambda value: value + kind
    def inner(value, factor=total):
        nonlocal first
        class Local:
            size = value
        return Local
    with (
        self.lock as held,
        inner(1) as other,
    ):
        self.items[held].sort(
            key=other,
        )
    return inner(
        total
    )
'''.splitlines(keepends=True)

_SCOPED = re.compile(r" *(global|nonlocal) .*\n")  # with these no flow is told

edits = st.lists(
    st.tuples(
        st.integers(0, len(LINES) - 1),
        st.sampled_from(
            ["", "    self.cache.clear()\n", "    return first\n", "        total = 1\n", "    else:\n", "#\n"]
        ),
    ),
    max_size=4,
)


def edited(changes: list[tuple[int, str]]) -> str:
    lines = list(LINES)
    for at, text in changes:
        lines[at] = text
    return "".join(lines)


@given(edits)
def test_any_edit_has_a_flow_or_none_and_what_it_gives_it_reaches(changes: list[tuple[int, str]]) -> None:
    before, after = (_SCOPED.sub("", text) for text in ("".join(LINES), edited(changes)))

    flow = find_flow(before.encode(), after.encode(), "work", hunks(before.encode(), after.encode()))

    if flow is not None:
        assert set(flow.gives) <= set(flow.reaches)
        assert not flow.gives or names_meet(flow.gives, flow.reaches)
        assert all(1 <= first <= last + 1 <= before.count("\n") + 2 for first, last in flow.governs)


@given(edits, edits)
def test_the_grade_does_not_depend_on_the_order(one: list[tuple[int, str]], two: list[tuple[int, str]]) -> None:
    base = {"a.py": "".join(LINES).encode()}
    sides = [{"a.py": edited(each).encode()} for each in (one, two)]

    found = [conflicts_of_trees(base, {"x": sides[at], "y": sides[1 - at]}) for at in (0, 1)]

    assert sorted((c.severity, c.subjects) for c in found[0]) == sorted((c.severity, c.subjects) for c in found[1])


def test_an_edit_of_every_kind_of_statement_has_a_flow() -> None:
    before = _SCOPED.sub("", "".join(LINES))
    after = before.replace("print(total)", "print(first)")

    flow = find_flow(before.encode(), after.encode(), "work", hunks(before.encode(), after.encode()))

    assert flow is not None
    assert {"first", "total"} <= set(flow.takes)
