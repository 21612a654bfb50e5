"""Whatever arrives, breaks, flakes and is pushed past the queue: the recorded events break no promise."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from landingworld import World
from watchkeeper.landing.audit import audit_landings
from watchkeeper.landing.entering import bounce, hold, jump, release
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.waiters import Place
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Entry, EntryId, EntryQueued

NAMES = [EntryId(f"{name}/1") for name in "abcdefghijklmnop"]
moves = st.sampled_from(["arrive"] * 4 + ["end"] * 4 + ["hold", "release", "flake", "break", "push", "jump", "bounce"])


@given(
    st.lists(st.tuples(moves, st.integers(0, 15), st.integers(1, 15)), max_size=60), st.integers(1, 4), st.booleans()
)
@settings(max_examples=250, deadline=None)
def test_what_the_queue_records_never_breaks_a_promise(
    steps: list[tuple[str, int, int]], slots: int, lanes: bool
) -> None:
    scene = World(Policy(slots=slots, lanes=lanes))
    for number, (move, at, off) in enumerate(steps):
        perform(scene, move, NAMES[at], NAMES[(at + off) % 16], number)
        scene.step()
        assert audit_landings(scene.events).broken == ()
    scene.settle()
    audit = audit_landings(scene.events)
    assert audit.broken == ()
    assert audit.landings == len(scene.landings)
    if scene.queue.halted is None and not scene.queue.broken:
        assert audit.untested == ()


def perform(scene: World, move: str, name: EntryId, other: EntryId, number: int) -> None:
    """One thing that somebody does, where it can be done now."""
    waiter = scene.queue.entries.get(name)
    is_here = waiter is not None and waiter.place in (Place.WAITING, Place.HELD, Place.QUARANTINED)
    known = {event.entry.id for event in scene.events if isinstance(event, EntryQueued)}
    match move:
        case "arrive" if name not in known:
            scene.arrive(name, reach=(f"{name}.py",) if number % 5 else (f"{name}.py", "shared.py"))
        case "end" if scene.running:
            scene.end(list(scene.running)[number % len(scene.running)])
        case "hold" if is_here:
            scene.record(*hold(scene.queue, name, "later", "me"))
        case "release" if is_here:
            scene.record(*release(scene.queue, name, "me"))
        case "jump" if is_here:
            scene.record(*jump(scene.queue, name, "me"))
        case "bounce" if is_here:
            scene.record(*bounce(scene.queue, name, "no"))
        case "flake":
            scene.fails_once("flaky")
        case "break":
            scene.breaks(f"t{number}", name, other)
        case "push":
            past = EntryId(f"past{number}/1")
            scene.move_past((Entry(past, ChangeId(f"past{number}"), Sha(past), is_picked=True),), (*scene.main, past))
        case _:
            pass
