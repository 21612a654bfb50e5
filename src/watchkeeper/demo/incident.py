"""The incident, as it happens: two right changes, a clean merge, a deployment, a hang, and the names behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from watchkeeper.demo.newsroom_texts import EDITS, FILES, TITLES
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.repos.git import run_git

_STAGES = "engine/stages.py"
_WHO = {"user.name": "Watchkeeper demo", "user.email": "demo@watchkeeper.invalid", "commit.gpgSign": "false"}
_PATIENCE_S = 20.0
_HANGS_S = 2.0


class Newsroom:
    """A repository, its deployment and its database, all below one folder. ``say`` gets each line as it happens."""

    def __init__(self, folder: Path, server: str, tag: Path | None, say: Callable[[str], None]) -> None:
        self._folder, self._server, self._say = folder, server, say
        self._repository = folder / "newsroom"
        self._deployed = folder / "production"
        self._dsn = f"host={server} user=test dbname=postgres"
        path = os.pathsep.join(filter(None, (str(tag or ""), os.environ.get("PYTHONPATH", ""))))
        self._env = {
            **os.environ, "WATCHKEEPER_HOME": str(folder / "state"), "WATCHKEEPER_TAG_DIR": str(folder / "tags"),
            "WATCHKEEPER_DSN": self._dsn, "PYTHONPATH": path, "GIT_CONFIG_GLOBAL": os.devnull,
            "DATABASE_URL": f"postgresql+psycopg://test@/postgres?host={server}&application_name=newsroom",
        }  # fmt: skip

    def play(self) -> bool:
        """All of it, in order; whether the watch has named both agents, and the server has seen no deadlock."""
        self._write_application()
        self._call("before both changes", "draft")
        for agent in EDITS:
            self._work(agent)
        self._merge()
        with self._serving() as process:
            incident = self._watch(process)
            counted = self._ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            self._say(f"pg_stat_database.deadlocks after {_HANGS_S:.0f} s of it: {counted}")
            self._show(incident["id"])
            self._end(incident)
        named = {each["agent"] for party in incident["parties"] for each in party["attribution"]["origins"]}
        return named == set(EDITS) and counted == 0

    def _write_application(self) -> None:
        self._repository.mkdir()
        self._git("init", "-q", "-b", "main")
        for path, text in FILES.items():
            place = self._repository / path
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)
        self._commit("a newsroom")
        self._say("a newsroom: update_stage_field(content, stage) adds a row for each stage")

    def _work(self, agent: str) -> None:
        """A scripted agent: a branch of its own, one edit, one commit with trailers; its change alone is right."""
        issue, title = TITLES[agent]
        self._git("checkout", "-q", "-b", agent, "main")
        place = self._repository / _STAGES
        old, new = EDITS[agent]
        place.write_text(place.read_text().replace(old, new))
        self._commit(f"{title}\n\nAgent: {agent}\nIssue: {issue}\n")
        self._call(f"{agent} alone (issue {issue}: {title})", "review")
        self._git("checkout", "-q", "main")

    def _merge(self) -> None:
        for agent in EDITS:
            self._git("merge", "-q", "--no-edit", agent)
        revision = self._git("rev-parse", "HEAD").strip()
        self._say("git merge agent-a agent-b: clean, both times")
        self._git("worktree", "add", "-q", "--detach", str(self._deployed), revision)
        self._verb("deployed", revision, "--env", "production")
        self._say(f"deployed: watchkeeper deployed {revision[:12]} --env production\n")

    def _call(self, when: str, stage: str) -> None:
        """One request to what is checked out, in a process of its own, timed."""
        with self._serving(self._repository) as process:
            began = time.monotonic()
            self._request(process, stage)
            assert process.stdout is not None
            answer = process.stdout.readline().strip()
            if answer != "handled":
                raise WatchkeeperError(f"the application failed {when}", slug="demo-failed", hint="watchkeeper doctor")
            self._say(f"{when}: one call takes {1000 * (time.monotonic() - began):.0f} ms")

    @contextmanager
    def _serving(self, place: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "serve.py"], cwd=place or self._deployed, env=self._env, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                _close(stream)

    @staticmethod
    def _request(process: subprocess.Popen[str], stage: str) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{stage}\n")
        process.stdin.flush()

    def _watch(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        """The watch runs before the request comes; what it tells is the incident."""
        command = [sys.executable, "-m", "watchkeeper", "db", "watch", "--json", "--name", "production"]
        with subprocess.Popen(
            command, cwd=self._repository, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as watch:
            try:
                assert watch.stdout is not None
                for line in watch.stdout:
                    told = json.loads(line)
                    if told["kind"] == "database-seen":
                        self._say("watchkeeper db watch: looks five times a second; now production gets a request")
                        self._request(process, "published")
                    if told["kind"] == "incident-opened":
                        found: dict[str, Any] = told["event"]["incident"]
                        late = found["seen"] - found["since"]
                        self._say(f"it hangs; told {late} ms after the wait began. The same still holds:")
                        time.sleep(_HANGS_S)
                        return found
            finally:
                watch.terminate()
        raise WatchkeeperError("nothing stood still", slug="demo-failed", hint="watchkeeper doctor")

    def _show(self, identity: str) -> None:
        self._say("")
        for line in self._verb("incident", identity).splitlines():
            if not line.startswith("next:"):
                self._say(line)
        self._say("")

    def _end(self, incident: dict[str, Any]) -> None:
        """What it advises first: the waiter alone is cancelled, and nothing is half written."""
        waiter = next(party["backend"] for party in incident["parties"] if party["role"] == "waiter")
        self._ask(f"SELECT pg_cancel_backend({int(waiter)})")
        ends = time.monotonic() + _PATIENCE_S
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'newsroom' AND state <> 'idle'"
        while self._ask(waiting) and time.monotonic() < ends:
            time.sleep(0.05)
        half = self._ask("SELECT count(*) FROM content WHERE 'published' IN (current_stage, pipeline_status)")
        self._say(f"its first advice is taken: the waiter ends with an error, and {half} rows are half written")

    def _ask(self, question: str) -> Any:
        import psycopg

        with psycopg.connect(self._dsn, autocommit=True) as connection:
            row = connection.execute(question.encode()).fetchone()
        return row[0] if row is not None else None

    def _verb(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words], cwd=self._repository, env=self._env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode not in (0, 1):
            raise WatchkeeperError(f"{' '.join(words)}: {done.stderr}", slug="demo-failed", hint="watchkeeper doctor")
        return done.stdout

    def _commit(self, message: str) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "-m", message)

    def _git(self, *words: str) -> str:
        return run_git(self._repository, *words, config=_WHO).output.decode()


def _close(stream: IO[str] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except BrokenPipeError:
        pass
