"""What the cache of readings promises: it answers what was kept, or less, and never fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchkeeper.record.cache import ReadingCache, ReadingKey


def key(number: int, version: int = 1, extent: str = "full") -> ReadingKey:
    return ReadingKey(f"{number:040x}", "python", version, extent)


MANY = {key(number): b"reading %d " % number * 50 for number in range(1200)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def cache(path: Path) -> Iterator[ReadingCache]:
    with ReadingCache(path) as opened:
        yield opened


def test_what_was_kept_is_found_also_by_another_process_later(cache: ReadingCache, path: Path) -> None:
    cache.put_many(MANY)
    with ReadingCache(path) as other:
        assert other.get_many(MANY) == MANY
        assert other.statistics().hits == len(MANY)

    assert cache.get_many([key(1), key(99_999)]) == {key(1): MANY[key(1)]}


def test_another_version_or_extent_of_the_reader_is_another_key(cache: ReadingCache) -> None:
    cache.put_many({key(1): b"old"})

    assert cache.get_many([key(1, version=2), key(1, extent="outline")]) == {}


def test_a_value_kept_again_is_the_newer_one(cache: ReadingCache) -> None:
    cache.put_many({key(1): b"old"})
    cache.put_many({key(1): b"new"})

    assert cache.get_many([key(1)]) == {key(1): b"new"}


def test_asking_for_nothing_and_keeping_nothing_is_allowed(cache: ReadingCache) -> None:
    cache.put_many({})
    cache.put_many({key(1): b""})

    assert cache.get_many([]) == {}
    assert cache.get_many([key(1)]) == {key(1): b""}


def test_the_file_stays_within_its_bound_and_the_longest_unused_go_first(path: Path) -> None:
    bound = 400_000
    with ReadingCache(path, max_bytes=bound) as cache:
        cache.put_many({key(0): b"x" * 1000})
    for start in range(1, 1000, 50):
        with ReadingCache(path, max_bytes=bound) as cache:
            assert cache.get_many([key(0)]), "what is used stays"
            cache.put_many({key(number): b"x" * 1000 for number in range(start, start + 50)})

    with ReadingCache(path, max_bytes=bound) as cache:
        assert cache.get_many([key(1)]) == {}
        assert cache.get_many([key(1000)])
    assert path.stat().st_size < bound * 1.5


def test_a_value_larger_than_its_share_is_not_kept(path: Path) -> None:
    with ReadingCache(path, max_bytes=100_000) as cache:
        cache.put_many({key(1): b"x" * 50_000, key(2): b"small"})

        assert list(cache.get_many([key(1), key(2)])) == [key(2)]


@pytest.mark.parametrize("damage", ["no database", "pages", "values", "truncated", "other tables"])
def test_a_damaged_file_is_made_anew_and_works(path: Path, damage: str) -> None:
    with ReadingCache(path) as cache:
        cache.put_many(MANY)
    _damage(path, damage)

    with ReadingCache(path) as cache:
        assert set(cache.get_many(MANY).items()) <= set(MANY.items()), "nothing wrong is ever found"
        cache.put_many({key(1): b"again"})

        assert cache.get_many([key(1)]) == {key(1): b"again"}
        assert cache.statistics().rebuilt == 1


def test_damage_under_an_open_cache_is_survived(cache: ReadingCache, path: Path) -> None:
    cache.put_many(MANY)
    with ReadingCache(path) as other:
        _damage(path, "no database")
        other.get_many(MANY)
        other.put_many({key(1): b"again"})

    cache.put_many({key(2): b"also"})
    assert cache.get_many([key(2)]) in ({key(2): b"also"}, {})
    cache.put_many({key(2): b"also"})
    assert cache.get_many([key(2)]) == {key(2): b"also"}


def test_where_no_file_can_be_opened_the_cache_finds_nothing_and_says_so(tmp_path: Path) -> None:
    with ReadingCache(tmp_path / "missing" / "cache.db") as cache:
        cache.put_many({key(1): b"x"})

        assert cache.get_many([key(1)]) == {}
        assert not cache.statistics().is_open
        assert cache.statistics().faults > 0


def test_a_cache_that_another_process_writes_is_still_read(cache: ReadingCache, path: Path) -> None:
    cache.put_many({key(1): b"x"})
    with ReadingCache(path) as reader:
        reader.get_many([key(1)])
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")

        assert reader.get_many([key(1)]) == {key(1): b"x"}
        writer.close()


def _damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "no database":
            content = bytearray(b"no database " * 1000)
        case "pages":
            content[4096:] = b"\xff" * (len(content) - 4096)
        case "values":
            content = content.replace(b"reading 7 reading 7", b"reading 7 READING 7")
        case "truncated":
            del content[len(content) // 3 :]
        case _:
            connection = sqlite3.connect(path)
            connection.executescript("DROP TABLE readings; VACUUM;")
            connection.close()
            return
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(content)
