"""Puts hooks into agents' configuration and takes them out again: first as a plan that can be shown, then done."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from watchkeeper.agents.files import missing_folders, read_config, remove_config, unreadable, write_config
from watchkeeper.agents.hooks import VENDORS
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, filled
from watchkeeper.agents.hooks.vendor import HookVendor
from watchkeeper.agents.insertion import MARK, Made, ShapeError, Wanted, has_entries, insert_entries, remove_entries
from watchkeeper.agents.jsonspans import JsonError
from watchkeeper.agents.records import FileRecord, digest_of, drop_record, find_record, load_records, save_record
from watchkeeper.agents.shimcopy import command_line, render_plugin, render_shim, shim_place
from watchkeeper.model.errors import UsageError, WatchkeeperError

_NEW = 0o600
"""The mode of a file that is made."""


class Scope(msgspec.Struct, frozen=True):
    """Whose configuration: of the user whose environment this is, or (``project``) of one checkout."""

    environ: Mapping[str, str]
    project: Path | None = None


class FilePlan(msgspec.Struct, frozen=True):
    """What is to become of one file. None: it is not there. ``record`` is what will be known of it, if anything."""

    agent: str
    path: Path
    before: bytes | None
    after: bytes | None
    mode: int
    record: FileRecord | None

    @property
    def is_change(self) -> bool:
        return self.before != self.after


def find_agents(scope: Scope) -> tuple[str, ...]:
    """The agents that are used here: their folder is there, or their program."""
    path = scope.environ.get("PATH", "")
    return tuple(
        name
        for name, vendor in VENDORS.items()
        if _agent_folder(vendor.setup, scope.environ).is_dir()
        or any(shutil.which(program, path=path) for program in vendor.setup.programs)
    )


def get_vendor(name: str) -> HookVendor:
    """Raises UsageError for an agent that cannot be hooked."""
    found = VENDORS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, VENDORS, n=1)
        raise UsageError(
            f"There is no agent {name!r} to hook; there are {', '.join(VENDORS)}",
            slug="unknown-agent",
            hint=f"did you mean {near[0]}?" if near else "watchkeeper hooks status",
            facts={"agent": name},
        )
    return found


def plan_install(agents: Iterable[str], scope: Scope, home: Path) -> tuple[FilePlan, ...]:
    """What installing would do. Changes nothing. Raises WatchkeeperError for a configuration that cannot be edited."""
    vendors = [get_vendor(name) for name in agents]
    return tuple(
        _plan_file(vendor, file, config_path(vendor.setup, file, scope), scope, home)
        for vendor in vendors
        for file in vendor.setup.files
    )


def plan_remove(agents: Sequence[str], scope: Scope, home: Path) -> tuple[FilePlan, ...]:
    """What removing would do to the files of ``agents`` (none: of all); with a project, to those of it alone.

    Entries of ours that were never recorded, or whose record is lost, are found where they are usually put.
    Raises WatchkeeperError.
    """
    vendors = [get_vendor(name) for name in agents] or list(VENDORS.values())
    names = {each.name for each in vendors}
    project = str(scope.project or "")
    known = [each for each in load_records(home) if each.agent in names and (not project or each.project == project)]
    paths = {Path(record.path) for record in known}
    usual = [(each, file, config_path(each.setup, file, scope)) for each in vendors for file in each.setup.files]
    lost = [_plan_lost(each, path) for each, file, path in usual if file.is_shared and path not in paths]
    return (*(_plan_removal(record) for record in known), *(plan for plan in lost if plan))


def perform(plans: Sequence[FilePlan], home: Path) -> None:
    """Do what was planned. Raises WatchkeeperError where a file is no longer what it was when it was planned."""
    if any(plan.record for plan in plans):
        write_config(shim_place(home), render_shim(home), 0o600)
    for plan in plans:
        _perform(plan, home)
    if not load_records(home):
        remove_config(shim_place(home), ())


def render_difference(plan: FilePlan) -> list[str]:
    """The change as a unified difference; nothing where there is none."""
    before, after = (_lines(content) for content in (plan.before, plan.after))
    old, new = (str(plan.path) if content is not None else os.devnull for content in (plan.before, plan.after))
    return list(difflib.unified_diff(before, after, old, new, lineterm=""))


def config_path(setup: Setup, file: ConfigFile, scope: Scope) -> Path:
    """Where a vendor reads the file."""
    if scope.project is not None:
        return scope.project / file.project_path
    folder = _user_home(scope.environ) / setup.base if setup.base else _agent_folder(setup, scope.environ)
    return folder / file.path


def entries_of(setup: Setup, command: str) -> Wanted:
    """What a vendor's file is to hold."""
    return Wanted(tuple((entry.event, filled(entry, command)) for entry in setup.entries), setup.extra)


