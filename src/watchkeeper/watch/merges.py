"""Git's own verdict on two live trees, remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from watchkeeper.conflicts.pair import Party, TextClash
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.reading import Span
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.merging import Clash, MergeOutcome
from watchkeeper.repos.trees import TreeEntry
from watchkeeper.repos.working import WorkingFile, snapshot_entries

_MOST_VERDICTS = 5_000
_SHOWN = 200


class Merges:
    """Builds each live tree in the hub and merges pairs of them there. The user's repository is only read.

    A verdict is about the pair alone. Where two changes start from different bases, the first is carried over to the
    other's base before they meet; what clashes on that way is between it and the target branch, not between the two.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._files: dict[ChangeId, tuple[Sha | None, tuple[WorkingFile, ...]]] = {}
        self._trees: dict[ChangeId, Sha] = {}
        self._verdicts: OrderedDict[tuple[Sha | None, Sha, Sha | None, Sha], tuple[TextClash, ...]] = OrderedDict()

    def place(self, change: ChangeId, base: Sha | None, files: Sequence[WorkingFile]) -> None:
        """Say what the change's tree is as of now. The tree is built only when git has to be asked."""
        self._files[change] = (base, tuple(files))
        self._trees.pop(change, None)

    def drop(self, change: ChangeId) -> None:
        """Forget a change that is no longer live."""
        self._files.pop(change, None)
        self._trees.pop(change, None)

    def tree(self, change: ChangeId) -> Sha:
        """The change's tree as of now, in the hub."""
        known = self._trees.get(change)
        if known is None:
            base, files = self._files[change]
            known = self._trees[change] = self._hub.write_tree(base, snapshot_entries(files, self._hub.store))
        return known

    def judge(self, first: Party, second: Party) -> tuple[TextClash, ...]:
        """What git cannot merge of the two, the lines of ``first`` as ``ours``. Raises: GitError."""
        ours, theirs = self.tree(first.id), self.tree(second.id)
        key = (first.change.base, ours, second.change.base, theirs)
        known = self._verdicts.get(key)
        if known is None:
            known = self._verdicts[key] = tuple(self._ask(*key))
            while len(self._verdicts) > _MOST_VERDICTS:
                self._verdicts.popitem(last=False)
        return known

    def _ask(self, our_base: Sha | None, ours: Sha, their_base: Sha | None, theirs: Sha) -> Iterator[TextClash]:
        between: frozenset[str] = frozenset()
        if our_base != their_base and our_base is not None and their_base is not None:
            carried = self._hub.merge(our_base, their_base, ours)
            between = frozenset(path for clash in carried.clashes for path in clash.paths)
            ours = carried.tree or ours
        outcome = self._hub.merge(their_base, ours, theirs)
        if outcome.failed:
            yield TextClash(path="", kind=f"the merge could not be judged ({outcome.failed})")
        for clash in outcome.clashes:
            if not between & set(clash.paths):
                yield self._told(outcome, clash)

    def _told(self, outcome: MergeOutcome, clash: Clash) -> TextClash:
        lines = self._hub.conflict_lines(outcome, clash.path)
        ours = tuple(_ordered(place.ours) for place in lines[:_SHOWN])
        theirs = tuple(_ordered(place.theirs) for place in lines[:_SHOWN])
        return TextClash(
            path=clash.path,
            kind=clash.kind.value,
            ours=ours,
            theirs=theirs,
            our_text=self._line(clash.ours, ours),
            their_text=self._line(clash.theirs, theirs),
        )

    def _line(self, entry: TreeEntry | None, spans: tuple[Span, ...]) -> str:
        """The first clashing line of a side that says something, as text."""
        content = self._hub.objects.read(entry.sha) if entry is not None and entry.is_text_file and spans else None
        if not content:
            return ""
        first, last = spans[0]
        for line in content.splitlines()[first - 1 : last]:
            if line.strip():
                return line.decode("utf-8", "replace").strip()[:160]
        return ""


def _ordered(span: Span) -> Span:
    """An empty span (an insertion point) as the line it stands at."""
    first, last = span
    return (max(first, 1), max(first, last, 1))
