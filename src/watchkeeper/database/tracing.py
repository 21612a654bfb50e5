"""From an incident's parties to lines, commits, agents and issues: each side, at the revision that runs, or why not.

Four tiers, the best first: what the process says of its transaction, the tag of the statement, the index of the
deployed revision, and nobody. Blame is never asked of another revision than the one that runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.database.finding import Case, Found, find_all
from watchkeeper.database.ports import JournalEntry
from watchkeeper.database.ranking import Candidate, Line, callers_of
from watchkeeper.database.sources import Blame, Code, Deployed, Work, Written
from watchkeeper.database.telling import render_summary
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.model.incidents import (
    Attribution,
    Incident,
    Origin,
    Party,
    Role,
    Tier,
)

_MOST_ORIGINS = 12
_MOST_CALLERS = 3


class Tracing:
    """Traces incidents of one project's databases. Safe for several at once."""

    def __init__(self, code: Code, blame: Blame, deployed: Deployed) -> None:
        self._code = code
        self._blame = blame
        self._deployed = deployed

    async def trace(self, incident: Incident, journals: Mapping[int, JournalEntry]) -> Incident:
        """The incident with each party's attribution and a sentence of both sides; its identity stays.

        Does not block the loop, and never raises: what cannot be told says why.
        """
        return await asyncio.to_thread(self.trace_now, incident, journals)

    def trace_now(self, incident: Incident, journals: Mapping[int, JournalEntry]) -> Incident:
        """The same, at once: blocks for as long as git and the index take."""
        runs = {each.backend: self._revision(incident, each, journals) for each in incident.parties}
        revision, lack = next((each for each in runs.values() if each[0] is not None), _first(runs))
        lack = lack or f"what {str(revision)[:12]} does with databases is not known yet"
        case = Case(incident, journals, lambda: self._code.index(revision) if revision is not None else None, lack)
        told = {backend: self._attribution(*runs[backend], each) for backend, each in find_all(case).items()}
        parties = tuple(msgspec.structs.replace(each, attribution=told[each.backend]) for each in incident.parties)
        traced = msgspec.structs.replace(incident, parties=self._weighed(parties, case, revision))
        return msgspec.structs.replace(traced, summary=render_summary(traced))

    def _revision(
        self, incident: Incident, party: Party, journals: Mapping[int, JournalEntry]
    ) -> tuple[Sha | None, str]:
        """What a party runs, or why that is not known. While a deployment goes on, parties may run different ones."""
        named = dict.fromkeys(_revisions_of([party, *incident.parties], journals))
        for text in named:
            if (found := self._code.resolve(text)) is not None:
                return found, ""
        if named:
            return None, f"{next(iter(named))[:40]} runs, which is no commit of this repository: fetch it"
        try:
            said = self._deployed.find(incident.database)
        except WatchkeeperError as error:
            return None, f"which revision runs cannot be told: {error.message}"
        if said is not None:
            return said, ""
        return None, "nobody said which revision runs: watchkeeper deployed REV --env NAME"

    def _attribution(self, revision: Sha | None, lack: str, found: Found) -> Attribution:
        if revision is None:
            origins = tuple(_bare(each) for each in found.candidates)
            flat = tuple(origin for group in origins for origin in group)[:_MOST_ORIGINS]
            reason = "; ".join(dict.fromkeys(part for part in (found.reason, lack) if part))
            return Attribution(found.tier if flat else Tier.UNATTRIBUTED, flat, reason)
        blamed = self._ask_blame(revision, found.candidates)
        origins = tuple(self._origins(revision, each, blamed) for each in found.candidates)
        flat = tuple(origin for group in origins for origin in group)
        reason = found.reason
        if flat and not any(origin.commit for origin in flat):
            reason += f"; {revision[:12]} does not have that line, so nobody is named"
        return Attribution(found.tier if flat else Tier.UNATTRIBUTED, flat, reason)

    def _ask_blame(
        self, revision: Sha, candidates: Sequence[Candidate]
    ) -> dict[str, tuple[str, Mapping[int, Written]]]:
        """By path as it was told: the path in the repository, and who wrote the lines."""
        lines: dict[str, set[int]] = {}
        for candidate in candidates:
            for line in candidate.lines:
                lines.setdefault(line.path, set()).add(line.line)
        found: dict[str, tuple[str, Mapping[int, Written]]] = {}
        for path, numbers in lines.items():
            try:
                place = self._code.find_path(revision, path)
                found[path] = (place or path, self._blame.written(revision, place, numbers) if place else {})
            except WatchkeeperError:
                found[path] = (path, {})
        return found

    def _origins(
        self, revision: Sha, candidate: Candidate, blamed: Mapping[str, tuple[str, Mapping[int, Written]]]
    ) -> tuple[Origin, ...]:
        found: list[Origin] = []
        for line in candidate.lines:
            path, written = blamed[line.path]
            found += _told(revision, path, line, candidate.share, written.get(line.line))
        return tuple(found)

    def _weighed(self, parties: Sequence[Party], case: Case, revision: Sha | None) -> tuple[Party, ...]:
        """What was there before the other side's change is no cause; where nothing else is left, that is said."""
        weighed = []
        for party in parties:
            others = [
                origin for each in parties if each.backend != party.backend for origin in each.attribution.origins
            ]
            weighed.append(self._without_base(party, others, case, revision))
        return tuple(weighed)

    def _without_base(self, party: Party, others: Sequence[Origin], case: Case, revision: Sha | None) -> Party:
        told = party.attribution
        if not told.origins:
            return party
        ordered = sorted(told.origins, key=lambda each: (-round(each.confidence, 3), not is_work(each)))
        if party.role is Role.BOTH:
            ordered.sort(key=lambda each: not is_work(each))
        reason = told.reason
        best = [each for each in ordered if each.confidence == ordered[0].confidence]
        if revision is not None and not any(map(is_work, best)):
            callers = self._callers(case, revision, best, others)
            if callers:
                ordered = [*callers, *ordered]
                reason += "; the line is older, and the change calls it"
            elif self._is_older(best, [each for each in others if is_work(each)]):
                reason += "; no recent change: that code is older than the change on the other side"
        attribution = msgspec.structs.replace(told, origins=tuple(ordered)[:_MOST_ORIGINS], reason=reason)
        return msgspec.structs.replace(party, attribution=attribution)

    def _callers(self, case: Case, revision: Sha, best: Sequence[Origin], others: Sequence[Origin]) -> list[Origin]:
        """The nearest calls of older code that somebody's change is known to have brought."""
        if case.code is None:
            return []
        share = best[0].confidence
        lines = {(each.path, each.line) for each in best}
        found = callers_of(case.code, lines, {(each.path, each.line) for each in others})
        candidates = tuple(Candidate((line,), share) for line in found)
        blamed = self._ask_blame(revision, candidates)
        origins = [origin for each in candidates for origin in self._origins(revision, each, blamed)]
        return [each for each in origins if is_work(each)][:_MOST_CALLERS]

    def _is_older(self, origins: Sequence[Origin], others: Sequence[Origin]) -> bool:
        commits = {each.commit for each in origins if each.commit is not None}
        newer = {each.commit for each in others if each.commit is not None}
        try:
            return bool(commits and newer) and all(self._blame.is_before(c, n) for c in commits for n in newer)
        except WatchkeeperError:
            return False


