"""``watchkeeper risk`` on real repositories."""

from __future__ import annotations

import json

import pytest

from gitrepo import GitRepo
from watchkeeper.cli.main import run

CART = "def total(items, limit=None):\n    return sum(items[:limit])\n"
PAGE = "from shop.cart import total\n\n\ndef page(items):\n    return total(items, limit=3)\n"


@pytest.fixture
def shop(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("shop", {"shop/cart.py": CART, "shop/page.py": PAGE, "README.md": "# Shop\n"})
    return git_repo


def test_uncommitted_work_of_the_worktree_where_you_are_counts(
    shop: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    one = shop.worktree("agent-a", "agent-a")
    one.write("shop/cart.py", "def total(items):\n    return sum(items)\n")

    code = run(["risk", "--repo", str(one.path)])

    said = capsys.readouterr().out.splitlines()
    assert code == 1
    assert said[0].startswith("agent-a: risk ")
    assert "parameter limit removed" in said[1]
    assert "first shop/page.py:5" in said[1]
    assert "not looked at: which changed lines tests execute: no tests were run for this" in said
    assert said[-1] == "next: read shop/cart.py:1"


def test_a_branch_is_given_as_one_json_object(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    one = shop.worktree("agent-a", "agent-a")
    one.commit("less", {"shop/cart.py": "def total(items):\n    return sum(items)\n"})

    run(["risk", "agent-a", "--repo", str(shop.path), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert document.keys() == {"version", "change", "base", "score", "points", "could_not", "not_counted"}
    assert document["change"] == "agent-a"
    assert document["points"][0].keys() == {"kind", "weight", "reason", "path", "line"}
    assert document["points"][0]["kind"] == "contract"


def test_a_change_of_prose_alone_is_nothing(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    one = shop.worktree("agent-a", "agent-a")
    one.write("README.md", "# The shop\n")

    assert run(["risk", str(one.path), "--repo", str(shop.path)]) == 0
    assert capsys.readouterr().out.splitlines() == ["agent-a: risk 0 of 100", "next: watchkeeper check"]


def test_a_file_that_git_sees_moved_is_no_rewrite(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    shop.commit("long", {"shop/long.py": "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(60))})
    one = shop.worktree("agent-a", "agent-a")
    one.git("mv", "shop/long.py", "shop/other.py")
    one.git("commit", "-m", "move")

    run(["risk", "agent-a", "--repo", str(shop.path), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert not {"rewrite", "size", "removed-public"} & {point["kind"] for point in document["points"]}


def test_what_the_issue_names_weighs_less(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    one = shop.worktree("agent-a", "agent-a")
    one.write("shop/cart.py", "def total(items):\n    return sum(items)\n")
    issue = shop.path.parent / "issue.md"
    issue.write_text("total needs no limit any more\n")

    scores = []
    for more in ([], ["--intent", str(issue)]):
        run(["risk", str(one.path), "--repo", str(shop.path), "--json", *more])
        scores.append(json.loads(capsys.readouterr().out)["score"])

    assert scores[1] < scores[0]


def test_a_name_that_means_nothing_is_an_error_with_a_hint(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["risk", "no-such-branch", "--repo", str(shop.path)]) == 2
    assert "no-such-branch" in capsys.readouterr().err
