"""The tag for Node, by Node's own test runner, with `pg` and what is built on it from the npm registry."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import postgres
from tagstatements import GOES_ON, HARMLESS, LOCKED, WAITS
from watchkeeper.database.journals import read_answer
from watchkeeper_tag.statements import read_statement

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "packages" / "watchkeeper-tag-node"
MODULES = ROOT / ".cache" / "watchkeeper-tag-node"
NEEDED = ("pg@8", "pg-cursor@2", "drizzle-orm@0.45", "@prisma/adapter-pg@7")
COMPARE = """
const { readStatement } = require("./src/statements.js");
const { resolve, wouldWait } = require("./src/guard.js");
const { texts, pairs } = JSON.parse(require("node:fs").readFileSync(0));
const claim = ([text, values]) => resolve(readStatement(text)[0], values);
console.log(JSON.stringify({
  texts: texts.map((each) => readStatement(each).map(({ table, lock, columns }) => [table, lock, columns])),
  pairs: pairs.map(([wanted, held]) => wouldWait(claim(wanted), claim(held))),
}));
"""
ANSWER = """
const { Tagging } = require("./src/tagging.js");
const { Link } = require("./src/journal.js");
const tagging = new Tagging({ root: "/app", revision: "feed", publish: false });
const client = { processID: 7, database: "shop" };
const link = new Link(client);
link.isOpen = true;
tagging.journal.links.add(link);
tagging.run(() => {
  const text = "UPDATE content SET a = $1 WHERE id = $2";
  const site = { symbol: "rename", shown: "src/a.js:3" };
  tagging.after(link, text, tagging.before(link, { text, values: [1, 2] }, site, tagging.slots.current()), 1);
});
console.log(JSON.stringify(tagging.state()));
"""


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed: the tag for Node was NOT checked")
    return found


@pytest.fixture(scope="module")
def modules() -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the tag for Node was NOT checked on a server")
    if not (MODULES / "ready").exists():
        MODULES.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(MODULES), *NEEDED],
            capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.skip(f"pg cannot be installed: the tag for Node was NOT checked on a server ({done.stderr[-200:]})")
        (MODULES / "ready").touch()
    return MODULES / "node_modules"


@pytest.fixture
def tags() -> Iterator[Path]:
    """A short path, as sockets need, with the socket of one that is gone."""
    with tempfile.TemporaryDirectory(prefix="wk-tag-") as made:
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(f"{made}/999999.sock")
        yield Path(made)


@pytest.mark.postgresql
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["pg", "orm"])
def test_the_package_does_on_a_real_server_what_its_own_tests_say(
    node: str, modules: Path, tags: Path, name: str
) -> None:
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres.running_server(programs) as folder:
        url = f"postgresql://test@/{postgres.create_database(folder)}?host={folder}"
        told = {"NODE_PATH": str(modules), "PGURL": url, "WATCHKEEPER_TAG_DIR": str(tags)}
        done = subprocess.run(
            [node, "--test", f"test/{name}.test.js"], cwd=PACKAGE, env={**os.environ, **told},
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stdout[-6000:]


def run(node: str, program: str, given: object = None) -> Any:
    done = subprocess.run(
        [node, "-e", program],
        cwd=PACKAGE,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbered(text: str, values: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
    """With ``$n``, the only placeholders of ``pg``."""
    for number in range(1, 9):
        text = text.replace("%s", f"${number}", 1).replace("?", f"${number}", 1)
    return text, values


def test_both_languages_read_statements_alike_and_judge_them_alike(node: str) -> None:
    texts = [numbered(text, ())[0] for text in [*(each[0] for each in LOCKED), *HARMLESS] if "%(" not in text]
    texts = [each for each in texts if " :" not in each]
    pairs = [(numbered(a, given), numbered(b, held)) for a, given, b, held in [*WAITS, *GOES_ON]]

    found = run(node, COMPARE, {"texts": texts, "pairs": pairs})

    here = [[[each.table, each.lock.value, list(each.columns)] for each in read_statement(text)] for text in texts]
    assert found["texts"] == here
    assert found["pairs"] == [True] * len(WAITS) + [False] * len(GOES_ON)


def test_the_watch_understands_its_journal(node: str) -> None:
    state = run(node, ANSWER)

    (entry,) = read_answer(json.dumps(state).encode(), state["process"]).entries

    assert (entry.backend, entry.root, entry.revision, entry.task) == (7, "/app", "feed", "1")
    (write,) = entry.writes
    assert (write.table, write.columns, write.symbol, write.site) == ("content", ("a",), "rename", "src/a.js:3")
