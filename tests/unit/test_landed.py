"""What has landed is compared with what is still open, and told to those who can still act."""

from __future__ import annotations

import msgspec

from watchkeeper.conflicts.detect import find_conflicts
from watchkeeper.conflicts.of_trees import footprint_of, index_of
from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.ids import ChangeId

BASE = {
    "shop/__init__.py": b"",
    "shop/mail.py": b"def send(to, text):\n    return (to, text)\n",
    "shop/orders.py": b"from shop import mail\n\n\ndef place(order):\n    return order\n",
}
RENAMED = {"shop/mail.py": b"def deliver(to, text):\n    return (to, text)\n"}
CALLED = {
    "shop/orders.py": BASE["shop/orders.py"].replace(
        b"    return order", b'    mail.send(order, "hi")\n    return order'
    )
}
UNRELATED = {"shop/orders.py": BASE["shop/orders.py"].replace(b"return order", b"return [order]")}


def party(name: str, edits: dict[str, bytes], source: Source = Source.WORKTREE) -> Party:
    change = Change(id=ChangeId(name), source=source, label=name)
    return Party(change, footprint_of(name, BASE, edits, index_of(BASE)))


def conflicts(one: Party, two: Party) -> tuple[Conflict, ...]:
    return find_conflicts(Pair(first=one, second=two))


def test_a_landed_rename_breaks_a_live_new_call() -> None:
    (found,) = conflicts(party("landed", RENAMED, Source.LANDED), party("agent", CALLED))
    assert (found.rule, found.severity) == ("landed", Severity.BLOCKING)
    assert found.next_step == "rebase agent onto the target branch and adapt it to landed"


def test_a_landed_rename_says_nothing_to_a_change_that_does_not_use_it() -> None:
    assert conflicts(party("landed", RENAMED, Source.LANDED), party("agent", UNRELATED)) == ()


def test_two_landed_changes_are_told_as_something_to_repair_on_the_target() -> None:
    (found,) = conflicts(party("one", RENAMED, Source.LANDED), party("two", CALLED, Source.LANDED))
    assert found.summary.startswith("landed: ")
    assert "target branch" in found.next_step


def test_the_landed_conflict_is_another_one_than_the_live_one_before() -> None:
    (live,) = conflicts(party("one", RENAMED), party("two", CALLED))
    (landed,) = conflicts(party("one", RENAMED, Source.LANDED), party("two", CALLED))
    assert live.id != landed.id


def test_the_order_of_the_two_does_not_matter() -> None:
    one, two = party("one", RENAMED), party("two", CALLED)
    assert msgspec.json.encode(conflicts(one, two)) == msgspec.json.encode(conflicts(two, one))
