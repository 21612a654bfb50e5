"""The seed case as it happens: two agents' branches merged cleanly, deployed, and the application hangs for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from gitrepo import GitRepo
from lock_variants import COUNT, HEAD, INSERT, SECOND, application
from tagged import PACKAGE

STAGES = "engine/stages.py"
ASSIGNMENTS = "content = session.get(Content, content_id)\n        content.current_stage = value"
RUN = """
import os, sys
from engine.database import engine
from engine.models import Base, Content
if sys.argv[1] == "tagged":
    from watchkeeper_tag import Tagging
    from watchkeeper_tag.sqlalchemy import install
    install(engine, Tagging(os.getcwd(), publish=sys.argv[2] == "journal"))
from engine.stages import SessionLocal, update_stage_field
Base.metadata.create_all(engine)
with SessionLocal() as session:
    session.merge(Content(id=1))
    session.commit()
print("ready", flush=True)
update_stage_field(1, "published")
print("done", flush=True)
"""


def stages(*statements: str) -> str:
    """The function with these statements in it."""
    body = "".join(f"        {each}\n" for each in statements)
    start = "def update_stage_field(content_id, value):\n    with SessionLocal() as session:\n"
    return f"{HEAD}{start}{body}        session.commit()\n"


BASE = stages("# begin", INSERT, "session.flush()", COUNT, "# end")
IN_SESSION = stages(ASSIGNMENTS, "# begin", INSERT, "session.flush()", COUNT, "# end")
THREAD = "future = pool.submit(set_status, content_id, value)\n        future.result()"
"""The second write in a thread that the function waits for."""


def with_second(statement: str) -> str:
    """The other agent's text, with its write over a second connection."""
    return stages("# begin", INSERT, "session.flush()", COUNT, "# end", statement)


class Scene:
    """A repository whose main has both changes; what is deployed of it runs against a server."""

    def __init__(self, root: Path, server: str, database: str, second: str = SECOND) -> None:
        self.root, self.server, self.database = root, server, database
        self.repo = GitRepo.create(root / "shop")
        self.repo.commit("a newsroom's stages", {**application(BASE), "run.py": RUN})
        self.commits: dict[str, str] = {}
        for agent, issue, text in (("agent-a", "101", IN_SESSION), ("agent-b", "102", with_second(second))):
            self.repo.git("checkout", "-q", "-b", agent, "main")
            self.repo.write(STAGES, text)
            message = f"mirror a stage, {agent}\n\nAgent: {agent}\nIssue: {issue}\n"
            self.commits[agent] = self.repo.commit(message)
        self.repo.git("checkout", "-q", "main")
        for agent in self.commits:
            self.repo.git("merge", "-q", "--no-edit", agent)
        self.deployed = self.repo.git("rev-parse", "HEAD")
        self.env = {
            **os.environ, "WATCHKEEPER_HOME": str(root / "home"), "WATCHKEEPER_TAG_DIR": str(root / "tags"),
            "WATCHKEEPER_DSN": f"host={server} user=test dbname={database}",
        }  # fmt: skip

    def move_on(self) -> None:
        """Somebody commits more, above those lines: main is no longer what is deployed."""
        text = (self.repo.path / STAGES).read_text()
        self.repo.commit("more words\n\nAgent: agent-z\nIssue: 900\n", {STAGES: f"# one\n# two\n# three\n{text}"})

    @contextmanager
    def hanging(self, *, tagged: bool = True, journal: bool = True) -> Iterator[None]:
        """The deployed revision in a folder of its own, standing still; ended with everything at the end."""
        place = self.root / "app"
        self.repo.git("worktree", "add", "-q", "--detach", str(place), self.deployed)
        words = ["tagged" if tagged else "plain", "journal" if journal else "silent"]
        url = f"postgresql+psycopg://test@/{self.database}?host={self.server}&application_name=engine"
        process = subprocess.Popen(
            [sys.executable, "run.py", *words], cwd=place, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**self.env, "DATABASE_URL": url, "PYTHONPATH": str(PACKAGE)},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]

    def verb(self, *words: str, codes: frozenset[int] = frozenset({0, 1})) -> str:
        """What a verb says in the repository."""
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words], cwd=self.repo.path, env=self.env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode in codes, done.stderr
        return done.stdout

    def watched(self, is_enough: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first incident that a watch tells, or as it is told later, when more is known."""
        with subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "db", "watch", "--json", "--name", "shop"],
            cwd=self.repo.path,
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
        ) as watch:
            assert watch.stdout is not None
            try:
                for line in watch.stdout:
                    told = json.loads(line)
                    if told["kind"] in ("incident-opened", "incident-changed"):
                        found: dict[str, Any] = told["event"]["incident"]
                        if is_enough(found):
                            return found
            finally:
                watch.terminate()
        raise AssertionError("the watch ended without an incident")

    def wait_for(self, is_so: Callable[[], bool], seconds: float = 40.0) -> None:
        """Until it is so."""
        ends = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < ends, f"not within {seconds:.0f} s"
            time.sleep(0.2)

    def deadlocks(self) -> int:
        """What the server has counted."""
        with psycopg.connect(self.env["WATCHKEEPER_DSN"]) as connection:
            row = connection.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
            assert row is not None
            return int(row[0])


def origins(incident: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    """Where the party with this role comes from."""
    (party,) = (each for each in incident["parties"] if each["role"] == role)
    found: list[dict[str, Any]] = party["attribution"]["origins"]
    return found
