"""Standards at the landing gate: what a tree brings in that does not keep to one that is enforced."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from watchkeeper.model.ids import Millis, ProjectId, Sha
from watchkeeper.model.scouting import StandardState
from watchkeeper.model.scouting_state import StandardsState, StandardStanding
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.trees import TreeEntry
from watchkeeper.scouts.rules.single import SingleRules
from watchkeeper.scouts.standards.checking import reader_of
from watchkeeper.scouts.standards.new_code import Change, Judgement, judge_change

_RULES = SingleRules()
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
            self._change(onto, tree, enforced), self._project, enforced, _RULES, time.monotonic, now=self._clock()
        )
        return dict(_told(judgement))

    def _enforced(self) -> list[StandardStanding]:
        found = [each for each in self._read().standards.values() if each.state is StandardState.ENFORCED]
        return sorted(found, key=lambda each: each.standard.id)

    def _change(self, onto: Sha, tree: Sha, enforced: Sequence[StandardStanding]) -> Change:
        """All files that a standard looks at, however many: what is not read would be taken for clean."""
        readers = [reader_of(each.standard.check, _RULES) for each in enforced if each.standard.check is not None]
        base: dict[str, str] = {}
        new: dict[str, str] = {}
        renames: dict[str, str] = {}
        for each in self._hub.repository.diff(onto, tree):
            paths = [path for path in (each.old_path, each.new_path) if path is not None]
            if not any(reads(path) for reads in readers for path in paths):
                continue
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
        return content.decode("utf-8", "replace") if content is not None else None


def _told(judgement: Judgement) -> Iterable[tuple[str, str]]:
    for each in judgement.refused:
        standard, place = each.standard, each.violation
        name = f"[standard] {standard.id}: {place.path} {place.key}"
        text = " ".join(standard.text.split())[:_MOST_TEXT]
        yield name, f"{place.path}:{place.line} does not keep to the standard {standard.title!r}: {place.quote}. {text}"
    for blind in judgement.unlooked:
        name = blind.standard.id
        way_out = f"a person can let it be for a while: watchkeeper standards exempt {name} PROJECT {blind.path}"
        yield f"[standard] {name}: {blind.path}", f"{blind.path} could not be held to {name}: {blind.why}; {way_out}"
