"""An agent's summary: what its claims say may stand, and nothing that they do not."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.review import Brief, BriefEntry, BriefSection, Claim, EventRef, Section, Standing
from watchkeeper.review.summary import check_summary, make_request, summarize
from watchkeeper.sandbox.run import find_sandbox

LEAK, LANDED, GONE = "b-0000000001", "b-0000000002", "b-0000000003"


def entry(identity: str, text: str, project: str, standing: Standing = Standing.HOLDS) -> BriefEntry:
    return BriefEntry(Claim(identity, text, (EventRef(ProjectId("p"), (Seq(7),)),), standing), project)


BRIEF = Brief(
    Millis(0),
    Millis(1),
    Claim("h", "In 6 h: 2 things need you", ()),
    (
        BriefSection(
            Section.NEEDS_YOU,
            (
                entry(LEAK, "Add export: app/settings.py has what looks like a key", "shop"),
                entry(LANDED, "blog: 12 changes landed, all tested as they landed, +340 -12 lines", "blog"),
                entry(GONE, "No longer so: it was taken out", "shop", Standing.CORRECTED),
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    "said",
    [
        f"A key may be in app/settings.py of shop [{LEAK}].",
        f"Twelve changes landed in blog, all tested [{LANDED}]",
        f"- blog landed 12 changes, while shop has a key in its settings [{LANDED}, {LEAK}]",
    ],
)
def test_a_sentence_that_says_what_its_claims_say_stands(said: str) -> None:
    checked = check_summary(said, BRIEF)
    assert checked.refused == ()
    assert checked.kept[0].evidence == (EventRef(ProjectId("p"), (Seq(7),)),)
    assert "[b-" not in checked.kept[0].text


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("All is well.", "names no claim"),
        ("A key is there [b-00000000ff].", "there is no claim"),
        (f"It was taken out [{GONE}].", "does not hold"),
        (f"13 changes landed in blog [{LANDED}].", "number 13"),
        (f"Twenty-odd, thirteen, changes landed in blog [{LANDED}].", "number 13"),
        (f"A key is in app/config.py of shop [{LEAK}].", "app/config.py"),
        (f"A key is in the settings of blog [{LEAK}].", "speak of blog"),
        (f"The key is harmless [{LEAK}].", "'harmless'"),
        (f"Nothing is wrong with the export [{LEAK}].", "'nothing'"),
        (f"Ada added the export, says Grace [{LEAK}].", "Grace"),
        (f"{'A key is there ' * 30} [{LEAK}].", "longer than"),
    ],
)
def test_a_sentence_that_says_more_loses_its_place(said: str, why: str) -> None:
    checked = check_summary(said, BRIEF)
    assert checked.kept == ()
    assert why in checked.refused[0][1]


def test_one_bad_sentence_takes_no_other_with_it_and_there_are_few() -> None:
    good = f"12 changes landed in blog [{LANDED}]. "
    checked = check_summary(good + f"99 landed in blog [{LANDED}]. " + good * 9, BRIEF)
    assert len(checked.kept) == 6
    assert len(checked.refused) == 5


@given(st.text(max_size=400))
def test_whatever_an_agent_says_is_answered_and_rests_on_what_holds(text: str) -> None:
    for suffix in ("", f" [{LEAK}]"):
        for claim in check_summary(text + suffix, BRIEF).kept:
            assert claim.evidence
            assert len(claim.text.encode()) <= 200
            assert claim.text.isprintable()


def test_what_does_not_hold_is_not_given_to_an_agent() -> None:
    given_ids = [each["id"] for each in json.loads(make_request(BRIEF))["claims"]]
    assert given_ids == [LEAK, LANDED]


def test_a_command_is_run_with_the_claims_and_its_words_are_checked(tmp_path: Path) -> None:
    sandbox = find_sandbox(tmp_path / "jobs")
    command = (
        f'grep -q {LANDED} && test -z "$HIDDEN" && '
        f"echo '12 changes landed in blog [{LANDED}]. 13 more will [{LANDED}]'"
    )
    brief, checked = summarize(BRIEF, command, sandbox, {})
    assert [each.text for each in brief.summary] == ["12 changes landed in blog"]
    assert len(checked.refused) == 1


def test_a_command_that_fails_leaves_the_brief_as_it_was(tmp_path: Path) -> None:
    brief, checked = summarize(BRIEF, "exit 3", find_sandbox(tmp_path / "jobs"), {})
    assert brief == msgspec.structs.replace(BRIEF, summary=())
    assert "exit 3" in checked.refused[0][1]
