"""The line diff is exact whatever the texts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.code.linediff import apply_hunks, hunks, line_range, split_lines

LINE = st.sampled_from([b"", b"a", b"b", b"    return x", b"}", b"\r", b"\xff"])
TEXT = st.lists(LINE, max_size=30).map(b"\n".join)


@given(TEXT, TEXT)
def test_applying_the_hunks_to_the_base_gives_the_text_of_now(base: bytes, now: bytes) -> None:
    assert apply_hunks(base, now, hunks(base, now)) == now


@given(TEXT, TEXT)
def test_hunks_are_in_order_and_never_touch(base: bytes, now: bytes) -> None:
    found = hunks(base, now)
    ranges = [line_range(hunk.base_start, hunk.base_count) for hunk in found]
    assert all(end < start for (_, end), (start, _) in pairwise(ranges))
    assert (found == ()) == (base == now)


@given(TEXT, TEXT)
def test_lines_outside_the_hunks_are_equal(base: bytes, now: bytes) -> None:
    back = apply_hunks(now, base, hunks(now, base))
    assert back == base
    changed = sum(hunk.base_count for hunk in hunks(base, now))
    assert changed <= len(split_lines(base))


@given(st.lists(st.integers(0, 400).map(lambda number: b"line %d" % number), max_size=300), st.data())
def test_one_inserted_line_is_one_hunk_of_one_line(lines: list[bytes], data: st.DataObject) -> None:
    base = b"".join(line + b"\n" for line in lines)
    place = data.draw(st.integers(0, len(lines)))
    now = b"".join(line + b"\n" for line in [*lines[:place], b"inserted", *lines[place:]])
    (hunk,) = hunks(base, now)
    assert (hunk.base_start, hunk.base_count, hunk.now_start, hunk.now_count) == (place, 0, place + 1, 1)
