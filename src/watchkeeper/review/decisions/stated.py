"""What was decided in words: in the bodies of commits, and in decision records that a change adds. Pure.

Words are the author's, so they are data: cut, on one line, and never an order to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.review import DecisionKind
from watchkeeper.repos.messages import one_line
from watchkeeper.review.decisions.found import Found

MOST_STATED = 5
"""So many of one change: who states more, writes prose."""
_MOST_TITLE, _MOST_CHOICE = 160, 400
_LABEL = re.compile(
    r"(?:\*\*|__)?(?:design\s+)?(?:decided|decision|choice)(?:\*\*|__)?\s*:\s*(?:\*\*|__)?\s*(\S.*)", re.IGNORECASE
)
_VERB = (
    r"(?:use|uses|using|keep|keeps|store|stores|prefer|prefers|take|takes|build|builds|write|writes|read|reads|call|calls"
    r"|switch(?:es|ed)?\s+to|go(?:es)?\s+with|went\s+with|pick(?:s|ed)?|rely\s+on|relies\s+on)"
)
_WHO = (
    r"(?:(?:so|therefore|thus|hence|here|for now|now),?\s+)?"
    r"(?:(?:we|i|this|this change|this commit|it)\s+(?:now\s+|therefore\s+)?)?"
)
_CHOSE = re.compile(
    rf"(?:{_WHO})(?:"
    r"(?:deliberately\s+|intentionally\s+)?(?:chose|choose|chooses|have\s+chosen|opted\s+for|opt\s+for|decided\s+(?:to|on|against|for|that)"
    r"|settled\s+on|went\s+with)\s+\S.*"
    rf"|{_VERB}\s+\S.*?\b(?:instead\s+of|rather\s+than|in\s+favou?r\s+of)\s+\S.*"
    r")",
    re.IGNORECASE,
)
_SPARED = re.compile(r"^\s*(>|```|\||https?://|diff --git|[+-]{3}\s|[A-Z][\w-]+(-by|-Change|-Gate|-Revert|-Id)\s*:)")
_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'(])")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_WORD = re.compile(r"[A-Za-z_][\w.-]{2,}")
_RECORDS = re.compile(
    r"(^|/)(adrs?|decisions|decision[-_]records?|design[-_]decisions?|architecture[-_]decisions?|doc/arch)/"
    r"(?P<name>[^/]+)\.(md|rst|adoc|txt)$",
    re.IGNORECASE,
)
_NO_RECORD = re.compile(r"(^|[-_])(readme|index|template|toc|log|changelog)([-_]|$)", re.IGNORECASE)
_HEADING = re.compile(r"^(?:#+\s*|=+\s+)(.+?)\s*#*$")
_CHOICE_HEADING = re.compile(r"^(decision|choice|decision outcome|outcome|we will|what we decided)\b", re.IGNORECASE)


def find_in_message(message: str) -> Iterator[Found]:
    """What the body of a commit says was decided: ``Decision: ...``, ``we chose ...``, ``use A instead of B``.

    A title decides nothing, nor does what a body tells of how things were (``it returned None instead of raising``).
    """
    count = 0
    for paragraph in _paragraphs(message):
        for sentence in _sentences(paragraph):
            label = _LABEL.fullmatch(sentence)
            if label is None and _CHOSE.fullmatch(sentence) is None:
                continue
            count += 1
            if count > MOST_STATED:
                return
            choice = one_line(label[1] if label is not None else sentence, _MOST_CHOICE)
            yield _stated(choice, "commit")


def find_in_records(files: Sequence[ChangedFile]) -> Iterator[Found]:
    """Decision records that the change adds. One that is altered was decided before."""
    for file in files:
        place = _RECORDS.search(file.place)
        if place is None or file.kind is not TouchKind.ADDED or file.now is None or file.is_binary:
            continue
        if _NO_RECORD.search(place["name"]) or place["name"].startswith((".", "_")):
            continue
        title, choice = _read_record(file.now.decode("utf-8", "replace")[:50_000])
        title = one_line(title or place["name"], _MOST_TITLE)
        yield Found(
            DecisionKind.STATED, title, one_line(choice or title, _MOST_CHOICE), f"record:{file.place}", "record",
            path=file.place, line=1, names=(title,),
        )  # fmt: skip


def _stated(choice: str, origin: str) -> Found:
    subject = " ".join(_WORD.findall(choice.lower())[:8])
    return Found(DecisionKind.STATED, one_line(choice, _MOST_TITLE), choice, f"stated:{subject}", origin)


def _paragraphs(message: str) -> Iterator[str]:
    """The body, a paragraph or an item of a list each: what is quoted, code, or a trailer is left out."""
    _, _, body = message.replace("\r\n", "\n").lstrip("\n").partition("\n")
    is_code = False
    held: list[str] = []
    for line in [*body.split("\n"), ""]:
        if line.lstrip().startswith("```"):
            is_code = not is_code
            continue
        bullet = _BULLET.match(line)
        if is_code or not line.strip() or bullet is not None or _SPARED.match(line) or line.startswith(("    ", "\t")):
            if held and not (line.startswith(("    ", "\t")) and line.strip() and not is_code and bullet is None):
                yield " ".join(held)
                held = []
            if bullet is not None and not is_code:
                held = [line[bullet.end() :].strip()]
            continue
        held.append(line.strip())


def _sentences(paragraph: str) -> Iterator[str]:
    if _LABEL.fullmatch(paragraph):
        yield paragraph
        return
    for sentence in _ENDS.split(paragraph):
        yield sentence.strip()


def _read_record(text: str) -> tuple[str, str]:
    """The first heading, and the first paragraph under the one that says what was decided."""
    title, is_choice = "", False
    choice: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            if choice:
                break
            title = title or re.sub(r"^(adr[-\s]*)?\d+[.:)\s-]+", "", heading[1], flags=re.IGNORECASE).strip()
            is_choice = _CHOICE_HEADING.match(heading[1]) is not None
        elif is_choice and line.strip():
            choice.append(line.strip())
        elif choice:
            break
    return title, " ".join(choice)
