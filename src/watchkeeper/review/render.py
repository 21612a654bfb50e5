"""A brief as text: for a terminal of any width, for programs line by line, and as markdown. Pure.

The first screen holds what counts: each part has its least share of the lines, and what is left over goes to the parts
in the order in which they are read. What does not fit is counted, never dropped silently.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping

from watchkeeper.model.review import Brief, BriefEntry, BriefSection, Claim, Section, Standing
from watchkeeper.review.words import counted

LINES, WIDTH = 40, 100
"""Of one screen."""

Paint = Callable[[str, str], str]
"""``(colour, text)`` -> the text in that colour, where there is colour: ``bold``, ``dim``, ``red``, ``yellow``."""

TITLES: Mapping[Section, str] = {
    Section.NEEDS_YOU: "needs you",
    Section.CONFLICTS: "conflicts and incidents",
    Section.LANDED: "landed",
    Section.RISK: "read first",
    Section.STUCK: "stuck or idle",
    Section.COST: "cost",
}
_LEAST: Mapping[Section, int] = {
    Section.NEEDS_YOU: 6,
    Section.CONFLICTS: 2,
    Section.LANDED: 6,
    Section.RISK: 2,
    Section.STUCK: 2,
    Section.COST: 1,
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~@:!+()-])")
_LEAST_WIDTH = 40
_LEAST_REASON = 24
_MOST_SOURCES = 4


def _plain(_: str, text: str) -> str:
    return text


def render_text(
    brief: Brief, *, whole: bool = False, width: int = WIDTH, lines: int = LINES, paint: Paint = _plain
) -> list[str]:
    """At most ``lines`` lines of at most ``width`` characters; ``whole``: everything, with details and evidence."""
    width = max(width, _LEAST_WIDTH)
    head = [paint("bold", each) for each in textwrap.wrap(brief.headline.text, width)]
    head += [each for claim in brief.summary for each in textwrap.wrap(f"{claim.text} {_cited(claim)}", width)]
    if whole:
        return [*head, *(each for section in brief.sections for each in _whole(section, width, paint))]
    empty = [TITLES[each.section] for each in brief.sections if not each.entries]
    full = [each for each in brief.sections if each.entries]
    foot = textwrap.wrap(f"nothing in: {', '.join(empty)}", width) if empty else []
    shown = _shares(full, lines - len(head) - len(foot))
    body = [line for section in full for line in _part(section, shown[section.section], width, paint)]
    return [*head, *body, *(paint("dim", each) for each in foot)]


def render_lines(brief: Brief) -> list[str]:
    """One line an entry for programs that cut: part, standing, project, matter, sentence, command; tabs between."""
    found = []
    for section in brief.sections:
        for each in section.entries:
            command = each.step.command if each.step is not None else ""
            said = each.claim.text if not each.claim.why else f"{each.claim.text} ({each.claim.why})"
            parts = (section.section.value, each.claim.standing.value, each.project, each.matter, said, command)
            found.append("\t".join(" ".join(part.split()) for part in parts))
    return found


def render_markdown(brief: Brief, *, address: str = "", whole: bool = False, most: int = 0) -> str:
    """Headings and lists; nothing that others wrote acts in it. ``address`` is what pages stand under, where they can
    be reached; ``most`` entries a part (0: all).
    """
    lines = [f"**{escape_markdown(brief.headline.text)}**", ""]
    lines += [f"{escape_markdown(each.text)} {escape_markdown(_cited(each))}" for each in brief.summary]
    for section in brief.sections:
        if not section.entries:
            continue
        entries = section.entries[: most or None]
        lines += ["", f"## {TITLES[section.section].capitalize()}", ""]
        lines += [line for each in entries for line in _item(each, address, whole=whole)]
        if section.of > len(entries):
            lines.append(f"- and {section.of - len(entries)} more")
    return "\n".join(lines).strip() + "\n"


def escape_markdown(text: str) -> str:
    """The text as markdown shows it: nothing in it is a link, a heading, a mention or HTML."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\@", "@\u200b")


def standing_mark(claim: Claim) -> str:
    """``not verified: why`` or ``corrected``; ``""`` where it holds."""
    if claim.standing is Standing.UNVERIFIED:
        return f"not verified: {claim.why or 'it could not be looked at'}"
    return "corrected" if claim.standing is Standing.CORRECTED else ""


def evidence_words(claim: Claim) -> Iterator[str]:
    """What a claim rests on, one clause a reference."""
    for ref in claim.evidence:
        match ref.__struct_config__.tag:
            case "commit":
                yield f"commit {ref.commit[:12]}"  # type: ignore[union-attr]
            case "run":
                ended = "" if ref.exit is None else f", exit {ref.exit}"  # type: ignore[union-attr]
                yield f"run of {ref.command} (event {ref.at}{ended})"  # type: ignore[union-attr]
            case "report":
                state = f" is {ref.state}" if ref.state else ""  # type: ignore[union-attr]
                yield f"{ref.kind} {ref.id[:60]}{state}"  # type: ignore[union-attr]
            case _:
                shown = ", ".join(str(seq) for seq in ref.seqs[-3:])  # type: ignore[union-attr]
                more = f" and {ref.count - 3} more" if ref.count > 3 else ""  # type: ignore[union-attr]
                yield f"event {shown}{more}"


