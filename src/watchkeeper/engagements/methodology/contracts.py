"""What a deliverable is made of and has to be: ``deliverables/<type>/contract.toml``. Values, and how they are read."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from typing import TypeVar

import msgspec

from watchkeeper.model.errors import UsageError


class AtomKind(StrEnum):
    """How far a run may reach."""

    SEALED = "sealed"  # no network, one window to a model
    FETCH = "fetch"  # a network; what it brings is a snapshot with addresses, times and digests
    ACT = "act"  # it changes the world, and needs the approval of a person for exactly these inputs


class Gate(StrEnum):
    """Who looks at an answer before the client has it, and the client."""

    INTERNAL = "internal"
    PRINCIPAL = "principal"
    CLIENT = "client"


class InputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input. ``source`` says who gives it: the client, or the operator; of another deliverable with ``from``.

    ``min_chars`` counts what is no whitespace and no mark of markdown; ``max_age_days`` 0: it does not age. ``schema``
    names headings that have to be there, with words below each.
    """

    name: str
    source: str = "client"
    from_: str = msgspec.field(default="", name="from")
    required: bool = True
    min_chars: int = 0
    max_age_days: float = 0.0
    schema: tuple[str, ...] = ()
    ask: str = ""  # what a person is asked where it is missing, in his words


class CheckSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check of an answer, of the closed set of ``outputs``: its name, and what it is given."""

    check: str
    value: str = ""
    number: float = 0.0
    rule: str = ""  # the rule of the guide that it came of
    why: str = ""


class OutputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the answer has to be."""

    template: str = "template.md"
    checks: tuple[CheckSpec, ...] = ()
    max_chars: int = 60_000


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deliverable's type. Its atom is noun-verb-noun: ``strategist-writes-positioning``.

    ``gates`` are in their order. ``code`` is what the ids of its rules have in the middle.
    """

    subject: str
    verb: str
    object: str
    code: str
    title: str
    kind: AtomKind = AtomKind.SEALED
    gates: tuple[Gate, ...] = (Gate.INTERNAL, Gate.PRINCIPAL, Gate.CLIENT)
    input: tuple[InputSpec, ...] = ()
    output: OutputSpec = OutputSpec()
    minutes: float = 30.0

    @property
    def atom(self) -> str:
        """Its name as everything else calls it."""
        return f"{self.subject}-{self.verb}-{self.object}"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One deliverable of a playbook, by its type. ``needs`` are steps that have to be done before it."""

    name: str
    type: str
    needs: tuple[str, ...] = ()


class Playbook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is made for a client, and in which order. ``seal``: ``full`` lets nothing run that is sealed in part."""

    title: str
    step: tuple[Step, ...]
    seal: str = "any"


def parse_contract(name: str, text: str, origin: str) -> Contract:
    """The contract of the type ``name``. Raises UsageError (``contract-file``): which key, and what is allowed."""
    contract = _decode(text, Contract, origin, slug="contract-file")

    def need(holds: object, key: str, allowed: str) -> None:
        _need(holds, origin, key, allowed, slug="contract-file")

    for key in ("subject", "verb", "object"):
        need(_WORD.fullmatch(getattr(contract, key)), key, "one word of small letters and hyphens")
    need(contract.object == name, "object", f"the name of its folder, {name!r}")
    need(_CODE.fullmatch(contract.code), "code", "two to eight small letters")
    need(contract.title.strip(), "title", "what a person calls it")
    need(0 < contract.minutes <= _MOST_MINUTES, "minutes", f"above 0, at most {_MOST_MINUTES}")
    need(len(set(contract.gates)) == len(contract.gates), "gates", "each gate once")
    need(list(contract.gates) == sorted(contract.gates, key=list(Gate).index), "gates",
          "in the order internal, principal, client")  # fmt: skip
    need(0 < contract.output.max_chars <= _MOST_CHARS, "output.max_chars", f"at most {_MOST_CHARS:,}")
    need(_FILE.fullmatch(contract.output.template), "output.template", "a file beside the contract")
    names = [each.name for each in contract.input]
    for number, each in enumerate(contract.input):
        key = f"input {number + 1}"
        need(_WORD.fullmatch(each.name), f"{key}.name", "one word of small letters and hyphens")
        need(names.count(each.name) == 1, f"{key}.name", f"a name of its own; {each.name!r} is there twice")
        need(each.source in _SOURCES, f"{key}.source", " or ".join(_SOURCES))
        need(not each.from_ or _WORD.fullmatch(each.from_), f"{key}.from", "the type of a deliverable")
        need(each.from_ != name, f"{key}.from", "another type than itself")
        need(each.min_chars >= 0 and each.max_age_days >= 0, f"{key}", "numbers of 0 or more")
    return contract


def parse_playbook(text: str, origin: str) -> Playbook:
    """A playbook, whose steps need only what is there and never each other in a ring.

    Raises UsageError (``playbook-file``): which step, and what is allowed.
    """
    playbook = _decode(text, Playbook, origin, slug="playbook-file")
    names = [step.name for step in playbook.step]

    def need(holds: object, key: str, allowed: str) -> None:
        _need(holds, origin, key, allowed, slug="playbook-file")

    need(playbook.title.strip(), "title", "what a person calls it")
    need(playbook.step, "step", "at least one")
    need(playbook.seal in ("any", "full"), "seal", "any or full")
    for number, step in enumerate(playbook.step):
        key = f"step {number + 1}"
        need(_WORD.fullmatch(step.name), f"{key}.name", "one word of small letters and hyphens")
        need(names.count(step.name) == 1, f"{key}.name", f"a name of its own; {step.name!r} is there twice")
        need(_WORD.fullmatch(step.type), f"{key}.type", "the name of a folder of deliverables/")
        for each in step.needs:
            need(each in names, f"{key}.needs", f"steps of this playbook; {each!r} is none")
    ring = find_ring(playbook)
    need(not ring, "needs", f"no ring: {' needs '.join([*ring, *ring[:1]])}")
    return playbook


def find_ring(playbook: Playbook) -> tuple[str, ...]:
    """Steps that need each other, or ``()``."""
    left = {step.name: set(step.needs) for step in playbook.step}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    if not left:
        return ()
    path = [min(left)]
    while (following := min(left[path[-1]] & left.keys())) not in path:
        path.append(following)
    return tuple(path[path.index(following) :])


_Kind = TypeVar("_Kind", Contract, Playbook)
_WORD = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CODE = re.compile(r"[a-z]{2,8}")
_FILE = re.compile(r"[a-z0-9][a-z0-9-]*\.md")
_SOURCES = ("client", "operator")
_MOST_MINUTES = 600
_MOST_CHARS = 500_000


def _decode(text: str, kind: type[_Kind], origin: str, *, slug: str) -> _Kind:
    try:
        document = tomllib.loads(text)
        return msgspec.convert(document, kind)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(origin, f"it is no TOML: {error}", slug) from error
    except msgspec.ValidationError as error:
        raise _wrong(origin, str(error), slug) from error


def _need(holds: object, origin: str, key: str, allowed: str, *, slug: str) -> None:
    if not holds:
        raise _wrong(origin, f"{key} has to be {allowed}", slug)


def _wrong(origin: str, what: str, slug: str) -> UsageError:
    return UsageError(
        f"{origin}: {what}",
        slug=slug,
        hint="watchkeeper methodology init writes examples that are right",
        facts={"file": origin},
    )
