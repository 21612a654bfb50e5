"""Whether a fleet's projects are there and are what ``fleet.toml`` takes them for: repositories, remotes, branches."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

import msgspec

from watchkeeper.fleet.config import FleetConfig, ProjectEntry, TrackerEntry
from watchkeeper.model.errors import NotARepositoryError, UsageError, WatchkeeperError
from watchkeeper.model.hosts import shared_project
from watchkeeper.model.ids import ProjectId
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.repository import Repository, find_repository

_HUB_HOST = "github.com"


class Member(msgspec.Struct, frozen=True):
    """A project of the fleet whose repository was found."""

    entry: ProjectEntry
    repository: Repository
    shared: ProjectId | None = None

    @property
    def project(self) -> ProjectId:
        """Under which its issues and engagements are recorded: on every host the same, where hosts share the record."""
        return self.shared or self.repository.project


class Roster(msgspec.Struct, frozen=True):
    """All projects that can be worked on, and for each other one why it cannot be: the others go on."""

    members: tuple[Member, ...]
    problems: Mapping[str, WatchkeeperError]


def call_roll(config: FleetConfig, host: str = "") -> Roster:
    """Look at every project that this ``host`` works on (``""``: at all). Changes nothing; raises nothing."""
    members: list[Member] = []
    problems: dict[str, WatchkeeperError] = {}
    for entry in config.projects:
        if host and entry.host and entry.host.lower() != host.lower():
            continue
        try:
            found = _find(config, entry)
            _refuse_same(config, found, members)
            members.append(found)
        except WatchkeeperError as error:
            problems[entry.name] = error
    return Roster(tuple(members), problems)


def find_remotes(repository: Repository) -> dict[str, str]:
    """The addresses of a repository's remotes, by name, as they are configured."""
    output = repository.git("config", "-z", "--get-regexp", r"^remote\..*\.url$", allowed=(0, 1)).output
    rows = (decode_path(row).partition("\n") for row in output.split(b"\0") if row)
    return {key.removeprefix("remote.").removesuffix(".url"): value for key, _, value in rows}


def same_address(one: str, other: str) -> bool:
    """``git@host:owner/name.git`` and ``https://host/owner/name`` lead to one repository."""
    return normal_address(one) == normal_address(other)


def normal_address(address: str) -> str:
    """``host/path`` in one form; a path of this machine as its real path."""
    text = address.strip()
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://(?:[^/@]*@)?([^/:]*)(?::\d+)?/?(.*)", text, re.IGNORECASE)
    if scheme and scheme[1].lower() == "file":
        return os.path.realpath(f"/{scheme[3]}")
    short = re.match(r"(?:[^/@:]+@)?([^/@:]{2,}):(?!//)(.*)", text)
    if scheme or short:
        host, path = (scheme[2], scheme[3]) if scheme else (short[1], short[2])  # type: ignore[index]
        return f"{host.lower()}/{_bare(path).lower()}"
    return os.path.realpath(_bare(text) or text)


def _bare(path: str) -> str:
    return path.strip("/").removesuffix(".git") if not path.startswith("/") else path.rstrip("/").removesuffix(".git")


def _find(config: FleetConfig, entry: ProjectEntry) -> Member:
    repository = _repository(config, entry)
    remotes = find_remotes(repository)
    if entry.remote and not any(same_address(entry.remote, each) for each in remotes.values()):
        raise _differs(config, entry, _without_password(entry.remote), remotes, "remote")
    tracker = config.tracker_of(entry)
    if tracker is not None and not _is_tracked(tracker, remotes.values()):
        raise _differs(config, entry, f"{tracker.repository} ([tracker.{tracker.name}])", remotes, "tracker")
    if entry.target and repository.find_commit(entry.target) is None:
        raise UsageError(
            f"{config.origin}: {entry.name} has no branch {entry.target!r}",
            slug="fleet-no-branch",
            hint=f"correct project.target, or make the branch: git -C {entry.path} branch {entry.target}",
            facts={"project": entry.name, "target": entry.target},
        )
    return Member(entry, repository, shared_project(entry.name) if config.is_shared else None)


def _repository(config: FleetConfig, entry: ProjectEntry) -> Repository:
    try:
        repository = find_repository(entry.path)
    except NotARepositoryError as error:
        raise _no_repository(config, entry, error.message) from error
    top = repository.found_at or repository.common_dir
    if os.path.realpath(entry.path) != os.path.realpath(top):
        raise _no_repository(config, entry, f"it is a folder in the repository {top}")
    return repository


def _no_repository(config: FleetConfig, entry: ProjectEntry, reason: str) -> UsageError:
    return UsageError(
        f"{config.origin}: {entry.name} is no git repository: {reason}",
        slug="fleet-no-repository",
        hint=f"correct project.path of {entry.name}, or: git clone ... {entry.path}",
        facts={"project": entry.name, "path": str(entry.path)},
    )


def _refuse_same(config: FleetConfig, found: Member, members: Iterable[Member]) -> None:
    """Two dispatchers of one repository would claim its issues twice."""
    for other in members:
        if other.repository.project == found.repository.project:
            raise UsageError(
                f"{config.origin}: {other.entry.name} and {found.entry.name} are one repository: "
                f"{found.repository.common_dir}",
                slug="fleet-one-repository",
                hint=f"keep one of them: {other.entry.path} or {found.entry.path}",
                facts={"project": found.entry.name, "other": other.entry.name},
            )


def _is_tracked(tracker: TrackerEntry, remotes: Iterable[str]) -> bool:
    """A tracker of another repository than the checkout's would fill a fleet with issues of strangers.

    Where no remote leads to the tracker's host (a mirror, a test) nothing can be said against it.
    """
    host = re.sub(r"^https?://(?:api\.)?([^/:]+).*", r"\1", tracker.url) if tracker.url else _HUB_HOST
    there = [each for each in map(normal_address, remotes) if each.startswith(f"{host.lower()}/")]
    return not there or f"{host}/{tracker.repository}".lower() in there


def _differs(config: FleetConfig, entry: ProjectEntry, wanted: str, remotes: Mapping[str, str], key: str) -> UsageError:
    shown = ", ".join(f"{name} {_without_password(url)}" for name, url in remotes.items()) or "none"
    return UsageError(
        f"{config.origin}: the checkout of {entry.name} has not the remote {wanted}; it has: {shown}",
        slug="fleet-remote-differs",
        hint=f"git -C {entry.path} remote set-url origin ADDRESS, or correct project.{key} of {entry.name}",
        facts={"project": entry.name, "configured": wanted, "remotes": shown},
    )


def _without_password(url: str) -> str:
    return re.sub(r"(\w+://)[^/@]*@", r"\1", url)
