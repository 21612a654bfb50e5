"""Facts in papers: ``key: value`` lines and rows of two cells, compared as what they are. Prose is not understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import combinations

import msgspec

from watchkeeper.engagements.markdown import HEADING, prose, words_of

MOST_VALUE = 80
"""Characters of a value; what is longer is prose."""


class Amount(msgspec.Struct, frozen=True):
    """A number with what it counts: a currency (``EUR``), ``%``, another unit as written, or ``""`` for nothing said.

    ``per`` is the span of a price (``month``), or ``""``.
    """

    number: Decimal
    unit: str = ""
    per: str = ""


class Fact(msgspec.Struct, frozen=True):
    """``key`` as it is compared, ``value`` as it is written, ``line`` 1-based, ``section`` the heading above it."""

    key: str
    value: str
    line: int
    section: str = ""


class Clash(msgspec.Struct, frozen=True):
    """Two papers that say different things of the same."""

    key: str
    first: tuple[str, Fact]
    second: tuple[str, Fact]


def read_facts(text: str) -> Iterator[Fact]:
    """What a paper states line by line. A head between lines of ``---`` is about the paper itself, and
    examples are somebody else's: neither states anything."""
    lines = prose(text).split("\n")
    head = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
    first = head + 1 if lines and lines[0].strip() == "---" else 0
    section = ""
    for number, line in enumerate(lines[first:], first + 1):
        if heading := HEADING.match(line):
            section = heading[2] if len(heading[1]) > 1 else ""
        elif found := _LINE.match(line) or _ROW.match(line):
            key, value = _key(found["key"]), _bare(found["value"])
            if key and key not in _NO_KEYS and value.casefold() not in _OPEN and len(value) <= MOST_VALUE:
                yield Fact(key, value, number, section)


def find_clashes(papers: Mapping[str, str], wide: Collection[str] = ()) -> tuple[Clash, ...]:
    """The pairs of papers, by name, that give one key values that cannot all hold. A key with several values in one
    paper is a list, and clashes only where no value of the other is among them.

    ``wide`` are papers that speak of others too (a competitor's price is not the client's): what they state below a
    heading is compared only where that heading says that it is about us (``Our product``, the client's own name), or
    has a word in common with the other one.
    """
    stated: dict[str, dict[str, list[Fact]]] = {}
    for name, text in sorted(papers.items()):
        for fact in read_facts(text):
            stated.setdefault(fact.key, {}).setdefault(name, []).append(fact)
    ours = _OURS.union(*(
        _words(fact.value) for key in _NAMES for name, facts in stated.get(key, {}).items() if name not in wide
        for fact in facts
    ))  # fmt: skip

    def comparable(one: tuple[str, Fact], other: tuple[str, Fact]) -> bool:
        return all(
            name not in wide or not fact.section or bool(_words(fact.section) & (ours | _words(beside.section)))
            for (name, fact), (_, beside) in ((one, other), (other, one))
        )

    return tuple(clash for key, by_paper in sorted(stated.items()) for clash in _clashes_of(key, by_paper, comparable))


def agree(left: str, right: str) -> bool:
    """Whether two values of one key can both hold: ``49 €`` and ``EUR 49.00`` do, ``49 €`` and ``59 €`` do not.

    Names agree where the words of one are in the other (``Acme``, ``Acme Inc.``). Prices of different spans are not
    compared. Days that can be read in two ways agree where one of the readings does.
    """
    one, other = read_days(left), read_days(right)
    if one and other:
        return bool(one & other)
    first, second = read_amount(left), read_amount(right)
    if first is not None and second is not None:
        return _amounts_agree(first, second)
    words, more = _words(left), _words(right)
    return not words or not more or words <= more or more <= words


def read_amount(text: str) -> Amount | None:
    """A value that is one number, with a currency, a unit and a span; None for anything else."""
    found = _AMOUNT.fullmatch(text.strip().rstrip("."))
    if found is None:
        return None
    number = _number(found["number"])
    if number is None:
        return None
    before, after = (found["before"] or "").strip(), (found["after"] or "").strip()
    if before and after and _unit(before) != _unit(after):
        return None
    scale = {"k": 1000, "m": 1_000_000, "": 1}[(found["scale"] or "").lower()]
    return Amount(number * scale, _unit(before or after), _SPANS.get((found["per"] or "").lower(), ""))


