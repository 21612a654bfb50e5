"""What applies where nobody says otherwise, and is another now: parameters, settings, variables, constants. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.footprint import Edit, Footprint, Write
from watchkeeper.model.reading import Signature, SymbolKind
from watchkeeper.model.resources import AccessMode, Resource, ResourceKind, ResourceTouch
from watchkeeper.model.review import DecisionKind
from watchkeeper.review.decisions.found import Found
from watchkeeper.risk.facts import Place, Role
from watchkeeper.risk.files import role_of
from watchkeeper.risk.public import is_aside, is_public

_MOST_VALUE = 80
_CONSTANT = re.compile(r"_*[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")
_VERSIONS = re.compile(r"(^|[._:-])(version|revision|build|commit|release|updated|date|hash|checksum|sha256|digest"
                       r"|generated|copyright|year)(_?(info|no|number|string|id|at))?$", re.IGNORECASE)  # fmt: skip
"""Values that are counted on with every release: nobody decides them."""
_SECRETS = re.compile(r"pass(word|wd)?|secret|token|key|credential|dsn|salt|cookie|private", re.IGNORECASE)
_SCALAR = re.compile(
    r"""[-+]?\d[\d_]*(\.\d+)?(e[-+]?\d+)?n?            # a number
    |[-+]?\d[\d_.]*(\s*(\*\*?|<<|/|\+|-)\s*\d[\d_.]*)+   # 60 * 60
    |True|False|None|true|false|null|undefined
    |(?P<quote>["'])[^"'\\\n\s]{0,60}(?P=quote)                        # a word
    |[A-Za-z_][\w.]*\(\s*((\w+\s*=\s*)?-?\d[\d_.]*\s*,?\s*)+\)   # timedelta(days=3)
    |[A-Za-z_]\w*(\.\w+)+                               # Mode.FAST
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TOOLS = re.compile(
    r"(^|/)(\.[^/]+(/.*)?|pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|mypy\.ini|package\.json|Cargo\.toml|Pipfile"
    r"|[jt]sconfig[\w.-]*\.json|[\w-]+\.config\.\w+|(mkdocs|readthedocs|codecov|appveyor)\.ya?ml|renovate\.json"
    r"|lerna\.json|(azure-pipelines|docker-compose)[\w.-]*\.ya?ml)$"
)


_CONFIGURES = re.compile(
    r"config|settings?|options|preferences|defaults?|conf$|rc$|^\.|limits|policy|features?|flags", re.IGNORECASE
)


def is_data_file(path: str) -> bool:
    """Whether a file of keys holds data rather than settings: JSON that is not called a configuration."""
    name = path.rpartition("/")[2]
    return name.endswith((".json", ".jsonc")) and _CONFIGURES.search(name.rpartition(".")[0]) is None


def find_changed_defaults(files: Sequence[ChangedFile], footprint: Footprint) -> Iterator[Found]:
    """Each once. Values that may be secrets are not told; tests, examples and files of tools have no defaults."""
    texts = {file.place: file for file in files}
    spared = {file.place for file in files if _is_spared(file)}
    told: set[str] = set()
    for found in (*_of_symbols(footprint, texts, spared), *_of_resources(footprint, spared)):
        if found.subject not in told:
            told.add(found.subject)
            yield found


def _is_spared(file: ChangedFile) -> bool:
    role = role_of(file.place, file.now)
    return role in (Role.TEST, Role.GENERATED, Role.PROSE) or is_aside(file.place) or file.is_binary


# -- symbols ---------------------------------------------------------------------------------------------------------


def _of_symbols(footprint: Footprint, texts: Mapping[str, ChangedFile], spared: set[str]) -> Iterator[Found]:
    for write in footprint.writes:
        if write.imports or write.is_test or write.path in spared or write.edit not in (Edit.MODIFIED, Edit.RENAMED):
            continue
        if write.old_signature is not None and write.new_signature is not None and is_public(write.key):
            yield from _of_parameters(write, write.old_signature, write.new_signature)
        elif write.edit is Edit.MODIFIED and write.kind in (SymbolKind.VARIABLE, SymbolKind.FIELD):
            yield from _of_value(write, texts.get(write.path))


def _of_parameters(write: Write, before: Signature, after: Signature) -> Iterator[Found]:
    old = {each.name: each.default for each in before.parameters}
    for each in after.parameters:
        was = old.get(each.name, "")
        if not was or not each.default or _same(was, each.default):
            continue
        subject = f"default:{write.key.path}:{write.key.qualname}:{each.name}"
        title = f"the default of {each.name} of {write.name} is {_short(each.default)}, and was {_short(was)}"
        yield _found(title, each.default, subject, Place(write.path, write.line), each.name)


def _of_value(write: Write, file: ChangedFile | None) -> Iterator[Found]:
    """A constant, or a field of a class, whose value stands in one line of both texts, and is a plain one."""
    name = write.key.qualname.rpartition(".")[2]
    is_constant = write.kind is SymbolKind.VARIABLE and _CONSTANT.fullmatch(name) is not None
    is_field = write.kind is SymbolKind.FIELD and is_public(write.key)
    if file is None or not (is_constant or is_field) or _VERSIONS.search(name):
        return
    # Of a call only what it is given is a value: another call is other code.
    was = _assigned(file.base, write.before, name)
    now = _assigned(file.now, write.after, name)
    if (
        was is None
        or now is None
        or _same(was, now)
        or (was.partition("(")[0] != now.partition("(")[0] and "(" in was + now)
    ):
        return
    title = f"{write.name} is {told_value(name, now)}, and was {told_value(name, was)}"
    subject = f"default:{write.key.path}:{write.key.qualname}"
    yield _found(title, told_value(name, now), subject, Place(write.path, write.line), name)


def _assigned(source: bytes | None, spans: Sequence[tuple[int, int]], name: str) -> str | None:
    if source is None or len(spans) != 1:
        return None
    first, last = spans[0]
    lines = source.decode("utf-8", "replace").splitlines()[first - 1 : last]
    if len(lines) != 1:
        return None
    found = re.search(rf"(?<![\w.]){re.escape(name)}\s*(?::[^=]+)?=(?!=)\s*(.+?)\s*;?\s*(?:(?:\s#|//).*)?$", lines[0])
    value = found[1].rstrip(",") if found is not None else ""
    return value if _SCALAR.fullmatch(value) else None


# -- resources -------------------------------------------------------------------------------------------------------


def _of_resources(footprint: Footprint, spared: set[str]) -> Iterator[Found]:
    before: dict[tuple[str, Resource], list[ResourceTouch]] = {}
    after: dict[tuple[str, Resource], list[ResourceTouch]] = {}
    for touch in footprint.resources:
        if touch.path in spared or touch.is_kept or not _has_default(touch):
            continue
        side = after if touch.is_new else before
        side.setdefault((touch.path, touch.access.resource), []).append(touch)
    for key, news in after.items():
        olds = before.get(key, [])
        if len(olds) == 1 and len(news) == 1 and not _same(olds[0].access.value, news[0].access.value):
            yield _of_resource(olds[0], news[0])


def _has_default(touch: ResourceTouch) -> bool:
    access, kind = touch.access, touch.access.resource.kind
    if not access.value or len(access.value) > _MOST_VALUE or "\n" in access.value:
        return False
    if kind is ResourceKind.SETTING:
        is_plain = not (_TOOLS.search(touch.path) or is_data_file(touch.path)) and not access.value.startswith(
            ("[", "{")
        )
        is_plain = is_plain and (not touch.path.endswith(".py") or _SCALAR.fullmatch(access.value) is not None)
        return access.mode is AccessMode.DEFINE and is_plain and not _VERSIONS.search(access.resource.name)
    return kind is ResourceKind.ENVIRONMENT and access.mode is not AccessMode.WRITE


def _of_resource(old: ResourceTouch, new: ResourceTouch) -> Found:
    access = new.access
    if access.resource.kind is ResourceKind.SETTING:
        name = access.resource.name.rpartition(":")[2]
        title = f"the setting {name} is {told_value(name, access.value)}, and was {told_value(name, old.access.value)}"
        subject = f"default:{new.path}:{name}"
    else:
        name = access.resource.name
        is_set = access.mode is AccessMode.DEFINE  # what it is set to is known by a digest alone
        value = "another value" if is_set else told_value(name, access.value)
        was = "" if is_set else f", and was {told_value(name, old.access.value)}"
        title = f"the environment variable {name} is {'set to' if is_set else 'taken for'} {value}{was}"
        return _found(title, value, f"default:env:{name}", Place(new.path, access.line), name)
    return _found(title, told_value(name, access.value), subject, Place(new.path, access.line), name.rpartition(".")[2])


def _found(title: str, choice: str, subject: str, place: Place, name: str) -> Found:
    choice = _short(choice)
    return Found(DecisionKind.DEFAULT, title, choice, subject, path=place.path, line=place.line, names=(name,))


def told_value(name: str, value: str) -> str:
    """The value for people; of what may be a secret only that it is another one."""
    is_harmless = re.fullmatch(r"[-\d._]{1,6}|true|false|none|null", value, re.IGNORECASE)
    return _short(value) if is_harmless or not _SECRETS.search(name) else "another value"


def _short(value: str) -> str:
    return value if len(value) <= _MOST_VALUE else f"{value[: _MOST_VALUE - 3]}..."


def _same(one: str, other: str) -> bool:
    """The same value, however it is written: quotes, spaces, ``1_000``; nothing for something empty means the same."""
    plain = [re.sub(r"\s+|(?<=\d)_(?=\d)", "", each).replace('"', "'") for each in (one, other)]
    nothing = {"None", "[]", "{}", "()", "set()", "dict()", "list()", "undefined", "null"}
    return plain[0] == plain[1] or set(plain) <= nothing
