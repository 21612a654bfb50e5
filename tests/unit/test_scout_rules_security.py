"""What a stranger wrote is run, believed or shown; and what only looks like it."""

from __future__ import annotations

import pytest

from scout_rules import SCRIPT, lines, say

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
SAFE = "from django.utils.safestring import mark_safe\n"
RUN = "import os, shlex, subprocess, sys\n"

BAD = [
    ("shell-injection", RUN + "def f(a):\n    subprocess.run(f'ls {a}', shell=True)\n", 3),
    ("shell-injection", RUN + "def f(a):\n    subprocess.run(\n        'ls ' + a,\n        shell=True,\n    )\n", 3),
    ("shell-injection", RUN + "def f(a):\n    os.system('ls %s' % a)\n", 3),
    ("shell-injection", RUN + "def f(a):\n    c = 'ls {}'.format(a)\n    os.popen(c)\n", 4),
    ("sql-injection", "def f(c, a):\n    c.execute(f\"select * from t where a = '{a}'\")\n", 2),
    ("sql-injection", "def f(c, a):\n    c.execute('delete from t where a = %s' % a)\n", 2),
    ("sql-injection", "def f(c, a):\n    c.execute('select b from t where a = ' + a)\n", 2),
    ("sql-injection", "def f(c, a):\n    q = f'select b from t where a = {a.name}'\n    c.execute(q)\n", 3),
    ("eval-of-input", "def f(request):\n    return eval(request.GET['q'])\n", 2),
    ("eval-of-input", "def f():\n    text = input()\n    exec(text)\n", 3),
    ("unsafe-load", "import yaml\nyaml.load(t)\n", 2),
    ("unsafe-load", "import yaml\nyaml.load(t, Loader=yaml.UnsafeLoader)\n", 2),
    ("unsafe-load", "import pickle\ndef f(request):\n    return pickle.loads(request.body)\n", 3),
    ("weak-hash", "import hashlib\ndef f(password):\n    return hashlib.md5(password.encode()).hexdigest()\n", 3),
    ("weak-hash", "from hashlib import sha1\ndef f(u):\n    return sha1(u.reset_token).hexdigest()\n", 3),
    ("tls-unverified", "import requests\nrequests.get(u, verify=False, timeout=1)\n", 2),
    ("tls-unverified", "import httpx\nhttpx.Client(verify=False)\n", 2),
    ("tls-unverified", "session.verify = False\n", 1),
    ("unescaped-html", SAFE + "def f(o):\n    return mark_safe(f'<b>{o.title}</b>')\n", 3),
    ("unescaped-html", SAFE + "def f(title):\n    return mark_safe('<b>%s</b>' % title)\n", 3),
    ("path-traversal", "def f(request):\n    return open('/d/' + request.GET['n'])\n", 2),
    ("path-traversal", "def f(request):\n    p = f\"/d/{request.args['n']}\"\n    return send_file(p)\n", 3),
    ("debug-on", FLASK + "app.run(host='0.0.0.0', debug=True)\n", 3),
]
GOOD = [
    ("shell-injection", RUN + "def f(a):\n    subprocess.run(['ls', a])\n"),
    ("shell-injection", RUN + "def f(a):\n    subprocess.run('ls -l', shell=True)\n"),
    ("shell-injection", RUN + "def f(a):\n    subprocess.run(f'ls {shlex.quote(a)}', shell=True)\n"),
    ("shell-injection", RUN + "def f(a):\n    a = shlex.quote(a)\n    os.system(f'ls {a}')\n"),
    ("shell-injection", RUN + "HERE = '/d'\ndef f():\n    os.system(f'ls {HERE}')\n"),
    ("shell-injection", RUN + "def f():\n    os.system(f'{sys.executable} -m a')\n"),
    ("shell-injection", RUN + "def f(count: int):\n    os.system(f'head -n {count} a')\n"),
    ("shell-injection", RUN + "def f(random_name):\n    os.system(f'rm -r /tmp/{random_name}')\n"),
    ("sql-injection", "def f(c, a):\n    c.execute('select * from t where a = %s', [a])\n"),
    (
        "sql-injection",
        "def f(c, a):\n    marks = ','.join('?' * len(a))\n    c.execute(f'select b from t where a in ({marks})', a)\n",
    ),
    ("sql-injection", "TABLE = 't'\ndef f(c):\n    c.execute(f'select b from {TABLE} where a = 1')\n"),
    ("sql-injection", "def f(c, table):\n    c.execute(f'select b from {table} where a = 1')\n"),
    ("sql-injection", "def f(c, a: int):\n    c.execute(f'select b from t where a = {a}')\n"),
    ("sql-injection", "def f(c, a):\n    c.execute(f'select b from t where a = {int(a)}')\n"),
    ("sql-injection", "def f(job, a):\n    job.execute(f'greet {a}')\n"),
    ("eval-of-input", "def f(request):\n    return literal_eval(request.GET['q'])\n"),
    ("eval-of-input", "def f():\n    return eval('1 + 1')\n"),
    (
        "unsafe-load",
        "import yaml\nyaml.load(t, Loader=yaml.SafeLoader)\nyaml.load(t, yaml.CSafeLoader)\nyaml.safe_load(t)\n",
    ),
    ("unsafe-load", "from ruamel import yaml\nyaml.load(t)\n"),
    ("unsafe-load", "import pickle\ndef f(path):\n    return pickle.loads(path.read_bytes())\n"),
    ("weak-hash", "import hashlib\ndef f(content):\n    return hashlib.md5(content).hexdigest()\n"),
    ("weak-hash", "import hashlib\ndef f(token):\n    return hashlib.md5(token, usedforsecurity=False).hexdigest()\n"),
    ("weak-hash", "import hashlib\ndef cache_key(token):\n    return hashlib.md5(token).hexdigest()\n"),
    ("tls-unverified", "import requests\nrequests.get(u, verify='/ca.pem', timeout=1)\n"),
    ("tls-unverified", "schema.verify = False\n"),
    ("unescaped-html", SAFE + "def f(o):\n    return mark_safe('<b>x</b>')\n"),
    ("unescaped-html", SAFE + "def f(o):\n    return mark_safe(f'<b>{escape(o.title)}</b>')\n"),
    ("unescaped-html", SAFE + "def f(o):\n    b = render(o)\n    return mark_safe(f'<b>{b}</b>')\n"),
    ("unescaped-html", "def f(o):\n    return mark_safe(f'<b>{o.title}</b>')\n"),
    ("path-traversal", "def f(request):\n    return open('/d/' + secure_filename(request.GET['n']))\n"),
    ("path-traversal", "def f(path):\n    return open(path)\n"),
    ("debug-on", FLASK + "app.run(debug=settings.DEBUG)\n"),
    ("debug-on", "import asyncio\nasyncio.run(main(), debug=True)\n"),
]


