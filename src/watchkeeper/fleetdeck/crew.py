"""From an agent of ``fleet.toml`` to a program that can be driven, and takes part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from watchkeeper.agents.acp import AcpAdapter
from watchkeeper.agents.codex_server import CodexAdapter
from watchkeeper.agents.plain import PlainAdapter
from watchkeeper.agents.port import Adapter, Capabilities, Gate, Launch, Verdict
from watchkeeper.agents.vendors import ACP_VENDORS, AcpVendor
from watchkeeper.fleet.config import AgentEntry
from watchkeeper.model.agents import Act, AgentEvent
from watchkeeper.model.fleet import Engagement
from watchkeeper.sandbox.guarding import guard_command
from watchkeeper.watch.running import Attended, gate_of


def make_agent(agent: AgentEntry, engagement: Engagement, socket: Path, environment: Mapping[str, str]) -> Attended:
    """The agent of an engagement: ``environment`` is all that its program gets. Nothing is started yet.

    A guardian stands above it, and ends it with this process. Raises WatchkeeperError where there is no such program.
    """
    return Attended(
        agent.name, _adapter(agent, gate_of(agent.name, socket), environment), socket, issue=engagement.issue
    )


def make_reader(agent: AgentEntry, environment: Mapping[str, str], answers: Collection[str]) -> Adapter:
    """An agent that may write the files ``answers`` alone, as far as its protocol lets it be held back from others.

    It takes part in nothing: no notices, no leases. Nothing is started yet.
    """

    async def gate(event: AgentEvent) -> Verdict:
        is_answer = event.path.rpartition("/")[2] in answers
        if event.act is Act.WRITE and not is_answer:
            return Verdict(False, f"You read alone: the only file that you write is {' or '.join(sorted(answers))}")
        return Verdict(True)

    return _adapter(agent, gate, environment)


def _adapter(agent: AgentEntry, gate: Gate, environment: Mapping[str, str]) -> Adapter:
    launch = Launch(guard_command(agent.command, environment), environment)
    match agent.protocol:
        case "codex":
            return CodexAdapter(launch, gate=gate)
        case "plain":
            return PlainAdapter(agent.name, launch)
        case _:
            return AcpAdapter(_vendor(agent), launch, gate=gate)


def _vendor(agent: AgentEntry) -> AcpVendor:
    """What is known of the vendor, by the agent's name or that of its program; else nothing beyond the protocol."""
    program = Path(agent.command[0]).name if agent.command else ""
    known = ACP_VENDORS.get(agent.name) or ACP_VENDORS.get(program)
    if known is None:
        return AcpVendor(agent.name, agent.command, Capabilities())
    return msgspec.structs.replace(known, name=agent.name, command=agent.command)
