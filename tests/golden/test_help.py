"""The help of every verb, word for word: ``pytest tests/golden/test_help.py --update`` rewrites it."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.cli.db import VERBS as DB_VERBS
from watchkeeper.cli.issue import VERBS as ISSUE_VERBS
from watchkeeper.cli.main import VERBS, run
from watchkeeper.cli.notify import VERBS as NOTIFY_VERBS
from watchkeeper.cli.standards import VERBS as STANDARDS_VERBS
from watchkeeper.cli.web import VERBS as WEB_VERBS

FOLDER = Path(__file__).parent / "help"
GROUPS = {"standards": STANDARDS_VERBS, "issue": ISSUE_VERBS, "db": DB_VERBS, "notify": NOTIFY_VERBS, "web": WEB_VERBS}
NAMES = ["watchkeeper", *VERBS, *(f"{group} {name}" for group, verbs in GROUPS.items() for name in verbs)]


@pytest.mark.parametrize("name", NAMES)
def test_help_is_what_was_reviewed(
    name: str, update_golden: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    golden = FOLDER / f"{name.replace(' ', '-')}.txt"

    assert run(["--help"] if name == "watchkeeper" else [*name.split(), "--help"]) == 0
    text = capsys.readouterr().out

    if update_golden:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_examples_before_options_and_ends_with_what_to_do_next(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["--help"] if name == "watchkeeper" else [*name.split(), "--help"])
    text = capsys.readouterr().out

    assert text.index("Examples:") < text.index("Options:")
    assert text.splitlines()[-1].startswith("next: watchkeeper ")


def test_no_help_is_left_of_a_verb_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {name.replace(" ", "-") for name in NAMES}