@pytest.mark.parametrize(("rule", "text", "line"), BAD)
def test_what_a_stranger_can_use_is_found(rule: str, text: str, line: int) -> None:
    assert lines(rule, text) == [line]


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_what_nobody_else_chooses_or_what_is_cleaned_is_let_be(rule: str, text: str) -> None:
    assert lines(rule, text) == []


def test_debugging_in_the_settings_of_production_is_found_and_elsewhere_is_not() -> None:
    files = dict.fromkeys(("site/settings/production.py", "site/settings/local.py"), "DEBUG = True\n")
    assert [raw.path for raw in say("debug-on", files)] == ["site/settings/production.py"]


EXEC = "import {{ exec }} from 'child_process';\nexport const f = (a: string) => {};\n"

SCRIPTS_BAD = [
    ("unescaped-html", "export const A = (p: P) => <div dangerouslySetInnerHTML={{ __html: p.body }} />;\n", 1),
    ("unescaped-html", "export const f = (e: E, m: M) => {\n  e.innerHTML = `<b>${m.title}</b>`;\n};\n", 2),
    ("unescaped-html", "export const f = (e: E, m: M) => {\n  e.innerHTML = m.title;\n};\n", 2),
    ("shell-injection", EXEC.format("exec(`ls ${a}`)"), 2),
    ("shell-injection", EXEC.format("exec('ls ' + a)"), 2),
    ("sql-injection", "export const f = (a: string) =>\n  db.query(`select b from t where a = '${a}'`);\n", 2),
    (
        "sql-injection",
        "export const f = (a: A) =>\n  prisma.$queryRawUnsafe(`select b from t where a = ${a.id}`);\n",
        2,
    ),
    ("eval-of-input", "export const f = (a: string) => eval(a);\n", 1),
    ("tls-unverified", "export const a = new Agent({\n  rejectUnauthorized: false,\n});\n", 2),
    ("tls-unverified", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';\n", 1),
]
SCRIPTS_GOOD = [
    ("unescaped-html", "export const A = (p: P) => <div dangerouslySetInnerHTML={{ __html: sanitize(p.body) }} />;\n"),
    ("unescaped-html", "const b = clean(x);\nexport const A = <p dangerouslySetInnerHTML={{ __html: b }} />;\n"),
    ("unescaped-html", "export const A = () => <script dangerouslySetInnerHTML={{ __html: 'go()' }} />;\n"),
    ("unescaped-html", "export const A = <p dangerouslySetInnerHTML={{ __html: JSON.stringify(d) }} />;\n"),
    ("unescaped-html", "export const f = (e: E) => {\n  e.innerHTML = '';\n  e.innerHTML = `<b>${1}</b>`;\n};\n"),
    ("unescaped-html", "export const f = (e: E, m: M) => {\n  e.textContent = m.title;\n};\n"),
    ("shell-injection", EXEC.format("exec('ls')")),
    ("shell-injection", EXEC.format("exec(`ls ${HERE}`)")),
    ("shell-injection", "export const f = (a: string) => /x/.exec(`ls ${a}`);\n"),
    ("sql-injection", "export const f = (a: string) => db.query('select b from t where a = $1', [a]);\n"),
    ("sql-injection", "export const f = (a: string) => prisma.$queryRaw`select b from t where a = ${a}`;\n"),
    ("sql-injection", "export const f = (table: string) => db.query(`select b from ${table} where a = 1`);\n"),
    ("sql-injection", "export const f = (a: string) => graph.query(`{ user(id: ${a}) { name } }`);\n"),
    ("eval-of-input", "export const f = (a: string) => JSON.parse(a);\n"),
    ("tls-unverified", "export const a = new Agent({ rejectUnauthorized: true });\n"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "line"), SCRIPTS_BAD)
def test_what_a_stranger_can_use_in_a_script_is_found(rule: str, text: str, line: int) -> None:
    assert lines(rule, text, SCRIPT) == [line]


@pytest.mark.parametrize(("rule", "text"), SCRIPTS_GOOD)
def test_what_a_script_writes_itself_or_cleans_is_let_be(rule: str, text: str) -> None:
    assert lines(rule, text, SCRIPT) == []


CHANCE = "q8Zr2LmT9v" + "Xw4KpB7nYc"
"""What nobody but chance writes, in two pieces: other programs look for secrets in this file."""
ISSUED = "AKIA" + "Q3EGRZ7TNWLV5XYB"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"API_KEY = '{CHANCE}'\n", "a.py"),
        (f"connect(password='{CHANCE}')\n", "a.py"),
        (f"settings = {{'client_secret': '{CHANCE}'}}\n", "a.py"),
        (f"AWS = '{ISSUED}'\n", "a.py"),
        (f"export const apiKey = '{CHANCE}';\n", "a.ts"),
        (f"export const c = {{ clientSecret: '{CHANCE}' }};\n", "a.ts"),
    ],
)
def test_a_secret_in_the_code_is_found_and_not_repeated(text: str, path: str) -> None:
    found = say("hardcoded-secret", {path: text})

    assert [raw.line for raw in found] == [1]
    assert not any(secret in raw.quote or secret in raw.claim for raw in found for secret in (CHANCE, ISSUED))