def read_days(text: str) -> frozenset[tuple[int, int, int]]:
    """The days (year, month, day) that a value can mean; none where it is no day."""
    text = text.strip().rstrip(".")
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        return _days([(found[1], found[2], found[3])])
    if found := re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", text):
        return _days([(found[3], found[2], found[1])])
    if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
        return _days([(found[3], found[1], found[2]), (found[3], found[2], found[1])])
    if found := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([A-Za-z]{3,9})\.?,? (\d{4})", text):
        return _days([(found[3], _month(found[2]), found[1])])
    if found := re.fullmatch(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", text):
        return _days([(found[3], _month(found[1]), found[2])])
    return frozenset()


_LINE = re.compile(
    r"^\s{0,3}(?:[-*+] +|\d{1,3}[.)] +)?(?:\*\*|__)?(?P<key>[^\W\d_][^:|*`]{1,40}?)"
    r"(?:\*\*|__)?:(?:\*\*|__)? +(?P<value>\S.*)$"
)
_ROW = re.compile(r"^\s{0,3}\|\s*(?P<key>[^\W\d_][^|:`]{1,40}?)\s*\|\s*(?P<value>[^|]+?)\s*\|\s*$")
_NO_KEYS = frozenset(
    "note notes example e.g i.e question answer q a source sources see quote todo tip warning key name value field "
    "item term step result summary comment reason why what how who when where".split()
)
_NAMES = ("company", "client", "name", "product", "brand")
_OURS = frozenset(("our", "ours", "own", "we", "us"))
_OPEN = frozenset("- -- — ? n/a tbd tba none unknown todo value ---".split())
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_CURRENCIES = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "us$": "USD", "dollar": "USD",
    "dollars": "USD", "£": "GBP", "gbp": "GBP", "chf": "CHF", "¥": "JPY", "jpy": "JPY", "percent": "%", "%": "%",
}  # fmt: skip
_MONEY = {*_CURRENCIES.values()}
_SPANS = {
    "month": "month", "mo": "month", "monthly": "month", "year": "year", "yr": "year", "annum": "year",
    "yearly": "year", "annually": "year", "week": "week", "day": "day", "hour": "hour", "user": "user", "seat": "seat",
}  # fmt: skip
_AMOUNT = re.compile(
    r"(?:about |approx\. |ca\. |~)?(?P<before>[€$£¥]|US\$|[A-Z]{3})?\s?(?P<number>\d[\d.,' \u00a0]*?)\s?"
    r"(?P<scale>[kKmM](?![a-z]))?\s?(?P<after>[€$£¥%]|[A-Za-z]{2,12})?(?:\s?(?:/|per |a )\s?(?P<per>[a-z]+))?"
)


def _clashes_of(
    key: str, by_paper: Mapping[str, list[Fact]], comparable: Callable[[tuple[str, Fact], tuple[str, Fact]], bool]
) -> Iterator[Clash]:
    for name, other in combinations(by_paper, 2):
        pairs = [
            (one, two) for one in by_paper[name] for two in by_paper[other] if comparable((name, one), (other, two))
        ]
        if pairs and not any(agree(one.value, two.value) for one, two in pairs):
            yield Clash(key, (name, pairs[0][0]), (other, pairs[0][1]))


def _amounts_agree(one: Amount, other: Amount) -> bool:
    if one.per and other.per and one.per != other.per:
        return True
    if one.unit and other.unit and one.unit != other.unit and {one.unit, other.unit} & _MONEY:
        return False
    return one.number == other.number


def _number(text: str) -> Decimal | None:
    """``1,200.50``, ``1.200,50``, ``1'200`` and ``1 200``; a single mark with three digits behind it groups."""
    text = re.sub(r"['\s\u00a0]", "", text).strip(".,")
    marks = [char for char in text if char in ".,"]
    if len(set(marks)) == 2:  # the last one is the decimal one
        last = marks[-1]
        text = text.replace("," if last == "." else ".", "").replace(last, ".")
    elif marks and (len(marks) > 1 or re.fullmatch(r"\d{1,3}[.,]\d{3}", text)):
        text = re.sub(r"[.,]", "", text)
    else:
        text = text.replace(",", ".")
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _unit(text: str) -> str:
    return _CURRENCIES.get(text.lower(), text.lower().rstrip("s"))


def _days(read: Iterable[tuple[str, str, str]]) -> frozenset[tuple[int, int, int]]:
    days = [(int(year), int(month), int(day)) for year, month, day in read]
    return frozenset(each for each in days if 1 <= each[1] <= 12 and 1 <= each[2] <= 31)


def _month(name: str) -> str:
    return str(_MONTHS.index(name[:3].lower()) + 1) if name[:3].lower() in _MONTHS else "0"


def _key(text: str) -> str:
    words = re.findall(r"[\w.]+", text.casefold())
    return " ".join(word for word in words if word not in ("the", "a", "an", "our", "your"))


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[*_`]", "", text).split())


def _words(text: str) -> frozenset[str]:
    return frozenset(words_of(text))
