"""Issues under whatever happens: any file, any order of acts on both sides, any crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forging import Desk, open_desk
from githubserver import Fault, serving
from watchkeeper.forge.builtin import Edit
from watchkeeper.forge.filing import plan_filing
from watchkeeper.forge.importing import parse_issues
from watchkeeper.forge.merging import merged
from watchkeeper.forge.port import Draft, checked_title, read_line, read_text
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import Closing, Issue, IssueFiled, IssueId, IssueState
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId, Seq

NAMES = st.sampled_from(["a", "b", "c", "1", "2", "#1", "shop#2", "shop#9"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["title", "body", "labels", "priority", "depends_on", "source", "id", "state", "author", "number", "x"]
)
DRAFTS = st.lists(
    st.builds(
        Draft,
        title=st.text(max_size=6),
        body=st.none() | st.text(max_size=5),
        labels=st.none() | st.lists(NAMES, max_size=2).map(tuple),
        priority=st.none() | st.integers(0, 4),
        depends_on=st.none() | st.lists(NAMES, max_size=2).map(tuple),
        source=st.sampled_from(["", "s", "t"]),
        key=st.sampled_from(["", "a", "b"]),
        state=st.none() | st.sampled_from(IssueState),
    ),
    max_size=4,
)


@given(st.binary(max_size=200) | st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=3).map(
    lambda lines: "\n".join(map(json.dumps, lines)).encode()
))  # fmt: skip
def test_any_file_gives_issues_that_can_be_filed_or_an_error_with_a_line(content: bytes) -> None:
    drafts: tuple[Draft, ...] = ()
    fault = None
    try:
        drafts = parse_issues(content, "f").drafts
    except UsageError as error:
        fault = error
    assert fault is None or (fault.slug == "issue-import" and "f:" in fault.message)
    assert all(checked_title(draft.title) == draft.title for draft in drafts)


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=())))
def test_any_text_becomes_one_line_and_a_text_that_stay_what_they_are(text: str) -> None:
    line, whole = read_line(text), read_text(text)

    assert "\n" not in line
    assert not {"\x1b", "\u202e", "\0"} & {*line, *whole}
    line.encode()
    whole.encode()
    assert (read_line(line), read_text(whole)) == (line, whole)


@given(st.lists(DRAFTS, max_size=4))
def test_numbers_are_never_used_again_sources_stay_one_and_nothing_waits_for_itself(batches: list[list[Draft]]) -> None:
    state, filed = FleetState(), []
    for drafts in batches:
        try:
            plan = plan_filing(state, drafts, name="shop", at=Millis(1), by="")
        except UsageError:
            continue
        filed += [each.issue.id for each in plan.events if isinstance(each, IssueFiled)]
        state = fold_fleet(
            [Recorded(Seq(state.seq + n), Millis(1), ProjectId("p"), each) for n, each in enumerate(plan.events, 1)],
            state,
        )
        assert plan_filing(state, (), name="shop", at=Millis(1), by="").events == ()

    assert filed == [f"shop#{number}" for number in range(1, len(filed) + 1)]
    sources = [each.issue.source for each in state.issues.values() if each.issue.source]
    assert len(sources) == len(set(sources))
    assert _is_ordered({each.issue.id: set(each.issue.depends_on) for each in state.issues.values()})


def _is_ordered(waits: dict[IssueId, set[IssueId]]) -> bool:
    while waits:
        free = [each for each, on in waits.items() if not on & set(waits)]
        if not free:
            return False
        waits = {each: on for each, on in waits.items() if each not in free}
    return True


SAID = st.builds(
    Draft, title=st.sampled_from("ab"), body=st.sampled_from("xy"),
    labels=st.lists(st.sampled_from("lmn"), unique=True).map(tuple),
    priority=st.none() | st.integers(0, 4), depends_on=st.just(()),
)  # fmt: skip


@given(st.none() | SAID, SAID, st.lists(st.sampled_from("lmno"), unique=True).map(tuple))
def test_a_merge_done_twice_is_done_once_and_what_the_source_says_as_before_changes_nothing(
    before: Draft | None, now: Draft, labels: tuple[str, ...]
) -> None:
    own = Issue(IssueId("shop#1"), "a", "own", labels)
    once = merged(own, before, now)

    assert merged(once, before, now) == once
    assert merged(own, now, now) == own
    assert set(now.labels or ()) - set(before.labels or () if before else ()) <= set(once.labels)


ACTS = st.sampled_from(
    [
        "file there",
        "close there",
        "open there",
        "edit there",
        "say there",
        "close",
        "reopen",
        "say",
        "label",
        "sync",
        "forget",
    ]
)
CRASHES = st.sampled_from(["PATCH before", "PATCH after", "POST before", "POST after", "GET before"])


@settings(max_examples=25)
@given(steps=st.lists(st.tuples(ACTS | CRASHES, st.integers(1, 2)), min_size=4, max_size=14))
def test_whatever_is_done_on_both_sides_and_wherever_it_crashes_both_end_as_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with serving() as github, open_desk(github, tmp_path_factory.mktemp("record")) as desk:
        desk.github.issue(desk.repo, "one")
        desk.sync()
        for step, number in steps:
            _take(desk, step, number)
        desk.github.faults.clear()
        for _ in range(3):
            desk.sync()

        assert desk.sync(whole=True).is_nothing
        _require_one(desk, is_forgotten=any(step == "forget" for step, _ in steps))


def _take(desk: Desk, step: str, number: int) -> None:
    identity = IssueId(f"github:octo-org/shop#{number}")
    is_there, is_here = number in desk.repo.issues, identity in desk.state.issues
    acts: dict[str, Any] = {
        "file there": lambda: desk.github.issue(desk.repo, f"issue {number}"),
        "close there": lambda: is_there and desk.github.change(desk.repo, number, state="closed"),
        "open there": lambda: is_there and desk.github.change(desk.repo, number, state="open"),
        "edit there": lambda: is_there and desk.github.change(desk.repo, number, title=f"at {desk.github.tick()}"),
        "say there": lambda: is_there and desk.github.say(desk.repo, number, f"at {desk.github.tick()}"),
        "close": lambda: is_here and desk.issues.close(identity, Closing.LANDED, f"as {desk.github.tick()}"),
        "reopen": lambda: is_here and desk.issues.reopen(identity, f"at {desk.github.tick()}"),
        "say": lambda: is_here and desk.issues.comment(identity, f"here at {desk.github.tick()}"),
        "label": lambda: is_here and desk.issues.edit(identity, Edit(labels=("ready",))),
        "sync": lambda: _sync(desk),
        "forget": desk.forget,
    }
    if step in acts:
        acts[step]()
        return
    method, _, when = step.partition(" ")
    desk.github.fail(*[Fault(0, after=when == "after", cuts=True)] * 4, when=lambda asked, _path: asked == method)
    _sync(desk)
    desk.github.faults.clear()


def _sync(desk: Desk) -> None:
    slug = "tracker-unreachable"
    try:
        desk.sync()
    except WatchkeeperError as error:
        slug = error.slug
    assert slug == "tracker-unreachable"


def _require_one(desk: Desk, *, is_forgotten: bool) -> None:
    for number, there in desk.repo.issues.items():
        own = desk.state.issues.get(IssueId(f"github:octo-org/shop#{number}"))
        if own is None:
            assert there["state"] == "closed", "an open issue is known"
            continue
        assert own.state.value == there["state"]
        # Where the shelf was lost only what is open is looked at again: of what is closed nothing depends on its words.
        is_looked_at = there["state"] == "open" or not is_forgotten
        assert own.issue.title == there["title"] or not is_looked_at
        ours = [each["body"] for each in desk.repo.comments[number] if "<!-- watchkeeper:" in each["body"]]
        marks = [body.rpartition("<!--")[2] for body in ours]
        assert len(marks) == len(set(marks)), "what is done there is done once"
        said = sorted(each.text for each in own.comments if each.by.startswith("github:"))
        told = sorted(each["body"] for each in desk.repo.comments[number] if each["body"] not in ours)
        assert said == told or not is_looked_at
        assert set(said) <= set(told)
        here = [each.text for each in own.comments if not each.by.startswith("github:")]
        assert len(here) == sum(body.startswith("here at") for body in ours)
