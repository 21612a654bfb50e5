"""What exists is documented: every event, error, configuration key, verb and exit code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import watchkeeper
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import VERBS
from watchkeeper.record.codec import KINDS
from watchkeeper.record.config import KEYS, Config
from watchkeeper.record.faults import _SAID

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def headings(page: str) -> set[str]:
    return set(re.findall(r"^### (\S+)$", (DOCS / page).read_text(), re.MULTILINE))


def first_cells(page: str) -> set[str]:
    return set(re.findall(r"^\| `?([\w.-]+)`? \|", (DOCS / page).read_text(), re.MULTILINE))


def slugs_in_code() -> Iterator[str]:
    """Every constant that is passed as ``slug``."""
    for path in Path(watchkeeper.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.keyword) and node.arg == "slug":
                yield from _constants(node.value)
    yield from _SAID


def _constants(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(slug)):
            yield slug
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_constants(body), *_constants(orelse))


def test_every_error_slug_has_a_section_and_every_section_an_error() -> None:
    assert headings("errors.md") == set(slugs_in_code())


def test_every_event_is_documented_and_nothing_else() -> None:
    assert first_cells("events.md") - {"kind"} == set(KINDS)


def test_every_configuration_key_is_documented_with_its_default() -> None:
    assert first_cells("configuration.md") - {"key"} == set(KEYS)
    text = (DOCS / "configuration.md").read_text()
    assert f"| `landed_hours` | `{Config().landed_hours}` |" in text
    assert f'| `min_severity` | `"{Config().min_severity.value}"` |' in text


def test_every_verb_has_a_section() -> None:
    assert headings("cli.md") == set(VERBS)


def test_every_exit_code_is_documented() -> None:
    assert first_cells("cli.md") - {"code"} == {str(int(code)) for code in Exit}


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith(("https://", "mailto:")) or (page.parent / link).exists(), f"{page.name}: {link}"


def test_commands_in_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"^watchkeeper (\w+)", text, re.MULTILINE)) <= set(VERBS)
    for line in re.findall(r"^make ([a-z ]+?)(?:\s*#.*)?$", text, re.MULTILINE):
        assert set(line.split()) <= targets


def test_figures_in_the_readme_are_the_measured_ones() -> None:
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (\w+)(?:, 500 merges)? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)

    assert len(rows) == 6
    for name, *told in rows:
        page = "replay-pytest" if name == "pytest" else f"natural_pairs-{name}"
        figures = json.loads((ROOT / "benchmarks" / "results" / f"{page}.json").read_text())["figures"]
        measured = figures.get("all", figures)
        counts = [measured[label][0] for label in ("same file", "minor and above", "major and above")]
        assert [int(each) for each in told] == [measured["pairs"], *counts]


def test_figures_of_the_experiment_in_the_readme_are_the_measured_ones() -> None:
    text = (ROOT / "README.md").read_text()
    figures = json.loads((ROOT / "benchmarks/results/experiment.json").read_text())["figures"]
    names = {"alone": "nothing", "notices": "notices", "leases": "leases and notices"}
    names |= {"queue": "a merge queue", "queue-notices": "a merge queue and notices"}
    rows = dict(
        re.findall(r"^\| ([a-z ]+) \| (\d+\.\d\d \| \d+ \| \d+\.\d \| \d+\.\d \| \d+\.\d) \|$", text, re.MULTILINE)
    )
    measured = {
        names[arm]: (
            f"{each['throughput']['mean']:.2f} | {each['lost']['mean']:.0f} | {each['escapes']['mean']:.1f} | "
            f"{each['notices']['mean']:.1f} | {each['needless']['mean']:.1f}"
        )
        for arm, each in figures["arms"].items()
    }
    assert rows == measured
    assert len(figures["seeds"]) >= 10
    for each in figures["compared"]:
        said = f"{names[each['arm']]} against {names[each['against']]}: {_difference(each)}"
        assert (said in text) is (each["against"] in ("alone", "queue")), said
    for each in figures["sensitivity"]:
        planted = "" if each["planted_in"] else ", nothing planted"
        assert f"heeded {each['heeds']:g}{planted}: {_difference(each['against_alone'])}" in text


def _difference(found: dict[str, dict[str, float]]) -> str:
    escapes, lost = found["escapes"], found["lost"]
    return (
        f"escapes {escapes['mean']:+.1f} ({escapes['low']:+.1f} to {escapes['high']:+.1f}), "
        f"minutes {lost['mean']:+.0f} ({lost['low']:+.0f} to {lost['high']:+.0f})"
    )


def test_latencies_in_the_readme_are_the_measured_ones() -> None:
    text = (ROOT / "README.md").read_text()
    told = {
        row[0]: row[1:]
        for row in re.findall(r"^\| (\d+) \| (\d+) ms \| (\d+) ms \| (\d+) \| ([\d,]+) ms \|$", text, re.MULTILINE)
    }
    measured = json.loads((ROOT / "benchmarks/results/save_to_event.json").read_text())["figures"]["by_worktrees"]

    assert told == {
        count: (
            str(round(row["p50_ms"])), str(round(row["p99_ms"])), str(row["missed"]),
            f"{row['rival']['all_pairs_ms']:,}",
        )
        for count, row in measured.items()
    }  # fmt: skip


def test_figures_of_landing_in_the_readme_are_the_measured_ones() -> None:
    text = (ROOT / "README.md").read_text()
    cells = json.loads((ROOT / "benchmarks/results/landing.json").read_text())["figures"]["cells"]
    arms = {"Watchkeeper": "watchkeeper", "bors, batches of 4": "bors-4", "Zuul": "zuul"}
    for name, slots in (("Watchkeeper", 1), ("bors, batches of 4", 1), ("Zuul", 2), ("Watchkeeper", 2)):
        wanted = {"rate": 5.0, "slots": slots, "flake": 0.05, "changes": 400, "pair": 0.035}
        cell = next(each for each in cells if wanted.items() <= each["setting"].items())
        arm = cell["arms"][arms[name]]
        told = f"{arm['p50']:.0f} min | {arm['p95']:.0f} min | {100 * arm['false_bounces']:.2f} %"
        assert f"| {name} | {slots} | {told} |" in text
