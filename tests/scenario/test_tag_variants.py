"""The guard of ``watchkeeper-tag`` over twenty real arrangements of two connections, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

import postgres
from lock_variants import VARIANTS, Variant
from tagged import run_pool, run_tagged

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def url(postgresql: str) -> str:
    name = postgres.create_database(postgresql)
    return f"postgresql+psycopg://test@/{name}?host={postgresql}"


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: each.name)
def test_what_would_wait_for_itself_is_refused_before_it_is_sent_and_nothing_else(
    variant: Variant, url: str, tmp_path: Path
) -> None:
    found = run_tagged(variant, tmp_path, url, "raise")

    if variant.hangs:
        assert found["end"] == "refused"
        (told,) = (each for each in found["events"] if each["kind"] == "nested-write")
        assert len(told["sites"]) == 2
        assert all(each.startswith("engine/stages.py:") for each in told["sites"])
    else:
        assert found["end"] == "ends"
        kinds = [each["kind"] for each in found["events"] if each["kind"] != "nested-checkout"]
        assert kinds == (["lost-update"] if variant.name == "V7" else [])


def test_a_pool_whose_callers_all_wait_for_a_second_connection_tells_who_waits_and_what_he_holds(
    url: str, tmp_path: Path
) -> None:
    """On different rows: no lock is waited for, and no server can see it."""
    variant = next(each for each in VARIANTS if each.name == "V6")

    found = run_pool(variant, tmp_path, url)

    (pool,) = found["pools"]
    assert (pool["limit"], pool["out"]) == (3, 3)
    assert len(pool["waiters"]) == 3
    assert {len(each["holds"]) for each in pool["waiters"]} == {1}
    assert all(each["site"].startswith("engine/stages.py:") for each in pool["waiters"])
    assert found["locks"] == 0


def test_who_takes_one_connection_at_a_time_waits_for_nobody(url: str, tmp_path: Path) -> None:
    variant = next(each for each in VARIANTS if each.name == "V5")

    found = run_tagged(variant, tmp_path, url, "warn")

    assert found["end"] == "ends"
    assert "nested-checkout" not in [each["kind"] for each in found["events"]]
