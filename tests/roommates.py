"""A checkout in which several agents work, for tests of the live watch."""

from __future__ import annotations

import time

from gitrepo import GitRepo
from watching import Watched, numbered
from watchkeeper.conflicts.standing import ConflictState
from watchkeeper.model.agents import Act, AgentEvent, Phase, Session, SessionId, TextEdit

CODEX, CLAUDE = SessionId("codex-1"), SessionId("claude-1")
STAGES = "stages.py"
NAME = "stages:update_stage_field"
BASE = numbered("update_stage_field", 12, {})
EARLY, LATE = "    mirror()\n", "    replicate()\n"


def early(text: str) -> tuple[str, str, str]:
    """The text with a line after its second step, and the edit that put it there."""
    old = "    step_1()\n"
    return text.replace(old, old + EARLY), old, old + EARLY


def late(text: str) -> tuple[str, str, str]:
    old = "    step_10()\n"
    return text.replace(old, old + LATE), old, old + LATE


class Checkout:
    """The main checkout of a repository, and agents that work in it."""

    def __init__(self, repo: GitRepo, watched: Watched) -> None:
        self.repo = repo
        self.watched = watched

    async def enter(self, *sessions: SessionId) -> None:
        known = [Session(each, each.partition("-")[0], f"id of {each}", str(self.repo.path)) for each in sessions]
        await self.watched.live.set_sessions(self.repo.path, known)

    async def tell(self, session: SessionId, old: str | None, new: str, path: str = STAGES) -> None:
        told = AgentEvent(
            "agent", f"id of {session}", Act.WRITE, path=path, edits=(TextEdit(old, new),), cwd=str(self.repo.path)
        )
        await self.watched.live.tell(self.repo.path, session, told)

    async def edit(self, session: SessionId, old: str, new: str, path: str = STAGES) -> None:
        """As agents do: the file is written, and then the hook says so."""
        place = self.repo.path / path
        place.write_text(place.read_text().replace(old, new, 1))
        await self.tell(session, old, new, path)

    async def run(self, session: SessionId, phase: Phase) -> None:
        told = AgentEvent("agent", f"id of {session}", Act.RUN, phase, command="make generate", call="1")
        await self.watched.live.tell(self.repo.path, session, told)

    async def have(self, *changes: str) -> None:
        await self.watched.until(lambda: self.watched.live_changes == set(changes), f"just {', '.join(changes)}")


def commit_now(repo: GitRepo, *paths: str) -> None:
    """Commit these files today: what landed long ago is not followed."""
    when = {name: f"{int(time.time())} +0000" for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
    repo.git("commit", "-q", "-m", "mirror", *paths, env=when)


def about(watched: Watched, *names: str) -> list[ConflictState]:
    return [each for each in watched.conflicts if set(names) <= set(each.conflict.subjects)]
