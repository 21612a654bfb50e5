"""What two parts of one checkout are together is proved against what each of them is at that very moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gitrepo import GitRepo
from onecheckout import CLAUDE, CODEX, Room
from roommates import BASE, STAGES, early, late
from watchkeeper.app import Analysis, find_place, open_analysis
from watchkeeper.conflicts.standing import State
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.ids import Sha
from watchkeeper.model.probing import LiveTree, Proof, UnionProof
from watchkeeper.repos.hub import Hub
from watchkeeper.watch.board import Board
from watchkeeper.watch.pairs import PairKey
from watchkeeper.watch.suspects import Suspects

NEW = "made.py"


class Asked:
    """A prover that keeps what it was asked, and says nothing."""

    def __init__(self) -> None:
        self.pairs: list[tuple[LiveTree, ...]] = []

    def prove(self, pair: Sequence[LiveTree], suspicions: Sequence[Conflict]) -> None:  # noqa: ARG002 - as it is called
        self.pairs.append(tuple(pair))

    def prepare(self, bases: Sequence[Sha]) -> None: ...
    def unite(self, changes: Sequence[LiveTree]) -> None: ...
    def listen(self, ready: Callable[[], None]) -> None: ...
    def cancel(self, pair: PairKey) -> None: ...
    def close(self) -> None: ...

    def finished(self) -> Sequence[Proof | UnionProof]:
        return ()


class Scene:
    """Two sessions have written into one function of one checkout, which is suspected."""

    def __init__(self, repo: GitRepo, analysis: Analysis) -> None:
        self.hub, self.asked = analysis.hub, Asked()
        self.room = Room(repo, analysis.objects)
        analyst = analysis.analyst
        self.board = Board(
            analyst,
            lambda one, two: analyst.compare(one, two, clashes=()),
            State,
            clock=lambda: self.room.clock,
        )
        self.suspects = Suspects(self.asked, self.board, self.room.sharing, State)
        first, *_ = early(BASE)
        self.room.save(CODEX, STAGES, first)
        self.room.save(CLAUDE, STAGES, late(first)[0])
        self.renew()

    def renew(self) -> None:
        """The board has the parts as they are now."""
        parts = self.room.sharing.parts(
            self.room.root, msgspec.structs.replace(self.room.whole, path=str(self.room.root))
        )
        for part, files in parts or ():
            self.board.renew_part(part, files)
        self.board.pairs.events()

    def prove(self) -> tuple[LiveTree, ...]:
        """Have the pair run; its two sides as they were handed over."""
        assert self.suspects.has_more
        self.suspects.prove_next()
        return self.asked.pairs[-1]


@pytest.fixture
def scene(git_repo: GitRepo, tmp_path: Path) -> Iterator[Scene]:
    git_repo.commit("base", {STAGES: BASE})
    place = find_place(git_repo.path, {"WATCHKEEPER_HOME": str(tmp_path / "home")})
    with open_analysis(place) as analysis:
        scene = Scene(git_repo, analysis)
        yield scene
        scene.room.close()


def has_new(hub: Hub, tree: Sha) -> bool:
    return hub.objects.find_entry(tree, NEW) is not None


def test_a_file_that_is_new_since_the_last_look_is_on_its_side_as_it_is_in_what_both_are(scene: Scene) -> None:
    scene.room.save(CODEX, NEW, "made = 1\n")

    claude, codex = scene.prove()

    assert has_new(scene.hub, codex.tree)
    assert has_new(scene.hub, dict(codex.joint)[claude.change])
    assert NEW in codex.paths
    assert not has_new(scene.hub, claude.tree)


def test_of_parts_that_stand_as_they_were_looked_at_the_trees_are_those_of_the_look(scene: Scene) -> None:
    claude, codex = scene.prove()

    files = scene.board.files
    assert codex == msgspec.structs.replace(
        scene.board.analyst.live_tree(scene.board.parties[codex.change].change, files[codex.change]), joint=codex.joint
    )
    assert dict(codex.joint)[claude.change] == dict(claude.joint)[codex.change]
    assert not has_new(scene.hub, dict(codex.joint)[claude.change])