@pytest.mark.parametrize(
    "text",
    [
        "API_KEY = 'your-api-key-goes-here-1'\n",
        "API_KEY = os.environ['API_KEY']\n",
        "PASSWORD_FIELD = 'field-of-the-form-2-here'\n",
        f"COLOUR = '{CHANCE}'\n",
        f"API_KEY_PARAM_NAME = '{CHANCE}'\n",
        "SECRET = 'aaaaaaaaaaaaaaaaaaaa1'\n",
        "PASSWORD = 'short1'\n",
        "API_KEY = 'users.billing.api-key2.get'\n",
    ],
)
def test_stand_ins_names_and_what_comes_from_elsewhere_are_no_secrets(text: str) -> None:
    assert lines("hardcoded-secret", text) == []


def test_secrets_of_tests_open_nothing() -> None:
    assert say("hardcoded-secret", {"tests/test_a.py": f"API_KEY = '{CHANCE}'\n"}) == []


OWNERSHIP = "missing-ownership-check"
VIEW = "@login_required\ndef show(request, id):\n    note = {}\n    return render(request, 'a.html', {{'n': note}})\n"
ROUTE = "@router.{}('/notes/{{id}}')\ndef f(id: int, session: S, current_user: CurrentUser):\n    {}\n    return 1\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (VIEW.format("get_object_or_404(Note, id=id)"), 3),
        (VIEW.format("Note.objects.get(pk=id)"), 3),
        (ROUTE.format("delete", "note = session.get(Note, id)"), 3),
    ],
)
def test_whoever_is_signed_in_reaches_what_belongs_to_others(text: str, line: int) -> None:
    assert lines(OWNERSHIP, text) == [line]


