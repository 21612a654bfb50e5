"""Errors that nobody hears of, and those that are let go on purpose."""

from __future__ import annotations

import pytest

from scout_rules import SCRIPT, lines

SWALLOWED = "swallowed-exception"


def tried(work: str, handler: str, name: str = "f") -> str:
    return f"def {name}(a):\n    try:\n        {work}\n    except {handler}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (tried("work(a)", "Exception:\n        pass"), 4),
        (tried("work(a)", "BaseException:\n        ..."), 4),
        (tried("work(a)", "(KeyError, Exception):\n        pass"), 4),
        ("def f(a):\n    try:\n        work(a)\n    except:\n        pass\n", 4),
        (
            "for b in a:\n    try:\n        work(b)\n    except Exception:\n        continue\n",
            4,
        ),
        (tried("x = work(a)\n        y = more(x)\n        send(y)", "Exception:\n        return None"), 6),
    ],
)
def test_any_exception_that_is_dropped_is_found(text: str, line: int) -> None:
    assert lines(SWALLOWED, text) == [line]


@pytest.mark.parametrize(
    "text",
    [
        tried("work(a)", "KeyError:\n        pass"),
        tried("work(a)", "(OSError, ValueError):\n        pass"),
        tried("work(a)", "Exception:\n        log.exception('a')"),
        tried("work(a)", "Exception:\n        raise"),
        tried("work(a)", "Exception as e:\n        errors.append(e)"),
        tried("work(a)", "Exception:  # whoever asked has gone\n        pass"),
        tried("work(a)", "Exception:\n        # whoever asked has gone\n        pass"),
        tried("a.close()", "Exception:\n        pass"),
        tried("import fast", "Exception:\n        pass"),
        tried("work(a)", "Exception:\n        return False"),
        tried("return work(a)", "Exception:\n        pass\n    return other(a)"),
        tried("work(a)", "Exception:\n        pass", "close"),
        tried("work(a)", "Exception:\n        pass", "__del__"),
        "def f(a):\n    with contextlib.suppress(Exception):\n        work(a)\n",
        tried(
            "a",
            "E as e:\n        try:\n            tell(e)\n        except Exception:\n            pass\n        raise",
        ),
    ],
)
def test_what_is_narrow_told_explained_or_tidying_is_let_be(text: str) -> None:
    assert lines(SWALLOWED, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(a, seen=[]):\n    seen.append(a)\n",
        "def f(a, seen={}):\n    seen[a] = 1\n",
        "def f(a, *, seen={1}):\n    seen.add(a)\n",
        "class A:\n    def __init__(self, seen=[]):\n        self.seen = seen\n",
    ],
)
def test_a_default_that_calls_share_and_change_is_found(text: str) -> None:
    assert lines("mutable-default", text) == [text[: text.index("seen=")].count("\n") + 1]


@pytest.mark.parametrize(
    "text",
    [
        "def f(a, seen=[]):\n    return a in seen\n",
        "def f(a, seen=()):\n    return a in seen\n",
        "def f(a, seen=[]):\n    seen = list(seen)\n    seen.append(a)\n",
        "def f(a, seen=None):\n    seen = seen or []\n    seen.append(a)\n",
        "def f(a, seen=[]):\n    for s in seen:\n        a.append(s)\n",
    ],
)
def test_a_default_that_nobody_changes_is_let_be(text: str) -> None:
    assert lines("mutable-default", text) == []


@pytest.mark.parametrize(
    "body", ["out.append(lambda: r)", "out[r] = lambda: work(r)", "a.connect(lambda e: work(r, e))"]
)
def test_a_function_kept_for_after_the_loop_is_found(body: str) -> None:
    assert lines("late-binding-closure", f"def f(rows, out, a):\n    for r in rows:\n        {body}\n") == [3]


@pytest.mark.parametrize(
    "body",
    [
        "out.append(lambda r=r: r)",
        "out.append(lambda: 1)",
        "out.append(sorted(a, key=lambda x: x[r]))",
        "out.append(work(r))",
        "out.append(lambda r: r)",
    ],
)
def test_a_function_that_has_its_own_value_is_let_be(body: str) -> None:
    assert lines("late-binding-closure", f"def f(rows, out, a):\n    for r in rows:\n        {body}\n") == []


def test_a_return_in_finally_is_found() -> None:
    assert lines("return-in-finally", "def f():\n    try:\n        a()\n    finally:\n        return 1\n") == [5]