# -- one screen --------------------------------------------------------------------------------------------------------


def _height(section: BriefSection, count: int) -> int:
    """Lines of a part with so many of its entries: title, entries with their steps, how many more there are."""
    shown = section.entries[:count]
    return 1 + sum(_lines_of(section, each) for each in shown) + (section.of > len(shown))


def _lines_of(section: BriefSection, entry: BriefEntry) -> int:
    return 2 if section.section is Section.NEEDS_YOU and entry.step is not None else 1


def _shares(sections: list[BriefSection], room: int) -> dict[Section, int]:
    """How many entries of each part are shown: its least, then what fits, the first parts first."""
    shown = {each.section: min(len(each.entries), _LEAST[each.section]) for each in sections}

    def height() -> int:
        return sum(_height(each, shown[each.section]) for each in sections)

    for section in reversed(sections):  # a small terminal
        while height() > room and shown[section.section] > 1:
            shown[section.section] -= 1
    for section in sections:
        while shown[section.section] < len(section.entries):
            shown[section.section] += 1
            if height() > room:
                shown[section.section] -= 1
                break
    return shown


def _part(section: BriefSection, count: int, width: int, paint: Paint) -> Iterator[str]:
    of = f" ({section.of})" if section.of > 1 else ""
    yield paint("bold", f"{TITLES[section.section].upper()}{of}")
    for each in section.entries[:count]:
        yield _line(each, width, paint)
        if section.section is Section.NEEDS_YOU and each.step is not None:
            act = f"     {each.step.label}: {each.step.command or each.step.page}"
            yield paint("dim", act)  # never cut: it is there to be copied
    left = section.of - min(count, len(section.entries))
    if left > 0:
        yield paint("dim", f"   and {left} more")


def _line(entry: BriefEntry, width: int, paint: Paint) -> str:
    mark = standing_mark(entry.claim)
    text = _with_project(entry)
    said = f"   [{mark}] {text}" if mark else f"   {text}"
    return paint("yellow" if mark else "", _cut(_with_reason(said, entry, width), width))


def _with_reason(text: str, entry: BriefEntry, width: int) -> str:
    """The sentence, and why it needs somebody, as far as there is room on its line."""
    why = entry.details[0].text if entry.matter and entry.details else ""
    room = width - len(text) - 2
    return f"{text}; {_cut(why, room)}" if why and room >= _LEAST_REASON else text


def _with_project(entry: BriefEntry) -> str:
    """The sentence with its project in front, where it does not begin with it."""
    text = entry.claim.text
    has_it = not entry.project or text.startswith((f"{entry.project}:", f"{entry.project} "))
    return text if has_it else f"{entry.project}: {text}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def _whole(section: BriefSection, width: int, paint: Paint) -> Iterator[str]:
    yield ""
    of = f" ({section.of})" if section.of > 1 else ""
    yield paint("bold", f"{TITLES[section.section].upper()}{of}")
    if not section.entries:
        yield "   nothing"
    for each in section.entries:
        mark = standing_mark(each.claim)
        name = f"{each.matter}  " if each.matter else ""
        said = f"{name}{f'[{mark}] ' if mark else ''}{_with_project(each)}"
        yield from textwrap.wrap(said, width, initial_indent="   ", subsequent_indent="      ")
        if each.step is not None:
            yield f"      {each.step.label}: {each.step.command or each.step.page}"
        for detail in each.details:
            told = standing_mark(detail)
            text = f"- {f'[{told}] ' if told else ''}{detail.text}"
            yield from textwrap.wrap(text, width, initial_indent="      ", subsequent_indent="        ")
        words = [*evidence_words(each.claim)]
        rests = "; ".join(words[:_MOST_SOURCES])
        if len(words) > _MOST_SOURCES:
            rests += f"; and {len(words) - _MOST_SOURCES} more"
        if rests:
            yield from (
                paint("dim", line)
                for line in textwrap.wrap(f"by {rests}", width, initial_indent="      ", subsequent_indent="        ")
            )
    if section.of > len(section.entries):
        yield f"   and {section.of - len(section.entries)} more"


# -- markdown ----------------------------------------------------------------------------------------------------------


def _item(entry: BriefEntry, address: str, *, whole: bool) -> Iterator[str]:
    mark = standing_mark(entry.claim)
    text = escape_markdown(_with_project(entry))
    said = f"**{escape_markdown(mark)}:** {text}" if mark else text
    where = entry.claim.page
    link = f" ([more]({address}{where}))" if address and where else ""
    yield f"- {said}{link}"
    if entry.step is not None and entry.step.command:
        command = entry.step.command.replace("`", "'")
        yield f"  - {escape_markdown(entry.step.label)}: `{command}`"
    for detail in entry.details if whole else ():
        told = standing_mark(detail)
        yield f"  - {escape_markdown(f'[{told}] {detail.text}' if told else detail.text)}"


def _cited(claim: Claim) -> str:
    return f"({counted(len(claim.evidence), 'source')})"
