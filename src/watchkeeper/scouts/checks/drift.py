"""The check ``standards``: places of a tree that do not keep to what was adopted."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import Standard, StandardState, Violation
from watchkeeper.model.scouting_state import StandardsState, StandardStanding
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.rules.single import SingleRules
from watchkeeper.scouts.standards.checking import find_violations, reader_of

_RULES = SingleRules()
_HELD = (StandardState.ADOPTED, StandardState.ENFORCED)


class StandardsCheck:
    """Runs the check of each adopted standard; places that are exempt now are left out."""

    name = "standards"

    def __init__(self, project: ProjectId, standards: StandardsState, now: Millis) -> None:
        self._project, self._now = project, now
        self._held = [each for each in standards.standards.values() if each.state in _HELD]

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 nothing is run
        """Each violation is a finding of the rule that is called as its standard."""
        if not self._held:
            return not_applicable(self.name, "no standard was adopted yet")
        texts: dict[str, str] = {}
        found: list[Raw] = []
        unlooked: list[str] = []
        for standing in self._held:
            try:
                texts |= _texts_for(standing.standard, ground, texts)
                violations, run = find_violations(standing.standard, self._project, texts, _RULES, time.monotonic)
            except WatchkeeperError as error:
                unlooked.append(f"{standing.standard.id}: {error.message}")
                continue
            found += self._raws(standing, violations)
            unlooked += [
                f"{standing.standard.id}: {path}: {why}"
                for path, why in sorted(run.unlooked.items())
                if standing.find_exemption(self._project, path, self._now) is None
            ]
        if unlooked:
            more = f" and {len(unlooked) - 3} more" if len(unlooked) > 3 else ""
            return could_not_look(self.name, "; ".join(unlooked[:3]) + more, found)
        names = ", ".join(each.standard.id for each in self._held)
        return looked(self.name, found, what=f"{len(texts)} files", proof=f"the checks of {names} ran to their end")

    def _raws(self, standing: StandardStanding, violations: tuple[Violation, ...]) -> Iterator[Raw]:
        standard = standing.standard
        for each in violations:
            if standing.find_exemption(self._project, each.path, self._now) is None:
                yield Raw(
                    standard.id, each.path, f"This does not keep to the standard: {standard.title}", each.line,
                    each.quote, evidence=f"the check of {standard.id}", severity=2, confidence=0.9,
                    disprove="Does the standard's text name this case as one that is right? Is it to be exempt?",
                    kind=standard.kind,
                )  # fmt: skip


def _texts_for(standard: Standard, ground: Ground, known: Collection[str]) -> dict[str, str]:
    """The files that a standard looks at and that were not read yet."""
    if standard.check is None:
        return {}
    reads = reader_of(standard.check, _RULES)
    wanted = [path for path in ground.files if path not in known and reads(path)]
    return {path: ground.read(path).decode("utf-8", "replace") for path in wanted}
