"""A recorded day: real commits, the real surveyor, the real record, and what the brief says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from recordedday import MORNING, RecordedDay
from watchkeeper.app import open_log
from watchkeeper.cli.main import run
from watchkeeper.controlroom.picture import Reader
from watchkeeper.model.review import Standing
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier
from watchkeeper.review.rewriting import look_for_rewritings


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RecordedDay, ...]]:
    """Two days of other seeds: other names, order and projects. They are looked at alone: nothing is added to them."""
    made = tuple(make_day(tmp_path_factory.mktemp(f"day-{seed}"), seed) for seed in (3, 4))
    yield made
    for day in made:
        day.log.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RecordedDay]:
    """A day of a test's own, to which it may add."""
    day = make_day(tmp_path, 3)
    yield day
    day.log.close()


def make_day(folder: Path, seed: int) -> RecordedDay:
    (folder / "state").mkdir()
    log = open_log(folder / "state", {"XDG_CONFIG_HOME": str(folder)})
    day = RecordedDay(folder, log, seed, projects=3, changes=24)
    text = f'store = "{folder / "state"}"\n'
    text += "".join(f'[[project]]\nname = "{name}"\npath = "{folder / name}"\n' for name in day.repos)
    (folder / "fleet.toml").write_text(text)
    return day


def test_what_is_planted_in_a_day_stands_in_the_first_fifteen_entries(days: tuple[RecordedDay, ...]) -> None:
    for day in days:
        verifier = LiveVerifier(Reader(day.log, day.scope, lambda day=day: day.now))  # type: ignore[misc]
        brief = build_brief(verifier.picture, day.scope, MORNING, verifier)
        first = brief.first(15)
        missing = [planted.what for planted in day.planted if not any(planted.is_in(each) for each in first)]
        assert missing == []
        assert len(day.planted) == 8
        assert {each.claim.standing for each in brief.first(1000)} == {Standing.HOLDS}


def test_the_verb_shows_one_screen_and_can_be_read_by_programs(
    days: tuple[RecordedDay, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    file = ["--fleet", str(days[0].scope.home.parent / "fleet.toml"), "--since", "2025-12-01"]
    assert run(["brief", *file]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) <= 40
    assert shown[-1].startswith("next: watchkeeper ")
    assert run(["brief", *file, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    assert document["brief"]["sections"][0]["section"] == "needs-you"
    assert run(["brief", *file, "--plain"]) == 1
    assert all(line.count("\t") == 5 for line in capsys.readouterr().out.splitlines())
    assert run(["brief", *file, "--markdown"]) == 1
    assert "## Needs you" in capsys.readouterr().out


def test_a_matter_that_is_acknowledged_leaves_the_brief(own: RecordedDay, capsys: pytest.CaptureFixture[str]) -> None:
    file = ["--fleet", str(own.scope.home.parent / "fleet.toml")]
    assert run(["ack", *file, "--json"]) == 1
    first = json.loads(capsys.readouterr().out)["matters"][0]
    assert run(["ack", first["id"], *file]) == 0
    assert first["title"] in capsys.readouterr().out
    assert run(["ack", *file, "--json"]) == 1
    assert first["id"] not in [each["id"] for each in json.loads(capsys.readouterr().out)["matters"]]
    assert run(["ack", "m-ffffffffff", *file]) == 2
    assert "unknown-matter" in capsys.readouterr().err


def test_the_graph_is_drawn_and_said_and_git_tells_who_rewrote_whom(
    own: RecordedDay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = own
    name = next(iter(day.repos))
    added = day.land(name, "Say hello", {"app/hello.py": "def hello():\n    a = 1\n    b = 2\n    return a + b\n"})
    again = day.land(name, "Say hello shorter", {"app/hello.py": "def hello():\n    return 3\n"})
    day.survey()
    assert look_for_rewritings(day.reader.look(), MORNING)[added, again] == 3
    file = ["--fleet", str(day.scope.home.parent / "fleet.toml"), "--since", "2025-12-01"]
    picture = tmp_path / "day.svg"
    assert run(["brief", *file, "--graph", str(picture)]) == 1
    assert '"Say hello shorter" took away 3 lines that "Say hello" had added' in capsys.readouterr().out
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")
    assert run(["brief", *file, "--graph", str(tmp_path / "no" / "day.svg")]) == 2


def test_in_a_repository_without_a_fleet_it_speaks_of_that_one(
    days: tuple[RecordedDay, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = next(iter(days[0].repos.values()))
    folder = repo.path.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("watchkeeper.controlroom.scope.find_fleet_file", lambda *_: None)
    assert run(["brief", "--repo", str(repo.path)]) in {0, 1}
    assert "next: " in capsys.readouterr().out
