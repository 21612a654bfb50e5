"""One of our rules over one file: how a standard holds code to it, and how a claim is looked at again."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.rules.reading import read_strictly, suffixes_of
from watchkeeper.scouts.rules.registry import RULES
from watchkeeper.scouts.rules.rule import Rule

CHECK = "tree"


class SingleRules:
    """All of our rules that look at one file alone."""

    def reads(self, name: str, path: str) -> bool:
        """Whether the rule ``tree:<id>`` looks at files that are called so. Raises UsageError (``standard-rule``)."""
        return path.endswith(tuple(suffix for rule in _find(name) for suffix in suffixes_of(rule)))

    def run(self, name: str, path: str, text: str) -> Iterator[Raw]:
        """What the rule ``tree:<id>`` says of a file; nothing of a file that it does not read.

        Raises UsageError (``standard-rule``); WatchkeeperError (``file-unread``) where the file cannot be read.
        """
        if not self.reads(name, path):
            return
        reading = read_strictly(path, text.encode("utf-8", "surrogatepass"))
        if why := reading.broken or reading.left_out:
            raise WatchkeeperError(
                f"{path} cannot be read: {why}", slug="file-unread", hint="mend it", facts={"path": path}
            )
        wanted = name.partition(":")[2]
        yield from (raw for raw in reading.found if raw.rule == wanted)


def single_rules() -> frozenset[str]:
    """The rules that need no other file."""
    across = {rule.id for rule in RULES if rule.project is not None}
    return frozenset(rule.id for rule in RULES if rule.id not in across)


def _find(name: str) -> list[Rule]:
    check, _, wanted = name.partition(":")
    known = [rule for rule in RULES if rule.id == wanted] if check == CHECK else []
    if not known or any(rule.project is not None for rule in known):
        raise UsageError(
            f"{name!r} is no rule that can look at one file",
            slug="standard-rule",
            hint=f"one of {CHECK}:{f', {CHECK}:'.join(sorted(single_rules()))}",
            facts={"rule": name},
        )
    return known
