"""A ``watchkeeper.toml`` to begin with, in which everything is explained."""

from __future__ import annotations

from watchkeeper.record.config import ProjectConfig


def render_template(target: str, commands: ProjectConfig) -> str:
    """A ``watchkeeper.toml`` in which everything is explained; set are the target and the commands that were found."""
    return f"""\
# Watchkeeper works without this file; every line is optional. `watchkeeper doctor` shows what is in force.
target = {_toml_string(target)}  # the branch that changes land in
# ignore = ["docs/**", "*.lock"]  # paths whose conflicts are not reported
# branches = ["origin/feature/*"]  # branches followed beside the worktrees
# clones = ["../other-clone"]  # other clones of this project, followed too
# min_severity = "minor"  # show from: info, minor, major, blocking
# notice_severity = "major"  # tell agents of conflicts from: info, minor, major, blocking
# landed_hours = 48  # how long a landed change stays compared with live ones
# owners = ["CODEOWNERS", "docs/** ada claude"]  # which agents may write where; a person's files are kept from all
# landing = {_LANDING}
# tracker = {{ github = "owner/name" }}  # its issues are taken in, and closed there

[project]
{_setting("setup", commands.setup, ".venv/bin/pip install -e .")}  # what the tests need; with network, seldom
{_setting("test", commands.test, "python -m pytest -q")}  # run on merges that do not exist yet, without network
{_setting("checks", commands.checks, ("ty",))}  # analysers: ty, pyrefly, mypy, pyright, tsc, eslint, or "name: command"
# database = "./make-test-database"  # makes a database for one run, prints its address last
# budget = 0.5  # processor seconds a second that proving may take on the average
# test_timeout = 600  # seconds that one run of the tests may take
"""


_LANDING = (
    '{ method = "merge", slots = 1, batch = 0, lanes = false, remote = "", wait_risk = 70, '
    'wait_paths = ["migrations/**"] }  # how finished changes get to the target branch'
)


def _setting(key: str, value: str | tuple[str, ...], example: str | tuple[str, ...]) -> str:
    """The line of a key that was found out, or a comment that shows one."""
    shown = value or example
    text = _toml_string(shown) if isinstance(shown, str) else f"[{', '.join(map(_toml_string, shown))}]"
    return f"{'' if value else '# '}{key} = {text}"


def _toml_string(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'
