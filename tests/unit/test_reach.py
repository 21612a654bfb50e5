"""Who has to be compared with whom, by the resources that they touch."""

from __future__ import annotations

import pytest

from watchkeeper.conflicts.pair import Party
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.resources import Access, AccessMode, Resource, ResourceKind, ResourceTouch
from watchkeeper.watch.reach import Reach, touched_by


def party(name: str, kind: ResourceKind, mode: AccessMode, resource: str = "x") -> Party:
    change = Change(id=ChangeId(name), source=Source.BRANCH, label=name)
    access = Access(resource=Resource(kind, resource), mode=mode, line=1, text="")
    touch = ResourceTouch(path=f"{name}.py", access=access)
    return Party(change, Footprint(change=change.id, resources=(touch,)))


def near(one: Party, two: Party) -> bool:
    reach = Reach()
    reach.place(one.id, touched_by(one))
    return one.id in reach.place(two.id, touched_by(two))


@pytest.mark.parametrize("mode", [AccessMode.DEFINE, AccessMode.READ, AccessMode.WRITE])
def test_two_changes_that_share_only_a_resource_are_near(mode: AccessMode) -> None:
    one = party("a", ResourceKind.TABLE, AccessMode.DEFINE)

    assert near(one, party("b", ResourceKind.TABLE, mode))
    assert not near(one, party("b", ResourceKind.TABLE, mode, "y"))
    assert not near(one, party("b", ResourceKind.TOPIC, mode))


def test_two_readers_are_near_only_where_a_variable_may_have_two_defaults() -> None:
    table = [party(name, ResourceKind.TABLE, AccessMode.READ) for name in "ab"]
    variable = [party(name, ResourceKind.ENVIRONMENT, AccessMode.READ) for name in "ab"]

    assert not near(table[0], table[1])
    assert near(variable[0], variable[1])
