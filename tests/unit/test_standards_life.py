"""A standard moves only when what the next state needs is there, and who refuses says what is missing."""

from __future__ import annotations

import msgspec
import pytest

from scout_values import COMMIT, standing
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import CensusTaken, FindingId, StandardState
from watchkeeper.model.scouting_state import StandardStanding
from watchkeeper.scouts.standards.life import MOVES, Asked, find_missing, move

S = StandardState
KNOWN = frozenset({FindingId("f-known")})
BOTH = frozenset({ProjectId("a"), ProjectId("b")})
ASKED = Asked("ada", "four projects had it", BOTH, KNOWN)


def counted(each: StandardStanding, blind: str = "") -> StandardStanding:
    censuses = {
        project: (
            (Millis(1), CensusTaken(each.standard.id, project, COMMIT, 3, reason=blind if project == "b" else "")),
        )
        for project in BOTH
    }
    return msgspec.structs.replace(each, censuses=censuses)


def missing(each: StandardStanding, to: StandardState, asked: Asked = ASKED) -> list[str]:
    return [error.slug for error in find_missing(each, to, asked)]


FORWARD = [(S.CANDIDATE, S.PROPOSED), (S.PROPOSED, S.ADOPTED), (S.ADOPTED, S.ENFORCED)]
BACK = [(S.PROPOSED, S.CANDIDATE), (S.ADOPTED, S.PROPOSED), (S.ENFORCED, S.ADOPTED), (S.RETIRED, S.CANDIDATE)]
OUT = [(state, S.RETIRED) for state in S if state is not S.RETIRED]


@pytest.mark.parametrize(("state", "to"), FORWARD + BACK + OUT)
def test_a_move_with_all_that_it_needs_is_allowed(state: StandardState, to: StandardState) -> None:
    moved = move(counted(standing(state=state)), to, ASKED)

    assert (moved.state, moved.by, moved.why) == (to, "ada", "four projects had it")


def test_every_other_move_is_refused() -> None:
    for state in S:
        for to in S:
            allowed = (state, to) in FORWARD + BACK + OUT
            assert (to in MOVES[state]) is allowed
            assert (missing(counted(standing(state=state)), to) == ["standard-no-such-move"]) is not allowed


@pytest.mark.parametrize(("state", "to"), FORWARD)
@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"text": " "}, "standard-no-text"),
        ({"title": ""}, "standard-no-text"),
        ({"check": None}, "standard-no-check"),
        ({"known": ()}, "standard-recall"),
        ({"known": (FindingId("f-known"), FindingId("f-missed"))}, "standard-recall"),
    ],
)
def test_forward_needs_a_text_and_a_check_that_finds_its_known_cases(
    state: StandardState, to: StandardState, fields: dict[str, object], slug: str
) -> None:
    assert missing(counted(standing(state=state, **fields)), to) == [slug]


@pytest.mark.parametrize(("state", "to"), FORWARD)
def test_forward_needs_a_census_of_every_project_that_looked(state: StandardState, to: StandardState) -> None:
    each = standing(state=state)

    assert missing(each, to) == ["standard-no-census"]
    assert missing(counted(each, blind="too large"), to) == ["standard-no-census"]
    assert missing(counted(each), to, Asked("ada", "", frozenset({ProjectId("c")}), KNOWN)) == ["standard-no-census"]


def test_a_program_may_propose_and_only_a_person_adopts_with_an_owner() -> None:
    program = Asked("", "", BOTH, KNOWN)

    assert missing(counted(standing(state=S.CANDIDATE)), S.PROPOSED, program) == []
    assert missing(counted(standing(state=S.PROPOSED, owner="")), S.ADOPTED, program) == [
        "standard-no-person",
        "standard-no-owner",
    ]


@pytest.mark.parametrize(("state", "to"), BACK + OUT)
def test_back_and_out_need_a_person_and_a_reason_and_nothing_else(state: StandardState, to: StandardState) -> None:
    bare = standing(state=state, text="", check=None, owner="")

    assert missing(bare, to, Asked("ada", " ")) == ["standard-no-reason"]
    assert missing(bare, to, Asked("", "why")) == ["standard-no-person"]
    assert missing(bare, to, Asked("ada", "why")) == []


def test_what_is_missing_is_named() -> None:
    with pytest.raises(WatchkeeperError, match="f-missed") as raised:
        move(counted(standing(state=S.CANDIDATE, known=(FindingId("f-missed"),))), S.PROPOSED, ASKED)

    assert raised.value.hint
