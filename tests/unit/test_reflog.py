"""What git wrote down of how HEAD moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.model.ids import Sha
from watchkeeper.repos.reflog import read_head_moves

A, B, C = (Sha(each * 40) for each in "abc")


def written(folder: Path, *moves: tuple[str, str, str]) -> Path:
    (folder / "logs").mkdir()
    lines = [f"{old} {new} Ada <ada@example.org> 1700000000 +0000\t{said}\n" for old, new, said in moves]
    (folder / "logs" / "HEAD").write_text("".join(lines))
    return folder


def test_the_moves_since_a_commit_are_given_the_newest_first(tmp_path: Path) -> None:
    folder = written(tmp_path, (C, A, "checkout: moving"), (A, B, "commit: one"), (B, C, "commit (amend): two"))
    assert read_head_moves(folder, A) == ("commit (amend)", "commit")
    assert read_head_moves(folder, B) == ("commit (amend)",)
    assert read_head_moves(folder, C) == ()


def test_a_commit_that_is_not_in_the_log_gives_none(tmp_path: Path) -> None:
    assert read_head_moves(written(tmp_path, (A, B, "commit: one")), C) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\0\xff", b"a b\n", b"x" * 300_000])
def test_a_log_that_says_nothing_gives_none(tmp_path: Path, content: bytes) -> None:
    assert read_head_moves(tmp_path, A) is None
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "HEAD").write_bytes(content)
    assert read_head_moves(tmp_path, A) is None
