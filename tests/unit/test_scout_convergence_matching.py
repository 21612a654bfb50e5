"""Texts and kinds: what is clear is taken, what is not is asked, what fits nothing is grouped and stays so."""

from __future__ import annotations

import pytest

from scout_values import finding
from watchkeeper.model.ids import Millis
from watchkeeper.model.scouting import FindingId, KindAssigned, KindId
from watchkeeper.scouts.convergence.catalogue import Catalogue, builtin_catalogue, read_catalogue
from watchkeeper.scouts.convergence.clustering import Item, cluster, cluster_id
from watchkeeper.scouts.convergence.matching import Bar, Proposal, assign, measure_of, propose
from watchkeeper.scouts.convergence.words import Measure, plain, stems

CLEAR = "The HTTP client waits without a timeout for the remote server"
STRANGE = "Purple elephants dance quietly"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return builtin_catalogue()


@pytest.fixture(scope="module")
def measure(catalogue: Catalogue) -> Measure:
    return measure_of(catalogue)


def test_a_clear_text_is_taken_and_two_others_are_near(catalogue: Catalogue) -> None:
    [proposal] = propose([CLEAR], catalogue)

    assert proposal.taken == "missing-timeout"
    assert len(proposal.near) == 3


def test_a_strange_text_is_not_taken(catalogue: Catalogue) -> None:
    [proposal] = propose([STRANGE], catalogue)

    assert proposal.taken is None


def test_a_text_between_two_kinds_is_proposed_and_not_taken(catalogue: Catalogue) -> None:
    [proposal] = propose(
        ["unused imports without a timeout and functions without callers without a deadline"], catalogue
    )

    assert {"missing-timeout", "dead-code"} <= {each.kind for each in proposal.near}
    assert proposal.judged(Bar(0.0, proposal.margin + 0.01)).taken is None
    assert proposal.judged(Bar(0.0, 0.0)).taken == proposal.near[0].kind


def test_a_text_has_the_same_answer_alone_and_among_others(catalogue: Catalogue) -> None:
    assert propose([STRANGE, CLEAR, STRANGE], catalogue)[1] == propose([CLEAR], catalogue)[0]


def test_a_text_without_words_is_near_nothing(catalogue: Catalogue) -> None:
    [proposal] = propose([" "], catalogue)

    assert proposal == Proposal(())


def test_a_rule_of_a_kind_is_assigned_without_looking_at_the_words() -> None:
    own = '[odd-kind]\nsays = "Odd."\nexamples = ["Odd"]\ncounter = "Even."\nrules = ["tree:odd"]\n'
    catalogue = read_catalogue({"own": own})

    said = list(assign([finding("a", check="tree", rule="odd", claim=CLEAR)], catalogue))

    assert said == [KindAssigned(FindingId("f-a"), KindId("odd-kind"), "rule", 1.0)]


def test_what_has_a_kind_is_passed_over_and_what_is_not_clear_is_proposed(catalogue: Catalogue) -> None:
    known = finding("a", claim=CLEAR, kind=KindId("dead-code"))
    clear, strange = finding("b", claim=CLEAR), finding("c", claim=STRANGE)

    said = list(assign([known, clear, strange], catalogue))

    assert isinstance(said[0], KindAssigned)
    assert (said[0].id, said[0].kind, said[0].how) == ("f-b", "missing-timeout", "catalogue")
    assert isinstance(said[1], tuple)
    assert said[1][0] == "f-c"


def test_names_are_split_and_endings_cut() -> None:
    assert plain("deleteYearRow, user_id") == "delete year row user id"
    assert stems("The limiter limits limited things") == ["limit", "limit", "limit", "thing"]


def items(*texts: str, first: int = 0) -> list[Item]:
    return [Item(FindingId(f"f-{n}"), Millis(n), text) for n, text in enumerate(texts, first)]


ALIKE = (
    "Invoice currency is rounded twice",
    "The invoice rounds its currency two times",
    "Currency of invoices rounded twice",
)


def test_what_is_alike_is_one_group_named_by_its_earliest(measure: Measure) -> None:
    said = cluster(items(*ALIKE[:2], STRANGE), {}, measure)

    assert {each.id: each.kind for each in said} == dict.fromkeys(("f-0", "f-1"), cluster_id(FindingId("f-0")))


def test_the_order_in_which_findings_are_given_does_not_matter(measure: Measure) -> None:
    given = items(*ALIKE, STRANGE)

    assert sorted(cluster(given[::-1], {}, measure), key=str) == sorted(cluster(given, {}, measure), key=str)


def test_one_more_finding_joins_its_group_and_changes_nobody(measure: Measure) -> None:
    known = {each.id: each.kind for each in cluster(items(*ALIKE[:2]), {}, measure)}

    said = cluster(items(*ALIKE), known, measure)

    assert [(each.id, each.kind) for each in said] == [("f-2", cluster_id(FindingId("f-0")))]


def test_an_older_finding_that_comes_late_does_not_rename_a_group(measure: Measure) -> None:
    known = {each.id: each.kind for each in cluster(items(*ALIKE[:2], first=5), {}, measure)}
    late = items(ALIKE[2])

    said = cluster([*late, *items(*ALIKE[:2], first=5)], known, measure)

    assert [(each.id, each.kind) for each in said] == [("f-0", cluster_id(FindingId("f-5")))]


def test_what_is_like_nothing_waits_and_is_not_put_into_a_group(measure: Measure) -> None:
    known = {each.id: each.kind for each in cluster(items(*ALIKE[:2]), {}, measure)}

    assert cluster(items(*ALIKE[:2], STRANGE), known, measure) == []
    assert cluster(items(STRANGE), {}, measure) == []
