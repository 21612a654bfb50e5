"""How the edits of one function hang together with the rest of it: names, branches, contexts. Pure, no execution.

Order counts for nothing: what an assignment makes of a name is taken to reach every use of it, as in a loop. What a
called function does is not followed; a call for effect counts as acting outside.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from watchkeeper.code.python_source.normal import read_drafts
from watchkeeper.code.python_source.uses import RESULT, Names, Uses, head_of, uses_of
from watchkeeper.model.flow import Flow, names_overlap, root_of
from watchkeeper.model.footprint import Hunk
from watchkeeper.model.reading import Span

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LEAVES = (ast.Return, ast.Raise, ast.Assert)
_JUMPS = (*_LEAVES, ast.Break, ast.Continue)
_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
_MOST_STEPS = 2_000


class _Step(NamedTuple):
    """A statement: its head's lines, its last line, and the positions of those that it stands in, the nearest last."""

    node: ast.AST
    first: int
    last: int
    end: int
    around: tuple[int, ...]

    @property
    def key(self) -> str:
        """Equal for statements that say the same at one depth; of those that hold others only the head counts."""
        if self.end == self.last and not isinstance(self.node, _SCOPES):
            return f"{len(self.around)} {ast.dump(self.node)}"
        head = [*head_of(self.node), *filter(None, [getattr(self.node, "args", None)])]
        return " ".join(
            [str(len(self.around)), type(self.node).__name__, str(getattr(self.node, "name", "")), *map(ast.dump, head)]
        )


class _Version:
    """The function in one of the two texts, statement by statement in source order."""

    def __init__(self, function: _Function, lines: Sequence[str]) -> None:
        self.steps: list[_Step] = []
        self.span = (function.lineno, function.end_lineno or function.lineno)
        self.names = Names(function)
        self._lines = lines
        self._walk(function.body, ())
        self._uses: dict[int, Uses] = {}

    def uses(self, position: int) -> Uses:
        known = self._uses.get(position)
        if known is None:
            known = self._uses[position] = uses_of(self.steps[position].node, self.names)
        return known

    def run(self, start: int, count: int) -> Span:
        """A run of lines as far as it lies in the function; its end lies before its start where none does."""
        return max(start, self.steps[0].first), min(start + count - 1, self.span[1])

    def touched(self, span: Span) -> list[int]:
        """The statements whose heads have lines in ``span``."""
        if span[1] < span[0]:
            return []
        return [at for at, step in enumerate(self.steps) if step.first <= span[1] and step.last >= span[0]]

    def strays(self, span: Span) -> Iterator[int | None]:
        """For each line of code in ``span`` that is no statement's (``else:``) the statement it belongs to, if any."""
        for line in range(span[0], span[1] + 1):
            text = self._lines[line - 1].strip()
            if not text or text.startswith("#") or any(step.first <= line <= step.last for step in self.steps):
                continue
            holders = [at for at, step in enumerate(self.steps) if step.first <= line <= step.end]
            yield holders[-1] if holders else None

    def _walk(self, block: Iterable[ast.AST], around: tuple[int, ...]) -> None:
        for node in block:
            inner = [each for name in _BLOCKS for each in getattr(node, name, ())]
            first, end = _first_line(node), _last_line(node)
            last = max(first, min((_first_line(each) for each in inner), default=end + 1) - 1)
            last = max([_first_line(node), *(_last_line(each) for each in head_of(node))]) if inner else last
            self.steps.append(_Step(node, first, last, end, around))
            if inner:
                self._walk(inner, (*around, len(self.steps) - 1))


class _Side:
    """One of the two texts and what is edited in it: statements, and those of them whose leaving is new or gone."""

    def __init__(self, version: _Version) -> None:
        self.version = version
        self.edited: set[int] = set()
        self.leaving: set[int] = set()

    def jumps(self, touched: Iterable[int]) -> list[int]:
        """The edited ones that leave the function or a loop."""
        return [at for at in touched if at in self.edited and isinstance(self.version.steps[at].node, _JUMPS)]

    def inside(self) -> list[int]:
        """The statements that stand in an edited one."""
        return [at for at, step in enumerate(self.version.steps) if not self.edited.isdisjoint(step.around)]


