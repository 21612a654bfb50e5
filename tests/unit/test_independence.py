"""Two edits of one function: when they have nothing to do with each other, and when they only seem not to."""

from __future__ import annotations

import pytest

from watchkeeper.conflicts.of_trees import conflicts_of_trees
from watchkeeper.model.conflicts import Kind, Severity


def grade(path: str, base: str, one: str, two: str) -> Severity | None:
    """The severity of both writing the function; None where that is not told."""
    changes = {"agent-a": {path: one.encode()}, "agent-b": {path: two.encode()}}
    found = [each for each in conflicts_of_trees({path: base.encode()}, changes) if each.kind is Kind.WRITE_WRITE]
    return found[0].severity if found else None


PLAIN = """\
    host = read_host(request)
    label = host.upper()
    # between
    # the
    # two
    size = count(request)
    total = size + 1
    return label, total
"""


def edits(
    body: str, first: tuple[str, str], second: tuple[str, str], *, head: str = "def f(request):"
) -> Severity | None:
    """The grade of two replacements in one function's body."""
    base = f"{head}\n{body}"
    sides = [base.replace(*each, 1) for each in (first, second)]
    assert base not in sides
    return grade("app.py", base, *sides)


CONSTRUCTOR = """\
    self.host = host
    self.port = 80
    # between
    # the
    # two
    self.seen = {}
    self.limit = 10
"""
METHOD = "class Server:\n    def __init__(self, host):"


def in_constructor(first: tuple[str, str], second: tuple[str, str], body: str = CONSTRUCTOR) -> Severity | None:
    return edits(body.replace("    ", "        "), first, second, head=METHOD)


def test_two_attributes_of_a_constructor_are_independent() -> None:
    assert (
        in_constructor(("self.port = 80", "self.port = 443"), ("self.limit = 10", "self.limit = 20")) is Severity.MINOR
    )


def test_an_attribute_that_the_other_newly_uses_makes_them_hang_together() -> None:
    change = "self.limit = 10", "self.limit = self.port"

    assert in_constructor(("self.port = 80", "self.port = 443"), change) is Severity.MAJOR


def test_an_attribute_is_reached_through_an_assignment_that_nobody_edits() -> None:
    body = CONSTRUCTOR.replace("    # the\n", "    self.address = (self.host, self.port)\n")
    change = "self.limit = 10", "self.limit = len(self.address)"

    assert in_constructor(("self.port = 80", "self.port = 443"), change, body) is Severity.MAJOR


def test_whoever_takes_the_whole_object_takes_its_attributes() -> None:
    change = "self.limit = 10", "self.limit = limit_of(self)"

    assert in_constructor(("self.port = 80", "self.port = 443"), change) is Severity.MAJOR


def test_names_that_only_begin_alike_are_two_names() -> None:
    change = "self.limit = 10", "self.limit = self.portal"

    assert in_constructor(("self.port = 80", "self.port = 443"), change) is Severity.MINOR


def test_edits_that_only_end_in_one_result_are_independent() -> None:
    first = "host.upper()", "host.lower()"

    assert edits(PLAIN, first, ("size + 1", "size + 2")) is Severity.MINOR
    assert edits(PLAIN, first, ("return label, total", "return label, str(total)")) is Severity.MAJOR


def test_two_other_results_are_one_contract() -> None:
    body = PLAIN.replace("    # the\n", "    if not host:\n        return None\n")

    assert edits(body, ("return None", "return 0"), ("return label, total", "return [3]")) is Severity.MAJOR


def test_a_name_that_both_set_is_shared() -> None:
    assert edits(PLAIN, ("label = host.upper()", "label = 1\n    total = 2"), ("size + 1", "9")) is Severity.MAJOR


BRANCHES = """\
    report = {}
    if request.is_admin:
        report["role"] = "admin"
    # between
    # the
    # two
    note = "seen"
    print(note)
    # and
    # some
    # more
    store = 1
    print(store)
"""


@pytest.mark.parametrize(
    "change",
    [
        ("report = {}", "report = {}\n    if request.is_empty:\n        return None"),
        ("report = {}", "report = {}\n    assert request.user"),
        ("report = {}", "report = {}\n    if not request.user:\n        raise ValueError(request)"),
    ],
    ids=["return", "assert", "raise"],
)
def test_what_may_leave_the_function_decides_about_all_that_follows(change: tuple[str, str]) -> None:
    assert edits(BRANCHES, change, ("print(store)", "print(store, 2)")) is Severity.MAJOR


def test_what_leaves_the_function_after_the_other_edit_decides_nothing_about_it() -> None:
    change = "print(store)", "print(store)\n    if request.is_empty:\n        return None"

    assert edits(BRANCHES, change, ('note = "seen"', 'note = "met"')) is Severity.MINOR


