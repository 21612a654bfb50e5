"""What the demonstration's scripts do to files, when they are asked once and again."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.demo.minds import Edit, apply, take_out

EDITS = (Edit("stages.py", "    mirror()\n", after="def update():"), Edit("test_it.py", "assert True\n"))


def test_a_task_that_is_asked_for_again_is_not_done_twice(tmp_path: Path) -> None:
    place = tmp_path / "stages.py"
    place.write_text("import os\ndef update():\n    store()\n")

    apply(tmp_path, EDITS)
    apply(tmp_path, EDITS)

    assert place.read_text() == "import os\ndef update():\n    mirror()\n    store()\n"
    assert (tmp_path / "test_it.py").read_text() == "assert True\n"
    take_out(tmp_path, EDITS[0])
    assert place.read_text() == "import os\ndef update():\n    store()\n"
