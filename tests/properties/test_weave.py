"""The weave of a file: whoever saves whatever, each line stays with its author."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.code.weave import Weave
from watchkeeper.model.ids import Sha
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.watch.kept import KeptWeave, keep_weave, read_weave

LINE = st.sampled_from([b"", b"a", b"b", b"    return x", b"}", b"c\r", b"\xff", b"    return y"])
TEXT = st.lists(LINE, max_size=20).map(b"\n".join)
CONTENT = st.one_of(st.none(), TEXT, TEXT, TEXT)
SAVES = st.lists(st.tuples(CONTENT, st.sampled_from(["", "codex-1", "claude-1"])), max_size=12)


def woven(base: bytes | None, saves: Sequence[tuple[bytes | None, str]]) -> Weave:
    weave = Weave.of(base)
    for now, author in saves:
        weave = weave.saved(now, author)
    return weave


@given(CONTENT, SAVES)
def test_now_is_what_was_saved_last_and_each_line_of_it_is_the_bases_or_somebodys(
    base: bytes | None, saves: list[tuple[bytes | None, str]]
) -> None:
    weave = woven(base, saves)
    last = saves[-1][0] if saves else base
    assert weave.now == last
    alive = [line for line in weave.lines if line.alive]
    assert b"".join(line.text for line in alive) == (last or b"")
    assert all(line.by is None or line.by in weave.authors for line in alive)


@given(CONTENT, SAVES)
def test_all_authors_together_see_the_file_as_it_is_and_one_is_his_view(
    base: bytes | None, saves: list[tuple[bytes | None, str]]
) -> None:
    weave = woven(base, saves)
    assert weave.together(weave.authors) == (weave.now if weave.authors else base)
    assert all(weave.together([author]) == weave.view(author) for author in weave.authors)


@given(CONTENT, st.lists(CONTENT, max_size=8), st.sampled_from(["", "codex-1"]))
def test_an_author_alone_sees_the_file_as_it_is(base: bytes | None, texts: list[bytes | None], author: str) -> None:
    weave = woven(base, [(text, author) for text in texts])
    assert weave.view(author) == weave.now


@given(CONTENT, SAVES)
def test_an_author_who_wrote_nothing_sees_the_base(base: bytes | None, saves: list[tuple[bytes | None, str]]) -> None:
    assert woven(base, saves).view("gemini-1") == base


@given(CONTENT, SAVES)
def test_everybody_sees_lines_of_the_base_and_his_own_only(
    base: bytes | None, saves: list[tuple[bytes | None, str]]
) -> None:
    weave = woven(base, saves)
    for author in weave.authors:
        own = {line.id for line in weave.lines if line.by == author}
        seen = [line for line in weave.lines if line.is_seen(author)]
        assert all(line.by is None or line.id in own for line in seen)


@given(CONTENT, SAVES)
def test_no_more_is_kept_than_somebody_can_see(base: bytes | None, saves: list[tuple[bytes | None, str]]) -> None:
    weave = woven(base, saves)
    seen = {line.id for line in weave.lines for author in weave.authors if line.is_seen(author)}
    alive = {line.id for line in weave.lines if line.alive}
    of_the_base = {line.id for line in weave.lines if line.by is None}
    assert {line.id for line in weave.lines} == seen | alive | of_the_base
    assert len({line.id for line in weave.lines}) == len(weave.lines)


@given(CONTENT, SAVES, TEXT, st.sampled_from(["codex-1", "claude-1"]))
def test_taking_back_the_last_save_leaves_what_others_see(
    base: bytes | None, saves: list[tuple[bytes | None, str]], text: bytes, author: str
) -> None:
    before = woven(base, saves)
    after = before.saved(text, author).saved(before.now, author)
    assert after.now == before.now
    for other in {*before.authors, "gemini-1"} - {author}:
        assert after.view(other) == before.view(other)


class Edit:
    """A region of a long base, edited by one author in some steps that end in ``texts[-1]``."""

    def __init__(self, start: int, count: int, texts: Sequence[list[bytes]]) -> None:
        self.start, self.count, self.texts = start, count, texts


def laid_over(lines: Sequence[bytes], *edits: tuple[Edit, int]) -> bytes:
    """The base with each edit as of its step (-1: not begun)."""
    out = list(lines)
    for edit, step in sorted(edits, key=lambda item: -item[0].start):
        if step >= 0:
            out[edit.start : edit.start + edit.count] = edit.texts[step]
    return b"".join(out)


def edits_between(first: int, last: int, mark: bytes) -> st.SearchStrategy[Edit]:
    text = st.lists(st.integers(0, 9).map(lambda number: b"%s %d\n" % (mark, number)), max_size=5, unique=True)
    return st.builds(Edit, st.integers(first, last - 4), st.integers(0, 4), st.lists(text, min_size=1, max_size=4))


@given(edits_between(1, 12, b"one"), edits_between(16, 28, b"two"), st.randoms(use_true_random=False), st.booleans())
def test_work_in_different_places_gives_each_exactly_his_own(one: Edit, two: Edit, dice: object, undone: bool) -> None:
    lines = [b"line %d\n" % number for number in range(30)]
    steps = [0] * len(one.texts) + [1] * len(two.texts)
    dice.shuffle(steps)  # type: ignore[attr-defined]
    weave, at = Weave.of(b"".join(lines)), [-1, -1]
    for which in steps:
        at[which] += 1
        weave = weave.saved(laid_over(lines, (one, at[0]), (two, at[1])), ("codex-1", "claude-1")[which])
    assert weave.view("codex-1") == laid_over(lines, (one, at[0]))
    assert weave.view("claude-1") == laid_over(lines, (two, at[1]))
    assert weave.view("") == b"".join(lines)
    assert weave.together({"codex-1", "claude-1", ""}) == laid_over(lines, (one, at[0]), (two, at[1]))
    with_a_third = weave.saved((weave.now or b"") + b"the end\n", "")
    assert with_a_third.together({"codex-1", "claude-1"}) == weave.now
    if undone:
        weave = weave.saved(laid_over(lines, (two, at[1])), "codex-1")
        assert weave.view("codex-1") == b"".join(lines)
        assert weave.view("claude-1") == laid_over(lines, (two, at[1]))


@given(CONTENT, SAVES)
def test_what_differs_from_a_text_stands_as_somebodys_and_what_is_the_same_as_nobodys(
    base: bytes | None, saves: list[tuple[bytes | None, str]]
) -> None:
    weave = woven(base, saves)
    standing = [author for author in weave.authors if weave.stands(author, base)]
    assert bool(standing) == (weave.now != base)
    assert not any(weave.stands(author, weave.now) for author in weave.authors)


@given(CONTENT, SAVES, CONTENT)
def test_what_is_committed_stands_no_more_and_what_is_written_after_it_does(
    base: bytes | None, saves: list[tuple[bytes | None, str]], later: bytes | None
) -> None:
    committed = woven(base, saves)
    weave = committed.saved(later, "gemini-1")
    is_as_it_was = weave.view("gemini-1") == base  # he put back what others had changed
    assert weave.stands("gemini-1", committed.now) or later == committed.now or is_as_it_was
    assert not any(weave.stands(author, committed.now) for author in weave.authors if later == committed.now)


@given(CONTENT, SAVES)
def test_a_weave_that_was_kept_is_the_same_again(base: bytes | None, saves: list[tuple[bytes | None, str]]) -> None:
    weave = woven(base, saves)
    texts: dict[Sha, bytes] = {}

    def store(content: bytes) -> Sha:
        sha = Sha(f"{len(texts)}")
        texts[sha] = content
        return sha

    kept = decode_message(encode_message(keep_weave(weave, store)), KeptWeave)
    assert read_weave(kept, base, texts.get) == weave
    assert not any(line in encode_message(kept) for line in (b"return", b"yield")), "no contents"


@given(CONTENT, SAVES)
def test_a_weave_whose_text_is_gone_or_another_is_refused(
    base: bytes | None, saves: list[tuple[bytes | None, str]]
) -> None:
    texts: dict[Sha, bytes] = {}

    def store(content: bytes) -> Sha:
        texts[Sha("text")] = content
        return Sha("text")

    kept = keep_weave(woven(base, saves), store)
    if kept.text.sha is None:
        return
    with pytest.raises(LookupError):
        read_weave(kept, base, {}.get)
    with pytest.raises((LookupError, ValueError)):
        read_weave(kept, base, lambda sha: texts[sha] + b"one line more\n")
