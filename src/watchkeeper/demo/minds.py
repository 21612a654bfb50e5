"""What the scripted model says to the two agents of the demonstration: as a model would, by what it is asked."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import msgspec

from watchkeeper.demo.scripted_model import Mind, Received, Step

RETURNED = "did not land"
TESTS = "python3 -m unittest discover --quiet"

_WRITE_S, _LOOK_S = 5.0, 0.02

Thread = Generator[Step, str, None]


class Edit(msgspec.Struct, frozen=True):
    """Text that goes right after the line ``after`` of ``path``; into a new file where ``after`` is empty."""

    path: str
    text: str
    after: str = ""


class Work(msgspec.Struct, frozen=True):
    """What one agent's model does about its issue, and what it takes out when its change comes back."""

    name: str
    issue: str
    edits: tuple[Edit, ...]
    repair: Edit


def mind_of(work: Work, worktree: Callable[[], Path], wait_told: Callable[[], bool]) -> Mind:
    """Decides on each answer. ``wait_told`` gives the agent's turn time to hear what Watchkeeper has to tell."""
    thread = _think(work, worktree, wait_told)
    has_begun = False

    def answer(request: Received) -> Step:
        nonlocal has_begun
        if not has_begun:
            has_begun = True
            return next(thread)
        return thread.send(request.text)

    return answer


def _think(work: Work, worktree: Callable[[], Path], wait_told: Callable[[], bool]) -> Thread:
    """A conversation: what is yielded is said, what comes back is all that the agent asks with next."""
    folder = worktree()
    yield Step(
        "I read the code first.", [("bash", {"command": f"cat {shlex.quote(str(folder / 'engine/stages.py'))}"})]
    )
    for edit in work.edits:
        yield _write(folder, edit)
        while not _comes_to_stand(folder, edit):
            yield _write(folder, edit)
    yield _run(folder, "I run the tests.")
    if wait_told():
        yield Step(
            "I look at what I changed.", [("bash", {"command": f"git -C {shlex.quote(str(folder))} diff --stat"})]
        )
    asked = yield Step("It is done; the tests pass. I was told of the other change, and keep to my issue.")
    while RETURNED not in asked:
        asked = yield Step("I have seen it. My change is done.")
    while _stands(folder, work.repair):
        yield _take_out(folder, work.repair)
    yield _run(folder, "One connection does both now. I run the tests.")
    while True:
        yield Step("The mirror writes the status in the same transaction, the second connection is gone. Tests pass.")


def _comes_to_stand(folder: Path, edit: Edit) -> bool:
    """Whether what was said was done: a program that is ended may drop it, and one may go on while it is being done."""
    ends = time.monotonic() + _WRITE_S
    while not _stands(folder, edit):
        if time.monotonic() > ends:
            return False
        time.sleep(_LOOK_S)
    return True


def _stands(folder: Path, edit: Edit) -> bool:
    place = folder / edit.path
    return place.is_file() and edit.text in place.read_text(encoding="utf-8")


def _write(folder: Path, edit: Edit) -> Step:
    path = str(folder / edit.path)
    if not edit.after:
        script = f"cat > {shlex.quote(path)} <<'END'\n{edit.text}END"
        return Step("I write a test.", [("bash", {"command": script})])
    given = {"path": path, "old": edit.after, "new": f"{edit.after}\n{edit.text}".rstrip("\n")}
    return Step("I change it.", [("edit", given)])


def _take_out(folder: Path, edit: Edit) -> Step:
    given = {"path": str(folder / edit.path), "old": f"{edit.after}\n{edit.text}".rstrip("\n"), "new": edit.after}
    return Step("Both write the legacy database: I take the second connection out.", [("edit", given)])


def _run(folder: Path, words: str) -> Step:
    return Step(words, [("bash", {"command": f"cd {shlex.quote(str(folder))} && {TESTS}"})])


def apply(folder: Path, edits: Sequence[Edit]) -> None:
    """The same edits without a model. What stands there already is left: a script may be asked for its task again."""
    for edit in edits:
        place = folder / edit.path
        before = place.read_text(encoding="utf-8") if place.exists() else ""
        if edit.text in before:
            continue
        text = edit.text
        if edit.after:
            text = before.replace(f"\n{edit.after}\n", f"\n{edit.after}\n{edit.text}", 1)
        place.write_text(text, encoding="utf-8")


def take_out(folder: Path, edit: Edit) -> None:
    """The repair without a model."""
    place = folder / edit.path
    place.write_text(place.read_text(encoding="utf-8").replace(edit.text, "", 1), encoding="utf-8")
