"""What sessions believe: neither a rebase nor anything else refreshes it, only reading again."""

from __future__ import annotations

from watchkeeper.model.agents import How, SessionId
from watchkeeper.model.ids import Millis, SymbolKey
from watchkeeper.watch.seen import MOST_SEEN, MOST_SESSIONS, Beliefs, Version

ONE = SessionId("codex-1")
PRICE, TOTAL = SymbolKey("prices.py", "price"), SymbolKey("prices.py", "total")
OLD, NEW = Version("old", "price(n)"), Version("new", "price(n, rate)")


def test_what_was_seen_and_is_something_else_now_is_outdated() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD, TOTAL: OLD}, How.DECLARED, Millis(1))

    (found,) = beliefs.outdated(ONE, [PRICE], {PRICE: NEW, TOTAL: NEW}.get)

    assert (found.seen.symbol, found.seen.contract, found.now) == (PRICE, "price(n)", NEW)


def test_what_it_does_not_rely_on_or_never_saw_or_is_the_same_is_not() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD}, How.DECLARED, Millis(1))

    assert beliefs.outdated(ONE, [], {PRICE: NEW}.get) == ()
    assert beliefs.outdated(ONE, [TOTAL], {TOTAL: NEW}.get) == ()
    assert beliefs.outdated(ONE, [PRICE], {PRICE: OLD}.get) == ()
    assert beliefs.outdated(SessionId("codex-2"), [PRICE], {PRICE: NEW}.get) == ()


def test_what_is_gone_is_outdated_too() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD}, How.INFERRED, Millis(1))

    (found,) = beliefs.outdated(ONE, [PRICE], {}.get)

    assert found.now is None


def test_reading_again_refreshes_and_so_does_writing() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD, TOTAL: OLD}, How.DECLARED, Millis(1))
    beliefs.read(ONE, {PRICE: NEW}, How.DECLARED, Millis(2))
    beliefs.wrote(ONE, {TOTAL: NEW}, Millis(2))

    assert beliefs.outdated(ONE, [PRICE, TOTAL], {PRICE: NEW, TOTAL: NEW}.get) == ()


def test_what_is_only_inferred_does_not_take_the_place_of_what_was_read() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD}, How.DECLARED, Millis(1))
    beliefs.read(ONE, {PRICE: NEW}, How.INFERRED, Millis(2))

    assert [each.digest for each in beliefs.seen(ONE)] == ["old"]


def test_of_what_it_may_have_seen_it_is_unsure_until_it_is_known() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD}, How.UNKNOWN, Millis(1))
    assert beliefs.unseen(ONE, [PRICE, TOTAL]) == (TOTAL,), "its version is kept as it was"
    assert beliefs.unsure(ONE, [PRICE, TOTAL]) == (PRICE, TOTAL)

    beliefs.read(ONE, {PRICE: NEW}, How.INFERRED, Millis(2))

    assert beliefs.unsure(ONE, [PRICE, TOTAL]) == (TOTAL,)


def test_what_was_seen_anew_is_given_by_file_once() -> None:
    beliefs = Beliefs()
    beliefs.read(ONE, {PRICE: OLD, TOTAL: OLD}, How.DECLARED, Millis(1))
    beliefs.read(ONE, {SymbolKey("other.py", "f"): OLD}, How.DECLARED, Millis(1))

    assert {path: len(seen) for (_, path), seen in beliefs.take_fresh().items()} == {"prices.py": 2, "other.py": 1}
    assert beliefs.take_fresh() == {}

    beliefs.read(ONE, {PRICE: NEW}, How.DECLARED, Millis(2))
    assert [each.digest for each in beliefs.take_fresh()[ONE, "prices.py"]] == ["old", "new"]

    beliefs.forget(ONE)
    assert beliefs.take_fresh() == {(ONE, "prices.py"): (), (ONE, "other.py"): ()}


def test_what_is_taken_up_never_takes_the_place_of_what_was_seen_since() -> None:
    before, after = Beliefs(), Beliefs()
    before.read(ONE, {PRICE: OLD, TOTAL: OLD}, How.DECLARED, Millis(1))
    after.read(ONE, {PRICE: NEW}, How.INFERRED, Millis(2))
    after.take_up(ONE, before.seen(ONE))

    assert {each.symbol: each.digest for each in after.seen(ONE)} == {PRICE: "new", TOTAL: "old"}


def test_memory_is_bounded_and_who_looked_at_nothing_for_longest_is_forgotten() -> None:
    beliefs = Beliefs()
    many = {SymbolKey("a.py", f"f{number}"): OLD for number in range(MOST_SEEN + 10)}
    beliefs.read(ONE, many, How.DECLARED, Millis(1))

    assert len(beliefs.seen(ONE)) == MOST_SEEN
    assert beliefs.seen(ONE)[-1].symbol.qualname == f"f{MOST_SEEN + 9}"
    for number in range(MOST_SESSIONS):
        assert beliefs.seen(ONE) != ()
        beliefs.read(SessionId(f"other-{number}"), {SymbolKey("a.py", "f"): OLD}, How.DECLARED, Millis(2))
    assert beliefs.seen(ONE) == ()