def find_flow(before: bytes, after: bytes, qualname: str, hunks: Sequence[Hunk]) -> Flow | None:
    """How the edits of one function hang together with the rest; None where that cannot be told."""
    try:
        versions = _version(before, qualname), _version(after, qualname)
        if versions[0] is None or versions[1] is None:
            return None
        return _flow(versions[0], versions[1], hunks)
    except RecursionError:
        return None


@lru_cache(maxsize=16)
def _version(source: bytes, qualname: str) -> _Version | None:
    parsed, drafts = read_drafts(source)
    draft = drafts.get(qualname)  # the base's is asked for at every save
    if draft is None or parsed.broken or len(draft.nodes) != 1:
        return None
    function = draft.nodes[0]
    if not isinstance(function, _Function):
        return None
    version = _Version(function, parsed.lines)
    return version if version.steps and len(version.steps) <= _MOST_STEPS else None


def _flow(old: _Version, new: _Version, hunks: Sequence[Hunk]) -> Flow | None:
    sides = _Side(old), _Side(new)
    if not all(_note_edits(*sides, hunk) for hunk in hunks):
        return None
    used = [_used(side) for side in sides]
    if any(each.is_blind for each in used):
        return None
    governs = {*_governed(sides[0]), *(_in_base(span, hunks) for span in _governed(sides[1]))}
    if used[0].suspends != used[1].suspends:
        governs.add(old.span)  # others get their turn elsewhere than before
    gives = {name for each in used for name in (*each.gives, *each.stirs)}
    every = [side.version.uses(at) for side in sides for at in range(len(side.version.steps))]
    return Flow(
        takes=tuple(sorted(used[0].takes | used[1].takes)),
        gives=tuple(sorted(gives)),
        reaches=tuple(sorted(_closure(gives, every))),
        governs=tuple(sorted(governs)),
        shares=tuple(sorted({*used[0].shares, *used[1].shares, *_contexts(sides[0]), *_contexts(sides[1])})),
        acts=any(each.acts for each in used) or any(side.leaving for side in sides),
    )


def _used(side: _Side) -> Uses:
    """What the edited statements use, what those alter that stand in them, and what decides whether they run."""
    version, found = side.version, Uses()
    for at in side.edited:
        found.add(version.uses(at))
        scopes = (version.steps[each].node for each in version.steps[at].around)
        found.gives.update(node.name for node in scopes if isinstance(node, _SCOPES))
    for at in side.inside():
        inner = version.uses(at)
        found.gives |= inner.gives
        found.acts |= inner.acts
    for at in _deciding(side):
        found.takes |= version.uses(at).takes
    return found


def _deciding(side: _Side) -> set[int]:
    """The heads that edited statements stand under, and those of what may leave before it comes to them."""
    steps = side.version.steps
    edited = [steps[at] for at in side.edited]
    found = {holder for step in edited for holder in step.around}
    for at, step in enumerate(steps):
        if at in side.edited or not isinstance(step.node, _JUMPS):
            continue
        for first, last in _skipped(side.version, at):
            if any(first <= each.first <= last for each in edited):
                found.update((at, *step.around) if isinstance(step.node, ast.Assert) else step.around)
    return found


def _note_edits(old: _Side, new: _Side, hunk: Hunk) -> bool:
    """Within a run of changed lines, what is there before and after in the same order is no edit.

    False where a line cannot be placed.
    """
    before, after = old.version.run(hunk.base_start, hunk.base_count), new.version.run(hunk.now_start, hunk.now_count)
    touched = old.version.touched(before), new.version.touched(after)
    keys = [[side.version.steps[at].key for at in some] for side, some in ((old, touched[0]), (new, touched[1]))]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        if tag != "equal":
            old.edited.update(touched[0][i1:i2])
            new.edited.update(touched[1][j1:j2])
    jumps = old.jumps(touched[0]), new.jumps(touched[1])
    if _kinds(old, jumps[0]) != _kinds(new, jumps[1]):
        old.leaving.update(jumps[0])
        new.leaving.update(jumps[1])
    strays = *old.version.strays(before), *new.version.strays(after)
    old.edited.update(at for at in old.version.strays(before) if at is not None)
    new.edited.update(at for at in new.version.strays(after) if at is not None)
    return None not in strays


