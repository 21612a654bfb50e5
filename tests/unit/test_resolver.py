"""The resolver: forty sets of inputs that lack something, each with its question; their twins are READY."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from watchkeeper.engagements.methodology.contracts import Contract, InputSpec, Playbook, Step
from watchkeeper.engagements.resolving.asking import MOST, first_questions
from watchkeeper.engagements.resolving.resolver import digest_of, resolve
from watchkeeper.engagements.resolving.situation import Lack, Paper, Pinned, Ready, Situation, Upstream, Whom
from watchkeeper.model.ids import Millis

DAY = 86_400_000
NOW = Millis(1_800_000_000_000)

PLUG = "A plug that tells a heat pump when the sun shines, so that it runs on the roof's own power."
BRIEF = f"""# Brief

Company: Acme GmbH
Price: 49 € / month
Launch date: 2027-03-01

## Product

{PLUG}

## Buyers

Owners of houses with a roof full of panels, who bought a pump in the last two years.
"""
NOTES = "Price: EUR 49 per month\nFounder: Ada Example\n\nShe wants plain words and no promises about savings.\n"
ANALYSIS = "## Rival Inc\n\nPrice: 99 €\n\nSells a box that does more and is hard to install.\n"


def paper(name: str, text: str, days: float = 1) -> Paper:
    return Paper(name, digest_of(text), text, Millis(int(NOW - days * DAY)))


def document(kind: str, text: str = "Do it well.") -> Pinned:
    return Pinned(kind, f"{kind}.md", digest_of(text), text)


CONTRACT = Contract(
    "strategist", "writes", "positioning", "pos", "Positioning",
    input=(
        InputSpec("brief", min_chars=120, max_age_days=90, schema=("Product", "Buyers"), ask="What is to be launched?"),
        InputSpec("notes", source="operator", required=False),
        InputSpec("analysis", from_="competitive-analysis"),
    ),
)  # fmt: skip
READY = Situation(
    "position", CONTRACT,
    Playbook("Launch", (Step("market", "competitive-analysis"), Step("position", "positioning", ("market",)))),
    NOW,
    papers=(paper("brief", BRIEF), paper("notes", NOTES), paper("analysis", ANALYSIS)),
    documents=(document("role"), document("guide"), document("template", "# {{title:text}}\n\n## Promise")),
    upstream={"competitive-analysis": Upstream("competitive-analysis", True, digest_of(ANALYSIS))},
)  # fmt: skip

Change = Callable[[Situation], Situation]


def put(name: str, text: str, days: float = 1) -> Change:
    """Something else for an input; what is upstream accepts it."""

    def change(situation: Situation) -> Situation:
        papers = (*(each for each in situation.papers if each.input != name), paper(name, text, days))
        situation = msgspec.structs.replace(situation, papers=papers)
        if name != "analysis":
            return situation
        return upstream(accepted=digest_of(text))(situation)

    return change


def brief(old: str, new: str) -> Change:
    assert old in BRIEF
    return put("brief", BRIEF.replace(old, new))


def without(name: str) -> Change:
    return lambda each: msgspec.structs.replace(each, papers=tuple(one for one in each.papers if one.input != name))


def more(*papers: Paper) -> Change:
    return lambda each: msgspec.structs.replace(each, papers=(*each.papers, *papers))


def documents(*given: Pinned) -> Change:
    return lambda each: msgspec.structs.replace(each, documents=given)


def upstream(**changed: Any) -> Change:
    def change(each: Situation) -> Situation:
        before = each.upstream["competitive-analysis"]
        return msgspec.structs.replace(
            each, upstream={"competitive-analysis": msgspec.structs.replace(before, **changed)}
        )

    return change


def steps(*given: Step) -> Change:
    return lambda each: msgspec.structs.replace(each, playbook=Playbook("Launch", given))


def only(name: str, **changed: Any) -> Change:
    """Another contract for one input."""

    def change(each: Situation) -> Situation:
        specs = tuple(
            msgspec.structs.replace(spec, **changed) if spec.name == name else spec for spec in each.contract.input
        )
        return msgspec.structs.replace(each, contract=msgspec.structs.replace(each.contract, input=specs))

    return change


def set_to(**changed: Any) -> Change:
    return lambda each: msgspec.structs.replace(each, **changed)


def tampered(each: Situation) -> Situation:
    first, *rest = each.papers
    return msgspec.structs.replace(each, papers=(msgspec.structs.replace(first, text=first.text + "!"), *rest))


def tampered_guide(each: Situation) -> Situation:
    role, guide, template = each.documents
    return msgspec.structs.replace(
        each, documents=(role, msgspec.structs.replace(guide, text="Do it otherwise."), template)
    )


SECRET = "sk-ant-" + "api03-" + "Ab3dEf6hIj9kLmN0pQrStUvWxYz1234567890AbCdEfGh"

LACKING: list[tuple[str, Change, str, str, Whom]] = [
    ("no brief", without("brief"), "R1", "What is to be launched?", Whom.CLIENT),
    ("two briefs", more(paper("brief", BRIEF + "\nAnother.")), "R1", "2 times: which one holds?", Whom.CLIENT),
    ("no analysis though it is done", without("analysis"), "R1", "Please send analysis.", Whom.OPERATOR),
    ("notes that are wanted after all", lambda each: without("notes")(only("notes", required=True)(each)), "R1",
     "Please send notes.", Whom.OPERATOR),
    ("an empty brief", put("brief", ""), "R2", "Please say more in brief.", Whom.CLIENT),
    ("a brief of one line", put("brief", "## Product\nA plug.\n## Buyers\nOwners.\n"), "R2", "say more", Whom.CLIENT),
    ("a brief of marks", put("brief", "## Product\nA\n## Buyers\nB\n" + "-*_# " * 90), "R2", "say more", Whom.CLIENT),
    ("a brief in a comment", put("brief", f"<!-- {BRIEF} -->"), "R2", "say more", Whom.CLIENT),
    ("no section Buyers", brief("## Buyers", "## Others"), "R2", "under “Buyers” of brief", Whom.CLIENT),
    ("an empty Product", brief(PLUG, ""), "R2", "under “Product”",
     Whom.CLIENT),
    ("notes of nothing", put("notes", "  \n\n"), "R2", "Please say more in notes.", Whom.OPERATOR),
    ("a TODO", brief("Owners of", "TODO: which owners?"), "R3", "brief, line 13", Whom.CLIENT),
    ("a tbd in the middle", brief("Owners of houses", "Owners of (tbd) houses"), "R3", "brief, line 13", Whom.CLIENT),
    ("a slot", brief("Owners of", "{{buyers:text}} of"), "R3", "brief, line 13", Whom.CLIENT),
    ("a slot that is not closed", brief("Owners of", "{{buyers of"), "R3", "brief, line 13", Whom.CLIENT),
    ("a marked question", brief("Owners of", "[NEEDS CLARIFICATION: which country?] Owners of"), "R3",
     "which country?", Whom.CLIENT),
    ("a form that nobody filled in", brief("Owners of", "<your buyers> of"), "R3", "brief, line 13", Whom.CLIENT),
    ("words of no meaning", brief("Owners of", "Lorem ipsum dolor"), "R3", "brief, line 13", Whom.CLIENT),
    ("an empty heading", put("brief", BRIEF + "\n## Budget\n"), "R3", "under “Budget” of brief", Whom.CLIENT),
    ("a heading with a comment", put("brief", BRIEF + "\n## Budget\n\n<!-- ask -->\n"), "R3", "“Budget”", Whom.CLIENT),
    ("an old brief", put("brief", BRIEF, days=91), "R4", "Does brief still hold", Whom.CLIENT),
    ("a brief from next week", put("brief", BRIEF, days=-7), "R4", "When was brief really given?", Whom.OPERATOR),
    ("a stale analysis", upstream(stale=True), "R5", "is it to be made again?", Whom.OPERATOR),
    ("an analysis that nobody accepted", upstream(accepted=""), "R5", "no gate accepted it", Whom.OPERATOR),
    ("another analysis than was accepted", upstream(accepted="0" * 64), "R5", "which one holds?", Whom.OPERATOR),
    ("an analysis that nothing makes", set_to(upstream={}), "R5", "who does?", Whom.OPERATOR),
    ("steps that need each other",
     steps(Step("market", "competitive-analysis", ("position",)), Step("position", "positioning", ("market",))),
     "R6", "market needs position needs market", Whom.OPERATOR),
    ("a step that is not there", steps(Step("market", "competitive-analysis")), "R6", "no step position",
     Whom.OPERATOR),
    ("a step of another type", steps(Step("position", "launch-plan")), "R6", "no step position", Whom.OPERATOR),
    ("two prices", put("notes", NOTES.replace("49", "59")), "R7", "“49 € / month”, notes says “EUR 59", Whom.CLIENT),
    ("two currencies", put("notes", NOTES.replace("EUR", "USD")), "R7", "price: brief says", Whom.CLIENT),
    ("two days", put("notes", NOTES + "Launch date: April 1, 2027\n"), "R7", "launch date: brief says", Whom.CLIENT),
    ("two names", put("notes", NOTES + "Company: Apex AG\n"), "R7", "company: brief says", Whom.CLIENT),
    ("the analysis has another price for us", put("analysis", ANALYSIS + "\n## Our product\n\nPrice: 79 €\n"), "R7",
     "price: analysis says “79 €”, brief", Whom.CLIENT),
    ("something undeclared", more(paper("memo", "Just so.")), "R8", "memo is no input", Whom.OPERATOR),
    ("a brief that was changed", tampered, "R8", "changed after it was given", Whom.OPERATOR),
    ("no guide", documents(document("role"), document("template")), "R9", "The guide for positioning is not there",
     Whom.OPERATOR),
    ("a guide that is another", tampered_guide, "R9", "which revision is meant?", Whom.OPERATOR),
    ("a key in the notes", put("notes", f"{NOTES}\nOur key: {SECRET}\n"), "R10", "a key or a password", Whom.OPERATOR),
    ("more than can be loaded", set_to(most_chars=500), "R11", "brief (", Whom.OPERATOR),
]  # fmt: skip


def lacks_of(situation: Situation) -> tuple[Lack, ...]:
    found = resolve(situation)
    assert not isinstance(found, Ready), "it is not complete"
    return found


def test_what_is_complete_is_ready_and_pins_all_that_goes_in() -> None:
    ready = resolve(READY)
    assert isinstance(ready, Ready)
    assert (ready.step, ready.atom) == ("position", "strategist-writes-positioning")
    assert [name for name, _ in ready.pinned] == ["role", "guide", "template", "brief", "notes", "analysis"]
    assert dict(ready.pinned)["brief"] == digest_of(BRIEF)


def test_there_are_forty_sets() -> None:
    assert len({name for name, *_ in LACKING}) == len(LACKING) == 40


@pytest.mark.parametrize(("name", "change", "rule", "question", "whom"), LACKING, ids=[each[0] for each in LACKING])
def test_what_lacks_something_is_asked_for(name: str, change: Change, rule: str, question: str, whom: Whom) -> None:
    lacks = lacks_of(change(READY))
    asked = [lack for lack in lacks if lack.rule == rule and question in lack.question]
    assert asked, f"{name}: {lacks}"
    assert {lack.whom for lack in asked} == {whom}
    assert not any(lack.waits for lack in asked)
    assert {lack.rule for lack in lacks} == {rule}, f"{name}: one thing is wrong, and {lacks} is said"


@pytest.mark.parametrize(
    "change",
    [
        without("notes"),
        put("brief", BRIEF, days=90),
        put("brief", BRIEF, days=-0.5),
        brief("## Product", "## PRODUCT"),
        put("brief", BRIEF + "\n```\nTODO {{x}}\n## Empty\n```\n"),
        put("brief", BRIEF + "\n<!-- TODO: ask -->\n"),
        put("brief", BRIEF + "\nHer to-do list, the method and a todorov are no open ends; nor is XXL.\n"),
        put("brief", BRIEF + "\n## Money\n\n### Price\n\nAs above.\n"),
        put("notes", NOTES.replace("EUR 49", "49.00 €")),
        put("notes", NOTES + "Launch date: 1 March 2027\nCompany: Acme\n"),
        put("notes", NOTES + "Its price tag is a matter of taste, she said: 59 is too much.\n"),
        put("analysis", ANALYSIS + "\n## Other Ltd\n\nPrice: 10 €\nCompany: Other Ltd\n"),
        more(paper("corrections", "The headline promises too much.")),
        put("notes", NOTES + "The key to it is her password policy.\n"),
        set_to(most_chars=2_000),
    ],
    ids=[
        "no notes",
        "90 days old",
        "half a day ahead",
        "a section in capitals",
        "open ends in an example",
        "an open end in a comment",
        "words that only look like open ends",
        "a heading with one below it",
        "the price in another form",
        "the same day and name in another form",
        "a number in prose",
        "prices of others",
        "corrections",
        "words about secrets",
        "enough room",
    ],
)
def test_its_twin_is_ready(change: Change) -> None:
    found = resolve(change(READY))
    assert isinstance(found, Ready), found


def test_what_waits_for_a_step_before_it_is_no_question() -> None:
    (lack,) = lacks_of(without("analysis")(upstream(done=False, accepted="")(READY)))
    assert (lack.rule, lack.waits, lack.question) == ("R5", True, "")
    assert first_questions({"position": [lack]}) == ((), 0)


def test_three_questions_come_first_and_what_blocks_most_before_all() -> None:
    everything = lacks_of(
        Situation("position", CONTRACT, READY.playbook, NOW, papers=(paper("memo", "Just so."),), upstream={})
    )
    launch = lacks_of(without("brief")(READY))
    asked, left = first_questions({"position": everything, "launch": launch})
    assert len(asked) == MOST
    assert (asked[0].text, asked[0].blocks) == ("What is to be launched?", ("position", "launch"))
    assert left == len({(lack.whom, lack.question) for lack in (*everything, *launch)}) - MOST > 0


def test_a_secret_is_not_repeated_in_what_is_asked() -> None:
    found = lacks_of(put("notes", f"{NOTES}\nOur key: {SECRET}\n")(READY))
    assert SECRET not in str(found)


def test_a_question_is_one_line_whatever_stands_in_the_paper() -> None:
    evil = BRIEF + "\n[NEEDS CLARIFICATION: ignore\x1b[31m all of it " + "x" * 900 + "]\n## \u202eEvil\n"
    for lack in lacks_of(put("brief", evil)(READY)):
        assert lack.question.isprintable()
        assert len(lack.question) < 300
