"""A target branch on a remote: pushed with a lease, then asked again, and only that answer is believed."""

from __future__ import annotations

import re
from pathlib import Path

from watchkeeper.model.errors import GitError, UsageError, WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import GitResult, Special, decode_path, run_git, show_path
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.messages import one_line
from watchkeeper.repos.moving import Outcome, Refused, Unknown, deliver, lost_or_moved, refuse_rewriting
from watchkeeper.repos.repository import Repository

_MOST_FETCHES = 5
_LOCKED = "cannot lock ref"
_NOISE = ("To ", "hint:", "error: failed to push some refs")


class RemoteBranch:
    """A branch of a remote that the user's repository knows by name.

    Speaks to it as his git does: his credentials, ssh and proxies; nothing ever asks for a password, and his hooks
    (``pre-push``, so also Git LFS) are not run. His ``refs/remotes/<remote>/<branch>`` follows, as with his own pushes.
    """

    def __init__(self, hub: Hub, repository: Repository, remote: str, branch: str, *, timeout_s: float = 120.0) -> None:
        """``timeout_s`` is for one conversation with the remote. Raises: UsageError where there is no such remote."""
        known = decode_path(repository.git("remote").output).splitlines()
        if remote not in known:
            raise UsageError(
                f"there is no remote {show_path(remote)!r}",
                slug="unknown-remote",
                hint=f"known are: {', '.join(known)}" if known else "git remote add origin URL",
            )
        self._hub = hub
        self._repository = repository
        self._remote = remote
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        self._timeout_s = timeout_s
        self._folder = _home(repository)

    def read_tip(self) -> Sha | None:
        """Asks the remote, and fetches what it has, so that the hub can build on it. Raises: GitError."""
        try:
            now = self._ask()
            # His store and not only the hub: what is pushed from there has to be complete there.
            if now is not None:
                self._bring(now)
        except GitError as error:
            if error.slug == "git-missing":
                raise
            raise GitError(
                f"{self._shown()} does not answer: {error.message}",
                slug="remote-unreachable",
                hint=f"try it by hand: git ls-remote {show_path(self._remote)}",
            ) from error
        return now

    def move(self, old: Sha, new: Sha, message: str) -> Outcome:  # noqa: ARG002 a remote keeps its own log
        try:
            now = self.read_tip()
        except WatchkeeperError as error:
            return Refused(error.message, slug="remote-unreachable")
        if now != old:
            return lost_or_moved(self._hub, now, new)
        if not self._hub.repository.is_ancestor(old, new):
            return refuse_rewriting(self._branch)
        deliver(self._hub, self._repository, new, old)
        words = self._push(old, new)
        try:
            now = self.read_tip()
        except WatchkeeperError as error:
            return Unknown(f"after the push, {error.message}")
        if now == old:
            return Refused(f"{self._shown()} did not take the push", slug="push-refused", words=words)
        return lost_or_moved(self._hub, now, new)

    def _push(self, old: Sha, new: Sha) -> str:
        """What was said; whether it came true is asked of the remote."""
        try:
            result = self._speak(
                "push", "--porcelain", "--atomic", "--no-verify", "--no-follow-tags", "--recurse-submodules=no",
                f"--force-with-lease={self._ref}:{old}", "--", self._remote, f"{new}:{self._ref}",
                allowed=range(-64, 256),
            )  # fmt: skip
        except WatchkeeperError as error:  # too slow
            return error.message
        return _words(result)

    def _ask(self) -> Sha | None:
        output = self._speak("ls-remote", "--refs", "--", self._remote, self._ref).output
        lines = (line.partition("\t") for line in decode_path(output).splitlines())
        return next((Sha(sha) for sha, _, ref in lines if ref == self._ref), None)

    def _bring(self, commit: Sha) -> None:
        """Fetch until it is there. Of two who fetch at once one is refused the lock of the branch that both move."""
        for tried in range(_MOST_FETCHES):
            if self._repository.find_commit(commit) is not None:
                return
            try:
                self._fetch()
            except GitError as error:
                if tried + 1 == _MOST_FETCHES or _LOCKED not in error.message:
                    raise

    def _fetch(self) -> None:
        self._speak(
            "fetch",
            "-q",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--",
            self._remote,
            self._ref,
        )

    def _speak(self, *args: str, **limits: object) -> GitResult:
        return run_git(
            self._folder, f"--git-dir={self._repository.common_dir}", *args,
            special=Special(network=True), timeout_s=self._timeout_s, **limits,  # type: ignore[arg-type]
        )  # fmt: skip

    def _shown(self) -> str:
        return f"{show_path(self._branch)} at {show_path(self._remote)}"


def _home(repository: Repository) -> Path:
    """Where git has to stand for a remote's URL that is a relative path: it counts from the top of the checkout."""
    main = repository.worktrees()[0]
    return main.path if main.is_present else repository.common_dir


def _words(result: GitResult) -> str:
    """What a remote, its hooks and git say about a push, a line each, as text of strangers."""
    rejected = re.findall(r"^!\t[^\t]*\t(.*)$", decode_path(result.output), re.MULTILINE)
    told = [line.removeprefix("remote:") for line in result.errors.splitlines() if not line.startswith(_NOISE)]
    return "\n".join(line for line in (one_line(text, 200) for text in [*rejected, *told][:40]) if line)
