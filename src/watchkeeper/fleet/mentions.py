"""The names that a text names, and how surely: what is marked as code, paths, tracebacks, names by shape. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, TypeVar

from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.terms import bounded
from watchkeeper.model.ids import SymbolKey

MOST_MENTIONS = 400

_TRACE = re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})(?:, in ([\w.<>]{1,200}))?')
_PLACE = re.compile(r"(?<![\w./\\+-])([\w./\\+-]{1,300}\.[A-Za-z]{1,5}):(\d{1,7})\b")
_PATH = re.compile(
    r"(?<![\w./\\+-])(?:[A-Za-z]:)?[./\\]{0,6}"
    r"((?:[\w.+-]{1,80}[/\\]){0,12}[\w+-][\w.+-]{0,80}\.[A-Za-z]{1,5})(?![\w/])"
)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)|\Z)", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(r"`{1,2}~?([^`\n]{1,200})`{1,2}")
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}){0,8}")
_SHAPED = re.compile(r"\w_\w|[a-z][A-Z]|[A-Z][a-z]+[A-Z]|^_+\w")
_MOST_DEFINERS = 12
_LEAST_NAME = 3

_Key = TypeVar("_Key", str, SymbolKey)


class How(StrEnum):
    """How a text names something."""

    TRACE = "a traceback goes through it"
    PATH = "names the path"
    MARKED = "names"
    SHAPED = "writes"
    BLOCK = "uses it in an example"


_SURE = {How.TRACE: 1.0, How.PATH: 1.0, How.MARKED: 1.0, How.SHAPED: 0.8, How.BLOCK: 0.4}


class Mention(NamedTuple):
    """A name as it stands in the text, how, and the line of a place in a file (0: none)."""

    name: str
    how: How
    line: int = 0


class Named(NamedTuple):
    """How surely a file or symbol is meant, from 0 to 1, and the reason as a person can check it."""

    weight: float
    reason: str


class Meant(NamedTuple):
    """The files and symbols of a tree that a text names."""

    files: dict[str, Named]
    symbols: dict[SymbolKey, Named]


def find_mentions(text: str) -> tuple[Mention, ...]:
    """The names in a text, each once for each way in which it is named. Never raises; bounded, whatever the text."""
    text = bounded(text)
    found: dict[Mention, None] = {}
    for mention in _mentions(text):
        found[mention] = None
        if len(found) >= MOST_MENTIONS:
            break
    return tuple(found)


def resolve(mentions: Iterable[Mention], atlas: Atlas) -> Meant:
    """What they mean in a tree. A name that many define says less of each; one that too many define says nothing."""
    meant = Meant({}, {})
    for mention in mentions:
        if mention.how in {How.TRACE, How.PATH}:
            _resolve_path(mention, atlas, meant)
        else:
            _resolve_name(mention, atlas, meant)
    return meant


def _mentions(text: str) -> Iterator[Mention]:
    for match in _TRACE.finditer(text):
        yield Mention(match[1], How.TRACE, int(match[2]))
    for match in _PLACE.finditer(text):
        yield Mention(match[1], How.TRACE, int(match[2]))
    blocks = [match[1] for match in _FENCE.finditer(text)]
    prose = _FENCE.sub("\n", text)
    for match in _PATH.finditer(prose):
        yield Mention(match[1], How.PATH)
    for marked in _MARKED.finditer(prose):
        for match in _NAME.finditer(marked[1]):
            yield Mention(match[0], How.MARKED)
    for match in _NAME.finditer(_MARKED.sub(" ", prose)):
        if "." in match[0] or _SHAPED.search(match[0]) or prose[match.end() : match.end() + 2] == "()":
            yield Mention(match[0], How.SHAPED)
    for block in blocks:
        for match in _NAME.finditer(block):
            yield Mention(match[0], How.BLOCK)


def _resolve_path(mention: Mention, atlas: Atlas, meant: Meant) -> None:
    wanted = [step for step in mention.name.replace("\\", "/").lower().split("/") if step not in {"", ".", ".."}]
    if not wanted:
        return
    ranked = [(_agreement(path, wanted), path) for path in atlas.with_file_name(wanted[-1])]
    best = max((agreement for agreement, _ in ranked), default=0)
    paths = [path for agreement, path in ranked if agreement == best]
    if not paths or len(paths) > _MOST_DEFINERS:
        return
    weight = _SURE[mention.how] / len(paths)
    for path in paths:
        place = f"{path}:{mention.line}" if mention.line else path
        _add(meant.files, path, Named(weight, f"{mention.how} ({place})" if mention.line else f"names `{path}`"))
        entry = _entry_at(atlas, path, mention.line)
        if entry:
            _add(meant.symbols, SymbolKey(path, entry), Named(weight, f"{mention.how} ({place})"))


def _resolve_name(mention: Mention, atlas: Atlas, meant: Meant) -> None:
    *qualifiers, last = mention.name.split(".")
    if len(last) < _LEAST_NAME:
        return
    keys = atlas.defining(last)
    fitting = [key for key in keys if qualifiers and _qualifies(key, qualifiers[-1])]
    exact = [key for key in fitting or keys if key.qualname.rpartition(".")[2] == last]
    chosen = exact or fitting or ([] if last.islower() else keys)
    share = _SURE[mention.how] * (1.0 if fitting or not qualifiers else 0.5)
    if 0 < len(chosen) <= _MOST_DEFINERS:
        for key in chosen:
            said = f"{mention.how} `{mention.name}`" if mention.how is not How.BLOCK else f"uses `{mention.name}`"
            _add(meant.symbols, key, Named(share / len(chosen), said))
    for path in _modules(mention.name, atlas):
        _add(meant.files, path, Named(share, f"names `{mention.name}`"))


def _modules(name: str, atlas: Atlas) -> list[str]:
    """The files that a dotted name may mean as a module, by its last two parts; one part alone is too little."""
    steps = name.lower().split(".")
    for end in range(len(steps), 1, -1):
        found = [path for path in atlas.with_file_name(f"{steps[end - 1]}.py") if _agreement_of(path, steps[:end]) > 1]
        if found:
            return found[:_MOST_DEFINERS]
    return []


def _agreement_of(path: str, steps: list[str]) -> int:
    return _agreement(path, [*steps[:-1], f"{steps[-1]}.py"])


def _agreement(path: str, wanted: list[str]) -> int:
    """How many last parts of a path and of what is wanted are the same."""
    count = 0
    for one, two in zip(reversed(path.lower().split("/")), reversed(wanted), strict=False):
        if one != two:
            break
        count += 1
    return count


def _qualifies(key: SymbolKey, qualifier: str) -> bool:
    """Whether the name before the dot is the class or the module of a symbol."""
    outer = key.qualname.rpartition(".")[0].rpartition(".")[2]
    stem, wanted = key.path.rpartition("/")[2].partition(".")[0].lower(), qualifier.lower()
    folder = key.path.rpartition("/")[0].rpartition("/")[2].lower()
    return outer.lower() == wanted or stem in {wanted, f"_{wanted}"} or (not outer and folder in {wanted, f"_{wanted}"})


def _entry_at(atlas: Atlas, path: str, line: int) -> str:
    """The innermost symbol around a line, by where symbols begin; ``""`` for none."""
    if not line:
        return ""
    around = [e for e in atlas.paths[path].entries if e.qualname and e.line <= line < e.line + e.lines]
    return min(around, key=lambda each: (each.lines, each.qualname)).qualname if around else ""


def _add(table: dict[_Key, Named], key: _Key, named: Named) -> None:
    known = table.get(key)
    if known is None or named.weight > known.weight:
        table[key] = named
