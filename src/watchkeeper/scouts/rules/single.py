"""One of our rules over one file: how a standard holds code to it, and how a claim is looked at again."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.rules.reading import read_one, suffixes_of
from watchkeeper.scouts.rules.registry import RULES

CHECK = "tree"


def run_rule(name: str, path: str, text: str) -> Iterator[Raw]:
    """What the rule ``tree:<id>`` says of a file; nothing of a file that it does not read.

    Raises UsageError (``standard-rule``) for a rule that there is not, or that has to see other files; WatchkeeperError
    (``file-unread``) where the file cannot be read.
    """
    check, _, wanted = name.partition(":")
    known = [rule for rule in RULES if rule.id == wanted] if check == CHECK else []
    if not known or any(rule.project is not None for rule in known):
        raise UsageError(
            f"{name!r} is no rule that can look at one file",
            slug="standard-rule",
            hint=f"one of {CHECK}:{f', {CHECK}:'.join(sorted(single_rules()))}",
            facts={"rule": name},
        )
    if not path.endswith(tuple(suffix for rule in known for suffix in suffixes_of(rule))):
        return
    reading = read_one(path, text.encode("utf-8", "surrogatepass"))
    if reading.broken:
        raise WatchkeeperError(
            f"{path} cannot be read: {reading.broken}", slug="file-unread", hint="mend it", facts={"path": path}
        )
    yield from (raw for raw in reading.found if raw.rule == wanted)


def single_rules() -> frozenset[str]:
    """The rules that need no other file."""
    across = {rule.id for rule in RULES if rule.project is not None}
    return frozenset(rule.id for rule in RULES if rule.id not in across)
