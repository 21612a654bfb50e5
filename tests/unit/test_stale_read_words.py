"""A stale read is one sentence that names what it speaks of."""

from __future__ import annotations

from watchkeeper.conflicts.of_trees import conflicts_of_trees

STORE = b"""class Store:
    def put(self, key):
        return key

    def get(self, key):
        return key
"""
OTHER_STORE = STORE.replace(b"return key", b"return key.lower()")
ONE_CALL = b"from shop.store import Store\n\n\ndef save(store: Store):\n    store.put('a')\n"
TWO_CALLS = ONE_CALL + b"    return store.get('b')\n"
BASE = {"shop/__init__.py": b"", "shop/store.py": STORE}
FIXTURE = b"import pytest\n\n\n@pytest.fixture\ndef user():\n    return %s\n"


def summary_of(base: dict[str, bytes], one: dict[str, bytes], two: dict[str, bytes]) -> str:
    (conflict,) = conflicts_of_trees(base, {"A": one, "B": two})
    return conflict.summary


def test_one_member_is_it() -> None:
    told = summary_of(BASE, {"shop/store.py": OTHER_STORE}, {"shop/save.py": ONE_CALL})

    assert told == "A changes Store.put; B newly calls it in save"


def test_of_several_members_the_one_relied_on_is_named_again() -> None:
    told = summary_of(BASE, {"shop/store.py": OTHER_STORE}, {"shop/save.py": TWO_CALLS})

    assert told == "A changes Store.get and 1 more of Store; B newly calls Store.get in save"


def test_a_fixture_is_asked_for_as_one() -> None:
    base = {"tests/conftest.py": FIXTURE % b"1"}
    new_test = {"tests/test_user.py": b"def test_user(user):\n    assert user\n"}

    told = summary_of(base, {"tests/conftest.py": FIXTURE % b"2"}, new_test)

    assert told == "A changes user; B newly asks for it as a fixture in test_user"
