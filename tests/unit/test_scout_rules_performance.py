"""What waits for ever, in the wrong place, or too often; and what only looks like it."""

from __future__ import annotations

import pytest

from scout_rules import SCRIPT, lines, say

TIMEOUT, BLOCKING, LOOP = "missing-timeout", "blocking-call", "query-in-loop"

WAITS = {
    "plain": ("import requests\nrequests.get(u)\n", [2]),
    "over several lines": ("import requests\nrequests.post(\n    u,\n    json={},\n    headers=h,\n)\n", [2]),
    "under another name": ("import requests as r\nr.get(u)\n", [2]),
    "the function alone": ("from requests import get\nget(u)\n", [2]),
    "of a session": ("import requests\ns = requests.Session()\ns.get(u)\n", [3]),
    "of a session in with": ("import requests\nwith requests.Session() as s:\n    s.put(u)\n", [3]),
    "of a field": ("import requests\nself.s = requests.Session()\ndef f():\n    self.s.get(u)\n", [4]),
    "urlopen": ("from urllib.request import urlopen\nurlopen(u)\n", [2]),
    "a connection": ("import socket\nsocket.create_connection((h, 1))\n", [2]),
    "mail": ("import smtplib\nsmtplib.SMTP(h, 25)\n", [2]),
}  # fmt: skip
DOES_NOT_WAIT = {
    "two lines below": "import requests\nrequests.post(\n    u,\n    json={},\n    timeout=5,\n)\n",
    "in passed arguments": "import requests\ndef f(u, **kw):\n    return requests.get(u, **kw)\n",
    "another get": "def f(d):\n    return d.get(1)\n",
    "a method that is called get": "import requests\nclass A:\n    def g(self):\n        return self.get(1)\n",
    "httpx has one of its own": "import httpx\nhttpx.get(u)\n",
    "by place": "from urllib.request import urlopen\nurlopen(u, None, 5)\n",
    "a connection by place": "import socket\nsocket.create_connection((h, 1), 5)\n",
    "for all sockets": "import socket, requests\nsocket.setdefaulttimeout(5)\nrequests.get(u)\n",
    "a session with an adapter": "import requests\ns = requests.Session()\ns.mount('https://', A())\ns.get(u)\n",
    "another session": "import tls\ns = tls.Session()\ns.get(u)\n",
    "a file": "from urllib.request import urlopen\nurlopen('file:///etc/hosts')\n",
}


@pytest.mark.parametrize("case", WAITS)
def test_a_call_that_may_wait_for_ever_is_found_where_it_begins(case: str) -> None:
    text, expected = WAITS[case]
    assert lines(TIMEOUT, text) == expected


@pytest.mark.parametrize("case", DOES_NOT_WAIT)
def test_a_call_that_has_a_timeout_by_whatever_way_is_let_be(case: str) -> None:
    assert lines(TIMEOUT, DOES_NOT_WAIT[case]) == []


def test_a_finding_says_symbol_quote_kind_and_how_to_disprove_it() -> None:
    raw = say(
        TIMEOUT, {"app/a.py": "import requests\n\nclass A:\n    def f(self, u):\n        return requests.get(u)\n"}
    )[0]

    assert (raw.path, raw.line, raw.symbol, raw.quote) == ("app/a.py", 5, "A.f", "return requests.get(u)")
    assert raw.claim == "requests.get is called without a timeout: it may wait for ever"
    assert (raw.kind, raw.severity, raw.disprove != "") == ("missing-timeout", 3, True)


def test_tests_and_examples_may_wait() -> None:
    text = "import requests\nrequests.get(u)\n"
    assert say(TIMEOUT, dict.fromkeys(("tests/test_a.py", "examples/a.py", "docs/a.py", ".github/a.py"), text)) == []


@pytest.mark.parametrize(
    "body", ["time.sleep(1)", "requests.get(u)", "subprocess.run(['a'])", "[time.sleep(x) for x in y]"]
)
def test_what_stops_the_event_loop_is_found(body: str) -> None:
    assert lines(BLOCKING, f"import time, requests, subprocess\nasync def f(u, y):\n    {body}\n") == [3]


@pytest.mark.parametrize(
    "text",
    [
        "import time\ndef f():\n    time.sleep(1)\n",
        "import asyncio, time\nasync def f():\n    await asyncio.to_thread(time.sleep, 1)\n",
        "import time\nasync def f():\n    def g():\n        time.sleep(1)\n    await in_thread(g)\n",
        "import time\nasync def f():\n    await in_thread(lambda: time.sleep(1))\n",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n",
    ],
)
def test_what_runs_elsewhere_stops_nothing(text: str) -> None:
    assert lines(BLOCKING, text) == []


