"""The resolver: whether a deliverable can be made, by eleven rules without a model. What it lacks, it names.

Each rule is a function of the whole situation. None looks at the clock or at a disk; equal situations give equal lacks.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator

from watchkeeper.engagements.markdown import prose, said_chars, sections
from watchkeeper.engagements.methodology.contracts import InputSpec, find_ring
from watchkeeper.engagements.resolving.facts import find_clashes
from watchkeeper.engagements.resolving.situation import (
    CORRECTIONS,
    Lack,
    Paper,
    Ready,
    Situation,
    Upstream,
    Whom,
)
from watchkeeper.model.redaction import has_secret
from watchkeeper.repos.messages import one_line

DOCUMENTS = ("role", "guide", "template")
"""What a run is given of the methodology, in this order."""

_DAY = 86_400_000


def resolve(situation: Situation) -> Ready | tuple[Lack, ...]:
    """READY with all that goes in pinned, or every lack in the order of the rules. Never both, never neither."""
    lacks = tuple(lack for rule in _RULES for lack in rule(situation))
    if lacks:
        return lacks
    order = {spec.name: number for number, spec in enumerate(situation.contract.input)}
    papers = sorted(situation.papers, key=lambda paper: order.get(paper.input, len(order)))
    documents = sorted(situation.documents, key=lambda document: DOCUMENTS.index(document.kind))
    pinned = [(document.kind, document.digest) for document in documents]
    pinned += [(paper.input, paper.digest) for paper in papers]
    return Ready(situation.step, situation.contract.atom, tuple(pinned))


def _present(situation: Situation) -> Iterator[Lack]:
    """R1: each required input is there, and none twice."""
    for spec in situation.contract.input:
        count = len(_of(situation, spec))
        if count > 1:
            question = f"{spec.name} is there {count} times: which one holds?"
            yield Lack("R1", spec.name, f"{count} papers for one input", _whom(spec), question)
        elif not count and spec.required:
            before = situation.upstream.get(spec.from_)
            if spec.from_ and (before is None or not before.done):
                continue  # R5 says so
            yield Lack("R1", spec.name, "it is not there", _whom(spec), spec.ask or f"Please send {spec.name}.")


def _shaped(situation: Situation) -> Iterator[Lack]:
    """R2: what its contract wants of it is in it, and enough of it."""
    for spec, paper in _given(situation):
        size = said_chars(paper.text)
        if size < max(spec.min_chars, 1):
            least = f"{size:,} of at least {max(spec.min_chars, 1):,} characters"
            yield Lack("R2", spec.name, f"it says too little: {least}", _whom(spec), f"Please say more in {spec.name}.")
        heads = {section.title.casefold(): section.body for section in sections(paper.text)}
        for wanted in spec.schema:
            if not said_chars(heads.get(wanted.casefold(), "")):
                there = "is empty" if wanted.casefold() in heads else "is not there"
                question = f"What is to stand under “{wanted}” of {spec.name}?"
                yield Lack("R2", spec.name, f"the section {wanted!r} {there}", _whom(spec), question)


def _finished(situation: Situation) -> Iterator[Lack]:
    """R3: nothing in it waits to be written."""
    for spec, paper in _given(situation):
        for number, line in enumerate(prose(paper.text).split("\n"), 1):
            if found := _OPEN.search(line):
                asked = found["asked"]
                question = _clean(asked) if asked and said_chars(asked) else f"{spec.name}, line {number}: what is it?"
                yield Lack("R3", spec.name, f"line {number} is open: {_clean(found[0])}", _whom(spec), question)
        wanted = {title.casefold() for title in spec.schema}
        for section in sections(paper.text):
            if not said_chars(section.body) and section.title.casefold() not in wanted:
                title = _clean(section.title)
                question = f"What is to stand under “{title}” of {spec.name}, or can it go?"
                yield Lack("R3", spec.name, f"nothing stands under {title!r}", _whom(spec), question)


def _young(situation: Situation) -> Iterator[Lack]:
    """R4: it is not older than its contract allows, and not from tomorrow."""
    for spec, paper in _given(situation):
        days = (situation.now - paper.at) / _DAY
        if spec.max_age_days and days > spec.max_age_days:
            what = f"it is {days:.0f} days old, of at most {spec.max_age_days:g}"
            yield Lack("R4", spec.name, what, _whom(spec), f"Does {spec.name} still hold as it is?")
        elif days < -1:
            what = f"it is dated {-days:.0f} days ahead"
            yield Lack("R4", spec.name, what, Whom.OPERATOR, f"When was {spec.name} really given?")


def _settled(situation: Situation) -> Iterator[Lack]:
    """R5: a deliverable that it is made of is done, holds, and is exactly what was accepted."""
    for spec in situation.contract.input:
        if not spec.from_:
            continue
        papers = _of(situation, spec)
        before = situation.upstream.get(spec.from_)
        if before is None:
            if spec.required or papers:
                question = f"Nothing of this playbook makes {spec.from_}: who does?"
                yield Lack("R5", spec.name, f"no deliverable is {spec.from_}", Whom.OPERATOR, question)
        elif spec.required or papers:
            yield from _settled_by(spec, papers, before)


def _settled_by(spec: InputSpec, papers: tuple[Paper, ...], before: Upstream) -> Iterator[Lack]:
    if not before.done:
        yield Lack("R5", spec.name, f"{spec.from_} is not done", Whom.OPERATOR, "", waits=True)
    elif before.stale:
        question = f"{spec.from_} was made of what has changed since: is it to be made again?"
        yield Lack("R5", spec.name, f"{spec.from_} is stale", Whom.OPERATOR, question)
    elif not before.accepted:
        question = f"{spec.from_} is done, and no gate accepted it: does it hold?"
        yield Lack("R5", spec.name, f"{spec.from_} was never accepted", Whom.OPERATOR, question)
    elif any(paper.digest != before.accepted for paper in papers):
        question = f"{spec.name} is not the {spec.from_} that was accepted: which one holds?"
        yield Lack("R5", spec.name, "it is another than was accepted", Whom.OPERATOR, question)


def _ordered(situation: Situation) -> Iterator[Lack]:
    """R6: no step of the playbook needs itself, and this one is among them with this contract."""
    if ring := find_ring(situation.playbook):
        question = f"The playbook goes round: {' needs '.join([*ring, ring[0]])}. Which need is to go?"
        yield Lack("R6", "", "steps need each other", Whom.OPERATOR, question)
    step = next((each for each in situation.playbook.step if each.name == situation.step), None)
    if step is None or step.type != situation.contract.object:
        question = f"The playbook has no step {situation.step} of {situation.contract.object}: which is meant?"
        yield Lack("R6", "", "no such step", Whom.OPERATOR, question)


def _agreeing(situation: Situation) -> Iterator[Lack]:
    """R7: no two papers state different things of the same."""
    specs = {spec.name: spec for spec in situation.contract.input}
    given = {spec.name: paper.text for spec, paper in _given(situation)}
    wide = {name for name in given if specs[name].from_}
    for clash in find_clashes(given, wide):
        (one, first), (other, second) = clash.first, clash.second
        question = (
            f"{clash.key}: {one} says “{_clean(first.value)}”, {other} says “{_clean(second.value)}”. Which holds?"
        )
        whom = Whom.CLIENT if Whom.CLIENT in (_whom(specs[one]), _whom(specs[other])) else Whom.OPERATOR
        yield Lack("R7", one, f"{clash.key!r} is another in {other}", whom, question)


def _declared(situation: Situation) -> Iterator[Lack]:
    """R8: nothing goes in that its contract does not name, and every paper is what its digest says."""
    names = {spec.name for spec in situation.contract.input} | {CORRECTIONS}
    for name, count in sorted(Counter(paper.input for paper in situation.papers).items()):
        if name not in names:
            question = f"{_clean(name)} is no input of {situation.contract.object}: is it to be one, or to be left out?"
            yield Lack("R8", name, "its contract does not name it", Whom.OPERATOR, question)
        elif name == CORRECTIONS and count > 1:
            yield Lack("R8", name, f"{count} papers of corrections", Whom.OPERATOR, "Which corrections hold?")
    for paper in situation.papers:
        if paper.digest != digest_of(paper.text):
            question = f"{_clean(paper.input)} was changed after it was given: which one holds?"
            yield Lack("R8", paper.input, "its digest is another", Whom.OPERATOR, question)


def _documented(situation: Situation) -> Iterator[Lack]:
    """R9: role, guide and template are there, once each, and are what their digests say."""
    kinds = Counter(document.kind for document in situation.documents)
    for kind in DOCUMENTS:
        if kinds[kind] != 1:
            what = "is not there" if not kinds[kind] else f"is there {kinds[kind]} times"
            question = f"The {kind} for {situation.contract.object} {what}: which is to be followed?"
            yield Lack("R9", kind, f"the {kind} {what}", Whom.OPERATOR, question)
    for document in situation.documents:
        if document.kind not in DOCUMENTS:
            question = f"{document.path} is no role, guide or template: is it to be left out?"
            yield Lack("R9", document.kind, "no such document goes into a run", Whom.OPERATOR, question)
        elif document.digest != digest_of(document.text):
            question = f"{document.path} is another than the methodology has: which revision is meant?"
            yield Lack("R9", document.kind, "its digest is another", Whom.OPERATOR, question)
        elif not said_chars(document.text):
            question = f"{document.path} says nothing: what is to stand there?"
            yield Lack("R9", document.kind, "it is empty", Whom.OPERATOR, question)


def _discreet(situation: Situation) -> Iterator[Lack]:
    """R10: no paper has a key or a password in it. Which one is not repeated."""
    for paper in situation.papers:
        if has_secret(paper.text):
            question = (
                f"{_clean(paper.input)} has what looks like a key or a password: please take it out, and change it."
            )
            yield Lack("R10", paper.input, "a secret is in it", Whom.OPERATOR, question)


def _bounded(situation: Situation) -> Iterator[Lack]:
    """R11: all of it together is not more than a run may load."""
    sizes = [(len(document.text), document.path) for document in situation.documents]
    sizes += [(len(paper.text), paper.input) for paper in situation.papers]
    total = sum(size for size, _ in sizes)
    if total > situation.most_chars:
        size, name = max(sizes)
        what = f"{total:,} characters, of at most {situation.most_chars:,}"
        question = f"What of {_clean(name)} ({size:,} characters, the longest) is needed?"
        yield Lack("R11", name, what, Whom.OPERATOR, question)


_RULES: tuple[Callable[[Situation], Iterator[Lack]], ...] = (
    _present, _shaped, _finished, _young, _settled, _ordered, _agreeing, _declared, _documented, _discreet, _bounded,
)  # fmt: skip


def digest_of(text: str) -> str:
    """What a paper or document is known by: sha256 of its UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_OPEN = re.compile(
    r"\[NEEDS CLARIFICATION:?\s*(?P<asked>[^\]]*)\]?|\{\{.*?(?:\}\}|$)|\b(?:TODO|FIXME|TBD|TBC)\b|\bXXX+\b|"
    r"<(?:insert|fill in|your|add)\b[^>]*>|\blorem ipsum\b",
    re.IGNORECASE,
)
_MOST_SAID = 120


def _of(situation: Situation, spec: InputSpec) -> tuple[Paper, ...]:
    return tuple(paper for paper in situation.papers if paper.input == spec.name)


def _given(situation: Situation) -> Iterator[tuple[InputSpec, Paper]]:
    """The inputs that are there once, and what was given."""
    for spec in situation.contract.input:
        papers = _of(situation, spec)
        if len(papers) == 1:
            yield spec, papers[0]


def _whom(spec: InputSpec) -> Whom:
    return Whom.CLIENT if spec.source == "client" and not spec.from_ else Whom.OPERATOR


def _clean(text: str) -> str:
    """Somebody else's words in a question of ours."""
    return one_line(text, _MOST_SAID)
