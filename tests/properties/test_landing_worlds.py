"""The planner in random worlds of virtual time: what holds whatever arrives, breaks, flakes and overlaps.

The worlds and the driver are those of ``make bench-landing``, which counts what is promised; here it is only lived.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from landing.arm import Played
from landing.ours import Ours
from landing.world import Setting, Truth, make_truth
from watchkeeper.landing.audit import audit_landings
from watchkeeper.landing.plan import Plan
from watchkeeper.landing.planner import plan
from watchkeeper.landing.policy import Policy
from watchkeeper.model.landing import LandingEvent

SETTINGS = st.builds(
    Setting,
    rate=st.sampled_from([2.0, 10.0, 40.0]),
    slots=st.integers(1, 6),
    flake=st.sampled_from([0.0, 0.02, 0.1]),
    bad=st.sampled_from([0.0, 0.05, 0.3]),
    pair=st.sampled_from([0.0, 0.05, 0.3]),
    durations=st.sampled_from(["const", "lognormal", "bimodal"]),
    burst=st.sampled_from([0, 8]),
    sharing=st.sampled_from([0, 1]),
    staleness=st.sampled_from([0.0, 60.0, 600.0]),
    changes=st.integers(1, 30),
)
POLICIES = st.builds(
    Policy,
    batch=st.sampled_from([0, 1, 8]),
    quarantines=st.booleans(),
    only_failing=st.booleans(),
    wide_search=st.booleans(),
)


class AskedTwice(Ours):
    """Every plan is made a second time, from the same queue; what was recorded is kept."""

    def __init__(self, truth: Truth, policy: Policy) -> None:
        self.events: list[LandingEvent] = []
        super().__init__(truth, policy)

    def record(self, *events: LandingEvent) -> None:
        self.events += events
        super().record(*events)

    def perform(self, todo: Plan) -> bool:
        assert plan(self.queue, self.policy) == todo
        return super().perform(todo)


def played(setting: Setting, policy: Policy, seed: int) -> tuple[AskedTwice, Played]:
    """Ends only once every change is decided; decides none twice and lands only what was tested, or asserts."""
    arm = AskedTwice(make_truth(setting, seed), policy)
    return arm, arm.play()


@settings(max_examples=40)
@given(setting=SETTINGS, policy=POLICIES, seed=st.integers(0, 10_000))
def test_main_is_never_red_and_every_change_is_decided_once_within_the_slots(
    setting: Setting, policy: Policy, seed: int
) -> None:
    policy = Policy(
        setting.slots, policy.batch, False, True, policy.quarantines, policy.only_failing, policy.wide_search
    )
    arm, game = played(setting, policy, seed)
    assert game.reds == 0
    assert sorted(game.outcomes) == list(range(setting.changes))
    assert game.spent.most <= setting.slots
    assert not arm.queue.runs
    assert not arm.queue.diagnoses
    assert audit_landings(arm.events).broken == ()


@settings(max_examples=40)
@given(setting=SETTINGS, seed=st.integers(0, 10_000))
def test_where_no_test_is_flaky_only_the_guilty_go_back_and_every_named_set_is_a_true_minimal_one(
    setting: Setting, seed: int
) -> None:
    steady = Setting(
        setting.rate, setting.slots, bad=setting.bad, pair=setting.pair, burst=setting.burst, changes=setting.changes
    )
    _, game = played(steady, Policy(slots=setting.slots), seed)
    back = [each for each in game.outcomes.values() if not each.has_landed]
    assert not [each for each in back if each.is_false]
    assert not [each for each in back if not each.is_right]


def test_a_world_without_faults_sends_nobody_back() -> None:
    setting = Setting(10.0, 2, bad=0.0, pair=0.0, changes=40)
    _, game = played(setting, Policy(slots=2), 1)
    assert all(each.has_landed for each in game.outcomes.values())


def test_a_world_of_pairs_sends_some_back_with_their_partners() -> None:
    setting = Setting(20.0, 2, bad=0.0, pair=0.3, changes=40)
    _, game = played(setting, Policy(slots=2), 1)
    assert sum(bool(each.named) for each in game.outcomes.values()) > 3
