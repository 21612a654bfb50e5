"""The points of a change's risk, each with its twin that is no point."""

from __future__ import annotations

import pytest

from risking import facts_of_texts, kinds_of, risk_of
from watchkeeper.risk.assess import assess
from watchkeeper.risk.points import PointKind, Risk, RiskPoint
from watchkeeper.risk.waiting import reasons_to_wait
from watchkeeper.risk.weights import WEIGHTS

CART = '''\
"""The cart."""

RATE = 3


def total(items, limit=None):
    """All of it."""
    return sum(items[:limit]) * RATE


def add(items, item):
    items.append(item)
    return items
'''
CALLERS = {
    f"shop/page{n}.py": f"from shop.cart import total\n\n\ndef page(items):\n    return total(items, limit={n})\n"
    for n in range(4)
}
SHOP = {"shop/cart.py": CART, **CALLERS}


def reasons(risk: Risk, kind: PointKind) -> list[str]:
    return [point.reason for point in risk.points if point.kind is kind]


NOTHING = {
    "formatting": {"shop/cart.py": CART.replace("items[:limit]", "items[ : limit ]").replace("\n\n\n", "\n\n\n\n")},
    "comments": {"shop/cart.py": CART.replace("    return sum", "    # the sum, password and all\n    return sum")},
    "docstrings": {"shop/cart.py": CART.replace("All of it.", "All of it, DROP TABLE included.")},
    "prose": {"README.md": "# rm -rf /\n", "docs/auth.md": "login\n"},
    "a lock file": {"uv.lock": '[[package]]\nname = "a"\nversion = "1"\n' * 400},
    "a generated file": {"shop/api_pb2.py": "X = 1\n" * 400, "shop/made.py": "# @generated\nX = 1\n" * 200},
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_change_that_can_break_nothing_scores_0(name: str) -> None:
    risk = risk_of(SHOP, NOTHING[name])

    assert (risk.score, risk.points) == (0, ())


def test_a_json_file_that_is_only_indented_otherwise_scores_0() -> None:
    assert risk_of({"shop/data.json": '{"a": 1}\n'}, {"shop/data.json": '{\n  "a": 1\n}\n'}).score == 0


def test_indentation_of_yaml_is_a_change() -> None:
    assert risk_of({"a.yaml": "a:\n  b: 1\n"}, {"a.yaml": "a:\nb: 1\n"}).score > 0


def test_one_changed_line_of_code_is_not_nothing() -> None:
    risk = risk_of(SHOP, {"shop/cart.py": CART.replace("append(item)", "insert(0, item)")})

    assert 0 < risk.score < 5


def test_a_file_that_moved_unchanged_is_no_rewrite_and_its_symbols_are_not_gone() -> None:
    kinds = kinds_of({"shop/cart.py": CART}, {}, moves={"shop/cart.py": "shop/basket.py"})

    assert kinds <= {"contract", "dependents"}


def test_code_that_moved_to_another_file_counts_as_no_lines() -> None:
    long = "".join(f"def step_{n}(value):\n    return value * {n} + 17\n\n\n" for n in range(40))
    moved = {"shop/a.py": "from shop.b import *\n", "shop/b.py": long}

    facts = facts_of_texts({"shop/a.py": long}, moved)

    assert sum(each.changed for each in facts.files) < 5
    assert "rewrite" not in {point.kind.value for point in assess(facts).points}


def test_a_module_that_is_written_anew_is_a_point() -> None:
    old = "".join(f"def step_{n}(value):\n    return value * {n} + 17\n\n\n" for n in range(40))
    new = "".join(f"def step_{n}(value):\n    yield {n}, value ** 2\n\n\n" for n in range(40))

    assert "rewrite" in kinds_of({"shop/a.py": old}, {"shop/a.py": new})


# -- contracts and dependents --------------------------------------------------------------------------------------


def test_a_removed_parameter_names_the_callers_that_were_left_as_they_were() -> None:
    now = CART.replace("items, limit=None", "items").replace("items[:limit]", "items")

    (reason,) = reasons(risk_of(SHOP, {"shop/cart.py": now}), PointKind.CONTRACT)

    assert "parameter limit removed" in reason
    assert (
        "4 places that rely on it are as before, first shop/page0.py:5, which passes limit=, which is not taken"
        in reason
    )


def test_calls_that_were_left_and_still_fit_weigh_less_than_those_that_fail() -> None:
    renamed = CART.replace("limit", "most")
    unused = CART.replace("limit=None", "limit=None, strict=None")
    base = SHOP | {"shop/cart.py": unused}

    fails = risk_of(SHOP, {"shop/cart.py": renamed}).points
    fits = risk_of(base, {"shop/cart.py": CART}).points

    weights = [[p.weight for p in points if p.kind is PointKind.CONTRACT] for points in (fails, fits)]
    assert weights == [[18], [8]]
    assert "4 places that rely on it are as before, and still fit it" in fits[0].reason + fits[1].reason


def test_callers_that_the_change_saw_to_are_not_named() -> None:
    now = {"shop/cart.py": CART.replace("items, limit=None", "items").replace("items[:limit]", "items")}
    now |= {path: text.replace(text[text.index(", limit=") : -1], ")") for path, text in CALLERS.items()}

    (reason,) = reasons(risk_of(SHOP, now), PointKind.CONTRACT)

    assert "as before" not in reason


def test_an_import_that_the_change_took_out_is_not_one_that_was_left() -> None:
    base = {
        "shop/cart.py": CART,
        "shop/a.py": "from shop.cart import RATE, add\n\n\ndef a():\n    return add([], RATE)\n",
    }
    now = {
        "shop/cart.py": CART[: CART.index("\n\n\ndef add")] + "\n",
        "shop/a.py": "from shop.cart import RATE\n\n\ndef a():\n    return [RATE]\n",
    }

    assert not any("as before" in point.reason for point in risk_of(base, now).points)
    left = risk_of(base, {"shop/cart.py": now["shop/cart.py"]})
    assert any("1 place that the change left as before" in point.reason for point in left.points)


def test_an_optional_parameter_at_the_end_breaks_nobody() -> None:
    points = risk_of(SHOP, {"shop/cart.py": CART.replace("limit=None", "limit=None, strict=False")}).points

    assert [point.weight for point in points if point.kind is PointKind.CONTRACT] == [1]


def test_a_hub_is_told_with_those_that_rely_on_it() -> None:
    (reason,) = reasons(risk_of(SHOP, {"shop/cart.py": CART.replace("* RATE", "* RATE + 1")}), PointKind.DEPENDENTS)

    assert "4 places in 4 files rely on it" in reason


def test_what_nobody_relies_on_is_no_hub() -> None:
    assert "dependents" not in kinds_of(SHOP, {"shop/cart.py": CART.replace("append(item)", "insert(0, item)")})


# -- lines that no test executes -----------------------------------------------------------------------------------

EDITED = CART.replace("    items.append(item)\n", "    if item:\n        items.append(item)\n")


def test_changed_lines_that_no_test_executed_are_a_point() -> None:
    (reason,) = reasons(
        risk_of(SHOP, {"shop/cart.py": EDITED}, executed={"shop/cart.py": frozenset({12})}), PointKind.UNCOVERED
    )

    assert reason == "no test executes 1 of 2 changed lines of shop/cart.py: 13"


def test_changed_lines_that_tests_executed_are_none() -> None:
    risk = risk_of(SHOP, {"shop/cart.py": EDITED}, executed={"shop/cart.py": frozenset({12, 13})})

    assert not reasons(risk, PointKind.UNCOVERED)
    assert risk.could_not == ()


def test_where_no_tests_ran_it_is_said_and_not_taken_for_covered() -> None:
    risk = risk_of(SHOP, {"shop/cart.py": EDITED})

    assert risk.could_not == ("which changed lines tests execute: no tests were run for this",)


def test_lines_that_no_tracer_sees_are_said() -> None:
    risk = risk_of({"a.ts": "export const a = 1;\n"}, {"a.ts": "export const a = 2;\n"}, executed={})

    assert risk.could_not == ("which changed lines of a.ts tests execute: no tracer sees its lines",)


def test_a_language_that_nobody_reads_is_said() -> None:
    risk = risk_of({"main.go": "package main\n"}, {"main.go": "package main\n\nvar X = 1\n"}, executed={})

    assert any("no language reads it" in each for each in risk.could_not)


# -- sensitive areas -----------------------------------------------------------------------------------------------

VIEW = "def view(request):\n    check_permission(request.user)\n    return render(request)\n"

AREAS = {
    "auth": ({"app/views.py": VIEW}, {"app/views.py": VIEW.replace("    check_permission(request.user)\n", "")}),
    "money": ({}, {"app/orders.py": "def invoice_total(rows):\n    return sum(rows)\n"}),
    "migration": ({}, {"app/migrations/0002_more.py": "class Migration:\n    operations = [1]\n"}),
    "secrets": ({}, {"app/config.py": 'KEY = "AKIAABCDEFGHIJKLMNOP"\n'}),
    "deletion": ({}, {"app/clean.py": "import shutil\n\n\ndef clean(path):\n    shutil.rmtree(path)\n"}),
    "delivery": ({}, {".github/workflows/ci.yml": "on: push\n"}),
    "sensitive": ({}, {"app/core/a.py": "A = 1\n"}),
}
OWNED = "def cancel(user, order):\n    require_owner(user, order)\n    order.cancel()\n"
COMPARED = (
    "def cancel(user, order):\n    if order.owner_id != user.id:\n        raise Forbidden(order)\n    order.cancel()\n"
)
CAMEL = "export function cancel(user, order) {\n  ensureOwner(user, order);\n  order.cancel();\n}\n"
GUARDS = {
    "a check of the owner": (
        OWNED,
        OWNED.replace("    require_owner(user, order)\n", ""),
        "no longer checks require_owner",
    ),
    "a comparison with the owner": (
        COMPARED,
        COMPARED.replace("    if order.owner_id != user.id:\n        raise Forbidden(order)\n", ""),
        "no longer checks",
    ),
    "another check than the owner's": (
        OWNED,
        OWNED.replace("require_owner(user, order)", "require_login(user)"),
        "checks only require_login instead of require_owner",
    ),
}
NO_GUARDS = {
    "a check that moved down": (
        OWNED,
        "def cancel(user, order):\n    log(order)\n    require_owner(user, order)\n    order.cancel()\n",
    ),
    "a check with another argument": (OWNED, OWNED.replace("owner(user, order)", "owner(user, order.row)")),
    "a check that came": (OWNED.replace("    require_owner(user, order)\n", ""), OWNED),
    "a requirement of something else": (
        "def load(path):\n    require_file(path)\n    return open(path)\n",
        "def load(path):\n    return open(path)\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GUARDS)
def test_a_check_of_who_may_that_goes_is_said_first(name: str) -> None:
    base, now, said = GUARDS[name]

    risk = risk_of({"app/orders.py": base}, {"app/orders.py": now})

    assert risk.points[0].kind is PointKind.AUTH
    assert said in risk.points[0].reason


@pytest.mark.parametrize("name", NO_GUARDS)
def test_what_keeps_nobody_out_less_than_before_is_no_lost_check(name: str) -> None:
    base, now = NO_GUARDS[name]

    risk = risk_of({"app/orders.py": base}, {"app/orders.py": now})

    assert not any("checks" in point.reason for point in risk.points)


REPORTS = "def monthly(rows):\n    return sum(rows)\n\n\ndef top(rows):\n    return max(rows)\n"
TEST_TOP = {"tests/test_reports.py": "from app.reports import top\n\n\ndef test_top():\n    assert top([1]) == 1\n"}
ABOVE = {"app/page.py": "from app.reports import monthly\n\n\ndef page(rows):\n    return monthly(rows)\n"}
TEST_PAGE = {"tests/test_page.py": "from app.page import page\n\n\ndef test_page():\n    assert page([1]) == 1\n"}


def untried(base: dict[str, str], now: str) -> list[str]:
    risk = risk_of({"app/reports.py": REPORTS, **base}, {"app/reports.py": now})
    return [point.reason for point in risk.points if point.kind is PointKind.UNCOVERED]


def test_what_no_test_names_is_said_where_nobody_saw_what_tests_execute() -> None:
    (said,) = untried(TEST_TOP, REPORTS.replace("sum(rows)", "sum(reversed(rows))"))

    assert "no test names app.reports:monthly" in said


@pytest.mark.parametrize(
    ("base", "now"),
    [
        (TEST_TOP, REPORTS.replace("max(rows)", "sorted(rows)[-1]")),
        ({**ABOVE, **TEST_PAGE}, REPORTS.replace("sum(rows)", "sum(reversed(rows))")),
        ({}, REPORTS.replace("sum(rows)", "sum(reversed(rows))")),
    ],
    ids=["a test names it", "a test names what calls it", "there are no tests"],
)
def test_what_a_test_may_reach_is_not_said_to_be_untried(base: dict[str, str], now: str) -> None:
    assert untried(base, now) == []


MODULE = "".join(f"def f{n}(rows):\n    return [row for row in rows if row > {n}]\n\n\n" for n in range(6))
ANEW = "".join(
    f"def f{n}(rows):\n    found = []\n    for row in rows:\n        if row > {n}:\n            found.append(row)\n"
    "    return found\n\n\n"
    for n in range(4)
)


@pytest.mark.parametrize(
    ("now", "is_told"),
    [
        (ANEW + MODULE[MODULE.index("def f4") :], True),
        (MODULE.replace("rows):", "rows, key=None):"), False),
        (ANEW[: ANEW.index("def f2")] + MODULE[MODULE.index("def f2") :], False),
    ],
    ids=["most of its functions", "one parameter more", "two of six"],
)
def test_a_module_of_which_most_functions_are_written_anew_is_rewritten(now: str, *, is_told: bool) -> None:
    risk = risk_of({"app/core.py": MODULE}, {"app/core.py": now})

    told = [point.reason for point in risk.points if point.kind is PointKind.REWRITE]
    assert bool(told) is is_told


NO_AREAS = {
    "a guard that moved": (
        {"app/views.py": VIEW},
        {"app/views.py": VIEW.replace("def view(request):\n", "def view(request):\n    log(request)\n")},
    ),
    "a word that is part of another": ({}, {"app/author.py": "def author_of(book):\n    return book.authors[0]\n"}),
    "a token of a parser": ({}, {"app/lexer.py": "def next_token(text):\n    token = text[0]\n    return token\n"}),
    "a test that deletes": ({}, {"tests/test_a.py": "import shutil\n\n\ndef test_a(p):\n    shutil.rmtree(p)\n"}),
    "a deletion that stays": (
        {"app/clean.py": "import os\n\n\ndef clean(p):\n    os.remove(p)\n"},
        {"app/clean.py": "import os\n\n\ndef clean(path):\n    os.remove(path)\n"},
    ),
    "an import": ({}, {"app/a.py": "from app.auth import thing\n\nX = thing\n"}),
    "an example of secrets": ({}, {".env.example": "PORT=1\n"}),
}  # fmt: skip


@pytest.mark.parametrize("area", AREAS)
def test_a_sensitive_area_that_is_touched_is_a_point(area: str) -> None:
    base, now = AREAS[area]

    assert area in kinds_of(base, now, sensitive={"the core": ["/app/core/"]})


@pytest.mark.parametrize("name", NO_AREAS)
def test_what_only_looks_like_a_sensitive_area_is_none(name: str) -> None:
    base, now = NO_AREAS[name]

    assert not kinds_of(base, now, sensitive={"the core": ["/app/core/"]}) & set(AREAS)


def test_a_key_is_never_quoted() -> None:
    risk = risk_of({}, {"app/config.py": 'KEY = "AKIAABCDEFGHIJKLMNOP"\n'})

    assert not any("AKIAABCDEFGHIJKLMNOP" in point.reason for point in risk.points)


# -- what is new, and what is gone ---------------------------------------------------------------------------------

CLI = """\
import click


@click.command('show')
@click.option('--all')
@click.option('--json')
def show(all, json):
    print(all)
"""
API = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/a')\ndef a():\n    return 1\n"
ENV = "import os\n\nPORT = os.environ['SHOP_PORT']\n"
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.CreateModel(name="Order", fields=[("id", models.IntegerField())]),
    ]
"""
ADDED_FIELD = MIGRATION.replace(
    'CreateModel(name="Order", fields=[("id", models.IntegerField())])',
    'AddField(model_name="Order", name="n", field=models.IntegerField())',
)

SURFACE = {
    "new-dependency": ({}, {"requirements.txt": "left-pad==1\n"}),
    "new-route": ({"app/api.py": API}, {"app/api.py": API + "\n\n@app.post('/b')\ndef b():\n    return 2\n"}),
    "new-environment": ({"app/env.py": "import os\n"}, {"app/env.py": ENV}),
    "new-public": ({"app/a.py": ""}, {"app/a.py": "def go():\n    return 1\n"}),
    "new-table": ({}, {"shop/migrations/0002_order.py": MIGRATION}),
    "removed-route": ({"app/api.py": API}, {"app/api.py": API[: API.index("\n\n@app")]}),
    "removed-option": ({"app/main.py": CLI}, {"app/main.py": CLI.replace("@click.option('--all')\n", "")}),
    "removed-command": ({"app/main.py": CLI}, {"app/main.py": CLI.replace("@click.command('show')\n", "")}),
    "removed-public": ({"app/a.py": "def go():\n    return 1\n\n\nX = 1\n"}, {"app/a.py": "X = 1\n"}),
    "removed-environment": ({"app/env.py": ENV}, {"app/env.py": "import os\n\nPORT = 80\n"}),
    "removed-setting": ({"app/settings.yaml": "a: 1\nb: 2\n"}, {"app/settings.yaml": "a: 1\n"}),
    "removed-table": ({}, {"db/0002_drop.sql": "DROP TABLE orders;\n"}),
}  # fmt: skip
BASES = {
    "app/base.py": "class Base:\n    def check(self):\n        return 1\n",
    "app/a.py": "from app.base import Base\n\n\nclass A(Base):\n    def check(self):\n        return 2\n\n    x = 1\n",
}
NO_SURFACE = {
    "a field of a table": ({}, {"shop/migrations/0002_order.py": ADDED_FIELD}, "new-table"),
    "a column that is dropped": ({}, {"db/0002.sql": "ALTER TABLE orders DROP COLUMN n;\n"}, "removed-table"),
    "another version": ({"requirements.txt": "left-pad==1\n"}, {"requirements.txt": "left-pad==2\n"}, "new-dependency"),
    "a dependency named elsewhere": (
        {"requirements.txt": "left-pad==1\n"}, {"dev/requirements.txt": "left-pad==1\n"}, "new-dependency"),
    "a variable that is read elsewhere": (
        {"app/env.py": ENV, "app/b.py": ""}, {"app/b.py": ENV}, "new-environment"),
    "a variable that is still read": (
        {"app/env.py": ENV, "app/b.py": ENV}, {"app/b.py": "import os\n"}, "removed-environment"),
    "an option that moved": (
        {"app/main.py": CLI, "app/b.py": ""},
        {"app/main.py": CLI.replace("@click.option('--all')\n", ""),
         "app/b.py": "import click\n\nALL = click.option('--all')\n"}, "removed-option"),
    "a private name": ({"app/a.py": "def _go():\n    return 1\n"}, {"app/a.py": ""}, "removed-public"),
    "a name of a test": (
        {"tests/test_a.py": "def helper():\n    return 1\n"}, {"tests/test_a.py": ""}, "removed-public"),
    "a member that is inherited": (
        BASES, {"app/a.py": "from app.base import Base\n\n\nclass A(Base):\n    x = 1\n"}, "removed-public"),
    "a function that is imported now": (
        {"app/a.py": "def go():\n    return 1\n"},
        {"app/a.py": "from app.b import go\n", "app/b.py": "def go():\n    return 1\n"}, "removed-public"),
    "a key of a tool": (
        {"pyproject.toml": "[tool.ruff]\na = 1\nb = 2\n"}, {"pyproject.toml": "[tool.ruff]\na = 1\n"},
        "removed-setting"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SURFACE)
def test_what_is_new_or_gone_is_a_point(kind: str) -> None:
    base, now = SURFACE[kind]

    assert kind in kinds_of(base, now)


@pytest.mark.parametrize("name", NO_SURFACE)
def test_what_is_still_there_or_was_there_already_is_none(name: str) -> None:
    base, now, kind = NO_SURFACE[name]

    assert kind not in kinds_of(base, now)


def test_a_route_of_a_file_that_moved_is_the_same_route() -> None:
    router = "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get('/a')\ndef a():\n    return 1\n"

    kinds = kinds_of({"app/old.py": router}, {"app/new.py": router + "\nX = 1\n"}, moves={"app/old.py": "app/new.py"})

    assert not kinds & {"new-route", "removed-route"}


def test_what_the_issue_asked_for_weighs_half() -> None:
    base, now = SURFACE["removed-option"]

    unasked, asked = (risk_of(base, now, intent=text) for text in ("", "Remove the option --all, which nobody uses."))

    weights = [[p.weight for p in risk.points if p.kind is PointKind.REMOVED_OPTION] for risk in (unasked, asked)]
    assert weights == [[14], [7]]


# -- the score -----------------------------------------------------------------------------------------------------


def test_every_kind_has_a_weight_and_none_is_decided_by_itself() -> None:
    assert set(WEIGHTS) == set(PointKind)
    assert all(0 < weight.least <= weight.most < 60 and weight.why for weight in WEIGHTS.values())


def test_points_stand_in_order_and_within_the_weights_of_their_kind() -> None:
    for base, now in [*AREAS.values(), *SURFACE.values()]:
        points = risk_of(base, now, sensitive={"the core": ["/app/core/"]}).points
        assert [p.weight for p in points] == sorted((p.weight for p in points), reverse=True)
        assert all(p.weight <= WEIGHTS[p.kind].most for p in points)
        assert all("\n" not in p.reason and p.reason for p in points)


def test_a_change_waits_for_its_score_or_its_paths() -> None:
    risk = Risk(40, (RiskPoint(PointKind.AUTH, 28, "app/login.py no longer checks check_password", "app/login.py", 3),))

    assert reasons_to_wait(risk, ["app/login.py"], threshold=40) == (
        "its risk is 40, and 40 or more waits for a person: app/login.py no longer checks check_password",
    )
    assert reasons_to_wait(risk, ["deploy/a.tf"], threshold=41, waiting=["/deploy/"]) == (
        "deploy/a.tf waits for a person (/deploy/)",
    )
    assert reasons_to_wait(risk, ["app/login.py"], threshold=41, waiting=["/deploy/"]) == ()


@pytest.mark.parametrize(
    ("guard", "what"),
    [
        ("    if doc.owner_id != user.id:\n        raise LookupError(doc)\n", "whose it is"),
        ("    if request.user != doc.author:\n        return None\n", "whose it is"),
        ("    doc = fetch(doc, tenant=request.tenant)\n", "whose it is"),
        ("    if not doc.public:\n        raise PermissionError(doc)\n", "who may do it"),
    ],
)
def test_a_check_of_whose_a_thing_is_counts_as_one_that_keeps_people_out(guard: str, what: str) -> None:
    base = {"shop/docs.py": f"def show(request, user, doc):\n{guard}    return doc.text\n"}
    now = {"shop/docs.py": "def show(request, user, doc):\n    return doc.text\n"}
    gone = [each for each in risk_of(base, now).points if each.reason.endswith(f"no longer checks {what}")]
    assert [each.kind for each in gone] == [PointKind.AUTH]
    assert not [each for each in risk_of(now, base).points if "no longer checks" in each.reason]


def test_what_only_names_a_user_is_no_check() -> None:
    base = {
        "shop/docs.py": "def show(request, doc):\n    user = request.user\n    author = doc.author\n    return doc\n"
    }
    now = {"shop/docs.py": "def show(request, doc):\n    return doc\n"}
    assert not [each for each in risk_of(base, now).points if "no longer checks" in each.reason]