ASKS_EACH_TIME = {
    "a loop": ("def f(ids):\n    for i in ids:\n        User.objects.get(pk=i)\n", [3]),
    "a list": ("def f(ids):\n    return [User.objects.filter(pk=i).first() for i in ids]\n", [2]),
    "a dictionary": ("def f(ids):\n    return {i: User.objects.get(pk=i) for i in ids}\n", [2]),
    "what the turn gave": (
        "def f(rows):\n    for r in rows:\n        k = r.key\n        User.objects.get(pk=k)\n",
        [4],
    ),
    "a cursor": ("def f(cursor, ids):\n    for i in ids:\n        cursor.execute('select 1 where a = %s', [i])\n", [3]),
    "a session": ("def f(session, ids):\n    for i in ids:\n        session.get(User, i)\n", [3]),
    "loops in loops, once": (
        "def f(a):\n    for i in a:\n        for j in i:\n            User.objects.get(pk=j)\n",
        [4],
    ),
}
ASKS_ONCE = {
    "outside": "def f(ids):\n    for u in User.objects.filter(pk__in=ids):\n        print(u)\n",
    "not of the turn": "def f(ids):\n    for i in ids:\n        User.objects.count()\n",
    "a few constants": "def f():\n    for i in (1, 2, 3):\n        User.objects.get(pk=i)\n",
    "a few, under a name": "def f():\n    names = ['a', 'b']\n    for n in names:\n        User.objects.get(name=n)\n",
    "until found": "for i in ids:\n    if User.objects.filter(pk=i).exists():\n        break\n",
    "in pieces": "def f(chunks):\n    for chunk in chunks:\n        User.objects.filter(pk__in=chunk).update(a=1)\n",
    "statements of others": "def f(cursor, statements):\n    for s in statements:\n        cursor.execute(s)\n",
    "a dictionary": "def f(session, ids):\n    for i in ids:\n        session.get('key')\n",
    "of the web": "def f(session, urls):\n    for u in urls:\n        session.get(u)\n",
    "of classes": "def f(models):\n    for m in models:\n        m.objects.update(a=1)\n",
    "a function for later": "for i in ids:\n    def g():\n        User.objects.get(pk=i)\n    do(g)\n",
}


@pytest.mark.parametrize("case", ASKS_EACH_TIME)
def test_a_query_for_each_turn_is_found(case: str) -> None:
    text, expected = ASKS_EACH_TIME[case]
    assert lines(LOOP, text) == expected


@pytest.mark.parametrize("case", ASKS_ONCE)
def test_a_query_that_is_asked_once_or_few_times_is_let_be(case: str) -> None:
    assert lines(LOOP, ASKS_ONCE[case]) == []


def test_what_runs_once_may_ask_each_time() -> None:
    text = "def f(ids):\n    for i in ids:\n        User.objects.get(pk=i)\n"
    assert say(LOOP, dict.fromkeys(("app/migrations/0001.py", "scripts/a.py", "app/seed.py"), text)) == []


@pytest.mark.parametrize(
    "body",
    [
        "for (const id of ids) { await prisma.user.findUnique({ where: { id } }); }",
        "await Promise.all(ids.map(async (id) => { await prisma.user.findUnique({ where: { id } }); }));",
        "for (const id of ids) { await supabase.from('t').select('*').eq('id', id); }",
        "for (const u of ids) { const k = u.key; await db.user.findFirst({ where: { k } }); }",
    ],
)
def test_a_query_for_each_element_of_a_script_is_found(body: str) -> None:
    assert lines(LOOP, f"export async function f(ids: string[]) {{\n  {body}\n}}\n", SCRIPT) == [2]


@pytest.mark.parametrize(
    "body",
    [
        "await prisma.user.findMany({ where: { id: { in: ids } } });",
        "for (const u of await prisma.user.findMany({ where: { id: ids } })) { use(u); }",
        "for (const id of ['a', 'b']) { await prisma.user.findUnique({ where: { id } }); }",
        "for (const id of ids) { const u = await prisma.user.findUnique({ where: { id } }); if (u) { return u; } }",
        "for (const chunk of ids) { await prisma.user.deleteMany({ where: { id: { in: chunk } } }); }",
        "while (more) { await prisma.user.findMany({ skip: more }); }",
        "for (const id of ids) { await cache.user.findUnique({ where: { id } }); }",
        "for (const id of ids) { prisma.user.fields(id); }",
    ],
)
def test_a_query_that_a_script_asks_once_is_let_be(body: str) -> None:
    assert lines(LOOP, f"export async function f(ids: string[]) {{\n  {body}\n}}\n", SCRIPT) == []
