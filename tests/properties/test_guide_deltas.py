"""Whatever is done to a guide by deltas: what they do not name stays as it was, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.engagements.methodology.rules import Delta, Edit, RuleId, apply_deltas, parse_rules

_WORDS = st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="`~#"), max_size=30)
_ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40)


@st.composite
def guides(draw: st.DrawFn) -> tuple[str, list[RuleId]]:
    """A guide of rules, headings, examples and whatever people write between; and the ids of its rules."""
    parts, ids = [], []
    for number in range(draw(st.integers(0, 8))):
        parts.append(
            draw(st.sampled_from(["", "Words between.", "## Section", "```\n- [G-gen-900] no\n```", "- item"]))
        )
        ids.append(RuleId(f"G-gen-{number + 1:03}"))
        more = "\n  and more" if draw(st.booleans()) else ""
        parts.append(f"- [{ids[-1]}] {'(from C-1) ' if draw(st.booleans()) else ''}Do {number}.{draw(_WORDS)}{more}")
    return "\n".join([*parts, ""]), ids


@given(guides(), st.data())
def test_deltas_change_what_they_name_and_nothing_else(guide: tuple[str, list[RuleId]], data: st.DataObject) -> None:
    text, ids = guide
    before = {rule.id: rule for rule in parse_rules(text, "guide.md")}
    assert list(before) == ids
    fates = {each: data.draw(st.sampled_from(["keep", *Edit])) for each in ids}
    deltas = []
    for each, fate in fates.items():
        if fate in (Edit.REMOVE, Edit.CHECK):
            deltas.append(Delta(Edit(fate), each, why="it does no good"))
        elif fate == Edit.REWORD:
            deltas.append(Delta(Edit.REWORD, each, f"Reworded {each}."))
    added = [RuleId(f"G-new-{number + 1:03}") for number in range(data.draw(st.integers(0, 3)))]
    deltas += [Delta(Edit.ADD, each, f"New {each}.", "C-9") for each in added]

    changed = apply_deltas(text, data.draw(st.permutations(deltas)), "guide.md")

    after = {rule.id: rule for rule in parse_rules(changed, "guide.md")}
    assert set(after) == {each for each in ids if fates[each] not in (Edit.REMOVE, Edit.CHECK)} | set(added)
    kept = [each for each in ids if fates[each] in ("keep", Edit.ADD)]
    lines_before, lines_after = text.split("\n"), changed.split("\n")
    for each in kept:
        old, new = before[each], after[each]
        assert lines_before[old.first : old.end] == lines_after[new.first : new.end]
        assert old.section == new.section
    assert [each for each in after if each in before] == [each for each in ids if each in after], "in their order"
    assert _without_rules(changed) == _without_rules(text)


@given(_ANY)
def test_no_text_ends_a_rule_early_or_makes_another(words: str) -> None:
    delta = Delta(Edit.ADD, RuleId("G-new-001"), words)
    if not any(char.isalnum() for char in words) or words.lstrip().startswith("(from "):
        return  # refused, as tests/unit/test_guide_rules.py has it
    changed = apply_deltas("# Guide\n\n- [G-gen-001] One.\n", [delta], "guide.md")
    assert [(rule.id, rule.text) for rule in parse_rules(changed, "guide.md")] == [
        ("G-gen-001", "One."),
        ("G-new-001", " ".join(words.split())),
    ]


def _without_rules(text: str) -> list[str]:
    lines = text.split("\n")
    for rule in reversed(parse_rules(text, "guide.md")):
        lines[rule.first : rule.end] = []
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