def test_in_a_loop_what_leaves_it_decides_about_what_stands_before_too() -> None:
    body = "    for item in request:\n" + "".join(f"    {line}\n" for line in BRANCHES.splitlines())
    change = "print(store)", "print(store)\n        if item.is_last:\n            break"

    assert edits(body, change, ('note = "seen"', 'note = "met"')) is Severity.MAJOR


def test_an_edited_condition_decides_about_what_stands_under_it() -> None:
    body = "    if request.is_open:\n" + "".join(f"    {line}\n" for line in BRANCHES.splitlines())

    assert edits(body, ("request.is_open:", "request.is_shut:"), ("print(store)", "print(store, 2)")) is Severity.MAJOR


def test_an_edited_condition_decides_nothing_about_what_stands_beside_it() -> None:
    change = "request.is_admin", "request.is_owner"

    assert edits(BRANCHES, change, ("print(store)", "print(store, 2)")) is Severity.MINOR


def test_what_a_condition_is_made_of_decides_about_what_stands_under_it() -> None:
    body = BRANCHES.replace("    print(store)\n", "    if report:\n        print(store)\n")
    change = "report = {}", "report = {3: 4}"

    assert edits(body, change, ("print(store)", "print(store, 2)")) is Severity.MAJOR
    assert (
        edits(body.replace("if report:", "if request:"), change, ("print(store)", "print(store, 2)")) is Severity.MINOR
    )


def test_what_an_early_return_is_decided_by_decides_about_all_that_follows() -> None:
    body = BRANCHES.replace("    # the\n", "    if not report:\n        return\n")
    change = "report = {}", "report = {3: 4}"

    assert edits(body, change, ("print(store)", "print(store, 2)")) is Severity.MAJOR
    assert (
        edits(body.replace("not report", "not request"), change, ("print(store)", "print(store, 2)")) is Severity.MINOR
    )


def test_a_check_that_is_reworded_and_made_stricter_still_decides() -> None:
    body = BRANCHES.replace("    report = {}\n", '    if not request:\n        raise ValueError("none")\n')
    reworded = 'ValueError("none")', 'ValueError("nothing")'
    stricter = (
        'if not request:\n        raise ValueError("none")',
        'if request is 0:\n        raise ValueError("nothing")',
    )

    assert edits(body, stricter, ("print(store)", "print(store, 2)")) is Severity.MAJOR
    assert edits(body, reworded, ("print(store)", "print(store, 2)")) is Severity.MINOR


def test_what_a_nested_function_does_concerns_whoever_calls_it() -> None:
    body = "    def inner(a):\n        return 5\n" + EFFECTS

    assert edits(body, ("return 5", "return 6"), ("last = 2", "last = inner(2)")) is Severity.MAJOR
    assert edits(body, ("return 5", "return 6"), ("last = 2", "last = 8")) is Severity.MINOR


def test_what_is_set_under_an_edited_condition_is_altered_by_it() -> None:
    change = "request.is_admin", "request.is_owner"

    assert edits(BRANCHES, change, ("print(store)", "print(store, report)")) is Severity.MAJOR


def test_an_else_that_moves_decides_about_what_it_moves_over() -> None:
    body = """\
    if request.is_admin:
        first = 1
        second = 2
        other = 2
    else:
        third = 3
        fourth = 4
        fifth = 5
        sixth = 6
        print(sixth)
"""
    moved = "        second = 2\n        other = 2\n    else:\n", "    else:\n        second = 2\n        other = 2\n"

    assert edits(body, moved, ("print(sixth)", "print(sixth, 2)")) is Severity.MAJOR


EFFECTS = """\
    first = 1
    # between
    # the
    # two
    last = 2
"""


def test_two_calls_for_effect_may_meet_outside() -> None:
    first = "first = 1", "first = 1\n    session.execute(request)"
    second = "last = 2", "last = 2\n    legacy.send(3)"

    assert edits(EFFECTS, first, second) is Severity.MAJOR


def test_what_is_only_told_to_a_log_meets_nothing_outside() -> None:
    first = "first = 1", "first = 1\n    session.execute(request)"
    second = "last = 2", 'last = 2\n    logger.info("done")'

    assert edits(EFFECTS, first, second) is Severity.MINOR


def test_what_is_added_to_a_list_that_the_function_made_is_no_act_outside() -> None:
    body = "    lines = []\n" + EFFECTS
    first = "first = 1", "first = 1\n    session.execute(request)"

    assert edits(body, first, ("last = 2", "last = 2\n    lines.append(4)")) is Severity.MINOR


