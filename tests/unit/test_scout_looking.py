"""What a dimension is after its checks have looked; what a finding's id depends on; what a look changes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha
from watchkeeper.model.scouting import (
    FindingBack,
    FindingFound,
    FindingGone,
    FindingJudged,
    KindId,
    LookState,
    RunId,
    ScoutLooked,
    Verdict,
)
from watchkeeper.model.scouting_state import ScoutState, fold_scouting
from watchkeeper.scoutdeck.looking import Tools, _Looker, decide_events
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, could_not_look, looked, not_applicable
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.looking import Where, judge_look

WHERE = Where(ProjectId("p"), Sha("c" * 40))
RAW = Raw("bare-except", "a.py", "it is swallowed", 7, "except: pass", "load")


def saw(*found: Raw, check: str = "tree") -> Looked:
    return looked(check, found, what="3 files", proof="its canary was found")


@pytest.mark.parametrize(
    ("looks", "state"),
    [
        ([saw()], LookState.CLEAN),
        ([saw(RAW)], LookState.FOUND),
        ([not_applicable("sql", "no migration")], LookState.NOT_APPLICABLE),
        ([saw(), not_applicable("sql", "no migration")], LookState.CLEAN),
        ([saw(), could_not_look("bandit", "it is missing")], LookState.COULD_NOT_LOOK),
        ([saw(RAW), could_not_look("bandit", "it is missing")], LookState.COULD_NOT_LOOK),
        ([not_applicable("sql", "none"), could_not_look("bandit", "missing")], LookState.COULD_NOT_LOOK),
        ([], LookState.COULD_NOT_LOOK),
    ],
)
def test_a_dimension_is_clean_only_where_everybody_looked(looks: list[Looked], state: LookState) -> None:
    assert judge_look("errors", looks, WHERE).state is state


def test_who_could_not_look_says_why_and_keeps_what_was_found() -> None:
    found = judge_look("errors", [could_not_look("ruff", "2 files cannot be parsed", [RAW])], WHERE)

    assert "ruff: 2 files cannot be parsed" in found.reason
    assert len(found.findings) == 1
    assert found.whole == frozenset(), "what it does not say may be there all the same"


@pytest.mark.parametrize(("what", "proof"), [("", "it ran"), ("3 files", "")])
def test_nobody_can_say_that_he_looked_without_saying_at_what_and_how_that_is_known(what: str, proof: str) -> None:
    with pytest.raises(ValueError, match="says what it looked at"):
        looked("tree", [], what=what, proof=proof)


def ids(*raws: Raw, where: Where = WHERE) -> list[str]:
    return [each.id for each in judge_look("errors", [saw(*raws)], where).findings]


def test_a_finding_keeps_its_id_when_its_line_or_layout_moves() -> None:
    moved = msgspec.structs.replace(RAW, line=99, quote="except:  pass", claim="in other words")
    assert ids(RAW) == ids(moved)


@pytest.mark.parametrize(
    "other",
    [
        {"path": "b.py"},
        {"rule": "other"},
        {"quote": "except ValueError: pass"},
        {"symbol": "save"},
    ],
)
def test_another_place_is_another_finding(other: dict[str, str]) -> None:
    assert ids(RAW) != ids(msgspec.structs.replace(RAW, **other))


def test_equal_places_are_told_apart_and_one_more_below_changes_none_above() -> None:
    second, third = (msgspec.structs.replace(RAW, line=line) for line in (20, 30))

    two, three = ids(RAW, second), ids(third, RAW, second)
    assert len(set(three)) == 3
    assert three[:2] == two


def test_what_two_checks_say_of_one_line_as_of_one_kind_is_one() -> None:
    kind = msgspec.structs.replace(RAW, kind=KindId("silent-error"))
    other = msgspec.structs.replace(kind, rule="S110", claim="try-except-pass")

    def found(*looks: Looked) -> list[str]:
        return [each.check for each in judge_look("errors", looks, WHERE).findings]

    assert found(saw(kind), saw(other, check="ruff")) == ["tree"]
    assert found(saw(kind), saw(msgspec.structs.replace(other, line=8), check="ruff")) == ["tree", "ruff"]
    assert found(saw(RAW), saw(msgspec.structs.replace(RAW, rule="S110"), check="ruff")) == ["tree", "ruff"], "no kind"
    assert found(saw(kind, msgspec.structs.replace(kind, rule="x"))) == ["tree", "tree"], "one check says two things"


def test_what_one_check_says_twice_of_one_place_is_the_gravest_in_any_order() -> None:
    grave = msgspec.structs.replace(RAW, severity=4, claim="it loses money")
    for order in ([RAW, grave], [grave, RAW]):
        (found,) = judge_look("errors", [saw(*order)], WHERE).findings
        assert found.claim == "it loses money"


def test_a_renamed_file_keeps_its_findings() -> None:
    moved = msgspec.structs.replace(RAW, path="new/a.py")
    assert ids(moved, where=Where(WHERE.project, WHERE.commit, {"new/a.py": "a.py"})) == ids(RAW)


def test_an_anchor_stands_for_the_code() -> None:
    one = msgspec.structs.replace(RAW, anchor="SHOP-12", quote="TypeError: x", symbol="a")
    other = msgspec.structs.replace(RAW, anchor="SHOP-12", quote="its title was changed", symbol="b")
    assert ids(one) == ids(other)


@given(st.lists(st.tuples(st.sampled_from(["x = 1", "y = 2"]), st.integers(1, 50)), max_size=8), st.integers(1, 100))
def test_ids_are_unique_in_a_look_and_do_not_depend_on_lines(places: list[tuple[str, int]], shift: int) -> None:
    raws = [msgspec.structs.replace(RAW, quote=quote, line=line) for quote, line in places]
    later = [msgspec.structs.replace(each, line=each.line + shift) for each in raws]

    assert ids(*raws) == ids(*later)
    assert len(set(ids(*raws))) == len({(each.quote, each.line) for each in raws})


class Log:
    """Looks, one after the other."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []

    @property
    def state(self) -> ScoutState:
        return fold_scouting(self.events)

    def add(self, *events: Event) -> None:
        for event in events:
            self.events.append(
                Recorded(Seq(len(self.events) + 1), Millis(1000 * len(self.events)), ProjectId("p"), event)
            )

    def look(self, *looks: Looked, dimension: str = "errors") -> list[Event]:
        found = judge_look(dimension, looks, WHERE)
        events, _, _ = decide_events(self.state, RunId("s-1"), dimension, found, WHERE.commit)
        self.add(*events)
        return events