def _kinds(side: _Side, steps: Iterable[int]) -> Counter[type[ast.AST]]:
    return Counter(type(side.version.steps[at].node) for at in steps)


def _governed(side: _Side) -> Iterator[Span]:
    """Lines that run, or run otherwise, because of the edits."""
    version = side.version
    for at in side.edited:
        step = version.steps[at]
        if step.end > step.last:
            yield step.first, step.end
        yield from _handlers(version, step)
    for at in side.leaving.union(at for at in side.inside() if isinstance(version.steps[at].node, _JUMPS)):
        yield from _skipped(version, at)


def _skipped(version: _Version, at: int) -> Iterator[Span]:
    """What does not run where this statement leaves: what follows, and the loops that it ends."""
    step = version.steps[at]
    around = [version.steps[each] for each in step.around]
    scope = next((each for each in reversed(around) if isinstance(each.node, _SCOPES)), None)
    inner = around[around.index(scope) + 1 :] if scope is not None else around
    loops = [each for each in inner if isinstance(each.node, _LOOPS)]
    if isinstance(step.node, _LEAVES):
        yield step.first, scope.end if scope is not None else version.span[1]
        if loops:
            yield loops[0].first, loops[0].end
    elif loops:
        yield loops[-1].first, loops[-1].end


def _handlers(version: _Version, step: _Step) -> Iterator[Span]:
    """What handles, or follows, what a statement in the body of a ``try`` may raise."""
    for holder in (version.steps[each] for each in step.around):
        rest: Sequence[ast.AST] = ()
        if isinstance(holder.node, ast.Try | ast.TryStar):
            rest = [*holder.node.handlers, *holder.node.orelse, *holder.node.finalbody]
        first = min((_first_line(each) for each in rest), default=0)
        if step.first < first:
            yield first, holder.end


def _contexts(side: _Side) -> Iterator[str]:
    """The ``with`` blocks that edited statements stand in, by what they open; the nested functions, by name."""
    steps = side.version.steps
    for at in {each for position in side.edited for each in steps[position].around}:
        node = steps[at].node
        if isinstance(node, ast.With | ast.AsyncWith):
            yield "with " + ", ".join(ast.unparse(item.context_expr) for item in node.items)
        elif isinstance(node, _SCOPES):
            yield f"def {node.name}"


def _closure(gives: set[str], steps: Sequence[Uses]) -> set[str]:
    """All names that unedited assignments make of ``gives``."""
    takers: dict[str, list[tuple[str, Uses]]] = {}
    for step in steps:
        for name in step.takes if step.gives else ():
            takers.setdefault(root_of(name), []).append((name, step))
    reached, waiting = set(gives), list(gives)
    while waiting:
        name = waiting.pop()
        for taken, step in takers.get(root_of(name), ()):
            if names_overlap(name, taken):
                more = step.gives - reached - {RESULT}  # that two names end in one result ties no edits together
                waiting += more
                reached |= more
    return reached


def _in_base(span: Span, hunks: Sequence[Hunk]) -> Span:
    """Lines of the new text as lines of the base, rather too many than too few."""
    return _base_line(span[0], hunks, is_end=False), _base_line(span[1], hunks, is_end=True)


def _base_line(line: int, hunks: Sequence[Hunk], *, is_end: bool) -> int:
    shift = 0
    for hunk in hunks:
        if line < hunk.now_start + (not hunk.now_count):
            break
        if line < hunk.now_start + hunk.now_count:
            return hunk.base_start + (max(hunk.base_count, 1) - 1 if is_end else 0)
        shift = hunk.base_start + max(hunk.base_count, 1) - hunk.now_start - max(hunk.now_count, 1)
    return line + shift


def _first_line(node: ast.AST) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    own = node.pattern if isinstance(node, ast.match_case) else node
    line: int = getattr(own, "lineno", 0)
    return min([line, *(each.lineno for each in decorators)])


def _last_line(node: ast.AST) -> int:
    if isinstance(node, ast.match_case):
        return max(_last_line(each) for each in node.body)
    end: int | None = getattr(node, "end_lineno", None)
    return end or _first_line(node)
