"""The process that proves beside the watch may die at any moment; what was asked of it is answered all the same."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.app import Place, find_place, open_analysis
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.probing import LiveTree, Outcome, Proof, UnionProof
from watchkeeper.probes.aside import Found, ProverAside
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.watch.check import gather_changes

ENTRY = "watchkeeper.daemon:prove_aside"
TEXTS = "def shorten(text):\n    return text[:10]\n\n\ndef shout(text):\n    return text.upper()\n"
CALLS = "from texts import shorten\n\n\ndef teaser(text):\n    return shorten(text)\n"
LONG_S = 30.0


class Case:
    """Two live changes that break each other, or do not."""

    def __init__(self, repo: GitRepo, home: Path, odd: str = "") -> None:
        repo.commit("base", {"texts.py": TEXTS})
        a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
        a.write("texts.py", TEXTS.replace("def shorten(", "def abridge("))
        b.write(odd or "titles.py", CALLS)
        self.place: Place = find_place(repo.path, {**os.environ, "WATCHKEEPER_HOME": str(home)})
        with open_analysis(self.place) as analysis:
            gathered = gather_changes(
                self.place.repository, analysis.objects, analysis.analyst, [str(a.path), str(b.path)],
                target=None, base=repo.head, folder=repo.path,
            )  # fmt: skip
            self.pair = [
                LiveTree(each.party.id, each.party.change.base, analysis.merges.tree(each.party.id), each.paths)
                for each in gathered
            ]


@contextmanager
def proving(case: Case, entry: str = ENTRY) -> Iterator[tuple[ProverAside, threading.Semaphore]]:
    """The prover, and what is released whenever something may have come out."""
    prover, ready = ProverAside(entry, case.place), threading.Semaphore(0)
    prover.listen(ready.release)
    try:
        yield prover, ready
    finally:
        prover.close()


def next_proof(prover: ProverAside, ready: threading.Semaphore) -> Proof:
    found: Sequence[Proof | UnionProof] = ()
    while not found:
        assert ready.acquire(timeout=LONG_S), "nothing came out"
        found = prover.finished()
    (proof,) = found
    assert isinstance(proof, Proof)
    return proof


@pytest.fixture
def case(git_repo: GitRepo, tmp_path: Path) -> Case:
    return Case(git_repo, tmp_path / "home")


def test_a_pair_is_proved_in_another_process(case: Case) -> None:
    with proving(case) as (prover, ready):
        prover.prove(case.pair, ())
        assert next_proof(prover, ready).outcome is Outcome.PROVED
        assert prover.pid not in (None, os.getpid())


def test_a_process_that_was_killed_is_started_again_and_answers_what_it_owed(case: Case) -> None:
    with proving(case) as (prover, ready):
        prover.prove(case.pair, ())
        first, before = next_proof(prover, ready), prover.pid
        assert before is not None
        os.kill(before, signal.SIGSTOP)  # what is asked now waits in its input
        prover.prove(case.pair, ())
        os.kill(before, signal.SIGKILL)
        again = next_proof(prover, ready)
        assert (again.outcome, again.findings) == (first.outcome, first.findings)
        assert prover.pid != before


def test_a_pair_at_which_the_process_dies_twice_says_that_it_could_not_be_run(case: Case) -> None:
    with proving(case, "os:abort") as (prover, ready):
        prover.prove(case.pair, ())
        proof = next_proof(prover, ready)
        assert proof.outcome is Outcome.COULD_NOT_RUN
        assert "ended twice (killed by signal 6)" in proof.reason
        assert proof.trees == tuple(each.tree for each in sorted(case.pair, key=lambda each: each.change))


def test_a_pair_that_nobody_wants_to_know_of_any_more_is_not_told(case: Case) -> None:
    with proving(case) as (prover, ready):
        other = [case.pair[0], LiveTree(ChangeId("c"), case.pair[0].base, case.pair[1].tree, case.pair[1].paths)]
        prover.prove(other, ())
        prover.cancel(frozenset(each.change for each in other))
        prover.prove(case.pair, ())
        assert set(next_proof(prover, ready).changes) == {each.change for each in case.pair}


def test_nothing_is_left_of_the_process_when_it_is_closed(case: Case) -> None:
    with proving(case) as (prover, ready):
        prover.prove(case.pair, ())
        next_proof(prover, ready)
        pid = prover.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    prover.prove(case.pair, ())  # is no error, and starts nothing
    assert prover.pid == pid


def test_a_file_name_that_is_no_text_reaches_the_other_process_and_comes_back(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    case = Case(git_repo, tmp_path / "home", odd="tit\udcffles.py")
    with proving(case) as (prover, ready):
        prover.prove(case.pair, ())
        proof = next_proof(prover, ready)
        assert [finding.path for finding in proof.findings] == ["tit\udcffles.py"]
    assert decode_message(encode_message(Found(pair=proof)), Found) == Found(pair=proof)
