"""Decisions that nobody made but an agent: each kind with its twin that is none."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from risking import change_of_texts
from watchkeeper.model.agents import SessionId
from watchkeeper.model.events import DecisionRecorded
from watchkeeper.model.review import DecisionKind
from watchkeeper.review.decisions.finding import find_in_change, find_recorded, is_asked_for
from watchkeeper.review.decisions.found import Found, decision_id, names_it
from watchkeeper.review.decisions.stated import MOST_STATED, find_in_message

CART = '''\
"""The cart."""

import os

RATE = 3
VERSION = "1.0"
API_TOKEN = "abc"


class Settings:
    timeout: int = 30


def total(items, limit=None, strict=False):
    return sum(items[:limit]) * RATE


def _inner(items, limit=5):
    return items[:limit]
'''
APP = """\
from flask import Flask
from auth import login_required

app = Flask(__name__)


@app.route("/orders")
@login_required
def orders():
    return "orders"
"""
SHOP = {
    "shop/cart.py": CART,
    "shop/app.py": APP,
    "shop/forms.py": "class Form(Base):\n    a = fields()\n",
    "shop/config.yaml": "retries: 3\nsecret_key: abc\nhosts: [a, b]\n",
    "requirements.txt": "requests==2.0\n",
    "shop/settings.py": "DEBUG = False\nPAGE_SIZE = 20\n",
    "tests/test_cart.py": "LIMIT = 3\n\n\ndef helper(a=1):\n    return a\n",
}


def found(now: Mapping[str, str | None]) -> list[Found]:
    return list(find_in_change(*change_of_texts(SHOP, now)))


def kinds(now: Mapping[str, str | None]) -> set[str]:
    return {each.kind.value for each in found(now)}


def cart(old: str, new: str) -> dict[str, str | None]:
    assert old in CART
    return {"shop/cart.py": CART.replace(old, new)}


DECIDED: dict[str, tuple[DecisionKind, Mapping[str, str | None], str, str]] = {
    "a dependency": (
        DecisionKind.DEPENDENCY,
        {"requirements.txt": "requests==2.0\nhttpx==0.27\n"},
        "httpx",
        "adds the dependency httpx",
    ),
    "a table": (
        DecisionKind.TABLE,
        {"migrations/0002.sql": "CREATE TABLE coupons (id int);\n"},
        "table:coupons",
        "adds the table coupons",
    ),
    "a route": (
        DecisionKind.ROUTE,
        {"shop/app.py": APP + '\n\n@app.route("/coupons")\ndef coupons():\n    return "c"\n'},
        "route:GET /coupons",
        "adds the route GET /coupons",
    ),
    "public names": (
        DecisionKind.PUBLIC_SYMBOL,
        {"shop/coupons.py": "def apply(a):\n    return a\n\n\ndef expire(a):\n    return a\n"},
        "public:shop/coupons.py",
        "offers 2 new public names in shop/coupons.py: apply, expire",
    ),
    "a variable": (
        DecisionKind.ENVIRONMENT,
        cart("RATE = 3", 'RATE = int(os.environ["SHOP_RATE"])'),
        "env:SHOP_RATE",
        "reads the new environment variable SHOP_RATE",
    ),
    "a check that is gone": (
        DecisionKind.AUTH,
        {"shop/app.py": APP.replace("@login_required\n", "")},
        "auth:shop/app.py",
        "changes who may do what: shop.app:orders no longer checks login_required",
    ),
    "a route that is gone": (
        DecisionKind.DELETED_FEATURE,
        {"shop/app.py": APP.partition("@app.route")[0]},
        "deleted:route:GET /orders",
        "takes away the route: GET /orders",
    ),
    "a public name that is gone": (
        DecisionKind.DELETED_FEATURE,
        {"shop/cart.py": CART.partition("def total")[0]},
        "deleted:public name:shop/cart.py",
        "takes away the public name: total",
    ),
    "a parameter's default": (
        DecisionKind.DEFAULT,
        cart("strict=False", "strict=True"),
        "default:shop/cart.py:total:strict",
        "the default of strict of shop.cart:total is True, and was False",
    ),
    "a constant": (
        DecisionKind.DEFAULT,
        cart("RATE = 3", "RATE = 4"),
        "default:shop/cart.py:RATE",
        "shop.cart:RATE is 4, and was 3",
    ),
    "a field's default": (
        DecisionKind.DEFAULT,
        cart("timeout: int = 30", "timeout: int = 60"),
        "default:shop/cart.py:Settings.timeout",
        "shop.cart:Settings.timeout is 60, and was 30",
    ),
    "a setting": (
        DecisionKind.DEFAULT,
        {"shop/config.yaml": SHOP["shop/config.yaml"].replace("retries: 3", "retries: 9")},
        "default:shop/config.yaml:retries",
        "the setting retries is 9, and was 3",
    ),
    "a decision record": (
        DecisionKind.STATED,
        {"docs/decisions/003-cache.md": "# 003: Cache in memory\n\n## Choice\nA dictionary.\n\n## Price\nx\n"},
        "record:docs/decisions/003-cache.md",
        "Cache in memory",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECIDED)
def test_what_a_change_decides_is_told_once(name: str) -> None:
    kind, now, subject, title = DECIDED[name]

    (told,) = [each for each in found(now) if each.kind is kind]

    assert told.subject == subject
    assert told.title.startswith(title)
    assert told.path in now


NOTHING: dict[str, Mapping[str, str | None]] = {
    "a new version of a known dependency": {"requirements.txt": "requests==2.1\n"},
    "one more place that asks for a known dependency": {"requirements-dev.txt": "requests\n"},
    "a private function": cart("def _inner", "def _more(a):\n    return a\n\n\ndef _inner"),
    "a private function's default": cart("limit=5", "limit=6"),
    "an optional parameter more": cart("strict=False", "strict=False, fast=True"),
    "the same default, written otherwise": cart("timeout: int = 30", "timeout: int = 3_0"),
    "a version": cart('VERSION = "1.0"', 'VERSION = "1.1"'),
    "a constant that is computed": cart("RATE = 3", "RATE = compute(3, other)"),
    "a test's helper": {"tests/test_cart.py": "LIMIT = 4\n\n\ndef helper(a=2, b=1):\n    return a\n"},
    "a list in a configuration": {"shop/config.yaml": SHOP["shop/config.yaml"].replace("[a, b]", "[a, b, c]")},
    "a tool's configuration": {"pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
    "formatting": cart("strict=False", "strict = False"),
    "a body": cart("* RATE", "* RATE + 1"),
    "where a check stands": {"shop/app.py": APP.replace("@login_required\ndef", "@login_required\n@cached\ndef")},
    "a decision record's template": {"docs/decisions/template.md": "# Title\n\n## Decision\nx\n"},
    "documentation": {"docs/guide.md": "# Decision\n\nUse it.\n"},
    "a function that was carried to another file, and renamed": {
        "shop/cart.py": CART.replace(CART.partition("def total")[2].partition("\n\n\n")[0], "").replace(
            "def total", ""
        ),
        "shop/sums.py": "from shop.cart import RATE\n\n\ndef all_of(items, limit=None, strict=False):\n"
        "    return sum(items[:limit]) * RATE\n",
    },
    "a page that was carried to another file with its route and its check": {
        "shop/app.py": APP.partition("@app.route")[0],
        "shop/orders.py": APP,
    },
    "a new name that the change uses itself": {
        "shop/coupons.py": "def apply(a):\n    return a\n\n\ndef _use(a):\n    return apply(a)\n",
    },
    "a method of a class that inherits": {
        "shop/forms.py": "class Form(Base):\n    a = fields()\n\n    def clean(self):\n        return 1\n",
    },
    "a variable that the system means something by": cart("RATE = 3", 'RATE = len(os.environ["PATH"])'),
    "a value that is made by another call": cart("RATE = 3", "RATE = Rate(3)"),
    "a table that code asks for rows": {"shop/rows.py": '_SQL = "SELECT * FROM coupons"\n'},
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_decides_nothing_is_silent(name: str) -> None:
    assert found(NOTHING[name]) == []


def test_of_what_may_be_a_secret_only_that_it_changed_is_told() -> None:
    told = [
        *found(cart('API_TOKEN = "abc"', 'API_TOKEN = "hunter2"')),
        *found({"shop/config.yaml": SHOP["shop/config.yaml"].replace("secret_key: abc", "secret_key: hunter2")}),
    ]

    assert len(told) == 2
    assert "hunter2" not in repr(told)
    assert "abc" not in repr(told)


def test_an_altered_record_was_decided_before() -> None:
    path = "docs/adr/0001-x.md"
    texts = change_of_texts({path: "# X\n\n## Decision\nA.\n"}, {path: "# X\n\n## Decision\nB.\n"})

    assert list(find_in_change(*texts)) == []


STATED = (
    "Decision: cache in memory, since one host is enough.",
    "Decided: two retries.",
    "**Decision:** keep the old route.",
    "We chose SQLite over PostgreSQL.",
    "I decided to drop the retry loop.",
    "Use httpx instead of requests: it has timeouts.",
    "This uses a queue rather than a thread.",
    "We deliberately opted for one table.",
    "Decided against a cache.",
    "* Keep the ids as text instead of numbers",
    "Long reason first. We went with a file lock.",
)


@pytest.mark.parametrize("sentence", STATED)
def test_what_a_body_says_was_decided_is_told(sentence: str) -> None:
    (told,) = find_in_message(f"Title\n\n{sentence}\n\nSigned-off-by: A <a@b>\n")

    assert (told.kind, told.origin) == (DecisionKind.STATED, "commit")


SILENT = (
    "It returned None instead of raising.",
    "The queue used the wrong key instead of the right one.",
    "Fix a crash when instead of a list a tuple is given.",
    "The user decided to cancel.",
    "Tests: chose is not a verb here, chosen neither.",
    "> We chose this long ago.",
    "    we chose x instead of y",
    "See the decision: https://example.org/ was moved",
    "Reviewed-by: Decided <d@e>",
    "```\nDecision: in code\n```",
)


@pytest.mark.parametrize("sentence", SILENT)
def test_what_a_body_tells_of_how_things_were_decides_nothing(sentence: str) -> None:
    assert list(find_in_message(f"Title\n\n{sentence}\n")) == []


def test_a_title_decides_nothing() -> None:
    assert list(find_in_message("Decision: use httpx instead of requests\n")) == []


def test_a_sentence_over_several_lines_is_one() -> None:
    (told,) = find_in_message("Title\n\nWe chose a file lock, since\ntwo processes may run.\n")

    assert told.choice == "We chose a file lock, since two processes may run."


def test_who_states_much_is_cut() -> None:
    body = "\n".join(f"- Decision: number {number}" for number in range(40))

    assert len(list(find_in_message(f"Title\n\n{body}\n"))) == MOST_STATED


def test_words_of_an_agent_are_one_line_without_control_characters() -> None:
    event = DecisionRecorded(SessionId("codex-1"), "Use\x1b[31m\nred", "a\tb" * 1_000, "because\u202e")

    told = find_recorded("shop", event, {SessionId("codex-1"): "codex"}, "agent-a")

    assert (told.origin, told.agent, told.change) == ("agent", "codex", "agent-a")
    assert "\n" not in told.title
    assert len(told.choice) <= 400


@pytest.mark.parametrize(
    ("name", "text", "is_named"),
    [
        ("retry_limit", "raise the retry limit", True),
        ("retryLimit", "raise retry_limit to 5", True),
        ("httpx", "use HTTPX please", True),
        ("httpx", "use httpx2", False),
        ("httpx", "see python-httpx", False),
        ("id", "the id", False),
        ("total", "", False),
        ("GET /coupons", "offer GET /coupons", True),
    ],
)
def test_an_issue_names_a_thing_however_it_writes_the_words(name: str, text: str, is_named: bool) -> None:
    assert names_it(name, text) is is_named


def test_names_that_are_told_together_are_asked_for_together() -> None:
    two = Found(DecisionKind.PUBLIC_SYMBOL, "t", "c", "s", names=("apply", "expire"))

    assert is_asked_for(two, "apply a coupon, and expire it")
    assert not is_asked_for(two, "apply a coupon")
    assert not is_asked_for(two._replace(names=()), "apply a coupon, and expire it")


def test_the_same_change_gives_the_same_id_and_another_another() -> None:
    one = Found(DecisionKind.DEFAULT, "t", "3", "default:a")

    assert decision_id("shop", one, "a/1") == decision_id("shop", one, "a/1")
    ids = {
        decision_id("shop", one, "a/1"), decision_id("shop", one, "a/2"), decision_id("api", one, "a/1"),
        decision_id("shop", one._replace(choice="4"), "a/1"),
    }  # fmt: skip
    assert len(ids) == 4
