"""Charts, word for word: ``pytest tests/golden/test_charts.py --update`` rewrites them."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from watchkeeper.model.review import Day
from watchkeeper.review.charts import HEIGHT, render_chart
from watchkeeper.review.numbers import Chart, Point, Series

FOLDER = Path(__file__).parent / "charts"
SVG = "{http://www.w3.org/2000/svg}"
DAYS = tuple(Day((dt.date(2026, 11, 1) + dt.timedelta(days=n)).isoformat()) for n in range(8))


def line(name: str, *values: float | None) -> Series:
    return Series(name, tuple(Point(day, v) for day, v in zip(DAYS, values, strict=False) if v is not None))


CHARTS = {
    "counts": Chart(
        "conflicts", "Conflicts", "conflicts", "eight days: 9 predicted.", DAYS,
        (
            line("predicted", 3, 0, 2, 5, 9, 1, 0, 4), line("proved", 1, 0, 0, 2, 3, 0, 0, 1),
            line("escaped", 0, 0, 0, 0, 1, 0, 0, 0),
        ),
    ),
    "gaps": Chart(
        "precision", "How often each rule was right", "%", "two rules.", DAYS,
        (line("write-write", 50.0, None, None, 60.0, 75.5), line("stale-read <b>&", None, None, None, None, 20.0)),
    ),
    "nothing": Chart("money", "Cost", "money", "nothing is known yet.", DAYS, (line("spent"),)),
    "one-day": Chart("issues", "Issues closed", "issues", "one day.", DAYS[:1], (line("closed", 3),)),
    "zero": Chart("tests", "Tests", "tests", "no test.", DAYS, (line("added", 0, 0, 0), line("removed", 0, 0, 0))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_what_was_reviewed(name: str, update_golden: bool) -> None:
    golden, text = FOLDER / f"{name}.svg", render_chart(CHARTS[name])

    if update_golden:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_says_in_words_what_it_shows_and_has_no_style_or_script_of_its_own(name: str) -> None:
    chart = CHARTS[name]
    text = render_chart(chart)
    root = ET.fromstring(text)

    assert root.get("role") == "img"
    said = {each.get("id"): each.text for each in root if each.tag in (f"{SVG}title", f"{SVG}desc")}
    assert [said[each] for each in root.get("aria-labelledby", "").split()] == [chart.title, chart.said]
    assert "<script" not in text
    assert " style=" not in text
    colours = {each.get(key) for each in root.iter() for key in ("fill", "stroke")} - {None, "none"}
    assert all(each == "currentColor" or (each or "").startswith("var(--series-") for each in colours)


def test_lines_are_told_apart_without_colour() -> None:
    root = ET.fromstring(render_chart(CHARTS["counts"]))

    dashes = [each.get("stroke-dasharray") for each in root.iter(f"{SVG}path") if each.get("fill") == "none"]
    assert len(set(dashes)) == 3


def test_labels_never_cover_each_other() -> None:
    six = tuple(line(f"rule {n}", *[50.0] * 8) for n in range(6))
    chart = Chart("precision", "P", "%", "s", DAYS, six)
    root = ET.fromstring(render_chart(chart))

    places = sorted(
        float(each.get("y") or 0) for each in root.iter(f"{SVG}text") if (each.text or "").startswith("rule")
    )
    assert len(places) == 6
    assert all(two - one >= 14 for one, two in pairwise(places))
    assert places[-1] <= HEIGHT
