"""What a sweep hints at: what is new since the one before, and at first what the watch takes to be so."""

from __future__ import annotations

from watchkeeper.model.ids import Sha
from watchkeeper.watch.sweep import Believed, Glance, compare_glances

HEAD, OTHER = Sha("a" * 40), Sha("b" * 40)


def glance(*paths: str, head: Sha = HEAD, at: int = 1) -> Glance:
    return Glance(head=head, branch="main", index=(1, 1), stamps=dict.fromkeys(paths, (at, 1, 1, 1)))


def test_the_first_one_hints_at_what_differs_and_at_what_was_taken_back_before_anybody_watched() -> None:
    assert compare_glances(None, glance("a.py")).paths == {"a.py"}
    assert compare_glances(None, glance(), Believed(HEAD, frozenset({"b.py"}))).paths == {"b.py"}
    assert compare_glances(None, glance("a.py"), Believed(HEAD, frozenset({"b.py"}))).paths == {"a.py", "b.py"}


def test_the_first_one_says_that_something_moved_where_another_commit_is_checked_out() -> None:
    assert compare_glances(None, glance(head=OTHER), Believed(HEAD)).has_moved
    assert not compare_glances(None, glance(), Believed(HEAD)).has_moved


def test_every_other_one_hints_at_what_is_new_alone() -> None:
    assert compare_glances(glance("a.py"), glance("a.py"), Believed(OTHER, frozenset({"b.py"}))).paths == frozenset()
    assert compare_glances(glance("a.py"), glance("a.py", at=2)).paths == {"a.py"}
    assert compare_glances(glance("a.py"), glance()).paths == {"a.py"}
    assert compare_glances(glance(), glance(head=OTHER)).has_moved
