"""Doctor: whether what these pages stand on can be relied on, each with how to mend it."""

from __future__ import annotations

import shutil
from typing import NamedTuple

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.repos.git import get_git_version
from watchkeeper.web.pages.asking import Answer, Asking

_FREE_WANTED, _FREE_NEEDED = 1024**3, 64 * 1024**2
_GIT_WANTED = (2, 38)
_SEEN_MS = 3 * 86_400_000


class Check(NamedTuple):
    """``health`` is ``ok``, ``warn`` or ``fail``; ``fix`` is a command, or a thing to do."""

    health: str
    name: str
    text: str
    fix: str = ""


def show(asking: Asking) -> Answer:
    """What can be looked at from here; `watchkeeper doctor` looks at more, on the machine itself."""
    checks = [_git(), _disk(asking), _record(asking), *_projects(asking), *_databases(asking), *_channels(asking)]
    checks.sort(key=lambda each: ("fail", "warn", "ok").index(each.health))
    return Answer("Doctor", "doctor.html", {"checks": checks}, "doctor")


def _git() -> Check:
    try:
        version = get_git_version()
    except WatchkeeperError as error:
        return Check("fail", "git", error.message, error.hint)
    said = ".".join(str(each) for each in version)
    if version < _GIT_WANTED:
        return Check("fail", "git", f"{said} is too old", "install git 2.38 or newer")
    return Check("ok", "git", said)


def _disk(asking: Asking) -> Check:
    home = asking.room.scope.home
    try:
        free = shutil.disk_usage(home).free
    except OSError as error:
        return Check("fail", "disk", f"the state folder cannot be looked at: {error.strerror}", "watchkeeper doctor")
    said = f"{free / 1024**3:.1f} GB free for {home}"
    health = "ok" if free >= _FREE_WANTED else "warn" if free >= _FREE_NEEDED else "fail"
    return Check(health, "disk", said, "" if health == "ok" else "make room")


def _record(asking: Asking) -> Check:
    last = max((each.last_at for each in asking.picture.projects.values()), default=0)
    said = f"{asking.picture.seq:,} events"
    if last and asking.now - last > _SEEN_MS:
        return Check("warn", "record", f"{said}, none of a project for three days", "watchkeeper up")
    return Check("ok", "record", said)


def _projects(asking: Asking) -> list[Check]:
    absent = asking.room.absences(asking.picture)
    found = [Check("warn", "watch", each, "watchkeeper up") for each in absent]
    found += [
        Check("fail", f"project {name}", error.message, error.hint)
        for name, error in asking.room.scope.problems.items()
    ]
    if not absent:
        found.append(Check("ok", "watch", "every project is watched"))
    return found


def _databases(asking: Asking) -> list[Check]:
    found = []
    for name, project in asking.projects():
        for each in project.incidents.databases.values():
            health = "ok" if not each.reason else "warn" if each.is_partial else "fail"
            fix = "" if health == "ok" else f"watchkeeper db watch {each.database}"
            found.append(Check(health, f"database {each.database}", each.reason or f"{name}: seen, {each.server}", fix))
    return found


def _channels(asking: Asking) -> list[Check]:
    return [
        Check("fail" if each.is_dead else "ok", f"channel {name}", each.reason or "takes messages",
              "watchkeeper notify test" if each.is_dead else "")
        for name, each in asking.picture.attention.channels.items()
    ]  # fmt: skip
