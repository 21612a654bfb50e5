"""Rules of a guide: addressable lines, and the deltas by which alone they change.

A rule is an item of a list that begins with its id, ``- [G-onb-007] (from C-2026-041) Quote the client's own price.``,
and goes on over the indented lines below it. ``from`` names the correction that it came of. How often a rule was
loaded, kept and broken is in the ledger and not in the line: what nobody edited has the same digest as before. The
form of the line and the deltas follow ACE (arXiv 2510.04618), which rewrites nothing so that nothing is lost silently.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.engagements.markdown import HEADING, prose
from watchkeeper.model.errors import UsageError

RuleId = NewType("RuleId", str)
"""A rule: ``G-`` (of a guide) or ``R-`` (of a role), two to eight small letters, and at least three digits."""

MOST_RULE = 600
"""Characters of a rule's words: what needs more is an example, or two rules."""

_ID = re.compile(r"([GR])-([a-z]{2,8})-(\d{3,6})")
_ITEM = re.compile(r"^[-*] +\[([GR]-[^\]\s]*)\](.*)$")
_SOURCE = re.compile(r"^\s*\(from ([A-Za-z0-9][\w.-]{0,60})\)\s*")


class GuideRule(msgspec.Struct, frozen=True):
    """``text`` is one paragraph, without line breaks. ``first`` and ``end`` are its lines, 0-based, half open.

    ``section`` is the heading above it, ``source`` the correction that it came of, or ``""``.
    """

    id: RuleId
    text: str
    source: str = ""
    section: str = ""
    first: int = 0
    end: int = 0


class Edit(StrEnum):
    """What a delta does with one rule."""

    ADD = "add"
    REWORD = "reword"
    REMOVE = "remove"
    CHECK = "check"  # it leaves the guide since a check of the contract says it now


class Delta(msgspec.Struct, frozen=True):
    """One change of one rule. ``source`` is the correction that asks for it; ``why`` is said in the ledger.

    ``text`` are the words of ADD and REWORD; ``section`` is the heading that ADD puts it below, ``""``: at the end.
    """

    edit: Edit
    rule: RuleId
    text: str = ""
    source: str = ""
    section: str = ""
    why: str = ""


def parse_rules(text: str, origin: str) -> tuple[GuideRule, ...]:
    """The rules of a guide in their order; what stands between fences is an example and no rule.

    Raises UsageError (``guide-rule``) for an id that is none, one that is there twice, and a rule that says nothing
    or too much.
    """
    lines = text.split("\n")
    found: dict[RuleId, GuideRule] = {}
    section = ""
    for first, end, seen in _scan(text):
        if end == first:
            section = seen[2]
            continue
        rule = _read(seen, lines[first + 1 : end], origin, first)
        if rule.id in found:
            raise _wrong(origin, first, f"{rule.id} is there already, in line {found[rule.id].first + 1}")
        found[rule.id] = msgspec.structs.replace(rule, section=section, first=first, end=end)
    return tuple(found.values())


def next_id(kind: str, code: str, used: Iterable[str]) -> RuleId:
    """The first free id of ``G`` or ``R`` and a deliverable's code: above all that were ever used, removed ones too."""
    numbers = [int(found[3]) for each in used if (found := _ID.fullmatch(each)) and found.group(1, 2) == (kind, code)]
    return _checked(f"{kind}-{code}-{max(numbers, default=0) + 1:03}")


def apply_deltas(text: str, deltas: Sequence[Delta], origin: str, retired: Collection[str] = ()) -> str:
    """The guide with these changes, each line that they do not name as it was. ``retired`` are ids of removed rules.

    Either all are carried out or none. Raises UsageError (``guide-delta``) for a delta that cannot be: a rule that is
    not there, an id that is or was in use, two deltas for one rule, a section that is not there, no words.
    """
    named = [delta.rule for delta in deltas]
    for rule in named:
        if named.count(rule) > 1:
            raise _refused(origin, f"{rule} is changed twice", "make one change of it")
    rules = {rule.id: rule for rule in parse_rules(text, origin)}
    for delta in deltas:
        _check(delta, rules, origin, retired)
    lines = text.split("\n")
    edits = [_edit(delta, rules, lines, origin) for delta in deltas]
    for first, end, new in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        lines[first:end] = new
    changed = "\n".join(lines)
    there = {rule.id for rule in parse_rules(changed, origin)}
    for delta in deltas:
        if delta.edit is Edit.ADD and delta.rule not in there:
            raise _refused(origin, f"{delta.rule} would stand in an example that does not end", "close its fence")
    refuse_silent(text, changed, origin, [delta.rule for delta in deltas if delta.edit in (Edit.REMOVE, Edit.CHECK)])
    return changed


