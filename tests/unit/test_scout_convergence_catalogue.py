"""The catalogue of kinds: ours is whole, others' are checked before they count."""

from __future__ import annotations

import pytest

from watchkeeper.model.errors import UsageError
from watchkeeper.model.scouting import KindId
from watchkeeper.scouts.convergence.catalogue import builtin_catalogue, parse_kinds, read_catalogue

GOOD = '[slow-loop]\nsays = "A loop is slow."\nexamples = ["Loop takes long"]\ncounter = "It runs once."\n'


def test_ours_has_thirty_kinds_each_with_examples_and_a_counter_example() -> None:
    kinds = builtin_catalogue().kinds

    assert len(kinds) == 30
    assert all(2 <= len(each.examples) <= 4 and each.counter for each in kinds.values())
    assert kinds[KindId("missing-ownership-check")].severity == 4


def test_a_project_adds_a_kind_and_keeps_ours() -> None:
    kinds = read_catalogue({".scout/kinds.toml": GOOD}).kinds

    assert kinds[KindId("slow-loop")].says == "A loop is slow."
    assert KindId("silent-error") in kinds


def test_a_project_says_one_of_ours_in_its_own_words() -> None:
    own = read_catalogue({"own.toml": GOOD.replace("slow-loop", "silent-error")})

    assert own.kinds[KindId("silent-error")].says == "A loop is slow."
    assert len(own.kinds) == 30


def test_a_rule_gives_its_kind_and_no_other_rule_does() -> None:
    catalogue = read_catalogue({"own.toml": f'{GOOD}rules = ["tree:slow"]\n'})

    assert catalogue.of_rule("tree", "slow") == "slow-loop"
    assert catalogue.of_rule("ruff", "slow") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[slow-loop", "no TOML"),
        (GOOD.replace("slow-loop", "Slow"), "no name of a kind"),
        (GOOD.replace("slow-loop", "cluster-1"), "given by Watchkeeper"),
        ("slow-loop = 3", "is no table"),
        (GOOD.replace("counter", "conter"), "did you mean 'counter'"),
        (GOOD.replace('["Loop takes long"]', "[]"), "1 to 8 sentences"),
        (GOOD.replace('"A loop is slow."', '" "'), "says nothing"),
        (GOOD.replace('"A loop is slow."', f'"{"x" * 401}"'), "401 characters"),
        (f"{GOOD}severity = 5", "1 to 4, not 5"),
        (f'{GOOD}rules = ["slow"]', "check:rule"),
    ],
)
def test_what_is_wrong_with_a_file_of_kinds_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match="kinds") as raised:
        parse_kinds(text)

    assert raised.value.slug == "kinds-file"
    assert said in raised.value.message


def test_a_rule_that_would_be_of_two_kinds_is_refused() -> None:
    rule = 'rules = ["tree:slow"]\n'

    with pytest.raises(UsageError, match="a rule is of one kind"):
        read_catalogue({"a": GOOD + rule, "b": GOOD.replace("slow-loop", "other-loop") + rule})
