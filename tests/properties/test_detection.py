"""What holds for the conflicts of any two changes, in Python and in TypeScript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hypothesis import assume, given
from hypothesis import strategies as st

from watchkeeper.conflicts.change_of_state import decide_events
from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.of_trees import Edits, conflicts_of_trees
from watchkeeper.conflicts.standing import State, open_conflicts
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq

FILES = ("store", "view", "clock")
NAMES = ("load_rows", "store_row", "count_rows", "render_page", "tick_clock", "merge_rows")
TEXTS = ("", "a note", "another note")


@dataclass(frozen=True)
class Function:
    """``name(*parameters)`` in ``file``: returns ``value`` and calls each of ``calls`` with its number of arguments."""

    name: str
    file: str
    parameters: tuple[str, ...] = ("row",)
    value: int = 0
    calls: tuple[tuple[str, int], ...] = ()
    note: str = ""


Program = tuple[Function, ...]

numbers = st.integers(0, 3)
calls = st.tuples(st.sampled_from(NAMES), st.integers(0, 2))
parameter_lists = st.sampled_from([(), ("row",), ("row", "limit"), ("limit", "row")])


@st.composite
def programs(draw: st.DrawFn, names: Sequence[str] = NAMES, files: Sequence[str] = FILES) -> Program:
    """Two to all of ``names`` as functions, in a stable order, each in some file."""
    kept = draw(st.lists(st.sampled_from(names), min_size=2, max_size=len(names), unique=True))
    return tuple(
        Function(
            name=name,
            file=draw(st.sampled_from(files)),
            parameters=draw(parameter_lists),
            value=draw(numbers),
            calls=tuple(draw(st.lists(calls.filter(lambda call: call[0] in names), max_size=2))),
        )
        for name in names
        if name in kept
    )


@st.composite
def edited(draw: st.DrawFn, program: Program) -> Program:
    """The program after one to three edits, as two people make them independently of each other."""
    for _ in range(draw(st.integers(1, 3))):
        program = draw(edited_once(program))
    return program


@st.composite
def edited_once(draw: st.DrawFn, program: Program) -> Program:
    if not program:
        return program
    at = draw(st.integers(0, len(program) - 1))
    function = program[at]
    kind = draw(
        st.sampled_from(["value", "parameters", "call", "delete", "rename", "rename everywhere", "move", "add"])
    )
    names = sorted({each.name for each in program} | {name for each in program for name, _ in each.calls})
    match kind:
        case "value":
            changed = replace(function, value=draw(st.integers(4, 6)))
        case "parameters":
            changed = replace(function, parameters=draw(parameter_lists))
        case "call":
            call = draw(st.tuples(st.sampled_from(names), st.integers(0, 2)))
            changed = replace(function, calls=(*function.calls, call))
        case "rename":
            changed = replace(function, name=f"{function.name}_anew")
        case "move":
            changed = replace(function, file=draw(st.sampled_from(sorted({each.file for each in program}))))
        case "delete":
            return (*program[:at], *program[at + 1 :])
        case "add":
            added = replace(function, name=f"{function.name}_too", value=draw(st.integers(4, 6)))
            if added.name in names:
                return program
            return (*program[: at + 1], added, *program[at + 1 :])
        case "rename everywhere":
            return tuple(renamed(each, function.name, f"{function.name}_anew") for each in program)
        case _:
            raise AssertionError(kind)
    if changed.name != function.name and changed.name in names:
        return program
    return (*program[:at], changed, *program[at + 1 :])


def renamed(function: Function, old: str, new: str) -> Function:
    called = tuple((new if name == old else name, count) for name, count in function.calls)
    return replace(function, name=new if function.name == old else function.name, calls=called)


def render(program: Program, language: str, head: str = "") -> dict[str, bytes]:
    """The program's files. ``head`` stands before everything else in each."""
    render_file = {"python": render_python, "typescript": render_typescript}[language]
    files = sorted({function.file for function in program})
    suffix = "py" if language == "python" else "ts"
    return {f"{file}.{suffix}": (head + render_file(program, file)).encode() for file in files}


def render_python(program: Program, file: str) -> str:
    homes = {function.name: function.file for function in program}
    own = [function for function in program if function.file == file]
    taken = sorted({name for function in own for name, _ in function.calls if homes.get(name, file) != file})
    lines = [f"from {homes[name]} import {name}" for name in taken]
    for function in own:
        lines += ["", "", f"def {function.name}({', '.join(function.parameters)}):"]
        lines += [f"    # {function.note}"] if function.note else []
        lines += [f"    {name}({', '.join('123'[:count])})" for name, count in function.calls]
        lines += [f"    return {function.value}"]
    return "\n".join(lines) + "\n"


def render_typescript(program: Program, file: str) -> str:
    homes = {function.name: function.file for function in program}
    own = [function for function in program if function.file == file]
    taken = sorted({name for function in own for name, _ in function.calls if homes.get(name, file) != file})
    lines = [f"import {{ {name} }} from './{homes[name]}';" for name in taken]
    for function in own:
        parameters = ", ".join(f"{name}: number" for name in function.parameters)
        lines += ["", f"export function {function.name}({parameters}): number {{"]
        lines += [f"  // {function.note}"] if function.note else []
        lines += [f"  {name}({', '.join('123'[:count])});" for name, count in function.calls]
        lines += [f"  return {function.value};", "}"]
    return "\n".join(lines) + "\n"


