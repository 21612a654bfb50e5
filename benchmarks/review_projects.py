"""Small services for a recorded day: what each of the projects holds before anybody works on it. Texts.

Six trades, one shape: who may do what, money, a state that is written, reports, routes, settings, a migration, tests.
What is tested, and what is not, differs from project to project: no place is always the untested one.
"""

from __future__ import annotations

import random

TRADES = ("order", "parcel", "ticket", "course", "account", "booking")
"""What each project deals with; it is called after it: ``orders``."""

TOOLS = 9
"""Modules of their own that harmless changes work on."""

_WORDS = (
    "title amount label place shelf route batch stamp grade owner price weight colour period branch margin quota"
).split()

_ERRORS = '''"""What can go wrong, by name."""


class NotFound(Exception):
    """There is no such thing."""


class Forbidden(Exception):
    """He may not."""


class Invalid(Exception):
    """It makes no sense."""
'''

_STORE = '''"""Rows by table and key, in memory."""

from app.errors import NotFound


class Store:
    """Everything that is kept."""

    def __init__(self):
        self.tables = {}
        self.writes = []

    def put(self, table, key, row):
        self.tables.setdefault(table, {})[key] = dict(row)
        self.writes.append((table, key))

    def get(self, table, key):
        try:
            return dict(self.tables[table][key])
        except KeyError:
            raise NotFound(f"{table} {key}") from None

    def delete(self, table, key):
        self.get(table, key)
        del self.tables[table][key]

    def rows(self, table):
        return [dict(row) for row in self.tables.get(table, {}).values()]
'''

_AUTH = '''"""Who may do what."""

import hashlib
import hmac

from app.errors import Forbidden


def require_owner(user, row):
    """Only who owns a thing may change it."""
    if row["owner"] != user:
        raise Forbidden(f"{user} does not own {row['id']}")


def require_login(user):
    """Somebody has to be there."""
    if not user:
        raise Forbidden("nobody is logged in")


def digest(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


def check_password(password, salt, wanted):
    return hmac.compare_digest(digest(password, salt), wanted)
'''

_BILLING = '''"""Money, in cents."""

from app.errors import Invalid


def charge(amount, retries=3):
    """How often a charge is tried, and what it comes to."""
    if amount <= 0:
        raise Invalid("nothing to charge")
    return {"amount": amount, "tries": retries}


def total(lines, tax=20):
    """All lines with tax in percent, rounded down to a cent."""
    plain = sum(line["amount"] * line.get("count", 1) for line in lines)
    return plain + plain * tax // 100


def refund(paid, share=100):
    """What is given back: a share in percent of what was paid."""
    if not 0 <= share <= 100:
        raise Invalid("a share is 0 to 100")
    return paid * share // 100


def discount(amount, percent):
    """Never below nothing."""
    return max(0, amount - amount * percent // 100)
'''

_SYNC = '''"""The state of a thing, and where it is written."""

STATES = ("new", "open", "done", "closed")


def update_state(store, key, state):
    """Move a thing to a state."""
    row = store.get("things", key)
    before = row["state"]
    row["state"] = state
    store.put("things", key, row)
    return before


def history(store, key):
    """What was written of it."""
    return [entry for entry in store.writes if entry[1] == key]
'''

_REPORTS = '''"""Sums for people."""


def summary(rows):
    """How many there are, and what they come to."""
    return {"count": len(rows), "amount": sum(row["amount"] for row in rows)}


def monthly(rows):
    """Sums by month, the oldest first."""
    found = {}
    for row in rows:
        month = row["day"][:7]
        found[month] = found.get(month, 0) + row["amount"]
    return sorted(found.items())


def top(rows, count=10):
    """Those that come to most."""
    return sorted(rows, key=lambda row: -row["amount"])[:count]


def overdue(rows, today):
    """Those whose day is over and that are not done."""
    return [row for row in rows if row["day"] < today and row["state"] != "done"]


def by_owner(rows):
    """Sums by owner."""
    found = {}
    for row in rows:
        found[row["owner"]] = found.get(row["owner"], 0) + row["amount"]
    return found


def share_of(rows, owner):
    """The part in percent that one owner has of everything."""
    sums = by_owner(rows)
    whole = sum(sums.values())
    return 0 if not whole else sums.get(owner, 0) * 100 // whole
'''

_ROUTING = '''"""Which function answers which path."""

ROUTES = {}


class App:
    """Routes by path."""

    def route(self, path, methods=("GET",)):
        def keep(function):
            ROUTES[path] = (function, methods)
            return function

        return keep


app = App()
'''

_SETTINGS = '''"""What can be set from outside."""

import os

PAGE_SIZE = int(os.environ.get("PAGE_SIZE", "20"))
CURRENCY = os.environ.get("CURRENCY", "EUR")
'''

_MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Thing",
            fields=[("id", models.AutoField(primary_key=True)), ("title", models.CharField(max_length=200))],
        ),
    ]
"""

_TEST_BILLING = """import pytest

from app import billing
from app.errors import Invalid


def test_a_charge_is_tried_three_times():
    assert billing.charge(500) == {"amount": 500, "tries": 3}


def test_nothing_is_no_charge():
    with pytest.raises(Invalid):
        billing.charge(0)


def test_a_total_has_tax_on_all_lines():
    assert billing.total([{"amount": 100, "count": 2}, {"amount": 50}]) == 300


def test_half_is_given_back():
    assert billing.refund(999, 50) == 499


def test_a_discount_never_gives_money():
    assert billing.discount(100, 150) == 0
    assert billing.discount(100, 10) == 90
"""

_TEST_REPORTS = """from app import reports

ROWS = [
    {"amount": 3, "day": "2026-01-05", "owner": "ada", "state": "open"},
    {"amount": 5, "day": "2026-02-01", "owner": "bob", "state": "done"},
]


def test_a_summary_counts_and_adds():
    assert reports.summary(ROWS) == {"count": 2, "amount": 8}


def test_the_top_comes_first():
    assert reports.top(ROWS, 1)[0]["owner"] == "bob"
"""

_TEST_SYNC = """from app.store import Store
from app.sync import history, update_state


def test_a_state_is_written():
    store = Store()
    store.put("things", "a", {"state": "new"})
    assert update_state(store, "a", "open") == "new"
    assert store.get("things", "a")["state"] == "open"
    assert history(store, "a")
"""

_TEST_AUTH = """import pytest

from app.auth import check_password, digest, require_login, require_owner
from app.errors import Forbidden


def test_another_may_not():
    with pytest.raises(Forbidden):
        require_owner("bob", {"id": "a", "owner": "ada"})
    require_owner("ada", {"id": "a", "owner": "ada"})


def test_nobody_may_not():
    with pytest.raises(Forbidden):
        require_login("")


def test_a_password_is_known_again():
    assert check_password("x", "salt", digest("x", "salt"))
    assert not check_password("y", "salt", digest("x", "salt"))