@pytest.mark.parametrize(
    "text",
    [
        VIEW.format("get_object_or_404(Note, id=id, owner=request.user)"),
        VIEW.format("find_note_of(request, id)").replace("note =", "note = get_object_or_404(Note, id=id);"),
        VIEW.format("get_object_or_404(Note, id=id)").replace("@login_required", "@admin_required"),
        VIEW.format("get_object_or_404(Note, id=id)").replace("@login_required\n", ""),
        VIEW.format("get_object_or_404(Note, id=id)\n    if note.workspace != mine: raise Http404"),
        ROUTE.format("delete", "note = session.get(Note, id)\n    check(note, current_user)"),
        ROUTE.format("delete", "note = 1"),
    ],
)
def test_who_asks_whose_it_is_or_asks_nobody_to_sign_in_is_let_be(text: str) -> None:
    assert lines(OWNERSHIP, text) == []


ACTION = "'use server';\nexport async function remove(id: string) {{\n  {}\n}}\n"


@pytest.mark.parametrize(
    "body",
    [
        "await prisma.note.delete({ where: { id } });",
        "await db.note.update({ where: { id: id }, data: { a: 1 } });",
        "await supabase.from('notes').delete().eq('id', id);",
    ],
)
def test_an_action_that_changes_a_row_by_its_id_alone_is_found(body: str) -> None:
    assert lines(OWNERSHIP, ACTION.format(body), "app/actions.ts") == [3]


@pytest.mark.parametrize(
    "body",
    [
        "await prisma.note.delete({ where: { id, userId: me.id } });",
        "const { user } = await getSession(); await prisma.note.delete({ where: { id } });",
        "await supabase.from('notes').delete().eq('id', id).eq('workspace_id', w);",
        "const note = await newest(); await prisma.note.delete({ where: { id: note.id } });",
        "await prisma.note.create({ data: { id } });",
    ],
)
def test_an_action_that_says_whose_it_is_or_is_told_no_id_is_let_be(body: str) -> None:
    assert lines(OWNERSHIP, ACTION.format(body), "app/actions.ts") == []


def test_what_no_caller_can_reach_or_a_guard_is_around_is_let_be() -> None:
    body = "await prisma.note.delete({ where: { id } });"
    inner = f"async function remove(id: string) {{\n  {body}\n}}\n"
    wrapped = f"'use server';\nexport const remove = withGuard(async (id: string) => {{\n  {body}\n}});\n"
    assert lines(OWNERSHIP, inner, "lib/notes.ts") == []
    assert lines(OWNERSHIP, f"'use server';\n{inner}", "app/actions.ts") == []
    assert lines(OWNERSHIP, wrapped, "app/actions.ts") == []
