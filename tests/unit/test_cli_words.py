"""How moments, conflicts and checks are put into words."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.cli.conflict_ids import find_conflict
from watchkeeper.cli.health import (
    Health,
    judge_clock,
    judge_daemon,
    judge_disk,
    judge_history,
    judge_instances,
    judge_locale,
    judge_record,
    judge_watches,
    judge_worktrees,
    render_check,
)
from watchkeeper.cli.options import parse_moment
from watchkeeper.cli.output import Terminal, render_document
from watchkeeper.cli.wording import mark
from watchkeeper.conflicts.standing import ConflictState, State, Status
from watchkeeper.controlroom.wording.times import render_ago, render_moment, render_moment_iso
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.errors import UsageError
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Seq
from watchkeeper.model.printing import printable

NOW = Millis(1_700_000_000_000)


def standing(name: str, status: Status = Status.OPEN) -> ConflictState:
    conflict = Conflict(
        ConflictId(name), Kind.TEXT, "text", Severity.MAJOR, Confidence.SURE, (ChangeId("a"), ChangeId("b")),
        ("a.py",), "both change a.py", "", (), "talk", name,
    )  # fmt: skip
    return ConflictState(conflict, status, NOW, NOW, Seq(1))


def state_of(*conflicts: ConflictState) -> State:
    return State(conflicts={each.conflict.id: each for each in conflicts})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-30, "just now"),
        (4, "just now"),
        (5, "5 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (47 * 3600, "47 h ago"),
        (48 * 3600, "2 d ago"),
        (10**9, "11574 d ago"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit_that_fits(seconds: int, words: str) -> None:
    assert render_ago(Millis(NOW - seconds * 1000), NOW) == words


@given(st.integers(-(2**62), 2**62))
def test_any_moment_can_be_rendered(moment: int) -> None:
    assert render_moment(Millis(moment))
    render_moment_iso(Millis(moment))
    assert render_ago(Millis(moment), NOW)


def test_moments_for_programs_are_utc_with_milliseconds() -> None:
    assert render_moment_iso(Millis(1_700_000_000_123)) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", NOW - 30_000),
        ("2 h", NOW - 7_200_000),
        ("1w", NOW - 604_800_000),
        ("2023-11-14T22:13:20+00:00", NOW),
        ("2023-11-14T22:13:20Z", NOW),
        ("yesterday", None),
        ("", None),
        ("5x", None),
        ("9999999999d", None),
        ("99999-01-01", None),
    ],
)
def test_a_moment_is_how_long_ago_or_when_and_anything_else_is_refused(text: str, moment: int | None) -> None:
    assert parse_moment(text, NOW) == moment


@given(st.text(max_size=30))
def test_reading_a_moment_never_fails(text: str) -> None:
    parse_moment(text, NOW)


@given(st.text())
def test_printed_text_never_acts_on_the_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_plain_text_is_printed_as_it_is_and_the_rest_is_visible() -> None:
    assert printable("naïve 文.py") == "naïve 文.py"
    assert printable("a\tb\n\x1b[31m\u202e\udc80") == "a b\\x0a\\x1b[31m\\u202e\\udc80"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_a_document_is_one_line_of_json_that_says_its_version(value: object) -> None:
    text = render_document({"value": value})

    assert "\n" not in text
    assert json.loads(text) == {"version": 1, "value": value}
    text.encode()


@pytest.mark.parametrize("severity", list(Severity))
def test_severity_is_told_by_shape_and_word_also_without_colour(severity: Severity) -> None:
    plain, fancy = mark(severity, Terminal(symbols=False)), mark(severity, Terminal())

    assert severity.value in plain
    assert plain.isascii()
    assert "\x1b" not in fancy
    assert "\x1b[" in mark(severity, Terminal(colour=True))
    assert len({mark(each, Terminal(symbols=False))[0] for each in Severity}) == len(Severity)


def test_a_conflict_is_found_by_its_id_or_how_that_begins() -> None:
    state = state_of(standing("c-12345678"), standing("c-99999999"))

    for text in ("c-12345678", "12345678", "c-12", "1", " C-1234 "):
        assert find_conflict(state, text).conflict.id == "c-12345678"


def test_an_open_conflict_is_meant_before_a_closed_one() -> None:
    state = state_of(standing("c-11aaaaaa", Status.CLOSED), standing("c-11bbbbbb"))

    assert find_conflict(state, "11").conflict.id == "c-11bbbbbb"
    assert find_conflict(state, "11a").conflict.id == "c-11aaaaaa"


def test_a_conflict_that_goes_on_by_another_name_is_that_one() -> None:
    past = msgspec.structs.replace(standing("c-11aaaaaa", Status.CLOSED), heirs=(ConflictId("c-22bbbbbb"),))
    state = state_of(past, standing("c-22bbbbbb"))

    for text in ("c-11aaaaaa", "11"):
        assert find_conflict(state, text).conflict.id == "c-22bbbbbb"


@pytest.mark.parametrize(
    ("text", "slug", "near"),
    [
        ("c-1", "ambiguous-conflict", "c-12345678"),
        ("c-12345687", "unknown-conflict", "c-12345678"),
        ("zzz", "unknown-conflict", ""),
        ("", "unknown-conflict", ""),
        ("c-", "unknown-conflict", ""),
    ],
)
def test_an_id_that_means_none_or_many_is_answered_with_what_may_be_meant(text: str, slug: str, near: str) -> None:
    state = state_of(standing("c-12345678"), standing("c-1fffffff"))

    with pytest.raises(UsageError) as raised:
        find_conflict(state, text)

    assert raised.value.slug == slug
    assert near in raised.value.message


def test_few_watches_are_a_warning_with_the_command_that_raises_them() -> None:
    assert judge_watches(8192).health is Health.WARN
    assert "sysctl" in judge_watches(8192).fix
    assert judge_watches(524288).health is Health.OK
    assert judge_watches(None).health is Health.OK


def test_used_up_watchers_are_a_failure_and_few_left_a_warning() -> None:
    assert judge_instances(128, 128).health is Health.FAIL
    assert judge_instances(128, 125).health is Health.WARN
    assert judge_instances(128, 3).health is Health.OK


def test_a_full_disk_is_a_failure_and_a_nearly_full_one_a_warning() -> None:
    assert judge_disk("/", 1_000_000).health is Health.FAIL
    assert judge_disk("/", 500_000_000).health is Health.WARN
    assert judge_disk("/", 50_000_000_000).health is Health.OK


def test_a_wrong_clock_is_a_failure_and_a_different_one_a_warning() -> None:
    assert judge_clock(0.0, None).health is Health.FAIL
    assert judge_clock(1_800_000_000.0, 1_800_000_060.0).health is Health.WARN
    assert judge_clock(1_800_000_000.0, 1_800_000_001.0).health is Health.OK


def test_hooks_that_nobody_listens_to_are_a_warning_and_no_daemon_without_hooks_is_none() -> None:
    assert judge_daemon(None, 0, (), has_hooks=True).health is Health.WARN
    assert judge_daemon(None, 0, (), has_hooks=False).health is Health.OK
    assert judge_daemon(7, 1, (), has_hooks=True).health is Health.OK
    assert judge_daemon(7, 1, ("the disk is full",), has_hooks=False).health is Health.WARN


def test_other_findings_have_a_fix_exactly_when_something_is_wrong() -> None:
    checks = [
        judge_locale("ascii", "utf-8"),
        judge_locale("utf-8", "utf-8"),
        judge_record("/r", exists=True, damage="page 3", size=1, events=0),
        judge_record("/r", exists=True, damage="", size=2_500_000, events=7),
        judge_record("/r", exists=False, damage="", size=0, events=0),
        judge_history(is_shallow=True, is_partial=False),
        judge_history(is_shallow=False, is_partial=True),
        judge_history(is_shallow=False, is_partial=False),
        judge_worktrees(3, 1),
        judge_daemon(None, 0, (), has_hooks=True),
        judge_daemon(None, 0, (), has_hooks=False),
        judge_daemon(7, 1, (), has_hooks=True),
        judge_daemon(7, 2, ("the disk is full",), has_hooks=True),
        judge_worktrees(3, 0),
    ]

    for check in checks:
        assert bool(check.fix) == (check.health is not Health.OK)
        lines = render_check(check, Terminal(symbols=False))
        assert check.health.value in lines[0]
        assert all(line.isascii() for line in lines)
