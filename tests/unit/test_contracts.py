"""Contracts of deliverables and playbooks: what is read, and what is refused by name."""

from __future__ import annotations

import pytest

from watchkeeper.engagements.methodology.contracts import (
    AtomKind,
    Gate,
    Playbook,
    Step,
    find_ring,
    parse_contract,
    parse_playbook,
)
from watchkeeper.model.errors import UsageError

CONTRACT = """
subject = "strategist"
verb = "writes"
object = "positioning"
code = "pos"
title = "Positioning"

[[input]]
name = "brief"
min_chars = 400
max_age_days = 90
schema = ["Product", "Buyers"]

[[input]]
name = "competitors"
from = "competitive-analysis"

[output]
checks = [{check = "slot_filled"}, {check = "absent", value = "synergy", rule = "G-pos-003"}]
"""

PLAYBOOK = """
title = "Launch"
[[step]]
name = "market"
type = "competitive-analysis"
[[step]]
name = "position"
type = "positioning"
needs = ["market"]
"""


def test_a_contract_is_an_atom_with_inputs_and_checks() -> None:
    contract = parse_contract("positioning", CONTRACT, "contract.toml")
    assert contract.atom == "strategist-writes-positioning"
    assert contract.kind is AtomKind.SEALED
    assert contract.gates == (Gate.INTERNAL, Gate.PRINCIPAL, Gate.CLIENT)
    assert [(each.name, each.from_, each.required) for each in contract.input] == [
        ("brief", "", True),
        ("competitors", "competitive-analysis", True),
    ]
    assert [(each.check, each.value, each.rule) for each in contract.output.checks] == [
        ("slot_filled", "", ""),
        ("absent", "synergy", "G-pos-003"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('verb = "writes"', 'verb = "Writes it"', "verb has to be one word"),
        ('object = "positioning"', 'object = "launch-plan"', "object has to be the name of its folder"),
        ('code = "pos"', 'code = "p"', "code has to be two to eight"),
        ('title = "Positioning"', 'title = " "', "title has to be"),
        ('title = "Positioning"', 'title = "P"\nkind = "open"', "Invalid enum value 'open'"),
        ('title = "Positioning"', 'title = "P"\ngates = ["client", "internal"]', "in the order"),
        ('title = "Positioning"', 'title = "P"\ngates = ["client", "client"]', "each gate once"),
        ('title = "Positioning"', 'title = "P"\nminutes = 0', "minutes has to be above 0"),
        ('title = "Positioning"', 'title = "P"\ncolour = 1', "unknown field `colour`"),
        ("min_chars = 400", "min_chars = -1", "numbers of 0 or more"),
        ("min_chars = 400", 'source = "nobody"', "input 1.source has to be client or operator"),
        ('name = "competitors"', 'name = "brief"', "'brief' is there twice"),
        ('from = "competitive-analysis"', 'from = "positioning"', "another type than itself"),
        ("[output]", '[output]\ntemplate = "../x.md"', "a file beside the contract"),
        ("[output]", "[output", "it is no TOML"),
    ],
)
def test_a_mistake_in_a_contract_is_told_by_its_key(old: str, new: str, what: str) -> None:
    assert old in CONTRACT
    with pytest.raises(UsageError, match=what) as caught:
        parse_contract("positioning", CONTRACT.replace(old, new), "contract.toml")
    assert caught.value.slug == "contract-file"


def test_a_playbook_is_steps_in_an_order() -> None:
    assert parse_playbook(PLAYBOOK, "launch.toml").step == (
        Step("market", "competitive-analysis"),
        Step("position", "positioning", ("market",)),
    )


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('needs = ["market"]', 'needs = ["markets"]', "'markets' is none"),
        ('name = "position"', 'name = "market"', "'market' is there twice"),
        ('type = "competitive-analysis"', 'type = "competitive-analysis"\nneeds = ["position"]', "no ring: market"),
        ('needs = ["market"]', 'needs = ["position"]', "no ring: position needs position"),
        ('title = "Launch"', 'title = "Launch"\nseal = "half"', "seal has to be any or full"),
        ('title = "Launch"', "", "missing required field `title`"),
    ],
)
def test_a_mistake_in_a_playbook_is_told_by_its_step(old: str, new: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        parse_playbook(PLAYBOOK.replace(old, new), "launch.toml")
    assert caught.value.slug == "playbook-file"


def test_a_ring_is_found_behind_what_leads_into_it() -> None:
    playbook = Playbook(
        "x", (Step("a", "t", ("b",)), Step("b", "t", ("c", "d")), Step("c", "t", ("b",)), Step("d", "t"))
    )
    assert find_ring(playbook) == ("b", "c")
