"""squawk as a check of merges, run for real on migrations in plain SQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitrepo import GitRepo
from landingscene import Verbs, begin, finish
from proving import Prove, configured, only, prover_of

QUIET = "SET lock_timeout = '1s';\nSET statement_timeout = '5s';\n"
LATER = "-- what follows takes locks\n-- one after the other\n-- and waits for nobody\nSELECT 1;\n"
ALTER = "ALTER TABLE content ADD COLUMN IF NOT EXISTS locale text;\n"
PLACE = "db/migrations/0002_locale.sql"
ANOTHER = {"mail.py": "x = 1\n"}


@pytest.fixture
def prove(capsys: pytest.CaptureFixture[str]) -> Prove:
    return prover_of(capsys)


@pytest.fixture(scope="session")
def squawk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of squawk: the machine's own, else one that is installed for these tests."""
    own = shutil.which("squawk")
    if own is not None:
        return Path(own).parent
    place = tmp_path_factory.mktemp("squawk") / "venv"
    install = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "squawk-cli"]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True, timeout=60)
        subprocess.run(install, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"squawk is not installed here, and could not be (pip install squawk-cli): {error}")
    return place / "bin"


@pytest.fixture
def with_squawk(squawk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{squawk}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("with_squawk")
def test_a_migration_that_lost_its_timeout_to_the_other_side_is_emergent(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, 'checks = ["squawk"]', {PLACE: QUIET + LATER})
    scene.write({PLACE: QUIET.partition("\n")[2] + LATER}, {PLACE: QUIET + LATER + ALTER})

    said = prove(scene)

    proof = only(said)
    assert (proof["outcome"], proof["by"]) == ("proved", ["squawk"])
    (finding,) = proof["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == ("require-lock-timeout", PLACE, 6)
    assert finding["identity"][:3] == ["squawk", "require-lock-timeout", PLACE]


@pytest.mark.usefixtures("with_squawk")
def test_what_squawk_finds_on_one_side_alone_is_not_emergent(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, 'checks = ["squawk"]', {PLACE: QUIET + LATER})
    scene.write({PLACE: LATER + ALTER}, ANOTHER)

    said = prove(scene)

    assert (only(said)["outcome"], said["conflicts"]) == ("not-disproved", [])
    assert "squawk" in only(said)["by"]


@pytest.mark.usefixtures("with_squawk")
def test_without_a_changed_migration_squawk_does_not_run_and_is_not_said_to_have(
    git_repo: GitRepo, prove: Prove
) -> None:
    scene = configured(git_repo, 'checks = ["squawk"]', {PLACE: LATER + ALTER})
    scene.write({"report.sql": "SELECT 1;\n"}, ANOTHER)

    proof = only(prove(scene))

    assert "squawk" not in proof["by"]
    assert proof["runs"] == 0


@pytest.mark.usefixtures("with_squawk")
def test_squawk_runs_where_it_is_installed_though_nobody_asked_for_it(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, "", {PLACE: QUIET + LATER})
    scene.write({PLACE: LATER + ALTER}, ANOTHER)

    assert "squawk" in only(prove(scene))["by"]


@pytest.mark.usefixtures("with_squawk")
def test_what_two_make_of_a_migration_together_keeps_the_later_one_from_landing(
    git_repo: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    test = {"test_shop.py": "def test_shop():\n    assert True\n"}
    begin(git_repo, {PLACE: QUIET + LATER, **test})
    finish(git_repo, "tidy", {PLACE: QUIET.partition("\n")[2] + LATER})
    finish(git_repo, "locale", {PLACE: QUIET + LATER + ALTER})

    landed = Verbs(git_repo, capfd).land("tidy", "locale")

    assert landed["tidy/1"]["state"] == "landed"
    assert landed["locale/1"]["state"] == "bounced"
    assert landed["locale/1"]["partners"] == ["tidy/1"]
    (evidence,) = landed["locale/1"]["evidence"]
    assert evidence.startswith(f"[squawk] {PLACE}: require-lock-timeout: ")


@pytest.mark.usefixtures("with_squawk")
def test_what_one_change_alone_makes_of_a_migration_lands(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    test = {"test_shop.py": "def test_shop():\n    assert True\n"}
    begin(git_repo, {PLACE: QUIET + LATER, **test})
    finish(git_repo, "locale", {PLACE: LATER + ALTER})

    assert Verbs(git_repo, capfd).land("locale")["locale/1"]["state"] == "landed"


def test_squawk_that_is_not_there_is_told_and_is_never_green(git_repo: GitRepo, prove: Prove) -> None:
    if shutil.which("squawk") is not None:
        pytest.skip("squawk is installed on this machine: that it is missing cannot be tried")
    scene = configured(git_repo, 'checks = ["squawk"]', {PLACE: QUIET + LATER})
    scene.write({PLACE: LATER + ALTER}, ANOTHER)

    proof = only(prove(scene))

    assert proof["outcome"] == "not-disproved"
    assert "squawk could not run: exit code 127" in proof["reason"]
    assert "squawk" not in proof["by"]