def as_edits(base: Mapping[str, bytes], now: Mapping[str, bytes]) -> Edits:
    gone: dict[str, bytes | None] = {path: None for path in base if path not in now}
    return {**gone, **{path: text for path, text in now.items() if base.get(path) != text}}


def conflicts(base: Program, one: Program, two: Program, language: str, head: str = "") -> tuple[Conflict, ...]:
    tree = render(base, language, head)
    sides = {name: as_edits(tree, render(side, language, head)) for name, side in (("a", one), ("b", two))}
    return conflicts_of_trees(tree, sides)


def seen(conflict: Conflict, names: Mapping[str, str]) -> tuple[object, ...]:
    """What is told, with the sides' names exchanged; not the wording, which names one side first."""
    shown = frozenset(
        (names.get(item.change, item.change), item.path, item.line, item.text) for item in conflict.evidence
    )
    return conflict.rule, conflict.severity, conflict.confidence, frozenset(conflict.subjects), shown


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Program, Program, Program]:
    base = draw(programs())
    return base, draw(edited(base)), draw(edited(base))


languages = st.sampled_from(["python", "typescript"])


@given(pairs(), languages)
def test_detection_is_symmetric(pair: tuple[Program, Program, Program], language: str) -> None:
    base, one, two = pair

    found = conflicts(base, one, two, language)
    swapped = conflicts(base, two, one, language)

    assert Counter(seen(each, {}) for each in found) == Counter(seen(each, {"a": "b", "b": "a"}) for each in swapped)


@given(pairs(), languages)
def test_the_same_edit_on_both_sides_is_no_conflict(pair: tuple[Program, Program, Program], language: str) -> None:
    base, one, _ = pair

    assert conflicts(base, one, one, language) == ()


@given(pairs(), languages, st.lists(st.sampled_from(TEXTS), min_size=len(NAMES), max_size=len(NAMES)))
def test_comments_are_never_more_than_a_matter_of_text(
    pair: tuple[Program, Program, Program], language: str, notes: list[str]
) -> None:
    base, one, _ = pair
    commented = tuple(replace(function, note=note) for function, note in zip(base, notes, strict=False))

    found = conflicts(base, one, commented, language)

    assert {conflict.kind for conflict in found} <= {Kind.TEXT}


@given(pairs(), st.integers(1, 5))
def test_reformatting_is_never_more_than_a_matter_of_text(pair: tuple[Program, Program, Program], blanks: int) -> None:
    base, one, _ = pair
    tree = render(base, "python")
    reformatted = {path: text.replace(b"    ", b"  ").replace(b"\n\n", b"\n" * blanks) for path, text in tree.items()}

    found = conflicts_of_trees(tree, {"a": as_edits(tree, render(one, "python")), "b": as_edits(tree, reformatted)})

    assert {conflict.kind for conflict in found} <= {Kind.TEXT}


@given(st.data(), languages)
def test_changes_of_files_that_share_no_name_do_not_conflict(data: st.DataObject, language: str) -> None:
    left = data.draw(programs(NAMES[:3], FILES[:1]))
    right = data.draw(programs(NAMES[3:], FILES[1:]))
    new_left, new_right = data.draw(edited(left)), data.draw(edited(right))

    found = conflicts((*left, *right), (*new_left, *right), (*left, *new_right), language)

    assert [conflict.summary for conflict in found if conflict.severity is not Severity.INFO] == []


@given(pairs(), languages, st.integers(1, 40))
def test_a_conflict_keeps_its_identity_when_its_lines_shift(
    pair: tuple[Program, Program, Program], language: str, lines: int
) -> None:
    base, one, two = pair
    assume(len({function.file for function in one}) == len({function.file for function in base}))
    sign = "#" if language == "python" else "//"

    found = conflicts(base, one, two, language)
    shifted = conflicts(base, one, two, language, head=f"{sign} head\n" * lines)

    assert {(each.id, each.fingerprint, each.severity) for each in found} == {
        (each.id, each.fingerprint, each.severity) for each in shifted
    }


@given(st.data(), languages)
def test_what_is_open_after_any_sequence_is_what_was_found_last(data: st.DataObject, language: str) -> None:
    base = data.draw(programs())
    state, seq = State(), 0
    history: list[Recorded] = []
    for step in range(data.draw(st.integers(1, 5))):
        found = conflicts(base, data.draw(edited(base)), data.draw(edited(base)), language)
        events = decide_events(state.conflicts, found, state.conflicts.keys())
        recorded = [Recorded(Seq(seq + n), Millis(step), ProjectId("p"), event) for n, event in enumerate(events, 1)]
        seq += len(recorded)
        history += recorded
        state = fold_all(recorded, state)

        assert {each.conflict.id for each in open_conflicts(state)} == {each.id for each in found}
        assert decide_events(state.conflicts, found, state.conflicts.keys()) == ()

    assert fold_all(history) == state
