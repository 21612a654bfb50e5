"""What follows from runs on one tree: a failure counts when it repeats, and a pass is stronger."""

from __future__ import annotations

from watchkeeper.landing.evidence import Evidence, Standing
from watchkeeper.landing.line import judge
from watchkeeper.model.landing import CAN_RUN, COMMAND, Verdict


def evidence(*runs: tuple[tuple[str, ...], Verdict, tuple[str, ...]]) -> Evidence:
    found = Evidence()
    for tests, verdict, failing in runs:
        found.add(tests, verdict, failing)
    return found


PASSED, FAILED, COULD_NOT = Verdict.PASSED, Verdict.FAILED, Verdict.COULD_NOT_RUN


def test_a_tree_of_which_nobody_asked_everything_is_unknown() -> None:
    assert evidence().standing() is Standing.UNKNOWN
    assert evidence((("a",), PASSED, ())).standing() is Standing.UNKNOWN


def test_one_run_in_which_everything_passes_is_enough() -> None:
    assert evidence(((), PASSED, ())).standing() is Standing.PASSES


def test_what_failed_once_is_suspected_only() -> None:
    assert evidence(((), FAILED, ("a",))).standing() is Standing.SUSPECT


def test_what_failed_twice_fails() -> None:
    assert evidence(((), FAILED, ("a",)), (("a",), FAILED, ("a",))).standing() is Standing.FAILS


def test_what_passes_the_second_time_is_flaky_and_the_tree_passes() -> None:
    found = evidence(((), FAILED, ("a", "b")), (("a", "b"), PASSED, ()))

    assert found.standing() is Standing.PASSES
    assert found.flaky() == ("a", "b")


def test_of_two_that_failed_one_that_failed_again_decides() -> None:
    found = evidence(((), FAILED, ("a", "b")), (("a", "b"), FAILED, ("b",)))

    assert found.standing() is Standing.FAILS
    assert found.failing() == ("b",)


def test_what_could_not_be_run_once_says_nothing() -> None:
    assert evidence(((), COULD_NOT, ())).standing() is Standing.SUSPECT
    assert evidence(((), COULD_NOT, ()), ((), PASSED, ())).standing() is Standing.PASSES


def test_what_cannot_be_run_twice_fails_as_a_whole_and_only_the_commit_below_tells_whose_fault_that_is() -> None:
    found = evidence(((), COULD_NOT, ()), ((), COULD_NOT, ()))

    assert found.standing() is Standing.FAILS
    assert found.failing() == (CAN_RUN,)
    assert judge(found.failing(), evidence(((), PASSED, ()))).own == (CAN_RUN,)
    assert judge(found.failing(), evidence(((), COULD_NOT, ()), ((), COULD_NOT, ()))).older == (CAN_RUN,)


def test_a_failure_is_the_trees_own_only_where_it_passes_below() -> None:
    below = evidence((("a", "b"), FAILED, ("b",)))

    judged = judge(("a", "b", "c"), below)

    assert judged.own == ("a",)
    assert judged.unknown == ("b", "c")  # failed once below: asked again


def test_after_a_pause_what_could_not_be_run_is_asked_as_if_for_the_first_time() -> None:
    found = evidence(((), COULD_NOT, ()), ((), COULD_NOT, ()))

    found.forget_what_could_not_run()

    assert found.standing() is Standing.UNKNOWN


def test_where_more_fails_than_was_asked_again_the_first_run_had_not_come_to_its_end() -> None:
    found = evidence(((), FAILED, ("a",)), (("a",), FAILED, ("b",)))

    assert found.standing() is Standing.SUSPECT
    assert found.failing() == (COMMAND,)


def test_what_was_known_to_fail_besides_what_was_asked_again_says_nothing_new() -> None:
    found = evidence(((), FAILED, ("a", "b")), (("a",), FAILED, ("b",)))

    assert found.failing() == ("b",)


def test_a_run_that_was_cut_short_lets_nobody_pass() -> None:
    found = evidence(((), FAILED, ("a", COMMAND)))

    assert not found.passes(("b",))
    assert found.standing() is Standing.SUSPECT


def test_a_run_that_was_cut_short_is_forgotten_where_everything_passes_the_second_time() -> None:
    found = evidence(((), FAILED, ("a", COMMAND)), (("a", COMMAND), PASSED, ()))

    assert found.standing() is Standing.PASSES
    assert found.flaky() == ("a",)


def test_the_command_passes_only_where_nothing_fails() -> None:
    assert not evidence(((), FAILED, ("a",))).passes((COMMAND,))
    assert evidence(((), PASSED, ())).passes((COMMAND,))


def test_a_run_that_was_cut_before_the_tests_says_nothing_of_them() -> None:
    found = Evidence()
    found.add((), FAILED, ("[locks] hangs",), is_cut=True)

    assert found.standing() is Standing.SUSPECT
    assert not found.passes(("test_it",))


def test_what_was_cut_twice_for_the_same_fails() -> None:
    found = Evidence()
    found.add((), FAILED, ("[locks] hangs",), is_cut=True)
    found.add(("[locks] hangs",), FAILED, ("[locks] hangs",))

    assert found.standing() is Standing.FAILS
    assert found.failing() == ("[locks] hangs",)


def test_a_finding_that_is_gone_the_second_time_lets_no_tree_pass_whose_tests_never_ran() -> None:
    found = Evidence()
    found.add((), FAILED, ("[locks] hangs",), is_cut=True)
    found.add(("[locks] hangs",), PASSED, ())

    assert found.standing() is Standing.UNKNOWN

    found.add((), FAILED, ("test_it",))
    assert found.standing() is Standing.SUSPECT
