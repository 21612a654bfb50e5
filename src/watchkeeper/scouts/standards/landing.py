"""Standards at the landing gate: what a tree brings in that does not keep to one that is enforced."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable

import msgspec

from watchkeeper.model.ids import Millis, ProjectId, Sha
from watchkeeper.model.scouting import StandardState
from watchkeeper.model.scouting_state import StandardsState, StandardStanding
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.trees import TreeEntry
from watchkeeper.scouts.rules.single import run_rule
from watchkeeper.scouts.standards.new_code import Change, Judgement, judge_change

_MOST_FILES = 2_000
_MOST_TEXT = 600


class StandardsGate:
    """Of one project. ``read`` gives all standards as they are recorded now."""

    def __init__(
        self, hub: Hub, project: ProjectId, read: Callable[[], StandardsState], clock: Callable[[], Millis]
    ) -> None:
        self._hub, self._project, self._read, self._clock = hub, project, read, clock

    @property
    def digest(self) -> str:
        """Of everything that an answer depends on beside the trees; ``""`` while nothing is enforced."""
        enforced = self._enforced()
        if not enforced:
            return ""
        told = [(each.standard, each.exemptions) for each in enforced]
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]

    def judge(self, onto: Sha, tree: Sha) -> dict[str, str]:
        """By a name that is the same in other trees, what a tree has beyond ``onto`` and may not; what each says.

        What nobody could look at is refused too, by its own name. Raises WatchkeeperError where a check cannot be run:
        nobody's change is at fault then.
        """
        enforced = self._enforced()
        if not enforced:
            return {}
        judgement = judge_change(
            self._change(onto, tree), self._project, enforced, run_rule, time.monotonic, now=self._clock()
        )
        return dict(_told(judgement))

    def _enforced(self) -> list[StandardStanding]:
        found = [each for each in self._read().standards.values() if each.state is StandardState.ENFORCED]
        return sorted(found, key=lambda each: each.standard.id)

    def _change(self, onto: Sha, tree: Sha) -> Change:
        base: dict[str, str] = {}
        new: dict[str, str] = {}
        renames: dict[str, str] = {}
        for each in self._hub.repository.diff(onto, tree)[:_MOST_FILES]:
            if each.old_path is not None and (text := self._text(each.old)) is not None:
                base[each.old_path] = text
            if each.new_path is not None and (text := self._text(each.new)) is not None:
                new[each.new_path] = text
                if each.old_path is not None and each.old_path != each.new_path:
                    renames[each.new_path] = each.old_path
        return Change(base, new, renames)

    def _text(self, entry: TreeEntry | None) -> str | None:
        if entry is None or not entry.is_text_file:
            return None
        content = self._hub.objects.read(entry.sha)
        if content is None or b"\0" in content[:8_000]:
            return None
        return content.decode("utf-8", "replace")


def _told(judgement: Judgement) -> Iterable[tuple[str, str]]:
    for each in judgement.refused:
        standard, place = each.standard, each.violation
        name = f"[standard] {standard.id}: {place.path} {place.key}"
        text = " ".join(standard.text.split())[:_MOST_TEXT]
        yield name, f"{place.path}:{place.line} does not keep to the standard {standard.title!r}: {place.quote}. {text}"
    for why in judgement.unlooked:
        yield f"[standard] {why.partition(': ')[0]}: {why.split(': ')[1]}", f"it could not be held to {why}"
