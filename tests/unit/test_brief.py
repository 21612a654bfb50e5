"""The brief: what stands first, what is told once, what becomes of a sentence that no longer holds."""

from __future__ import annotations

import msgspec
import pytest

from reviewworld import HOUR, NOON, Trusting, World, point, sha
from watchkeeper.model.attention import MatterAcknowledged
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import CloseReason, ConflictClosed
from watchkeeper.model.fleet import EngagementSpent, Spend, Stage
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.probing import Outcome
from watchkeeper.model.review import (
    Brief,
    BriefEntry,
    ChangeFoundWrong,
    ChangeReviewed,
    Claim,
    CommitRef,
    DecisionKind,
    EventRef,
    Section,
    Standing,
    WrongHow,
)
from watchkeeper.review.brief import build_brief, draft_brief
from watchkeeper.review.render import escape_markdown, render_lines, render_markdown, render_text
from watchkeeper.review.verifying import Seen, Sight, in_order, verify_brief, verify_claim


def part(brief: Brief, section: Section) -> tuple[BriefEntry, ...]:
    return next(each for each in brief.sections if each.section is section).entries


def texts(brief: Brief, section: Section) -> list[str]:
    return [each.claim.text for each in part(brief, section)]


def a_day() -> World:
    """Sixty changes of six projects, eight of which are dangerous, and what usually happens besides."""
    world = World(*(names := ("shop", "blog", "api", "mail", "jobs", "docs")))
    for number in range(50):
        usual = [
            (point("auth", 8, "views.py alters login, by its name of login"),),
            (point("contract", 8, "f: parameter x has another default"), point("size", 8, "90 lines changed")),
            (point("expectation-changed", 5, "test_f expects another text"),),
            (point("new-route", 6, "a new route: GET /x"),),
            (),
        ][number % 5]
        world.land(names[number % 6], f"change-{number}", points=usual, lines_added=number, tests_added=number % 3)
    world.prove("shop", world.conflict("shop", "x", "y"), Outcome.CLEARED)
    world.land("shop", "weaken", points=(point("assertion-removed", 13, "test_total asserts nothing"),))
    world.land("blog", "secret", points=(point("secrets", 40, "settings.py has what looks like a key"),))
    world.decide("api", "env:TTL", "60", DecisionKind.ENVIRONMENT)
    world.decide("mail", "env:TTL", "3600", DecisionKind.ENVIRONMENT)
    rewrite = (point("rewrite", 18, "core.py is rewritten: 300 of 320 lines"),)
    world.land("api", "rewrite", points=rewrite, tests_added=0, lines_added=300)
    proved = world.conflict("mail", "sem-a", "sem-b")
    world.prove("mail", proved)
    world.push("mail", "sem-a")
    world.push("mail", "sem-b")
    world.record("mail", ConflictClosed(proved, CloseReason.LANDED))
    world.end("jobs", world.engage(world.issue("jobs", "add retries")), Stage.DONE)
    world.land("docs", "owner", points=(point("auth", 28, "views.py no longer checks is_owner"),))
    for name in ("mig-a", "mig-b"):
        world.land("shop", name, resources=("migration:shop after 0012",))
    return world


def test_all_that_is_planted_in_a_day_stands_in_the_first_fifteen_entries() -> None:
    world = a_day()
    first = draft_brief(world.look(), world.scope, NOON).first(15)
    told = "\n".join(each.claim.text for each in first)
    for planted in (
        "weaken: ", "secret: ", "contradict each other about TTL", "rewrite: ", "sem-a and sem-b", "wrote nothing",
        "owner: ", "same parent",
    ):  # fmt: skip
        assert planted in told


def test_each_sentence_is_short_rests_on_something_and_is_told_once() -> None:
    world = a_day()
    brief = build_brief(world.look(), world.scope, NOON, Trusting())
    entries = brief.first(1000)
    for each in entries:
        assert len(each.claim.text.encode()) <= 200
        assert each.claim.evidence
        assert each.claim.standing is Standing.HOLDS
    assert len({each.claim.id for each in entries}) == len(entries)
    pages = [each.claim.page for each in entries if each.claim.page.startswith(("/changes", "/conflicts"))]
    assert len(set(pages)) == len(pages)


def test_sections_stand_in_the_order_in_which_they_are_read_and_say_of_how_many() -> None:
    world = a_day()
    brief = draft_brief(world.look(), world.scope, NOON)
    assert [each.section for each in brief.sections] == list(Section)
    risk = brief.sections[3]
    assert risk.of > len(risk.entries)


def test_the_same_record_gives_the_same_brief() -> None:
    world = a_day()
    picture = world.look()
    assert draft_brief(picture, world.scope, NOON) == draft_brief(picture, world.scope, NOON)