"""


def trade_of(project: int) -> str:
    """What the project deals with."""
    return TRADES[project % len(TRADES)]


def name_of(project: int) -> str:
    """What it is called in the fleet."""
    return f"{trade_of(project)}s"


def base_files(project: int, dice: random.Random) -> dict[str, str]:
    """The files of a project before anybody works on it, its settings not among them."""
    noun = trade_of(project)
    files = {
        "README.md": f"# {noun.title()}s\n\nKeeps {noun}s, who owns them, and what they cost.\n",
        "docs/usage.md": f"# Usage\n\nMake a {noun}, rename it, share it.\n",
        "requirements.txt": "attrs==25.4.0\n",
        ".gitignore": "__pycache__/\n.pytest_cache/\n",
        "conftest.py": "",
        "app/__init__.py": "", "app/errors.py": _ERRORS, "app/store.py": _STORE, "app/auth.py": _AUTH,
        "app/billing.py": _BILLING, "app/sync.py": _SYNC, "app/reports.py": _REPORTS, "app/routing.py": _ROUTING,
        "app/settings.py": _SETTINGS, f"app/{noun}s.py": _things(noun), "app/api.py": _api(noun),
        f"{noun}s/migrations/0001_initial.py": _MIGRATION,
        "tests/test_billing.py": _TEST_BILLING, "tests/test_reports.py": _TEST_REPORTS,
        "tests/test_sync.py": _TEST_SYNC, "tests/test_auth.py": _TEST_AUTH,
        f"tests/test_{noun}s.py": _test_things(noun),
    }  # fmt: skip
    words = dice.sample(_WORDS, TOOLS)
    for at, word in enumerate(words):
        files[f"app/tools/{word}.py"] = tool(word, at)
        files[f"tests/test_{word}.py"] = test_tool(word, at)
    files["app/tools/__init__.py"] = ""
    return files


def tool(word: str, at: int) -> str:
    """A module that harmless changes work on."""
    return (
        f'"""What is done with a {word}."""\n\n\ndef clean_{word}(text, width={at + 8}):\n'
        f'    """One line, at most so wide."""\n    found = []\n    for part in text.split():\n'
        f"        found.append(part)\n    return _cut_{word}(' '.join(found), width)\n\n\n"
        f"def _cut_{word}(text, width):\n    return text[:width]\n\n\n"
        f'def old_{word}(text):\n    """Nobody calls it any more."""\n    return text.strip()\n'
    )


def test_tool(word: str, at: int) -> str:
    """Its tests."""
    return (
        f"from app.tools.{word} import clean_{word}, old_{word}\n\n\ndef test_clean_{word}_is_one_line():\n"
        f"    assert clean_{word}(' a  b ') == 'a b'\n\n\ndef test_clean_{word}_is_cut():\n"
        f"    assert len(clean_{word}('x' * 90)) == {at + 8}\n\n\ndef test_old_{word}():\n"
        f"    assert old_{word}(' a ') == 'a'\n"
    )


def words_of(files: dict[str, str]) -> list[str]:
    """The tools of a project, in their order."""
    return [path[10:-3] for path in files if path.startswith("app/tools/") and not path.endswith("__init__.py")]


def _things(noun: str) -> str:
    acts = "".join(
        f"\n\ndef {verb}_{noun}(store, user, key{argument}):\n"
        f'    """{said}"""\n    row = store.get("things", key)\n    require_owner(user, row)\n{body}'
        for verb, argument, said, body in (
            ("rename", ", title", "Another title.", '    row["title"] = title\n    store.put("things", key, row)\n    return row\n'),
            ("cancel", "", "It is not wanted any more.", '    row["state"] = "closed"\n    store.put("things", key, row)\n    return row\n'),
            ("share", ", other", "Somebody else may see it.", '    row["seen_by"] = [*row.get("seen_by", []), other]\n    store.put("things", key, row)\n    return row\n'),
            ("delete", "", "It is gone.", '    store.delete("things", key)\n'),
            ("pay", ", amount", "Somebody paid for it.", '    row["paid"] = row.get("paid", 0) + amount\n    store.put("things", key, row)\n    return row\n'),
        )
    )  # fmt: skip
    return (
        f'"""{noun.title()}s: made, changed and taken back by those who own them."""\n\n'
        f"from app.auth import require_login, require_owner\nfrom app.errors import Invalid\n\n\n"
        f'def create_{noun}(store, user, key, title, amount=0):\n    """A new one."""\n    require_login(user)\n'
        f"    if not title:\n        raise Invalid('a {noun} has a title')\n"
        f"    row = {{'id': key, 'owner': user, 'title': title, 'amount': amount, 'state': 'new', 'day': '2026-01-01'}}\n"
        f"    store.put('things', key, row)\n    return row{acts}"
    )


def _api(noun: str) -> str:
    return (
        f'"""What answers over HTTP."""\n\nfrom app import {noun}s\nfrom app.routing import app\n\n\n'
        f'@app.route("/{noun}s", methods=("POST",))\ndef create(store, user, body):\n'
        f"    return {noun}s.create_{noun}(store, user, body['id'], body['title'], body.get('amount', 0))\n\n\n"
        f'@app.route("/{noun}s/cancel", methods=("POST",))\ndef cancel(store, user, body):\n'
        f"    return {noun}s.cancel_{noun}(store, user, body['id'])\n\n\n"
        f'@app.route("/{noun}s/rename", methods=("POST",))\ndef rename(store, user, body):\n'
        f"    return {noun}s.rename_{noun}(store, user, body['id'], body['title'])\n"
    )


def _test_things(noun: str) -> str:
    return (
        f"import pytest\n\nfrom app import api\nfrom app.errors import Forbidden, Invalid\n"
        f"from app.{noun}s import cancel_{noun}, create_{noun}, pay_{noun}, rename_{noun}, share_{noun}\n"
        f"from app.store import Store\n\n\n@pytest.fixture\ndef store():\n    made = Store()\n"
        f"    create_{noun}(made, 'ada', 'a', 'first', 5)\n    return made\n\n\n"
        f"def test_a_{noun}_has_a_title(store):\n    with pytest.raises(Invalid):\n"
        f"        create_{noun}(store, 'ada', 'b', '')\n\n\n"
        f"def test_its_owner_renames_it(store):\n    assert rename_{noun}(store, 'ada', 'a', 'other')['title'] == 'other'\n"
        f"    with pytest.raises(Forbidden):\n        rename_{noun}(store, 'bob', 'a', 'mine')\n\n\n"
        f"def test_its_owner_cancels_it(store):\n    assert cancel_{noun}(store, 'ada', 'a')['state'] == 'closed'\n\n\n"
        f"def test_it_is_shared(store):\n    assert share_{noun}(store, 'ada', 'a', 'bob')['seen_by'] == ['bob']\n\n\n"
        f"def test_it_is_paid(store):\n    assert pay_{noun}(store, 'ada', 'a', 3)['paid'] == 3\n\n\n"
        f"def test_routes_answer(store):\n"
        f"    assert api.rename(store, 'ada', {{'id': 'a', 'title': 'x'}})['title'] == 'x'\n"
    )
