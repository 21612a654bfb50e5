"""How much scouts find of what was planted in real programs, how often they are wrong, and whether they repeat.

``python benchmarks/scouts.py [NAME=]REPOSITORY ... [--seed N]``: each repository (a clone or a bare one, which is only
read) is taken at the commit of ``data/scouts/judged.json``, else at its newest, and looked at by checks alone, three
times by the product's own way: as it is; with defects of six or seven kinds and as many innocent twins planted in it,
whereupon everything that is fit is filed; and after unrelated edits (lines above, functions added, spaces changed, two
files renamed), whereupon everything that is fit is filed again. Recall and false alarms are of what was planted, beside
a ``grep`` for each kind; precision is of what would be filed first in the untouched program, judged by hand in that
file. ``--sample FILE`` writes what is to be judged. Ends with 1 when something is filed twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from figures import record_figures, render_share, render_table
from scouts_planting import Plant, plant, top_of
from scouts_rival import grep
from scouts_variants import DIMENSIONS, VARIANTS
from scratch import ROOT, commit_all, git
from watchkeeper.app import find_place, now, open_log
from watchkeeper.model.scouting import FindingId, LookState, ScoutFinding
from watchkeeper.model.scouting_state import FindingStanding, ScoutState
from watchkeeper.scoutdeck.filing import file_all
from watchkeeper.scoutdeck.hands import make_hands
from watchkeeper.scoutdeck.place import Subject, open_subject
from watchkeeper.scoutdeck.scouting import Report, Wanted, scout
from watchkeeper.scouts.filing import Room, impact_of, is_fit, plan_filing
from watchkeeper.scouts.precision import Precision
from watchkeeper.scouts.rules.project import place_of
from watchkeeper.tracking import FleetLedger

JUDGED = ROOT / "benchmarks" / "data" / "scouts" / "judged.json"
LOOKED = ("errors", "security", "performance", "ux", "database", "dead", "tests")
MOST_JUDGED = 12
_UNKNOWN = Precision(0, 0)
_EVERYTHING = 1_000_000


class Source(NamedTuple):
    """A repository to measure with. ``commit`` is what is taken of it."""

    name: str
    path: Path
    commit: str


class Sampled(NamedTuple):
    """A finding of an untouched program, as it is judged: the first of its rule in its file."""

    repository: str
    dimension: str
    rule: str
    path: str
    line: int
    impact: float
    claim: str

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.repository, self.rule, self.path, self.line)


class Found(NamedTuple):
    """One plant, and what was said in its lines: kinds by scouts, of those the ``filed`` ones, and by the rival."""

    repository: str
    plant: Plant
    kinds: frozenset[str]
    filed: frozenset[str]
    rival: frozenset[str]
    said: tuple[str, ...]

    @property
    def is_found(self) -> bool:
        return self.plant.kind in self.kinds

    @property
    def is_filed(self) -> bool:
        return self.plant.kind in self.filed

    @property
    def is_grepped(self) -> bool:
        return self.plant.kind in self.rival


class Second(NamedTuple):
    """What a run after unrelated edits said that it should not have. ``by_line``: new by rule, path and line alone."""

    known: int
    edited: int
    renamed: int
    by_line: int
    new: tuple[str, ...]
    again: tuple[str, ...]
    gone: tuple[str, ...]
    issues: int
    filed_new: int
    filed_twice: tuple[str, ...]


class Measured(NamedTuple):
    """All of one repository."""

    source: Source
    files: int
    looks: Mapping[str, str]
    untouched: tuple[Sampled, ...]
    found: tuple[Found, ...]
    noise: Mapping[str, tuple[int, int]]  # kind -> findings of scouts, and lines of grep, in the untouched program
    second: Second
    blind: tuple[str, ...]  # what could not look, and why, over the three runs
    seconds: float


def main() -> int:
    """Prints tables and every wrong finding, writes ``results/scouts.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+", metavar="[NAME=]REPOSITORY")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=Path, help="write what is to be judged of the untouched programs")
    options = parser.parse_args()
    written = json.loads(JUDGED.read_text()) if JUDGED.exists() else {"repositories": {}, "judged": []}
    measured = [_measure(each, options.seed) for each in _sources(options.repositories, written["repositories"])]
    sample = list(_sample(measured))
    if options.sample:
        options.sample.write_text(json.dumps([each._asdict() for each in sample], indent=1) + "\n")
    figures: dict[str, object] = {
        "seed": options.seed,
        "repositories": {each.source.name: _describe(each, written["repositories"]) for each in measured},
        "planted": _score_planted(measured),
        "precision": _score_precision(sample, written["judged"]),
        "second_run": _score_second(measured),
    }
    record_figures("scouts", figures, command="python benchmarks/scouts.py [NAME=]REPOSITORY ...")
    for one in measured:
        for reason in one.blind:
            print(f"could not look: {one.source.name}, run {reason}")
    return 1 if any(each.second.filed_twice for each in measured) else 0