def test_what_is_acknowledged_or_was_read_needs_nobody_in_the_brief() -> None:
    world = World("shop")
    commit = world.land("shop", "a", points=(point("secrets", 40, "a key"),))
    (entry,) = part(draft_brief(world.look(), world.scope, NOON), Section.NEEDS_YOU)
    (matter,) = world.matters()
    assert entry.matter == matter.id
    world.record("", MatterAcknowledged(matter.fingerprint, matter.weight))
    brief = draft_brief(world.look(), world.scope, NOON)
    assert part(brief, Section.NEEDS_YOU) == ()
    assert len(part(brief, Section.RISK)) == 1
    world.record("shop", ChangeReviewed(commit))
    assert part(draft_brief(world.look(), world.scope, NOON), Section.RISK) == ()


def test_what_landed_and_nobody_looked_at_is_said_and_stands_first() -> None:
    world = World("shop")
    world.land("shop", "seen", points=(point("size", 30, "900 lines"),))
    world.land("shop", "unseen", survey=False)
    first = part(draft_brief(world.look(), world.scope, NOON), Section.RISK)[0]
    assert "nobody has looked at" in first.claim.text
    assert "unseen" in first.claim.text


def test_what_was_before_the_time_is_not_in_it_unless_it_still_asks() -> None:
    world = World("shop")
    world.land("shop", "old", points=(point("auth", 28, "views.py no longer checks is_owner"),))
    world.land("shop", "mild", points=(point("size", 10, "90 lines"),))
    world.now = Millis(world.now + 24 * HOUR)
    world.issue("shop", "later")
    brief = draft_brief(world.look(), world.scope, Millis(world.now - HOUR))
    assert part(brief, Section.LANDED) == part(brief, Section.RISK) == ()
    assert ["old" in text for text in texts(brief, Section.NEEDS_YOU)] == [True]


def test_conflicts_are_told_with_their_outcome_and_mild_ones_are_counted() -> None:
    world = World("shop")
    over = world.conflict("shop", "a", "b")
    world.prove("shop", over)
    world.record("shop", ConflictClosed(over, CloseReason.RESOLVED))
    for other in ("c", "d"):
        world.conflict("shop", "a", other, Severity.MINOR)
    told = texts(draft_brief(world.look(), world.scope, NOON), Section.CONFLICTS)
    assert told[0].startswith("shop: proved; the code no longer shows it: ")
    assert told[1] == "shop: 2 milder conflicts: 2 open"


def test_an_idle_project_says_why_and_costs_are_added_up() -> None:
    world = World("shop", "blog")
    engagement = world.engage(world.issue("shop", "do it"))
    world.record("shop", EngagementSpent(engagement, Spend(1.5, 2000, 3)))
    world.record("shop", EngagementSpent(engagement, Spend(2.5, 3000, 4)))
    world.issue("blog", "wait")
    brief = draft_brief(world.look(), world.scope, NOON)
    assert texts(brief, Section.STUCK) == ["blog is idle: 1 issue waits for a dispatcher"]
    assert texts(brief, Section.COST) == ["1 engagement (1 running) spent 2.50, 3,000 tokens, 4 min of agents"]
    later = draft_brief(world.look(), world.scope, Millis(world.now - 90_000))
    assert "spent 1.00, 1,000 tokens" in texts(later, Section.COST)[0]


def test_a_change_that_was_taken_out_again_asks_for_nothing() -> None:
    world = World("shop")
    commit = world.land("shop", "a", points=(point("secrets", 40, "a key"),))
    world.record("shop", ChangeFoundWrong(commit, WrongHow.REVERT, "revert", sha("revert")))
    brief = draft_brief(world.look(), world.scope, NOON)
    assert part(brief, Section.NEEDS_YOU) == part(brief, Section.RISK) == ()
    assert "1 taken out again" in texts(brief, Section.LANDED)[0]


# -- looked at again ---------------------------------------------------------------------------------------------------

PROJECT = ProjectId("p")
COMMIT, EVENT = CommitRef(PROJECT, sha("a"), is_landed=True), EventRef(PROJECT, (Seq(1),))
GONE, UNSEEN = Seen(Sight.CHANGED, "it was taken out"), Seen(Sight.UNSEEN, "git does not answer")


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        ({}, Standing.HOLDS),
        ({COMMIT: GONE}, Standing.CORRECTED),
        ({COMMIT: UNSEEN}, Standing.UNVERIFIED),
        ({COMMIT: GONE, EVENT: UNSEEN}, Standing.CORRECTED),
    ],
)
def test_a_claim_stands_as_what_it_rests_on(seen: dict[object, Seen], standing: Standing) -> None:
    claim = Claim("c", "a landed", (COMMIT, EVENT))
    after = verify_claim(claim, Trusting(seen))  # type: ignore[arg-type]
    assert after.standing is standing
    if standing is Standing.CORRECTED:
        assert (after.was, after.text.startswith("No longer so: it was taken out")) == ("a landed", True)
    assert verify_claim(after, Trusting(seen)) == after  # type: ignore[arg-type]
    assert verify_claim(after, Trusting()) == claim


