"""What each of several authors of one file sees of it."""

from __future__ import annotations

import pytest

from watchkeeper.code.weave import Weave

BASE = b"def f(a):\n    one()\n    two()\n    return a\n"


def saved(base: bytes | None, *saves: tuple[str, bytes | None]) -> Weave:
    weave = Weave.of(base)
    for author, now in saves:
        weave = weave.saved(now, author)
    return weave


def test_two_who_add_in_different_places_of_a_function_each_have_the_base_and_their_own() -> None:
    first = BASE.replace(b"    one()\n", b"    one()\n    mine()\n")
    both = first.replace(b"    two()\n", b"    two()\n    yours()\n")
    weave = saved(BASE, ("a", first), ("b", both))
    assert weave.view("a") == first
    assert weave.view("b") == BASE.replace(b"    two()\n", b"    two()\n    yours()\n")
    assert weave.authors == ("a", "b")


def test_who_rewrites_a_line_that_another_rewrote_has_his_version_in_the_place_of_the_bases() -> None:
    weave = saved(BASE, ("a", BASE.replace(b"f(a)", b"f(a, b)")), ("b", BASE.replace(b"f(a)", b"f(a, b, c)")))
    assert weave.view("a") == BASE.replace(b"f(a)", b"f(a, b)")
    assert weave.view("b") == BASE.replace(b"f(a)", b"f(a, b, c)")
    assert weave.overwritten("a", "b") == ((1, b"def f(a, b):\n"),)
    assert weave.overwritten("b", "a") == ()


def test_a_third_who_deletes_what_was_rewritten_twice_does_not_have_the_bases_line_either() -> None:
    twice = [("a", BASE.replace(b"f(a)", b"f(a, b)")), ("b", BASE.replace(b"f(a)", b"f(a, b, c)"))]
    weave = saved(BASE, *twice, ("c", BASE.replace(b"def f(a):\n", b"")))
    assert weave.view("c") == BASE.replace(b"def f(a):\n", b"")
    back = weave.saved(BASE.replace(b"f(a)", b"f(a, b, c)"), "c")
    assert back.view("c") == BASE
    assert back.view("b") == BASE.replace(b"f(a)", b"f(a, b, c)")


def test_who_takes_back_what_another_did_has_done_nothing() -> None:
    weave = saved(BASE, ("a", BASE.replace(b"two", b"three")), ("b", BASE))
    assert weave.view("b") == BASE
    assert weave.view("a") == BASE.replace(b"two", b"three")
    assert weave.overwritten("a", "b") == ((3, b"    three()\n"),)


def test_text_like_what_another_deleted_is_new_text() -> None:
    base = b"p\ndef f():\n    return 1\nq\n"
    weave = saved(base, ("a", b"p\nq\n"), ("b", b"p\ndef g():\n    return 1\nq\n"))
    assert weave.view("b") == b"p\ndef g():\n    return 1\ndef f():\n    return 1\nq\n"


def test_a_file_that_one_made_is_not_there_for_others_until_they_write_into_it() -> None:
    weave = saved(None, ("a", b"one\ntwo\n"))
    assert weave.view("a") == b"one\ntwo\n"
    assert weave.view("b") is None
    weave = weave.saved(b"one\nmine\ntwo\n", "b")
    assert weave.view("a") == b"one\ntwo\n"
    assert weave.view("b") == b"mine\n"


def test_a_file_that_one_deleted_is_still_there_for_others() -> None:
    weave = saved(BASE, ("b", BASE + b"more()\n"), ("a", None))
    assert weave.now is None
    assert weave.view("a") is None
    assert weave.view("b") == BASE + b"more()\n"
    assert weave.view("c") == BASE


def test_who_makes_a_deleted_file_again_has_just_what_he_wrote() -> None:
    weave = saved(BASE, ("a", None), ("b", b"def f(a):\n    pass\n"))
    assert weave.view("a") is None
    assert weave.view("b") == b"def f(a):\n    pass\n"


def test_who_deleted_a_file_and_works_on_it_again_has_it_again() -> None:
    weave = saved(BASE, ("a", None), ("b", BASE), ("a", BASE + b"more()\n"))
    assert weave.view("a") == BASE + b"more()\n"
    assert weave.view("b") == BASE


def test_an_empty_file_is_a_file() -> None:
    weave = saved(None, ("a", b""))
    assert (weave.now, weave.view("a"), weave.view("b")) == (b"", b"", None)
    assert saved(b"", ("a", b"x\n")).view("b") == b""


def test_lines_added_behind_a_last_line_without_an_end_do_not_run_together() -> None:
    weave = saved(b"x", ("a", b"x\na"), ("b", b"x\na\nb"))
    assert weave.view("a") == b"x\na"
    assert weave.view("b") in (b"x\nb", b"x\na\nb")
    crlf = saved(b"x\r\ny", ("a", b"x\r\ny\r\na"), ("b", b"x\r\ny\r\na\r\nb"))
    assert crlf.view("a") == b"x\r\ny\r\na"
    assert b"\r\n" in (crlf.view("b") or b"")
    assert (crlf.view("b") or b"").count(b"\n") == (crlf.view("b") or b"").count(b"\r\n")


@pytest.mark.parametrize("base", [None, b"text\n", b"\0\1"])
def test_a_binary_file_is_its_last_writers_as_a_whole(base: bytes | None) -> None:
    weave = saved(base, ("a", b"\0one"), ("b", b"\0two"))
    assert not weave.is_woven
    assert (weave.view("a"), weave.view("b"), weave.view("c")) == (base, b"\0two", base)
    assert saved(b"text\n", ("a", b"more\n")).is_woven


def test_many_saves_of_one_place_by_two_keep_no_more_lines_than_are_seen() -> None:
    weave = Weave.of(BASE)
    for number in range(100):
        weave = weave.saved(BASE.replace(b"two", b"two_%d" % number), ("a", "b")[number % 2])
    assert len(weave.lines) <= 4 + 2
    assert weave.view("a") == BASE.replace(b"two", b"two_98")
    assert weave.view("b") == BASE.replace(b"two", b"two_99")