def _user_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _agent_folder(setup: Setup, environ: Mapping[str, str]) -> Path:
    moved = environ.get(setup.moved_by, "") if setup.moved_by else ""
    if moved:
        return Path(moved).expanduser().absolute()
    configured = environ.get(setup.configured_by, "") if setup.configured_by else ""
    if configured:
        return Path(configured, *Path(setup.folder).parts[1:])
    return _user_home(environ) / setup.folder


def _plan_file(vendor: HookVendor, file: ConfigFile, path: Path, scope: Scope, home: Path) -> FilePlan:
    known = find_record(home, path)
    found = read_config(path)
    before, mode = found or (None, _NEW)
    base = _without_ours(before, known, path) if known or file.is_shared else before
    command = command_line(home, vendor.name)
    if file.is_shared:
        text, made = _edited(path, base or b"", lambda old: insert_entries(old, entries_of(vendor.setup, command)))
        after = text.encode()
    else:
        after, made = _whole_file(file, base, path, home), Made()
    record = FileRecord(
        agent=vendor.name,
        path=str(path),
        original=base,
        mode=mode if found else 0,
        left=digest_of(after),
        made=made,
        command=command if file.is_shared else "",
        folders=missing_folders(path) or (known.folders if known and base is None else ()),
        project=str(scope.project or ""),
    )
    return FilePlan(vendor.name, path, before, after, mode, record)


def _whole_file(file: ConfigFile, base: bytes | None, path: Path, home: Path) -> bytes:
    """A file that is ours as a whole. Raises WatchkeeperError where another is in its place."""
    whole = render_plugin(home) if file.is_plugin else file.text.encode()
    if base is not None and base != whole and MARK.encode() not in base:
        raise _foreign(path)
    return whole


def _without_ours(content: bytes | None, known: FileRecord | None, path: Path) -> bytes | None:
    """The file as it would be without us."""
    if content is None:
        return None
    if known is not None and (not known.command or digest_of(content) == known.left):
        return known.original
    made = known.made if known else Made()
    whole = known is not None and known.original is None
    plain, _ = _edited(path, content, lambda old: (remove_entries(old, made, is_whole=whole), made))
    return plain.encode() if not whole or _holds_anything(plain, made) else None


def _holds_anything(text: str, made: Made) -> bool:
    """Something that is not ours is left in a file that was ours."""
    from watchkeeper.agents.jsonspans import find_trivia, parse_json

    if not text.strip("\ufeff \t\r\n"):
        return False
    root = parse_json(text)
    comments = any(kind != "," for _, _, kind in find_trivia(text, 0, root.start))
    return comments or any(member.key not in made.extra for member in root.members)


def _plan_removal(record: FileRecord) -> FilePlan:
    path = Path(record.path)
    found = read_config(path)
    before, mode = found or (None, _NEW)
    after = _without_ours(before, record, path)
    restored = before is not None and digest_of(before) == record.left and record.mode
    return FilePlan(record.agent, path, before, after, record.mode if restored else mode, None)


def _plan_lost(vendor: HookVendor, path: Path) -> FilePlan | None:
    """Entries of ours without a record; None where there are none, or nobody can tell."""
    try:
        found = read_config(path)
        if found is None or MARK.encode() not in found[0] or not has_entries(found[0].decode()):
            return None
    except (WatchkeeperError, ValueError):
        return None
    return FilePlan(vendor.name, path, found[0], _without_ours(found[0], None, path), found[1], None)


def _perform(plan: FilePlan, home: Path) -> None:
    found = read_config(plan.path)
    if (found[0] if found else None) != plan.before:
        raise WatchkeeperError(
            f"{plan.path} was changed in this very moment; it was left as it is",
            slug="hooks-config-changed",
            hint="run the command again",
            facts={"file": str(plan.path)},
        )
    if plan.record is not None:
        save_record(home, plan.record)
    if plan.after is None:
        known = find_record(home, plan.path)
        if plan.before is not None:
            remove_config(plan.path, known.folders if known else ())
    elif plan.before != plan.after or (found and found[1] != plan.mode):
        write_config(plan.path, plan.after, plan.mode)
    if plan.record is None:
        drop_record(home, plan.path)


def _edited(path: Path, content: bytes, edit: Callable[[str], tuple[str, Made]]) -> tuple[str, Made]:
    """The text after an edit. Raises WatchkeeperError where the file is not what its vendor reads."""
    try:
        return edit(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise unreadable(path, "it is not in UTF-8") from error
    except JsonError as error:
        raise unreadable(path, f"it is no JSON: {error}") from error
    except ShapeError as error:
        raise unreadable(path, str(error)) from error


def _foreign(path: Path) -> WatchkeeperError:
    return WatchkeeperError(
        f"{path} is there already and is not Watchkeeper's; it was left as it is",
        slug="hooks-foreign-file",
        hint=f"move {path} away, then run watchkeeper hooks install again",
        facts={"file": str(path)},
    )


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").splitlines()
