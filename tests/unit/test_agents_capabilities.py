"""What is said of agents as data is what was measured with them last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from watchkeeper.agents import codex_server, opencode_server
from watchkeeper.agents.port import Capabilities, GateKind, Reads
from watchkeeper.agents.vendors import ACP_VENDORS
from watchkeeper.model.agents import Channel

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "conformance.json"
MEASURED = {row["agent"]: row for row in json.loads(RESULTS.read_text())["figures"]["agents"] if "why" not in row}
SAID = {
    **{name: vendor.capabilities for name, vendor in ACP_VENDORS.items()},
    "codex": codex_server.CAPABILITIES,
    "opencode-server": opencode_server.CAPABILITIES,
}
READS = {Reads.LINES: "lines", Reads.PATHS: "path", Reads.COMMANDS: "path", Reads.NONE: "no"}


@pytest.mark.parametrize("agent", MEASURED)
def test_what_an_agent_can_do_is_what_it_did(agent: str) -> None:
    said, seen = SAID[agent], MEASURED[agent]

    assert said.measured == seen["version"]
    assert READS[said.reads] == seen["read"]
    assert said.diffs == (seen["difference"] == "yes")
    assert (Channel.STEER in said.push) == (seen["advise"] == "steer")
    assert said.cancel == seen["cancel"].endswith("goes on")
    assert said.resume == (seen["resume"] == "yes")


@pytest.mark.parametrize("agent", MEASURED)
def test_whether_a_rejection_ends_the_turn_is_what_was_seen(agent: str) -> None:
    said, gate = SAID[agent], MEASURED[agent]["gate"]

    asked = {GateKind.PERMISSION, GateKind.DECLINE} & {*said.gates}
    assert bool(asked) == (gate != "not asked")
    assert said.reject_ends_turn == (None if gate == "not asked" else "turn ends" in gate)


def test_what_is_only_known_from_documentation_says_so() -> None:
    unmeasured = {agent for agent, said in SAID.items() if not said.measured}

    assert unmeasured == {"claude-agent-acp", "cursor"}
    assert not unmeasured & {*MEASURED}


def test_an_agent_that_can_be_steered_has_a_way_and_one_that_cannot_has_none() -> None:
    for vendor in ACP_VENDORS.values():
        assert (Channel.STEER in vendor.capabilities.push) == (vendor.steering is not None), vendor.name
    assert Capabilities().push == ()


def test_the_table_of_the_documentation_is_the_measured_one() -> None:
    columns = ("agent", "version", "read", "write", "difference", "run", "advise", "gate", "cancel", "resume")
    page = (RESULTS.parents[2] / "docs" / "adapters.md").read_text()

    rows = [
        f"| {' | '.join(row[column].partition(' (the agent')[0] for column in columns)} |" for row in MEASURED.values()
    ]
    assert "\n".join([f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *rows]) in page
