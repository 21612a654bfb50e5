"""The checks of answers: a closed set, named in contracts and carried out here.

Each is a function of the answer, its template, and the papers it was made of. A methodology names checks and gives
their values; it brings no code, since its words may come of a client's correction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from watchkeeper.engagements.markdown import prose, said_chars, sections, words_of
from watchkeeper.engagements.methodology.contracts import CheckSpec, OutputSpec
from watchkeeper.engagements.resolving.facts import Amount, read_amount
from watchkeeper.model.errors import UsageError
from watchkeeper.repos.messages import one_line

_LEAST_QUOTED = 4


class Answer(msgspec.Struct, frozen=True):
    """What came back, and what it was made of: ``papers`` by the name of the input, ``template`` as it was sealed."""

    text: str
    template: str
    papers: Mapping[str, str] = {}


class Failure(msgspec.Struct, frozen=True):
    """One reason why an answer is not one. ``check`` names it, ``quote`` is the place in the answer, if there is one.

    ``rule`` is the rule of the guide that the check came of.
    """

    check: str
    what: str
    quote: str = ""
    rule: str = ""


def check_answer(answer: Answer, output: OutputSpec) -> tuple[Failure, ...]:
    """All that is wrong, in the order of the contract. What every answer has to be is looked at first: it is text, not
    too long, and nothing in it is left open. Raises UsageError (``unknown-output-check``)."""
    failures = [*_whole(answer, output)]
    for spec in output.checks:
        check = _CHECKS.get(spec.check)
        if check is None:
            raise UsageError(
                f"no check of answers is called {spec.check!r}",
                slug="unknown-output-check",
                hint=f"the contract names one of {', '.join(sorted(_CHECKS))}",
                facts={"check": spec.check},
            )
        failures += [Failure(spec.check, what, _short(quote), spec.rule) for what, quote in check(answer, spec)]
    return tuple(failures)


def check_names() -> tuple[str, ...]:
    """Those that a contract can name."""
    return tuple(sorted(_CHECKS))


_Found = Iterator[tuple[str, str]]


def _whole(answer: Answer, output: OutputSpec) -> Iterator[Failure]:
    if not said_chars(answer.text):
        yield Failure("answer", "it says nothing")
    if len(answer.text) > output.max_chars:
        yield Failure("answer", f"it has {len(answer.text):,} characters, of at most {output.max_chars:,}")
    for found in _OPEN.finditer(prose(answer.text)):
        yield Failure("answer", "a place is left open", _short(found[0]))


def _slots_filled(answer: Answer, _: CheckSpec) -> _Found:
    """The fixed words of the template are there in their order, with something where each slot was."""
    text = " ".join(prose(answer.text).split())
    pieces = _SLOT.split(prose(answer.template))
    slots = ["", *pieces[1::2]]
    at, waiting = 0, ""
    for slot, piece in zip(slots, pieces[::2], strict=True):
        waiting = waiting or slot
        part = " ".join(piece.split())
        if not part:
            continue
        found = text.find(part, at)
        if found < 0:
            yield "what the template has is not there, or not where it has it", part
            waiting = ""
            continue
        if waiting and not said_chars(text[at:found]):
            yield f"the slot {waiting!r} is empty", ""
        at, waiting = found + len(part), ""
    if waiting and not said_chars(text[at:]):
        yield f"the slot {waiting!r} is empty", ""


def _headings(answer: Answer, _: CheckSpec) -> _Found:
    """The headings of the template are there, in their order, and something stands under each."""
    there = list(sections(answer.text))
    at = 0
    for wanted in sections(answer.template):
        if _SLOT.search(wanted.title):
            continue
        same = (wanted.level, wanted.title.casefold())
        places = [number for number, each in enumerate(there) if (each.level, each.title.casefold()) == same]
        if not places:
            yield f"the heading {wanted.title!r} is not there", ""
        elif not any(place >= at for place in places):
            yield f"the heading {wanted.title!r} is not where the template has it", ""
        else:
            at = next(place for place in places if place >= at)
            if not said_chars(there[at].body):
                yield f"nothing stands under {wanted.title!r}", ""


def _absent(answer: Answer, spec: CheckSpec) -> _Found:
    """None of these words, divided by ``|``, whole and in any case."""
    text = prose(answer.text)
    for word in (each.strip() for each in spec.value.split("|")):
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        for found in pattern.finditer(text) if word else ():
            yield f"it says {word!r}", text[max(found.start() - 40, 0) : found.end() + 40]


def _present(answer: Answer, spec: CheckSpec) -> _Found:
    """One of these words at least, divided by ``|``."""
    words = [each.strip() for each in spec.value.split("|") if each.strip()]
    text = prose(answer.text)
    if words and not any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in words):
        yield f"it says nothing of {' or '.join(map(repr, words))}", ""


def _at_most_words(answer: Answer, spec: CheckSpec) -> _Found:
    count = len(prose(answer.text).split())
    if count > spec.number:
        yield f"it has {count:,} words, of at most {spec.number:,.0f}", ""


def _at_least_words(answer: Answer, spec: CheckSpec) -> _Found:
    count = len(prose(answer.text).split())
    if count < spec.number:
        yield f"it has {count:,} words, of at least {spec.number:,.0f}", ""


def _sentence_words(answer: Answer, spec: CheckSpec) -> _Found:
    """No sentence is longer than ``number`` words."""
    for line in prose(answer.text).splitlines():
        for sentence in re.split(r"(?<=[.!?])\s+", line):
            if len(sentence.split()) > spec.number:
                yield f"a sentence has {len(sentence.split())} words, of at most {spec.number:.0f}", sentence


def _quotes_input(answer: Answer, _: CheckSpec) -> _Found:
    """What it quotes, in marks or as a block, stands in a paper word for word."""
    given = " ".join(words_of(" ".join(answer.papers.values())))
    for quote in _quoted(answer.text):
        words = words_of(quote)
        if len(words) >= _LEAST_QUOTED and f" {' '.join(words)} " not in f" {given} ":
            yield "what it quotes stands in no paper", quote


def _numbers_given(answer: Answer, _: CheckSpec) -> _Found:
    """Each price and share that it names stands in a paper."""
    given = {(each.number, each.unit) for text in answer.papers.values() for each, _ in _amounts(text)}
    for amount, quote in _amounts(answer.text):
        if (amount.number, amount.unit) not in given:
            yield "a number that no paper has", quote


def _cites_inputs(answer: Answer, spec: CheckSpec) -> _Found:
    """Each paper is named where it was used: ``[brief]``; ``value`` are those that need not be, divided by ``|``."""
    spared = {each.strip() for each in spec.value.split("|")}
    for name in answer.papers:
        if name not in spared and f"[{name}]" not in answer.text:
            yield f"it never names [{name}]", ""


def _table_has(answer: Answer, spec: CheckSpec) -> _Found:
    """A table with these columns, divided by ``|``, and at least ``number`` rows."""
    columns = [each.strip().casefold() for each in spec.value.split("|") if each.strip()]
    best = -1
    for head, rows in _tables(answer.text):
        if all(column in head for column in columns):
            best = max(best, rows)
    if best < 0:
        yield f"no table has the columns {', '.join(columns)}", ""
    elif best < spec.number:
        yield f"the table has {best} rows, of at least {spec.number:.0f}", ""


_CHECKS: dict[str, Callable[[Answer, CheckSpec], _Found]] = {
    "absent": _absent,
    "at-least-words": _at_least_words,
    "at-most-words": _at_most_words,
    "cites-inputs": _cites_inputs,
    "headings": _headings,
    "numbers-given": _numbers_given,
    "present": _present,
    "quotes-input": _quotes_input,
    "sentence-words": _sentence_words,
    "slots-filled": _slots_filled,
    "table-has": _table_has,
}
_SLOT = re.compile(r"\{\{([^{}]*)\}\}")
_OPEN = re.compile(r"\{\{[^{}]*\}\}|\[NEEDS CLARIFICATION[^\]]*\]?|\b(?:TODO|TBD|FIXME)\b")
_MONEY = re.compile(
    r"(?:[€$£]|\b(?:EUR|USD|GBP|CHF)\b)\s?\d[\d.,']*(?:\s?[kKmM]\b)?"
    r"|\d[\d.,']*\s?(?:[kKmM]\s?)?(?:[€$£%]|(?:EUR|USD|GBP|CHF|percent)\b)"
)
_MOST_QUOTE = 160


def _quoted(text: str) -> Iterator[str]:
    text = prose(text)
    for found in re.finditer(r"“([^”]{1,600})”|\"([^\"\n]{1,600})\"|„([^“]{1,600})“|«([^»]{1,600})»", text):
        yield next(group for group in found.groups() if group)
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.lstrip().startswith(">"):
            block.append(line.lstrip(" >"))
        elif block:
            yield " ".join(block)
            block = []


def _amounts(text: str) -> Iterator[tuple[Amount, str]]:
    for found in _MONEY.finditer(prose(text)):
        amount = read_amount(found[0].rstrip(".,"))
        if amount is not None:
            yield amount, found[0]


def _tables(text: str) -> Iterator[tuple[list[str], int]]:
    lines = [*prose(text).splitlines(), ""]
    for number, line in enumerate(lines[:-1]):
        if "|" in line and re.fullmatch(r"\s*\|?(\s*:?-+:?\s*\|)+\s*(:?-+:?)?\s*", lines[number + 1]):
            rows = 0
            while number + 2 + rows < len(lines) and "|" in lines[number + 2 + rows]:
                rows += 1
            yield [cell.strip(" *_").casefold() for cell in line.strip().strip("|").split("|")], rows


def _short(text: str) -> str:
    return one_line(text, _MOST_QUOTE)
