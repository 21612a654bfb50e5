"""What is pinned in one host's hub is given to others': pushed into an inbox there, and taken from it when needed.

Nothing of it is believed: git checks every object that comes in (``fsckObjects``) before it is kept, what is sent at
once is bounded, and a user's own repository is never written to. A pin of ours is never let go for one that came.
"""

from __future__ import annotations

import re
from pathlib import Path

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import Special, decode_path, run_git
from watchkeeper.repos.hub import Hub, open_borrowing
from watchkeeper.repos.repository import Repository

MOST_BYTES = 2 << 30
"""Of one push into an inbox: twice what a snapshot takes in."""

_TIMEOUT_S = 300.0
_CHECKED = {"transfer.fsckObjects": "true", "fetch.fsckObjects": "true", "gc.auto": "0"}
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def make_inbox(place: Path, repository: Repository) -> None:
    """A bare repository for others to push to, made where it is missing. It reads the clone's objects, so that nobody
    sends what is here already. Raises: GitError, WatchkeeperError."""
    open_borrowing(place, repository, {"receive.fsckObjects": "true", "receive.maxInputSize": str(MOST_BYTES)})


def send(hub: Hub, address: str, folder: str) -> None:
    """Push all pins in a folder of names. Blocks. Idempotent. Raises: GitError (nobody answers, it is refused)."""
    refs = f"refs/watchkeeper/{folder}/*"
    _git(hub, "push", "--quiet", "--no-verify", "--no-signed", "--", address, f"+{refs}:{refs}")


def take_in(hub: Hub, address: str, folder: str) -> dict[str, Sha]:
    """Bring the pins in a folder of names into the hub; what came, by name. Where a number is taken, the next is used.

    Blocks. Idempotent. Raises: GitError (nobody answers, an object is not sound).
    """
    there = f"refs/watchkeeper/{folder}/*"
    _git(
        hub, "fetch", "--quiet", "--no-tags", "--no-auto-gc", "--no-write-fetch-head", "--prune", "--refmap=", "--",
        address, f"+{there}:refs/watchkeeper/received/{folder}/*",
    )  # fmt: skip
    came = hub.pins(f"received/{folder}")
    found = {name.removeprefix("received/"): sha for name, sha in came.items() if _SHA.fullmatch(sha)}
    for name, sha in sorted(found.items(), key=lambda each: _number(each[0])):
        _keep(hub, folder, name, sha)
    return found


def _keep(hub: Hub, folder: str, name: str, sha: Sha) -> None:
    pins = hub.pins(folder)
    if name not in pins:
        hub.pin(name, sha)
    elif pins[name] != sha and _number(name) and sha not in pins.values():
        hub.pin(f"{folder}/{max(map(_number, pins)) + 1}", sha)
    elif pins[name] != sha and not _number(name) and hub.repository.is_ancestor(pins[name], sha):
        hub.pin(name, sha)


def _number(name: str) -> int:
    last = name.rpartition("/")[2]
    return int(last) if last.isdecimal() and len(last) < 10 else 0


def _git(hub: Hub, *args: str) -> None:
    try:
        run_git(hub.folder, "--git-dir=.", *args, config=_CHECKED, timeout_s=_TIMEOUT_S, special=Special(network=True))
    except GitError as error:
        if error.slug == "git-missing":
            raise
        address = args[args.index("--") + 1]
        raise GitError(
            f"{address} does not answer, or refuses: {error.message}",
            slug="hub-unreachable",
            hint=f"try it by hand: git ls-remote {address}; and see host.hub in fleet.toml",
            facts={"address": decode_path(address.encode())},
        ) from error
