"""The resolver never says READY of what lacks something, whatever else is in the papers, and never in another order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.engagements.methodology.contracts import Contract, InputSpec, Playbook, Step
from watchkeeper.engagements.resolving.asking import MOST, first_questions
from watchkeeper.engagements.resolving.facts import agree, find_clashes
from watchkeeper.engagements.resolving.resolver import DOCUMENTS, digest_of, resolve
from watchkeeper.engagements.resolving.situation import Paper, Pinned, Ready, Situation
from watchkeeper.model.ids import Millis

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=80)
_PIECES = st.one_of(
    _TEXT,
    st.sampled_from(["# Head", "## Head", "TODO", "{{slot}}", "Price: 49 €", "Price: 59 €", "```", "<!--", "-->", "---",
                     "| Price | 49 |", "Launch: 2027-01-01", "[NEEDS CLARIFICATION: who?]", "Words of some length."]),
)  # fmt: skip
_PAPERS = st.lists(_PIECES, max_size=8).map("\n".join)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    names = draw(st.lists(st.sampled_from(["brief", "notes", "numbers"]), min_size=1, unique=True))
    specs = tuple(InputSpec(name, required=draw(st.booleans())) for name in names)
    papers = []
    for name in draw(st.lists(st.sampled_from([*names, "stray"]), max_size=5)):
        text = draw(_PAPERS)
        papers.append(Paper(name, digest_of(text) if draw(st.integers(0, 9)) else "0" * 64, text, Millis(0)))
    kinds = draw(st.sampled_from([DOCUMENTS, DOCUMENTS, DOCUMENTS[:2], (*DOCUMENTS, "role")]))
    documents = tuple(Pinned(kind, f"{kind}.md", digest_of("Well."), "Well.") for kind in kinds)
    return Situation(
        "it", Contract("writer", "writes", "piece", "pie", "Piece", input=specs), Playbook("P", (Step("it", "piece"),)),
        Millis(0), tuple(papers), documents,
    )  # fmt: skip


@given(situations())
def test_ready_means_that_all_is_there_once_and_nothing_else(situation: Situation) -> None:
    found = resolve(situation)
    if not isinstance(found, Ready):
        assert found
        assert all(lack.question.isprintable() and lack.question for lack in found if not lack.waits)
        return
    names = [paper.input for paper in situation.papers]
    specs = {spec.name: spec for spec in situation.contract.input}
    assert len(names) == len(set(names))
    assert set(names) <= specs.keys()
    assert {name for name, spec in specs.items() if spec.required} <= set(names)
    assert all(digest_of(paper.text) == paper.digest for paper in situation.papers)
    assert not find_clashes({paper.input: paper.text for paper in situation.papers})
    given = {(each.kind, each.digest) for each in situation.documents}
    given |= {(each.input, each.digest) for each in situation.papers}
    assert set(found.pinned) == given
    assert len(found.pinned) == len(situation.documents) + len(situation.papers)


@given(situations(), st.data())
def test_the_order_in_which_things_were_given_says_nothing(situation: Situation, data: st.DataObject) -> None:
    shuffled = msgspec.structs.replace(
        situation,
        papers=tuple(data.draw(st.permutations(situation.papers))),
        documents=tuple(data.draw(st.permutations(situation.documents))),
    )
    one, other = resolve(situation), resolve(shuffled)
    assert isinstance(one, Ready) == isinstance(other, Ready)
    if isinstance(one, Ready):
        assert one == other
    else:
        assert sorted(map(str, one)) == sorted(map(str, other))


@given(situations(), st.data())
def test_taking_what_is_required_away_is_never_ready(situation: Situation, data: st.DataObject) -> None:
    required = [spec.name for spec in situation.contract.input if spec.required]
    if not required:
        return
    gone = data.draw(st.sampled_from(required))
    left = tuple(paper for paper in situation.papers if paper.input != gone)
    assert not isinstance(resolve(msgspec.structs.replace(situation, papers=left)), Ready)


@given(st.dictionaries(st.sampled_from("abcdef"), situations(), max_size=4))
def test_never_more_than_three_questions_and_none_is_lost(by_step: dict[str, Situation]) -> None:
    found = {step: resolve(each) for step, each in by_step.items()}
    lacks = {step: each for step, each in found.items() if not isinstance(each, Ready)}
    asked, left = first_questions(lacks)
    every = {(lack.whom, lack.question) for each in lacks.values() for lack in each if not lack.waits}
    assert len(asked) == min(MOST, len(every))
    assert left == len(every) - len(asked)
    assert {(each.whom, each.text) for each in asked} <= every


@given(_TEXT, _TEXT)
def test_agreeing_is_mutual_and_everything_agrees_with_itself(one: str, other: str) -> None:
    assert agree(one, other) == agree(other, one)
    assert agree(one, one)
