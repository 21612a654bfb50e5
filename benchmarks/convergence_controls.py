"""What must not converge, each beside its twin that must: nonsense, strangers, one project, copies, the told."""

from __future__ import annotations

import random
from collections.abc import Sequence

from convergence_days import Told, live
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha
from watchkeeper.model.scouting import FindingFound, FindingId, KindId, RunId, ScoutFinding
from watchkeeper.model.scouting_state import ScoutState, fold_scouting
from watchkeeper.scouts.convergence.catalogue import builtin_catalogue
from watchkeeper.scouts.convergence.contradictions import LandedFix, find_contradictions
from watchkeeper.scouts.convergence.matching import propose


def run_controls(told: Sequence[Told], days: int, seeds: int) -> dict[str, dict[str, object]]:
    """For each control how many candidates it gave over all seeds (``candidates``), and whether that is right."""
    return {
        "letters of every word shuffled": _none([_garbled(told, random.Random(seed)) for seed in range(seeds)], days),
        "one project alone": _none([[each._replace(project="only") for each in told]], days),
        "each project alone": _none(
            [[each for each in told if each.project == name] for name in sorted({each.project for each in told})], days
        ),
        "a finding of each sort in projects with random names": _none(
            [_strangers(random.Random(seed)) for seed in range(seeds)], days
        ),
        "copied code in five projects": _none([_five(shape="c0ffee")], days),
        "written five times": _some([_five()], days),
        "runs that had been told": _none([_five(told=("missing-timeout",))], days),
        "runs that had been told of another kind": _some([_five(told=("dead-code",))], days),
    }


def count_nonsense(told: Sequence[Told], days: int, seeds: int) -> list[int]:
    """How many candidates there are, by seed, where all words are dealt anew: the same words, and no sense.

    No control: words alone are compared, and whoever has the words of a kind is near it.
    """
    runs = [_dealt(told, random.Random(seed)) for seed in range(seeds)]
    return [len(live(each, days, random.Random(seed)).candidates[-1]) for seed, each in enumerate(runs)]


def run_contradictions(told: Sequence[Told]) -> dict[str, object]:
    """Every finding's sentence as the title of a landed fix, against all other projects; and three that were written.

    Who mends a fault does what everybody wants: ``of_findings`` has to be empty. The first of ``written`` adds in one
    project what another holds for a fault; the others do what both want.
    """
    states = _states(told)
    fixes = [LandedFix(ProjectId(each.project), Sha(f"{n:040x}"), (each.text,)) for n, each in enumerate(told)]
    of_findings = [each.text for each in find_contradictions(fixes, states, lambda _, __: (), _near)]
    written = {
        says: [
            each.text
            for each in find_contradictions(
                [LandedFix(ProjectId("scholexis"), Sha("a" * 40), (says,))], states, lambda _, __: (), _near
            )
        ]
        for says in (
            "Ship an in-memory rate limiter for login and signup",
            "Add rate limiting to login and signup",
            "Replace the in-memory rate limiter with Redis",
        )
    }
    counts = [len(each) for each in written.values()]
    return {"of_findings": of_findings, "written": written, "holds": not of_findings and counts == [1, 0, 0]}


def _near(text: str) -> list[KindId]:
    return [each.kind for each in propose([text], builtin_catalogue())[0].near]


def _states(told: Sequence[Told]) -> dict[ProjectId, ScoutState]:
    states: dict[ProjectId, ScoutState] = {}
    for number, each in enumerate(told):
        kind = _near(each.text)[0]
        found = ScoutFinding(FindingId(f"f-{number}"), "gaps", "agent", "gaps", "", each.text, kind=kind)
        event = Recorded(Seq(number + 1), Millis(number), ProjectId(each.project), FindingFound(RunId("s-1"), found))
        states[event.project] = fold_scouting([event], states.get(event.project))
    return states


def _none(runs: Sequence[Sequence[Told]], days: int) -> dict[str, object]:
    found = _count(runs, days)
    return {"candidates": found, "of_runs": len(runs), "holds": not found}


def _some(runs: Sequence[Sequence[Told]], days: int) -> dict[str, object]:
    found = _count(runs, days)
    return {"candidates": found, "of_runs": len(runs), "holds": bool(found)}


def _count(runs: Sequence[Sequence[Told]], days: int) -> list[str]:
    found = []
    for number, told in enumerate(runs):
        found += [f"{kind} {count}" for kind, count in live(told, days, random.Random(number)).candidates[-1].items()]
    return found


def _garbled(told: Sequence[Told], chance: random.Random) -> list[Told]:
    def garble(word: str) -> str:
        return "".join(chance.sample(word, len(word)))

    return [each._replace(text=" ".join(garble(word) for word in each.text.split())) for each in told]


def _dealt(told: Sequence[Told], chance: random.Random) -> list[Told]:
    words = [word for each in told for word in each.text.split()]
    chance.shuffle(words)
    taken = iter(words)
    return [each._replace(text=" ".join(next(taken) for _ in each.text.split())) for each in told]


def _strangers(chance: random.Random) -> list[Told]:
    texts = (
        "The login form has no label for screen readers",
        "Passwords are stored as MD5 digests",
        "The import job keeps its file open when it fails",
        "README names an option that was removed",
        "Two workers may take the same job at once",
        "A test waits for two seconds and fails on slow machines",
        "The report function has 600 lines",
        "The orders table has no index on its customer",
    )
    return [Told(f"{chance.getrandbits(40):010x}", text) for text in texts]


def _five(shape: str = "", told: tuple[str, ...] = ()) -> list[Told]:
    names = ("ash", "birch", "cedar", "elm", "fir")
    return [Told(each, f"HTTP request of the {each} client has no timeout", shape, told) for each in names]