def test_a_claim_without_evidence_never_holds() -> None:
    assert verify_claim(Claim("c", "all is well", ()), Trusting()).standing is Standing.UNVERIFIED


def test_unverified_stands_first_then_corrected_whatever_their_score() -> None:
    def entry(name: str, standing: Standing, score: float) -> BriefEntry:
        return BriefEntry(Claim(name, name, (COMMIT,), standing), score=score)

    shown = in_order(
        [entry("a", Standing.HOLDS, 9), entry("b", Standing.CORRECTED, 1), entry("c", Standing.UNVERIFIED, 0)]
    )
    assert [each.claim.id for each in shown] == ["c", "b", "a"]


def test_what_is_corrected_asks_for_no_act_and_the_headline_counts_what_is_not_verified() -> None:
    world = a_day()
    draft = draft_brief(world.look(), world.scope, NOON)
    change = next(each for each in part(draft, Section.NEEDS_YOU) if "owner" in each.claim.text)
    other = next(each for each in part(draft, Section.NEEDS_YOU) if "rewrite" in each.claim.text)
    seen = {change.claim.evidence[0]: GONE, other.claim.evidence[0]: UNSEEN}
    brief = build_brief(world.look(), world.scope, NOON, Trusting(seen))
    first, second, *_ = part(brief, Section.NEEDS_YOU)
    assert (first.claim.standing, first.step is None) == (Standing.UNVERIFIED, False)
    assert (second.claim.standing, second.step) == (Standing.CORRECTED, None)
    assert "not verified: " in brief.headline.text


def test_a_summary_loses_its_sentence_when_that_no_longer_holds() -> None:
    world = a_day()
    brief = draft_brief(world.look(), world.scope, NOON)
    brief = msgspec.structs.replace(brief, summary=(Claim("s", "a landed", (COMMIT,)),))
    assert verify_brief(brief, Trusting()).summary != ()
    assert verify_brief(brief, Trusting({COMMIT: GONE})).summary == ()


# -- shown -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "lines"), [(100, 40), (60, 24), (160, 60)])
def test_the_first_screen_has_its_size_and_no_command_is_cut(width: int, lines: int) -> None:
    world = a_day()
    brief = build_brief(world.look(), world.scope, NOON, Trusting())
    shown = render_text(brief, width=width, lines=lines)
    assert len(shown) <= lines
    commands = {each.step.command for each in part(brief, Section.NEEDS_YOU) if each.step is not None}
    printed = [line for line in shown if ": watchkeeper " in line]
    assert all(line.partition(": ")[2] in commands for line in printed)
    assert all(len(line) <= width for line in shown if line not in printed)
    assert sum(line.strip().startswith("and ") for line in shown) >= 1


def test_everything_is_in_the_whole_text_with_what_it_rests_on() -> None:
    world = a_day()
    brief = build_brief(world.look(), world.scope, NOON, Trusting())
    shown = " ".join(" ".join(render_text(brief, whole=True)).split())
    for entry in brief.first(1000):
        assert " ".join(entry.claim.text.split()) in shown
    assert "run of all tests (gate gate)" in shown


def test_what_is_marked_is_marked_in_every_form() -> None:
    world = World("shop")
    world.land("shop", "a", points=(point("secrets", 40, "a key"),))
    draft = draft_brief(world.look(), world.scope, NOON)
    ref = part(draft, Section.NEEDS_YOU)[0].claim.evidence[0]
    brief = verify_brief(draft, Trusting({ref: UNSEEN}))
    assert any("[not verified: git does not answer]" in line for line in render_text(brief))
    assert "**not verified\\: git does not answer:**" in render_markdown(brief)
    assert render_lines(brief)[0].startswith("needs-you\tunverified\tshop\tm-")


def test_words_of_others_act_in_no_form() -> None:
    world = World("shop")
    world.land("shop", "a", title="[x](http://e) @everyone <b>\t\x1b[2J`id`", points=(point("secrets", 40, "a key"),))
    brief = build_brief(world.look(), world.scope, NOON, Trusting())
    told = render_markdown(brief, whole=True)
    assert "[x](http" not in told
    assert "@everyone" not in told
    assert "<b>" not in told
    assert "\x1b" not in told + "\n".join(render_text(brief, whole=True)) + "".join(render_lines(brief))
    assert all(line.count("\t") == 5 for line in render_lines(brief))
    assert escape_markdown("# a\n- b") == "\\# a \\- b"


def test_an_empty_record_says_so() -> None:
    world = World()
    brief = build_brief(world.look(), world.scope, NOON, Trusting())
    assert brief.headline.text == "Nothing was ever recorded here"
    assert len(render_text(brief)) <= 3
