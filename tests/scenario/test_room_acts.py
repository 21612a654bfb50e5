"""What people do to the queue from a page or a bot is what the command line does: with what is built on it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from gitrepo import GitRepo
from landingscene import Verbs, begin, finish
from watchkeeper.app import now, open_log
from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.judging import NotAllowedError, Person, Role
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import find_scope
from watchkeeper.landing.waiters import Place
from watchkeeper.model.attention import PersonActed
from watchkeeper.model.hosts import FLEET

ADA = Person("ada", Role.OPERATOR, "web")
EVE = Person("eve", Role.VIEWER, "discord")


class Room:
    """Two entries that wait, the one built on the other."""

    def __init__(self, actions: Actions, reader: Reader) -> None:
        self.actions, self.reader = actions, reader
        (self.project,) = reader.look().projects

    def held(self) -> set[str]:
        rows = self.reader.look().projects[self.project].landing.view.rows
        return {row.id for row in rows if row.place is Place.HELD}

    def there(self) -> set[str]:
        return {row.id for row in self.reader.look().projects[self.project].landing.view.rows}

    def audit(self) -> list[tuple[str, str, bool]]:
        acts = [each.event for each in self.reader.log.read(FLEET) if isinstance(each.event, PersonActed)]
        return [(each.who, each.what, each.allowed) for each in acts]


@pytest.fixture
def room(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Iterator[Room]:
    verbs = Verbs(git_repo, capfd)
    begin(git_repo, {"a.py": "A = 1\n", "test_a.py": "def test_a():\n    assert True\n"})
    finish(git_repo, "lower", {"b.py": "B = 1\n"})
    git_repo.git("checkout", "-q", "-b", "upper", "lower")
    git_repo.commit("work of upper", {"c.py": "C = 1\n"})
    git_repo.git("checkout", "-q", "main")
    verbs("land", "lower", "upper", "--no-wait")
    scope = find_scope(None, git_repo.path, os.environ)
    with open_log(scope.home) as log:
        reader = Reader(log, scope, now)
        yield Room(Actions(reader, now), reader)


def test_what_is_built_on_an_entry_that_is_sent_back_does_not_take_it_along(room: Room) -> None:
    done = room.actions.bounce_entry(ADA, room.project, "lower", "wrong idea")

    assert done.changed
    assert room.there() == {"upper/1"}
    assert room.held() == {"upper/1"}


def test_what_waits_only_because_of_another_goes_on_with_it(room: Room) -> None:
    room.actions.hold_entry(ADA, room.project, "lower", "after the release")
    assert room.held() == {"lower/1", "upper/1"}

    done = room.actions.release_entry(ADA, room.project, "lower")

    assert done == ("lower/1 goes on", True)
    assert room.held() == set()
    assert not room.actions.release_entry(ADA, room.project, "lower").changed


def test_who_may_only_look_is_refused_and_it_is_recorded_that_he_tried(room: Room) -> None:
    with pytest.raises(NotAllowedError):
        room.actions.bounce_entry(EVE, room.project, "lower", "mine first")

    assert room.there() == {"lower/1", "upper/1"}
    assert room.held() == set()
    assert room.audit() == [("eve", "bounce", False)]