def kinds(events: list[Event]) -> list[str]:
    return [type(each).__name__ for each in events]


def test_what_is_found_is_recorded_once() -> None:
    log = Log()

    assert kinds(log.look(saw(RAW))) == ["FindingFound", "ScoutLooked"]
    assert kinds(log.look(saw(RAW))) == ["ScoutLooked"]


def test_what_a_whole_look_does_not_say_any_more_is_gone_and_may_come_back() -> None:
    log = Log()
    log.look(saw(RAW))

    assert kinds(log.look(saw())) == ["FindingGone", "ScoutLooked"]
    assert not list(log.state.holding())
    assert kinds(log.look(saw(RAW))) == ["FindingBack", "ScoutLooked"]
    assert len(list(log.state.holding())) == 1


def test_nothing_is_gone_because_somebody_could_not_look_or_another_looked() -> None:
    log = Log()
    log.look(saw(RAW))

    log.look(could_not_look("tree", "3 files cannot be parsed"))
    log.look(saw(check="ruff"))
    log.look(saw(), dimension="security")
    log.look(not_applicable("tree", "nothing here"))

    assert len(list(log.state.holding())) == 1


def test_a_look_whose_findings_were_all_judged_false_is_clean() -> None:
    log = Log()
    log.look(saw(RAW))
    (identity,) = log.state.findings
    log.add(FindingJudged(identity, Verdict.FALSE, "it is meant", "ada"))

    (event,) = log.look(saw(RAW))
    assert isinstance(event, ScoutLooked)
    assert (event.state, event.found, event.new) == (LookState.CLEAN, 0, 0)


def test_looks_that_find_nothing_new_are_counted_and_blind_ones_are_not() -> None:
    log = Log()
    log.look(saw(RAW))
    assert log.state.looks["errors"].empty == 0
    log.look(saw(RAW))
    log.look(could_not_look("tree", "gone"))
    log.look(saw(RAW))
    assert log.state.looks["errors"].empty == 2
    log.look(saw(RAW, msgspec.structs.replace(RAW, path="b.py")))
    assert log.state.looks["errors"].empty == 0


def test_the_fold_is_idempotent_and_passes_over_what_it_knows() -> None:
    log = Log()
    log.look(saw(RAW))
    log.look(saw())
    whole = log.state

    assert fold_scouting(log.events, whole) == whole
    assert fold_scouting(log.events[2:], fold_scouting(log.events[:2])) == whole
    stray: list[Event] = [FindingGone(next(iter(whole.findings)), WHERE.commit), FindingBack("f-none", WHERE.commit)]
    log.add(*stray)
    assert set(log.state.findings) == set(whole.findings)
    assert any(isinstance(each.event, FindingFound) for each in log.events)


class Parser:
    """A check that says how many looked at once."""

    name = "tree"

    def __init__(self) -> None:
        self.now, self.most = 0, 0

    def look(self, *_: object) -> Looked:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.02)
        self.now -= 1
        return saw()


@pytest.mark.parametrize(("names", "most"), [(("tree", "duplication"), 1), (("ruff", "bandit"), 2)])
def test_who_parses_inside_this_process_does_it_alone(names: tuple[str, str], most: int, tmp_path: Path) -> None:
    parser = Parser()
    tools = Tools(lambda _dimension, _name: parser, None, {}, lambda: Millis(0))  # type: ignore[arg-type]
    looker = _Looker(None, RunId("s-1"), WHERE, tools, threading.Event(), None)  # type: ignore[arg-type]
    ground = Ground(tmp_path, tmp_path, WHERE.commit, (), ScoutConfig(), "")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda name: looker._check("errors", name, ground), names))

    assert parser.most == most
