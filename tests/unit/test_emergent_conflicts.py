"""Whom a proof upgrades, what it leaves as it was, and what nobody had suspected."""

from __future__ import annotations

import pytest

from watchkeeper.conflicts.emergent import attach_proof, is_about, make_emergent
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.findings import Finding
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Sha, SymbolKey
from watchkeeper.model.probing import Outcome, Proof

A, B = ChangeId("a"), ChangeId("b")
CHANGES = [Change(id=name, source=Source.WORKTREE, label=f"agent-{name}") for name in (B, A)]


def conflict(subject: str = "texts:shorten", *, kind: Kind = Kind.WRITE_WRITE, line: int = 4) -> Conflict:
    return Conflict(
        id=ConflictId("c-1"),
        kind=kind,
        rule="stale-read",
        severity=Severity.MAJOR,
        confidence=Confidence.SURE,
        changes=(A, B),
        subjects=(subject,),
        summary="a changes what b reads",
        why="",
        evidence=(Evidence(A, "texts.py", line, ""),),
        next_step="talk",
        fingerprint="c-1",
    )


def finding(message: str, *, check: str = "mypy", path: str = "titles.py", line: int = 9) -> Finding:
    return Finding(check, "attr-defined", path, message, message, line)


def proof(outcome: Outcome, *findings: Finding) -> Proof:
    return Proof((A, B), (Sha("1"), Sha("2")), Sha("3"), outcome, findings, by=("mypy",))


RENAMED = finding('Module "texts" has no attribute "shorten"')
ELSEWHERE = finding('Module "texts" has no attribute "shout"')
FAILED = Finding("tests", "failed", "test_texts.py", "test_texts.py::test_x", "test_texts.py::test_x fails: no message")


def test_a_finding_that_names_the_subject_proves_the_suspicion() -> None:
    own = attach_proof(conflict(), proof(Outcome.PROVED, RENAMED, ELSEWHERE))

    assert own.outcome is Outcome.PROVED
    assert own.findings == (RENAMED,)
    assert own.conflicts == ("c-1",)


def test_a_finding_about_something_else_proves_nothing_and_clears_nothing() -> None:
    own = attach_proof(conflict(), proof(Outcome.PROVED, ELSEWHERE))

    assert own.outcome is Outcome.NOT_DISPROVED
    assert own.findings == ()
    assert "something else" in own.reason


def test_a_failing_test_proves_every_suspicion_of_its_pair() -> None:
    own = attach_proof(conflict("engine:unrelated"), proof(Outcome.PROVED, FAILED))

    assert own.outcome is Outcome.PROVED


def test_an_emergent_conflict_keeps_the_whole_proof() -> None:
    own = attach_proof(conflict("engine:unrelated", kind=Kind.EMERGENT), proof(Outcome.PROVED, ELSEWHERE))

    assert own.findings == (ELSEWHERE,)


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.PROVED])
def test_other_outcomes_are_those_of_all_suspicions(outcome: Outcome) -> None:
    assert attach_proof(conflict(), proof(outcome)).outcome is outcome


def test_a_symbol_that_is_involved_makes_it_about_the_suspicion_without_any_word() -> None:
    found = Finding("locks", "nested", "x.py", "s", "would hang", involved=(SymbolKey("texts.py", "shorten"),))

    assert is_about(found, conflict())
    assert not is_about(found, conflict("texts:shout"))


def test_the_same_line_makes_it_about_the_suspicion() -> None:
    found = finding("it is broken", path="texts.py", line=4)

    assert is_about(found, conflict("m:other"))
    assert not is_about(found, conflict("m:other", line=5))
    assert not is_about(finding("it is broken", path="texts.py", line=0), conflict("m:other", line=0))


@pytest.mark.parametrize("subject", ["models:type", "models:Argument", "models:Order.incompatible"])
def test_a_word_of_the_sentence_is_no_name_where_names_are_quoted(subject: str) -> None:
    said = finding('Argument 1 to "send" has incompatible type "str"; expected "int"')

    assert not is_about(said, conflict(subject))
    assert is_about(said, conflict("mails:send"))


@pytest.mark.parametrize("message", ["`a.shorten` is gone", "'shorten' is not defined", "there is no shorten here"])
def test_all_ways_of_naming_are_understood(message: str) -> None:
    assert is_about(finding(message), conflict())


def test_an_apostrophe_is_no_quote() -> None:
    assert is_about(finding("module doesn't have shorten, isn't it"), conflict())


def test_a_part_of_a_word_is_not_the_name() -> None:
    assert not is_about(finding('no attribute "shorten_all"'), conflict())


def test_what_no_suspicion_named_becomes_a_blocking_conflict_of_the_pair() -> None:
    (made,) = make_emergent(proof(Outcome.PROVED, RENAMED, ELSEWHERE), [conflict()], CHANGES)

    assert made.kind is Kind.EMERGENT
    assert made.severity is Severity.BLOCKING
    assert made.rule == "emergent-mypy"
    assert made.changes == (A, B)
    assert made.summary == f"agent-a and agent-b together: {ELSEWHERE.message}"
    assert (made.evidence[0].path, made.evidence[0].change) == ("titles.py", ""), "neither side has it alone"


def test_what_a_suspicion_named_already_is_not_told_twice() -> None:
    assert make_emergent(proof(Outcome.PROVED, RENAMED), [conflict()], CHANGES) == ()
    assert make_emergent(proof(Outcome.PROVED, FAILED), [conflict("m:unrelated")], CHANGES) == ()


def test_the_same_finding_twice_is_one_conflict_and_its_lines_are_no_part_of_its_identity() -> None:
    moved = finding(ELSEWHERE.message, line=90)
    made = make_emergent(proof(Outcome.PROVED, ELSEWHERE, moved), [], CHANGES)

    assert len(made) == 1
    assert make_emergent(proof(Outcome.PROVED, moved), [], CHANGES[::-1])[0].id == made[0].id


def test_other_findings_and_other_pairs_are_other_conflicts() -> None:
    one = make_emergent(proof(Outcome.PROVED, ELSEWHERE, RENAMED), [], CHANGES)
    other = make_emergent(
        proof(Outcome.PROVED, ELSEWHERE), [], [CHANGES[0], Change(id=ChangeId("z"), source=Source.WORKTREE, label="z")]
    )

    assert len({each.id for each in (*one, *other)}) == 3