def test_what_is_added_to_what_came_from_elsewhere_is_one() -> None:
    body = "    lines = lines_of(request)\n" + EFFECTS
    first = "first = 1", "first = 1\n    session.execute(5)"

    assert edits(body, first, ("last = 2", "last = 2\n    lines.append(4)")) is Severity.MAJOR


def test_methods_of_one_object_are_a_shared_resource() -> None:
    first = "first = 1", "first = request.lock_row(1)"

    assert edits(EFFECTS, first, ("last = 2", "last = request.lock_table(2)")) is Severity.MAJOR
    assert edits(EFFECTS, first, ("last = 2", "last = request.user")) is Severity.MINOR


@pytest.mark.parametrize(
    ("context", "grade_of_both"), [("with lock:", Severity.MAJOR), ("if request:", Severity.MINOR)]
)
def test_one_with_around_both_is_shared(context: str, grade_of_both: Severity) -> None:
    body = f"    {context}\n" + "".join(f"    {line}\n" for line in EFFECTS.splitlines())

    assert edits(body, ("first = 1", "first = 7"), ("last = 2", "last = 8")) is grade_of_both


def test_a_new_await_lets_others_in_between_all_that_stands_there() -> None:
    first = "first = 1", "first = await read()"

    assert edits(EFFECTS, first, ("last = 2", "last = 8"), head="async def f(request):") is Severity.MAJOR
    assert (
        edits(EFFECTS, ("first = 1", "first = 7"), ("last = 2", "last = 8"), head="async def f(request):")
        is Severity.MINOR
    )


def test_a_signature_that_changes_too_is_a_shared_contract() -> None:
    base = f"def f(request):\n{EFFECTS}"
    one = base.replace("f(request)", "f(request, limit)").replace("first = 1", "first = 7")

    assert grade("app.py", base, one, base.replace("last = 2", "last = 8")) is Severity.MAJOR
    assert grade("app.py", base, base.replace("first = 1", "first = 7"), base.replace("last = 2", "last = 8")) is (
        Severity.MINOR
    )


TABLE = """\
from sqlalchemy import text
def f(session, legacy):
    first = session.scalar(text("SELECT stage FROM content"))
    # between
    # the
    # two
    last = legacy.scalar(text("SELECT body FROM articles"))
    return None
"""


def test_one_table_is_shared_and_two_are_not() -> None:
    one = TABLE.replace("SELECT stage", "SELECT stage, title")
    other = TABLE.replace("SELECT body FROM articles", "SELECT title FROM content")

    assert grade("app.py", TABLE, one, other) is Severity.MAJOR
    assert grade("app.py", TABLE, one, TABLE.replace("SELECT body", "SELECT title")) is Severity.MINOR


def test_where_a_language_does_not_tell_nothing_is_called_independent() -> None:
    base = "export function f(request: Request) {\n  let first = 1;\n  //\n  //\n  //\n  //\n  let last = 2;\n}\n"

    assert grade("app.ts", base, base.replace("= 1", "= 7"), base.replace("= 2", "= 8")) is Severity.MAJOR


def test_a_new_parameter_of_a_nested_function_is_an_edit() -> None:
    body = "    def inner(a):\n        return a\n" + EFFECTS

    assert edits(body, ("inner(a)", "inner(a, b=1)"), ("last = 2", "last = inner(2)")) is Severity.MAJOR
    assert edits(body, ("inner(a)", "inner(a, b=1)"), ("last = 2", "last = 8")) is Severity.MINOR


TRY = """\
    try:
        first = 1
        # between
        # the
        # two
        middle = 3
    except ValueError:
        print(request)
        last = 2
"""


def test_what_stands_in_a_try_decides_whether_its_handler_runs() -> None:
    change = "last = 2", "last = 8"

    assert edits(TRY, ("first = 1", "first = int(7)"), change) is Severity.MAJOR
    assert edits(TRY.replace("middle = 3", "last = 2"), ("first = 1", "first = int(7)"), change) is Severity.MINOR


def test_what_is_read_from_a_file_is_gone_for_the_other() -> None:
    first = "first = 1", "first = request.readline()"

    assert edits(EFFECTS, first, ("last = 2", "last = list(request)")) is Severity.MAJOR
    assert (
        edits(EFFECTS, ("first = 1", "first = next(request)"), ("last = 2", "last = list(request)")) is Severity.MAJOR
    )


def test_a_statement_that_is_only_moved_out_of_a_branch_is_an_edit() -> None:
    body = "    if request:\n        size = 1\n        limit = 5\n" + EFFECTS
    out = "        limit = 5", "    limit = 5"

    assert edits(body, out, ("last = 2", "last = limit")) is Severity.MAJOR
    assert edits(body, out, ("last = 2", "last = 8")) is Severity.MINOR