def _sources(given: Sequence[str], known: Mapping[str, Mapping[str, object]]) -> Iterator[Source]:
    for each in given:
        name, is_named, path = each.rpartition("=")
        place = Path(path)
        name = name if is_named else place.name.removesuffix(".git")
        commit = known.get(name, {}).get("commit") or git(place, "rev-parse", "HEAD").strip()
        yield Source(name, place, str(commit))


def _describe(measured: Measured, known: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    told = known.get(measured.source.name, {})
    return {
        "url": told.get("url", ""),
        "commit": measured.source.commit,
        "seen_by_authors_of_rules": told.get("seen", "not known"),
        "source_files": measured.files,
        "looks": measured.looks,
        "could_not_look": measured.blind,
        "seconds_of_three_runs": round(measured.seconds, 1),
    }


def _measure(source: Source, seed: int) -> Measured:
    began = time.monotonic()
    chance = random.Random(f"{seed}:{source.name}:edits")
    with tempfile.TemporaryDirectory(prefix="scouts-") as folder:
        repo = Path(folder, "repo")
        _take(source, repo)
        paths = git(repo, "ls-files").splitlines()
        language = _language(paths)
        with _open(Path(folder), repo, source.name) as (subject, environ):
            first = _scout(subject, environ, files=False)
            untouched = _sampled(source.name, first.state)
            noise = _noise(first.state, repo, paths)
            plants = plant(repo, paths, language, f"{seed}:{source.name}")
            commit_all(repo, "plants")
            second = _scout(subject, environ, files=True)
            _file_rest(subject)
            state = subject.state()
            found = tuple(_judge(source.name, each, state, first.state, repo) for each in plants)
            renamed = _edit(repo, state, plants, chance)
            commit_all(repo, "edits")
            edited = len(git(repo, "diff", "--name-only", "HEAD~1").splitlines())
            third = _scout(subject, environ, files=True)
            again = _compare(state, third, renamed, subject, edited)
        blind = tuple(
            f"{number}: {name}: {look.reason}"
            for number, report in enumerate((first, second, third), 1)
            for name, look in report.run.looks.items()
            if look.state is LookState.COULD_NOT_LOOK
        )
        looks = {name: look.state.value for name, look in second.run.looks.items()}
        count = sum(place_of(path) == "code" and path.endswith((".py", ".ts", ".tsx")) for path in paths)
        print(f"{source.name}: {count} files, {len(plants)} plants, {len(state.findings)} findings", file=sys.stderr)
        return Measured(source, count, looks, untouched, found, noise, again, blind, time.monotonic() - began)


def _take(source: Source, repo: Path) -> None:
    """Its files at the commit, as one commit of a new repository."""
    git(source.path, "clone", "-q", "--shared", "--no-checkout", str(source.path.resolve()), str(repo))
    git(repo, "checkout", "-q", "--detach", source.commit)
    shutil.rmtree(repo / ".git")
    git(repo, "init", "-q", "-b", "main")
    commit_all(repo, "as it is")


def _language(paths: Sequence[str]) -> str:
    python = sum(path.endswith(".py") for path in paths)
    return "python" if python > sum(path.endswith((".ts", ".tsx")) for path in paths) else "script"


@contextmanager
def _open(folder: Path, repo: Path, name: str) -> Iterator[tuple[Subject, Mapping[str, str]]]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environ = {**os.environ, "WATCHKEEPER_HOME": str(folder / "home"), "PATH": path}
    place = find_place(repo, environ)
    with open_log(place.home, environ) as log, open_subject(place, log, name) as subject:
        yield subject, environ


def _scout(subject: Subject, environ: Mapping[str, str], *, files: bool) -> Report:
    cancel = threading.Event()
    report = scout(subject, Wanted(LOOKED, files=files), make_hands(subject, environ, now, cancel), cancel)
    assert report is not None
    return report


def _file_rest(subject: Subject) -> tuple[FindingId, ...]:
    """Files all that is fit, as if the fleet had room for it; what was filed."""
    most = dict.fromkeys(LOOKED, _EVERYTHING)
    filings = plan_filing(subject.state(), {}, Room(0, _EVERYTHING), most, _EVERYTHING)
    file_all(subject, filings, now)
    return tuple(finding for each in filings for finding in each.findings)


def _sampled(name: str, state: ScoutState) -> tuple[Sampled, ...]:
    """What is fit to be filed, one for each rule and file, the gravest first."""
    first: dict[tuple[str, str, str], ScoutFinding] = {}
    for each in sorted((one.finding for one in state.holding() if is_fit(one, {})), key=lambda one: (one.line, one.id)):
        first.setdefault((each.check, each.rule, each.path), each)
    rows = [
        Sampled(
            name, each.dimension, f"{each.check}:{each.rule}", each.path, each.line,
            round(impact_of(each, _UNKNOWN), 3), each.claim,
        )
        for each in first.values()
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda each: (-each.impact, each.path, each.line, each.rule)))