def refuse_silent(old: str, new: str, origin: str, removed: Collection[str] = ()) -> None:
    """Raises UsageError (``guide-dropped``) where a rule of ``old`` is not in ``new`` and nobody removed it by name."""
    kept = {rule.id for rule in parse_rules(new, origin)}
    lost = [rule for rule in parse_rules(old, origin) if rule.id not in kept and rule.id not in removed]
    if lost:
        names = ", ".join(rule.id for rule in lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        raise UsageError(
            f"{origin}: {names} would be gone, and nobody removed it by name",
            slug="guide-dropped",
            hint="keep the lines of the rules, or remove each by its id and say why",
            facts={"file": origin, "rules": ", ".join(rule.id for rule in lost)},
        )


def render_rule(rule: RuleId, text: str, source: str = "") -> str:
    """The line of a rule, as it is parsed again. Raises UsageError (``guide-rule``) for words that are none."""
    words = " ".join(text.split())
    if not any(char.isalnum() for char in words):
        raise _wrong("a rule", 0, f"{rule} says nothing")
    if len(words) > MOST_RULE:
        raise _wrong("a rule", 0, f"{rule} has {len(words)} characters, of at most {MOST_RULE}")
    if _SOURCE.match(words):
        raise _wrong("a rule", 0, f"the words of {rule} begin like a source: {words[:40]!r}")
    return f"- [{_checked(rule)}] " + (f"(from {source}) " if source else "") + words


def _read(item: re.Match[str], more: Sequence[str], origin: str, number: int) -> GuideRule:
    if not _ID.fullmatch(item[1]):
        raise _wrong(origin, number, f"{item[1]!r} is no id of a rule: G-onb-007 is one")
    words = " ".join(" ".join([item[2], *more]).split())
    source = _SOURCE.match(words)
    words = words[source.end() :] if source else words
    if not any(char.isalnum() for char in words):
        raise _wrong(origin, number, f"{item[1]} says nothing")
    if len(words) > MOST_RULE:
        raise _wrong(origin, number, f"{item[1]} has {len(words)} characters, of at most {MOST_RULE}")
    return GuideRule(RuleId(item[1]), words, source[1] if source else "")


def _end_of(lines: Sequence[str], first: int) -> int:
    """Behind the indented lines that go on with an item."""
    end = first + 1
    while end < len(lines) and lines[end].strip() and lines[end][0] in " \t":
        end += 1
    return end


def _check(delta: Delta, rules: dict[RuleId, GuideRule], origin: str, retired: Collection[str]) -> None:
    if delta.edit is Edit.ADD:
        if delta.rule in rules or delta.rule in retired:
            what = "is in use" if delta.rule in rules else "was in use, and is not given again"
            raise _refused(origin, f"{delta.rule} {what}", "let the next free id be taken")
    elif delta.rule not in rules:
        raise _refused(origin, f"there is no rule {delta.rule} to {delta.edit}", "look at the rules as they are now")
    if delta.edit in (Edit.REMOVE, Edit.CHECK) and not delta.why.strip():
        raise _refused(origin, f"nothing says why {delta.rule} is to go", "say why")


def _edit(
    delta: Delta, rules: dict[RuleId, GuideRule], lines: Sequence[str], origin: str
) -> tuple[int, int, list[str]]:
    """Which lines are replaced by which."""
    if delta.edit is Edit.ADD:
        place, before = _place_for(delta.section, rules, lines, origin)
        return place, place, [*before, render_rule(delta.rule, delta.text, delta.source)]
    rule = rules[delta.rule]
    if delta.edit is Edit.REWORD:
        return rule.first, rule.end, [render_rule(delta.rule, delta.text, delta.source or rule.source)]
    return rule.first, rule.end, []


def _place_for(
    section: str, rules: dict[RuleId, GuideRule], lines: Sequence[str], origin: str
) -> tuple[int, list[str]]:
    """Before which line a new rule goes, and what has to be between: behind the last rule of its section."""
    beside = [rule.end for rule in rules.values() if not section or rule.section == section]
    if beside:
        return max(beside), []
    end = len(lines)
    if section:
        heads = [(first, seen[2]) for first, last, seen in _scan("\n".join(lines)) if first == last]
        own = next((first for first, name in heads if name == section), None)
        if own is None:
            raise _refused(origin, f"there is no section {section!r}", "name one that is there, or none")
        end = next((first for first, _ in heads if first > own), end)
    while end and not lines[end - 1].strip():
        end -= 1
    return end, [""] if end else []


def _scan(text: str) -> Iterator[tuple[int, int, re.Match[str]]]:
    """Headings (``first`` equals ``end``) and rules, in their order: examples and comments have none."""
    lines = prose(text).split("\n")
    number = 0
    while number < len(lines):
        if heading := HEADING.match(lines[number]):
            yield number, number, heading
        elif item := _ITEM.match(lines[number]):
            end = _end_of(lines, number)
            yield number, end, item
            number = end
            continue
        number += 1


def _checked(rule: str) -> RuleId:
    if not _ID.fullmatch(rule):
        raise _wrong("a rule", 0, f"{rule!r} is no id of a rule: G-onb-007 is one")
    return RuleId(rule)


def _wrong(origin: str, number: int, what: str) -> UsageError:
    return UsageError(
        f"{origin}, line {number + 1}: {what}",
        slug="guide-rule",
        hint="a rule is one item of a list, with its id first: - [G-onb-007] Quote the client's own price.",
        facts={"file": origin, "line": str(number + 1)},
    )


def _refused(origin: str, what: str, hint: str) -> UsageError:
    return UsageError(f"{origin}: {what}", slug="guide-delta", hint=hint, facts={"file": origin})
