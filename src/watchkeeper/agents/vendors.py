"""How vendors differ where they speak the same protocol: a row each, as data, with what was measured."""

from __future__ import annotations

import msgspec

from watchkeeper.agents.port import Capabilities, GateKind, Reads
from watchkeeper.model.agents import Channel


class Steering(msgspec.Struct, frozen=True):
    """How text is pushed into a running turn over ACP.

    ``method`` is called with the session, the text, and under ``run_key`` the id of the running turn, which the agent
    tells under ``run_path`` of its session updates. ``is_answered``: at once; else its answer is that of the turn.
    ``offered_at``: where the agent's answer to ``initialize`` says that it can; empty: it says so nowhere.
    """

    method: str
    is_answered: bool = True
    run_key: str = ""
    run_path: tuple[str, ...] = ()
    offered_at: tuple[str, ...] = ()


class AcpVendor(msgspec.Struct, frozen=True):
    """An agent that speaks ACP. ``command`` starts it, ``mode`` is set in each session, ``""``: as it is.

    ``steering`` None: a second prompt would cancel or queue, and there is no other way in. ``tool_name_at``: where a
    tool call says which tool it is, other than in its kind.
    """

    name: str
    command: tuple[str, ...]
    capabilities: Capabilities
    steering: Steering | None = None
    mode: str = ""
    tool_name_at: tuple[str, ...] = ()


SECOND_PROMPT = Steering("session/prompt", is_answered=False)
"""Only for agents that merge it into the running turn: others cancel that turn, or queue."""

GOOSE = AcpVendor(
    name="goose",
    command=("goose", "acp"),
    capabilities=Capabilities(
        push=(Channel.STEER,),
        gates=(GateKind.HOOK, GateKind.FILES, GateKind.PERMISSION),
        reject_ends_turn=False,
        reads=Reads.LINES,  # with ``serves_files``; else it reads through its shell
        diffs=True,
        cancel=True,
        resume=True,
        measured="1.52.0",
    ),
    steering=Steering(
        "_goose/unstable/session/steer", run_key="expectedRunId", run_path=("_meta", "goose", "activeRunId")
    ),
    tool_name_at=("_meta", "goose", "toolCall", "toolName"),
)

CODEX_ACP = AcpVendor(
    name="codex-acp",
    command=("codex-acp",),
    capabilities=Capabilities(
        push=(Channel.STEER, Channel.HOOK, Channel.STOP),
        gates=(GateKind.HOOK, GateKind.PERMISSION),
        reject_ends_turn=True,
        reads=Reads.COMMANDS,
        diffs=True,
        cancel=True,
        resume=True,
        measured="2.6.0",
    ),
    steering=Steering("_session/steering", offered_at=("_meta", "steering", "supported")),
)

OPENCODE = AcpVendor(
    name="opencode",
    command=("opencode", "acp"),
    capabilities=Capabilities(
        push=(Channel.STEER, Channel.HOOK),
        gates=(GateKind.HOOK, GateKind.PERMISSION),
        reject_ends_turn=True,
        reads=Reads.LINES,
        diffs=True,
        cancel=True,
        resume=True,
        measured="1.18.33",
    ),
    steering=SECOND_PROMPT,
)

OPENHANDS = AcpVendor(
    name="openhands",
    command=("openhands", "acp"),
    capabilities=Capabilities(
        push=(Channel.STEER, Channel.STOP),
        gates=(GateKind.HOOK,),  # asks over ACP only for what it calls risky itself
        reads=Reads.LINES,
        diffs=True,
        cancel=True,  # the turn ends as if it had come to its end
        resume=True,
        measured="1.16.0",
    ),
    steering=SECOND_PROMPT,
)

GEMINI = AcpVendor(
    name="gemini",
    command=("gemini", "--acp"),
    capabilities=Capabilities(
        push=(Channel.HOOK,),
        gates=(GateKind.PERMISSION,),
        reject_ends_turn=False,
        reads=Reads.PATHS,
        diffs=True,
        cancel=True,
        resume=False,  # it seldom finds the session again
        measured="0.61.0",
    ),
)

COPILOT = AcpVendor(
    name="copilot",
    command=("copilot", "--acp"),
    capabilities=Capabilities(
        push=(Channel.HOOK, Channel.STOP),
        gates=(GateKind.HOOK, GateKind.PERMISSION),
        reject_ends_turn=True,
        reads=Reads.LINES,
        diffs=True,
        cancel=True,
        resume=True,
        measured="1.0.102",
    ),
)

CLAUDE_ACP = AcpVendor(
    name="claude-agent-acp",
    command=("claude-agent-acp",),
    capabilities=Capabilities(
        push=(Channel.STEER, Channel.HOOK, Channel.STOP),
        gates=(GateKind.HOOK, GateKind.PERMISSION),
        reads=Reads.LINES,
        diffs=True,
    ),
    steering=Steering("_session/steering", offered_at=("_meta", "steering", "supported")),
)

CURSOR = AcpVendor(
    name="cursor",
    command=("agent", "acp"),
    capabilities=Capabilities(push=(Channel.HOOK, Channel.STOP), gates=(GateKind.HOOK, GateKind.PERMISSION)),
)

ACP_VENDORS = {each.name: each for each in (GOOSE, CODEX_ACP, OPENCODE, OPENHANDS, GEMINI, COPILOT, CLAUDE_ACP, CURSOR)}
