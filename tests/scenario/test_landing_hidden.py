"""What must not land: what a person keeps back, settings that stop everybody, tests that hide others."""

from __future__ import annotations

import sys

import pytest

from gitrepo import GitRepo
from landingscene import Verbs, begin, finish

SHOP = {"shop.py": "NAME = 'shop'\n", "test_shop.py": "import shop\n\n\ndef test_name():\n    assert shop.NAME\n"}
README = {"README.md": "a shop\n"}


@pytest.fixture
def verbs(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(git_repo, capfd)


def stack(repo: GitRepo) -> None:
    """``top`` stands on ``bottom``; ``free`` does not."""
    finish(repo, "bottom", {"bottom.py": "X = 1\n"})
    repo.git("checkout", "-q", "-b", "top", "bottom")
    repo.commit("work of top", {"top.py": "X = 1\n"})
    repo.git("checkout", "-q", "main")
    finish(repo, "free", README)


def test_what_stands_on_a_change_that_a_person_sent_back_does_not_take_it_along(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP)
    stack(git_repo)
    verbs("land", "bottom", "top", "free", "--no-wait")

    said = verbs("bounce", "bottom", "--reason", "not wanted")
    ended = verbs.land("top", "free")
    landed = git_repo.git("ls-tree", "--name-only", "main").split()

    assert said["with_it"] == ["top/1"]
    assert (ended["top/1"]["state"], ended["free/1"]["state"]) == ("held", "landed")
    assert ended["top/1"]["reason"] == "bottom/1 is in it, which a person sent back: not wanted"
    assert "bottom.py" not in landed


def test_what_fails_in_the_branch_below_already_is_said_to_be_there(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "bottom", {"test_bottom.py": "def test_bottom():\n    assert False\n"})
    git_repo.git("checkout", "-q", "-b", "top", "bottom")
    git_repo.commit("work of top", {"top.py": "X = 1\n"})
    git_repo.git("checkout", "-q", "main")

    back = verbs.land("bottom", "top")

    assert {each["state"] for each in back.values()} == {"bounced"}
    assert back["top/1"]["reason"].endswith("; bottom/1 is in it, which came back for the same")
    assert "is in it" not in back["bottom/1"]["reason"]


def test_what_stands_on_a_change_that_waits_for_a_person_waits_until_that_is_released(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP)
    stack(git_repo)
    verbs("land", "bottom", "--no-wait")
    verbs("hold", "bottom")

    before = verbs.land("top", "free")
    verbs("release", "bottom")
    after = verbs.land("top")

    assert (before["top/1"]["state"], before["free/1"]["state"]) == ("held", "landed")
    assert after["top/1"]["state"] == "landed"
    assert {"bottom.py", "top.py"} <= set(git_repo.git("ls-tree", "--name-only", "main").split())


def test_a_new_revision_of_what_a_person_sent_back_does_not_wait_for_its_own_past(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP)
    stack(git_repo)
    verbs("land", "bottom", "--no-wait")
    verbs("bounce", "bottom", "--reason", "not yet")
    git_repo.git("checkout", "-q", "bottom")
    git_repo.commit("better", {"bottom.py": "X = 2\n"})
    git_repo.git("checkout", "-q", "main")

    assert verbs.land("bottom")["bottom/2"]["state"] == "landed"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("this is no TOML [", "cannot be read"),
        ("[project]\ntests = 'true'\n", "tests"),
        ("[landing]\nslots = 2\n", "no test command any more"),
    ],
)
def test_settings_with_which_nothing_could_land_any_more_do_not_land(
    git_repo: GitRepo, verbs: Verbs, settings: str, reason: str
) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "settings", {"watchkeeper.toml": settings})
    finish(git_repo, "readme", README)

    ended = verbs.land("settings", "readme")

    assert (ended["settings/1"]["state"], ended["readme/1"]["state"]) == ("bounced", "landed")
    assert ended["settings/1"]["evidence"] == ["[settings] watchkeeper.toml"]
    assert reason in ended["settings/1"]["reason"]


def test_other_settings_that_can_be_read_land(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    before = (git_repo.path / "watchkeeper.toml").read_text()
    finish(git_repo, "settings", {"watchkeeper.toml": f"{before}slots = 2\n"})

    assert verbs.land("settings")["settings/1"]["state"] == "landed"


@pytest.mark.parametrize("end", ["import os; os._exit(0)", "import pytest; pytest.exit('enough', 0)"])
def test_a_test_that_ends_the_whole_run_as_if_all_were_well_hides_no_failure(
    git_repo: GitRepo, verbs: Verbs, end: str
) -> None:
    begin(git_repo, SHOP)
    finish(
        git_repo, "hides", {"test_a.py": f"def test_end():\n    {end}\n", "test_b.py": "def test_b():\n    assert 0\n"}
    )

    ended = verbs.land("hides")["hides/1"]

    assert ended["state"] == "bounced"
    assert "ended before all tests had run" in ended["reason"]


def test_a_pytest_that_a_test_starts_may_end_as_it_likes(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    call = "subprocess.run([sys.executable, '-m', 'pytest', '-q', 'inner.py'], check=True)"
    finish(
        git_repo,
        "inner",
        {
            "inner.py": "import os\n\n\ndef test_end():\n    os._exit(0)\n",
            "test_inner.py": f"import subprocess\nimport sys\n\n\ndef test_it():\n    {call}\n",
        },
    )

    assert verbs.land("inner")["inner/1"]["state"] == "landed"


def test_a_unittest_that_is_ended_in_the_middle_passes_nothing(git_repo: GitRepo, verbs: Verbs) -> None:
    case = "import os\nimport unittest\n\n\nclass Case(unittest.TestCase):\n    def test_it(self):\n        {}\n"
    begin(git_repo, {"test_shop.py": case.format("pass")}, test=f"{sys.executable} -m unittest")
    finish(git_repo, "hides", {"test_a.py": case.format("os._exit(0)")})
    finish(git_repo, "readme", README)

    ended = verbs.land("hides", "readme")

    assert (ended["hides/1"]["state"], ended["readme/1"]["state"]) == ("bounced", "landed")
