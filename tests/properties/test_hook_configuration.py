"""Any JSON that a person may have written takes our hooks in and gives them back without a trace."""

from __future__ import annotations

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from watchkeeper.agents.insertion import MARK, Wanted, has_entries, insert_entries, remove_entries
from watchkeeper.agents.jsonspans import JsonError, Node, parse_json

EVENTS = ("PreToolUse", "PostToolUse", "Stop")
COMMAND = f"/usr/bin/python3 -I -S /home/ada/{MARK} codex || true"
GROUP = {"hooks": [{"type": "command", "command": COMMAND, "timeout": 10}]}
WANTED = Wanted(tuple((event, GROUP) for event in EVENTS), {"version": 1})

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OTHERS = st.fixed_dictionaries({"hooks": st.lists(st.fixed_dictionaries({"command": st.text(max_size=9)}), max_size=2)})
HOOKS = st.dictionaries(st.sampled_from([*EVENTS, "Other"]), st.lists(OTHERS, max_size=2), max_size=3)
DOCUMENTS = st.builds(
    lambda hooks, rest, order: dict(sorted((hooks | rest).items(), key=lambda item: hash((item[0], order)))),
    st.just({}) | st.fixed_dictionaries({"hooks": HOOKS}) | st.just({"version": 1}),
    st.dictionaries(st.text(max_size=5).filter(lambda key: key not in {"hooks", "version"}), VALUES, max_size=3),
    st.integers(0, 3),
)
BLANKS = st.sampled_from(
    ["", "", " ", "\n", "\n  ", "\r\n\t", "\n\n    ", ' // say "so", [ {\n  ', "/* a, b } */", "\t"]
)


@st.composite
def written(draw: st.DrawFn, value: object) -> str:
    """The value as somebody may write it: any blanks, comments, and commas at the end."""

    def blank() -> str:
        return draw(BLANKS)

    def parts(texts: list[str], opening: str, closing: str) -> str:
        comma = draw(st.sampled_from(["", ","])) if texts else ""
        inside = ",".join(f"{blank()}{text}{blank()}" for text in texts)
        return f"{opening}{inside}{comma}{blank()}{closing}"

    def write(each: object) -> str:
        if isinstance(each, dict):
            members = [f"{json.dumps(key)}{blank()}:{blank()}{write(inner)}" for key, inner in each.items()]
            return parts(members, "{", "}")
        if isinstance(each, list):
            return parts([write(inner) for inner in each], "[", "]")
        return json.dumps(each, ensure_ascii=draw(st.booleans()))

    return draw(st.sampled_from(["", "\ufeff"])) + blank() + write(value) + blank()


def tidily_written(value: object) -> st.SearchStrategy[str]:
    return st.builds(
        lambda indent, newline, end: (json.dumps(value, indent=indent, ensure_ascii=False) + end).replace(
            "\n", newline
        ),
        st.sampled_from([None, 1, 2, 4, "\t"]),
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from(["", "\n"]),
    )


TEXTS = DOCUMENTS.flatmap(lambda value: tidily_written(value) | written(value))


def expected(value: object) -> object:
    """The document with our groups last in each list."""
    assert isinstance(value, dict)
    hooks = value.get("hooks", {})
    return {"version": 1, **value, "hooks": hooks | {event: [*hooks.get(event, []), GROUP] for event in EVENTS}}


@given(TEXTS)
def test_entries_are_added_and_nothing_else_means_something_else(text: str) -> None:
    new, _ = insert_entries(text, WANTED)

    assert parse_json(new).value() == expected(parse_json(text).value())
    assert has_entries(new)
    assert not has_entries(text)


@given(TEXTS)
def test_what_was_put_in_is_inserted_text_only(text: str) -> None:
    new, made = insert_entries(text, WANTED)

    assert len(new) == len(text) + sum(map(len, made.texts))
    rest = iter(new)
    assert all(character in rest for character in text)


@given(TEXTS)
def test_taking_out_what_was_put_in_gives_every_byte_back(text: str) -> None:
    new, made = insert_entries(text, WANTED)

    assert remove_entries(new, made) == text


@given(TEXTS, st.sampled_from(["\r\n", "\n\n", "\n \t"]))
def test_entries_are_found_and_taken_out_of_a_file_that_was_formatted_anew(text: str, newline: str) -> None:
    new, made = insert_entries(text, WANTED)
    plain = remove_entries(new.replace("\n", newline), made)

    assert parse_json(plain).value() == parse_json(text).value()


@given(TEXTS, st.sampled_from([None, 2, "\t"]))
def test_entries_are_taken_out_of_a_file_that_its_vendor_wrote_anew(text: str, indent: int | str | None) -> None:
    new, made = insert_entries(text, WANTED)
    plain = remove_entries(json.dumps(parse_json(new).value(), indent=indent), made)

    assert parse_json(plain).value() == parse_json(text).value()


@given(TEXTS, st.data())
def test_an_edit_of_somebody_else_stays_when_ours_are_taken_out(text: str, data: st.DataObject) -> None:
    new, made = insert_entries(text, WANTED)
    theirs = {"hooks": [{"command": "theirs"}]}
    event = data.draw(st.sampled_from(EVENTS))
    edited, _ = insert_entries(new, Wanted(((event, theirs),)))
    plain = parse_json(remove_entries(edited, made)).value()

    before = parse_json(text).value()
    assert isinstance(before, dict)
    hooks = before.get("hooks", {})
    assert plain == {**before, "hooks": hooks | {event: [*hooks.get(event, []), theirs]}}


@given(TEXTS)
def test_entries_that_somebody_took_out_himself_leave_nothing_to_do_but_tidying(text: str) -> None:
    _, made = insert_entries(text, WANTED)
    assume("{}" not in text and "[]" not in text)

    assert not has_entries(remove_entries(text, made))


@given(TEXTS)
def test_places_are_where_the_values_stand(text: str) -> None:
    def check(node: Node) -> None:
        assert parse_json(text[node.start : node.end]).value() == node.value()
        for member in node.members:
            check(member.value)

    check(parse_json(text))


@given(st.text(alphabet='{}[]",:/*\\ntrue1 \n', max_size=60))
def test_text_that_is_no_json_is_refused_and_nothing_else_is_raised(text: str) -> None:
    try:
        node = parse_json(text)
    except JsonError as error:
        line = error.line
    else:
        line = 1
        assert 0 <= node.start < node.end <= len(text)
    assert 1 <= line <= text.count("\n") + 1


@given(VALUES, st.sampled_from([None, 2]))
def test_json_is_read_as_the_standard_library_reads_it(value: object, indent: int | None) -> None:
    assert parse_json(json.dumps(value, indent=indent)).value() == value
