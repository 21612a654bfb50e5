"""Whatever arrives, fails and is released: nothing lands over the threshold of which no person was told."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from landingworld import World
from watchkeeper.landing.audit import audit_landings
from watchkeeper.landing.entering import release
from watchkeeper.landing.exposed import risk_with
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.waiters import Place
from watchkeeper.model.exposure import Exposure, Measured
from watchkeeper.model.landing import Entry, EntryHeld, EntryId, EntryQueued, EntryReleased, LandingIntended
from watchkeeper.risk.exposure import worst

NAMES = [EntryId(f"{name}/1") for name in "abcdef"]
EXPOSURE = Exposure({"size": (6,)}, {"x.py": ((1, 40),)})
THRESHOLD = 10

said = st.sampled_from(
    [
        Measured({}, {"x.py": 40}),
        Measured({"x.py": ((3, 3),)}, {"x.py": 40}),
        Measured({"x.py": ((1, 40),)}, {"x.py": 40}),
        Measured(unseen=("not known",)),
    ]
)
moves = st.sampled_from(["arrive", "end", "end", "release", "flake", "break"])


def most_of(entry: Entry, measured: Measured) -> int:
    """What was not measured may not have been executed."""
    return max(risk_with(entry, measured), worst(EXPOSURE, measured).score)


@given(st.lists(st.tuples(moves, st.integers(0, 5), said), max_size=30), st.integers(1, 3), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_over_the_threshold_lands_only_after_a_person_was_told(
    steps: list[tuple[str, int, Measured]], slots: int, lanes: bool
) -> None:
    scene = World(Policy(slots=slots, wait_risk=THRESHOLD, lanes=lanes))
    for move, number, measured in steps:
        name = NAMES[number]
        if move == "arrive" and name not in scene.queue.entries:
            scene.measured[name] = measured
            scene.arrive(name, risk=6, exposure=EXPOSURE, reach=(f"{name}.py",))
        elif move == "end" and scene.running:
            scene.end()
        elif move == "release" and name in scene.queue.entries and scene.queue.entries[name].place is Place.HELD:
            scene.record(*release(scene.queue, name, "me"))
        elif move == "flake":
            scene.fails_once("flaky")
        elif move == "break":
            scene.breaks(f"t{number}", name, NAMES[(number + 1) % 6])
        scene.step()
    scene.settle()

    told: dict[EntryId, int] = {}
    cleared: dict[EntryId, int] = {}
    entries: dict[EntryId, Entry] = {}
    for event in scene.events:
        match event:
            case EntryQueued():
                entries[event.entry.id] = event.entry
            case EntryHeld():
                told[event.id] = max(told.get(event.id, 0), event.risk)
            case EntryReleased():
                cleared[event.id] = told[event.id]
            case LandingIntended():
                risks = {each: most_of(entries[each], scene.measured[each]) for each in event.entries}
                assert all(risk < THRESHOLD or cleared.get(each, -1) >= risk for each, risk in risks.items())
                assert audit_landings(scene.events).broken == ()
            case _:
                pass
    waiting = [each.place for each in scene.queue.entries.values()]
    assert Place.QUARANTINED not in waiting
    assert Place.WAITING not in waiting or scene.queue.halted is not None