def _noise(state: ScoutState, repo: Path, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    ours = Counter(each.kind_id for each in state.holding() if is_fit(each, {}))
    theirs = Counter(kind for path in paths if place_of(path) == "code" for kind, _ in grep(path, _read(repo, path)))
    return {kind: (ours[kind], theirs[kind]) for kind in DIMENSIONS}


def _read(repo: Path, path: str) -> str:
    place = repo / path
    return place.read_bytes().decode("utf-8", "replace") if place.is_file() and not place.is_symlink() else ""


def _judge(name: str, planted: Plant, state: ScoutState, before: ScoutState, repo: Path) -> Found:
    here = [
        each
        for each in state.findings.values()
        if each.finding.id not in before.findings and each.gone is None and _is_in(each.finding, planted)
    ]
    kinds = frozenset(str(each.kind_id) for each in here)
    filed = frozenset(str(each.kind_id) for each in here if each.issue is not None)
    lines = grep(planted.path, _read(repo, planted.path))
    rival = frozenset(kind for kind, line in lines if planted.first <= line <= planted.last)
    said = tuple(sorted({f"{each.finding.check}:{each.finding.rule}" for each in here}))
    return Found(name, planted, kinds, filed, rival, said)


def _is_in(finding: ScoutFinding, planted: Plant) -> bool:
    return finding.path == planted.path and planted.first <= finding.line <= planted.last


def _edit(repo: Path, state: ScoutState, plants: Sequence[Plant], chance: random.Random) -> dict[str, str]:
    """Edits that mend nothing and break nothing, in every file that something was found in; new name -> old name."""
    paths = sorted({each.finding.path for each in state.holding()})
    for each in chance.sample(plants, len(plants) // 2):
        lines = _read(repo, each.path).split("\n")
        for number in range(each.first - 1, each.last):
            lines[number] = lines[number].rstrip().replace(", ", ",  ").replace(" = ", "  =  ")
        Path(repo, each.path).write_text("\n".join(lines), encoding="utf-8", newline="")
    sources = [path for path in paths if path.endswith((".py", ".ts", ".tsx")) and "\r" not in _read(repo, path)]
    for number, path in enumerate(sources):
        _add_above(repo, path, number)
    named = re.compile(r"(^|/)(__init__|__main__|index|page|layout|route|conftest|settings|manage|\[.*)\b[^/]*$")
    movable = [path for path in sources if not named.search(path) and place_of(path) == "code"]
    renamed: dict[str, str] = {}
    for path in chance.sample(movable, min(2, len(movable))):
        folder, _, base = path.rpartition("/")
        new = f"{folder}/moved_{base}" if folder else f"moved_{base}"
        git(repo, "mv", path, new)
        renamed[new] = path
    return renamed


def _add_above(repo: Path, path: str, number: int) -> None:
    text = _read(repo, path)
    lines = text.split("\n")
    top = top_of(path, text)
    if path.endswith(".py"):
        added = [
            "",
            "# Looked through in spring.",
            "",
            f"def looked_through_{number}():",
            f"    return {number}",
            "",
            "",
        ]
    else:
        added = ["", "// Looked through in spring.", f"export const lookedThrough{number} = () => {number};", ""]
    Path(repo, path).write_text("\n".join([*lines[:top], *added, *lines[top:]]), encoding="utf-8", newline="")


def _compare(state: ScoutState, report: Report, renamed: Mapping[str, str], subject: Subject, edited: int) -> Second:
    after = subject.state()
    late = [after.findings[each] for each in after.findings if each not in state.findings]
    gone = [each for each in after.findings.values() if each.gone is not None and _was_there(state, each)]
    known = {_content(each.finding, {}) for each in state.findings.values()}
    again = [each for each in late if _content(each.finding, renamed) in known]
    filed = {*(each for filing in report.filed for each in filing.findings), *_file_rest(subject)}
    before = {_content(each.finding, {}) for each in state.findings.values() if each.issue is not None}
    twice = [
        each
        for each in after.findings.values()
        if each.finding.id in filed and (_content(each.finding, renamed) in before or _issue(state, each.finding.id))
    ]
    lines = {_spot(each.finding) for each in state.findings.values() if each.gone is None}
    moved = {_spot(each) for look in report.run.looks.values() for each in look.findings} - lines
    issues = FleetLedger(subject.log, subject.project).state().issues
    return Second(
        sum(each.gone is None for each in state.findings.values()), edited, len(renamed), len(moved),
        tuple(_name(each) for each in late if each not in again), tuple(map(_name, again)), tuple(map(_name, gone)),
        len(issues), len(filed), tuple(map(_name, twice)),
    )  # fmt: skip


def _spot(finding: ScoutFinding) -> tuple[str, str, int]:
    return (f"{finding.check}:{finding.rule}", finding.path, finding.line)


def _was_there(state: ScoutState, standing: FindingStanding) -> bool:
    known = state.findings.get(standing.finding.id)
    return known is not None and known.gone is None


def _issue(state: ScoutState, finding: FindingId) -> bool:
    known = state.findings.get(finding)
    return known is not None and known.issue is not None


def _content(finding: ScoutFinding, renamed: Mapping[str, str]) -> tuple[str, str, str, str]:
    """What makes it the same to a reader: rule, file under its first name, claim, code without spaces."""
    path = renamed.get(finding.path, finding.path)
    return (f"{finding.check}:{finding.rule}", path, re.sub(r"\d+", "", finding.claim), "".join(finding.quote.split()))


def _name(standing: FindingStanding) -> str:
    found = standing.finding
    return f"{found.check}:{found.rule} {found.path}:{found.line}"


def _sample(measured: Sequence[Measured]) -> Iterator[Sampled]:
    """For each dimension what would be filed first: the gravest of each repository, then the second ones, and so on."""
    for dimension in LOOKED:
        rows: list[tuple[int, Sampled]] = []
        for one in measured:
            rows += enumerate(each for each in one.untouched if each.dimension == dimension)
        rows.sort(key=lambda each: (each[0], -each[1].impact, each[1].repository))
        yield from (each for _, each in rows[:MOST_JUDGED])


def _score_planted(measured: Sequence[Measured]) -> dict[str, object]:
    every = [each for one in measured for each in one.found]
    figures: dict[str, object] = {}
    rows = []
    for name, some in _groups(every):
        bad = [each for each in some if each.plant.is_defect]
        good = [each for each in some if not each.plant.is_defect]
        score = {
            "found": [sum(each.is_found for each in bad), len(bad)],
            "filed": [sum(each.is_filed for each in bad), len(bad)],
            "twins_reported": [sum(each.is_found for each in good), len(good)],
            "twins_filed": [sum(each.is_filed for each in good), len(good)],
            "grep_found": [sum(each.is_grepped for each in bad), len(bad)],
            "grep_twins": [sum(each.is_grepped for each in good), len(good)],
        }
        figures[name] = score
        rows.append([name, *(f"{hits}/{total}" for hits, total in score.values())])
    header = ["planted", "found", "filed", "twins reported", "twins filed", "grep found", "grep twins"]
    print(render_table(header, rows))
    noise = {kind: [sum(each.noise[kind][side] for each in measured) for side in (0, 1)] for kind in DIMENSIONS}
    print("\nin the untouched programs, fit to be filed / lines of grep: ", end="")
    print(", ".join(f"{kind} {ours}/{theirs}" for kind, (ours, theirs) in noise.items()))
    missed = [each for each in every if each.plant.is_defect and not each.is_found]
    alarms = [each for each in every if not each.plant.is_defect and each.is_found]
    for title, some in (("missed", missed), ("FALSE ALARM on a twin", alarms)):
        for each in some:
            print(f"{title}: {_place(each)}")
    by_variant = {
        variant.id: [sum(each.is_found for each in some), len(some)]
        for variant in VARIANTS
        if (some := [each for each in every if each.plant.is_defect and each.plant.variant == variant.id])
    }
    return {
        "scores": figures,
        "untouched_findings_and_lines_of_grep": noise,
        "found_by_variant": by_variant,
        "missed": [_place(each) for each in missed],
        "false_alarms": [_place(each) for each in alarms],
    }


def _place(found: Found) -> str:
    also = f" (said: {', '.join(found.said)})" if found.said else ""
    return f"{found.plant.variant} in {found.repository}, {found.plant.path}:{found.plant.first}{also}"


def _groups(every: Sequence[Found]) -> Iterator[tuple[str, list[Found]]]:
    yield "all", list(every)
    for dimension in dict.fromkeys(DIMENSIONS.values()):
        yield f"dimension {dimension}", [each for each in every if DIMENSIONS[each.plant.kind] == dimension]
    for kind in DIMENSIONS:
        for language in ("python", "script", "sql"):
            some = [each for each in every if each.plant.kind == kind and each.plant.variant.startswith(language)]
            if some:
                yield f"{kind}, {language}", some
    for name in dict.fromkeys(each.repository for each in every):
        yield f"repository {name}", [each for each in every if each.repository == name]


def _score_precision(sample: Sequence[Sampled], judged: Iterable[Mapping[str, object]]) -> dict[str, object]:
    verdicts = {(each["repository"], each["rule"], each["path"], each["line"]): each for each in judged}
    figures: dict[str, object] = {}
    wrong: list[str] = []
    rows = []
    for dimension in LOOKED:
        some = [each for each in sample if each.dimension == dimension]
        said = Counter(str(verdicts[each.key]["verdict"]) if each.key in verdicts else "not judged" for each in some)
        true, false = said["true"], said["false"]
        figures[dimension] = {
            "true": true,
            "false": false,
            "unclear": said["unclear"],
            "not_judged": said["not judged"],
        }
        share = render_share(true, true + false) if true + false else "-"
        rows.append([dimension, len(some), true, false, said["unclear"], said["not judged"], share])
        for each in some:
            if each.key in verdicts and verdicts[each.key]["verdict"] != "true":
                told = verdicts[each.key]
                wrong.append(
                    f"{told['verdict']}: {each.rule} in {each.repository}, {each.path}:{each.line}: {told['why']}"
                )
    print("\nwhat would be filed first in the untouched programs, judged by hand")
    print(render_table(["dimension", "sampled", "true", "false", "unclear", "not judged", "precision"], rows))
    print("\n".join(wrong))
    return {**figures, "wrong_or_unclear": wrong}


def _score_second(measured: Sequence[Measured]) -> dict[str, object]:
    rows = []
    for repository, second in ((one.source.name, one.second) for one in measured):
        counts = [len(some) for some in (second.again, second.new, second.gone)]
        rows.append([
            repository, second.known, second.edited, second.by_line, *counts,
            second.issues, second.filed_new, len(second.filed_twice),
        ])  # fmt: skip
    header = [
        "after unrelated edits",
        "known",
        "files edited",
        "new by path and line",
        "again as new",
        "new by the edits",
        "gone",
        "issues",
        "filed",
        "filed twice",
    ]
    print("\n" + render_table(header, rows))
    for each in measured:
        for title, some in (
            ("again", each.second.again),
            ("by the edits", each.second.new),
            ("gone", each.second.gone),
        ):
            for name in some[:20]:
                print(f"{title}: {each.source.name}, {name}")
        for name in each.second.filed_twice:
            print(f"FILED TWICE: {each.source.name}, {name}")
    return {each.source.name: each.second._asdict() for each in measured}


if __name__ == "__main__":
    raise SystemExit(main())