def test_a_return_of_a_function_that_is_made_in_finally_is_let_be() -> None:
    text = "def f():\n    try:\n        return a()\n    finally:\n        def g():\n            return 1\n        g()\n"
    assert lines("return-in-finally", text) == []


FETCH = "export async function f(u: string) {{\n  {}\n}}\n"

SCRIPTS_BAD = [
    ("empty-catch", "try { await save(); } catch (e) {}"),
    ("empty-catch", "try { await save(); } catch { }"),
    ("silent-catch", "save().catch(() => {});"),
    ("silent-catch", "await save(u).catch((e) => {});"),
    ("unchecked-response", "const r = await fetch(u); return await r.json();"),
    ("unchecked-response", "const d = await (await fetch(u)).json(); return d;"),
    ("unchecked-result", "const { data } = await supabase.from('t').select('*'); return data;"),
    ("unchecked-result", "await supabase.from('t').insert({ u });"),
    ("unchecked-result", "await this.supabaseAdmin.from('t').delete().eq('id', u);"),
]
SCRIPTS_GOOD = [
    ("empty-catch", "try { await save(); } catch (e) { report(e); }"),
    ("empty-catch", "try { await save(); } catch { /* whoever asked has gone */ }"),
    ("empty-catch", "try { localStorage.setItem('a', u); } catch {}"),
    ("empty-catch", "try { return JSON.parse(u); } catch {}"),
    ("silent-catch", "save().catch((e) => report(e));"),
    ("silent-catch", "save().catch(() => { /* meant */ });"),
    ("silent-catch", "save().catch(() => {}); // meant"),
    ("silent-catch", "video.play().catch(() => {});"),
    ("unchecked-response", "const r = await fetch(u); if (!r.ok) throw new Error(u); return await r.json();"),
    ("unchecked-response", "const r = await fetch(u); if (r.status > 299) return; return r.json();"),
    ("unchecked-response", "const r = await fetch(u); check(r); return r.json();"),
    ("unchecked-response", "const r = await fetch(u); const d = await r.json(); if (d.error) throw d; return d;"),
    ("unchecked-response", "const r = await fetch(u); return r;"),
    ("unchecked-result", "const { data, error } = await supabase.from('t').select('*'); return { data, error };"),
    ("unchecked-result", "const { data } = await supabase.from('t').select('*'); if (!data) throw u; return data;"),
    ("unchecked-result", "const { data } = await supabase.from('t').select('*').throwOnError(); return data;"),
    ("unchecked-result", "const { data } = await supabase.auth.getUser(); return data;"),
    ("unchecked-result", "return await supabase.from('t').insert({ u });"),
    ("unchecked-result", "const all = await supabase.from('t').select('*'); return all;"),
]


@pytest.mark.parametrize(("rule", "body"), SCRIPTS_BAD)
def test_a_script_whose_failure_nobody_hears_of_is_found(rule: str, body: str) -> None:
    assert lines(rule, FETCH.format(body), SCRIPT) == [2]


@pytest.mark.parametrize(("rule", "body"), SCRIPTS_GOOD)
def test_a_script_that_looks_at_the_failure_is_let_be(rule: str, body: str) -> None:
    assert lines(rule, FETCH.format(body), SCRIPT) == []


@pytest.mark.parametrize("made", ["async function g() { await x(); }", "const g = async () => { await x(); };"])
def test_an_async_function_that_nobody_waits_for_is_found(made: str) -> None:
    assert lines("floating-promise", f"{made}\nexport async function f() {{\n  g();\n}}\n", SCRIPT) == [3]


@pytest.mark.parametrize(
    "call", ["await g();", "void g();", "return g();", "g().catch(report);", "const p = g(); await p;"]
)
def test_a_promise_that_is_kept_or_let_go_in_words_is_let_be(call: str) -> None:
    text = f"async function g() {{ await x(); }}\nexport async function f() {{\n  {call}\n}}\n"
    assert lines("floating-promise", text, SCRIPT) == []


@pytest.mark.parametrize(
    "text",
    [
        "function g() { x(); }\nexport async function f() {\n  g();\n}\n",
        "async function g() { await x(); }\nexport function f() {\n  g();\n}\n",
        "async function g() { try { await x(); } catch (e) { report(e); } }\nexport async function f() {\n  g();\n}\n",
        "export async function f() {\n  g();\n}\n",
    ],
)
def test_what_is_not_async_or_handles_its_own_errors_is_let_be(text: str) -> None:
    assert lines("floating-promise", text, SCRIPT) == []