def _first(runs: Mapping[int, tuple[Sha | None, str]]) -> tuple[Sha | None, str]:
    return next(iter(runs.values()), (None, "nobody takes part"))


def _revisions_of(parties: Iterable[Party], journals: Mapping[int, JournalEntry]) -> Iterator[str]:
    for party in parties:
        entry = journals.get(party.backend)
        if party.tag is not None and party.tag.revision:
            yield party.tag.revision
        elif entry is not None and entry.revision:
            yield entry.revision


def is_work(origin: Origin) -> bool:
    """Whether somebody's change is known to have brought the line."""
    return bool(origin.agent or origin.issue or origin.engagement)


def _bare(candidate: Candidate) -> tuple[Origin, ...]:
    return tuple(Origin(line.path, line.line, line.symbol, confidence=candidate.share) for line in candidate.lines)


def _told(revision: Sha, path: str, line: Line, share: float, written: Written | None) -> Iterable[Origin]:
    """One origin for each whose work the line may be: a squash that has several in it does not say whose."""
    if written is None:
        return [Origin(path, line.line, line.symbol, revision=revision, confidence=share)]
    works = written.works or (Work(),)
    return [
        Origin(
            path=path,
            line=line.line,
            symbol=line.symbol,
            code=written.code,
            revision=revision,
            commit=written.commit,
            subject=written.subject,
            author=written.author,
            agent=work.agent,
            issue=work.issue,
            engagement=work.engagement,
            change=work.change,
            before=work.before,
            confidence=round(share / len(works), 3),
        )
        for work in works
    ]
