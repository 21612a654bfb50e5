"""What extractors see, what they do not, and what a change is said to touch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.code.checks.migrations import CHECK
from watchkeeper.code.resources import extractors, read_resources
from watchkeeper.code.resources.keyed_text import read_keys
from watchkeeper.code.resources.routes import normal_path
from watchkeeper.code.tree import MemoryTree, index_of
from watchkeeper.conflicts.of_trees import footprint_of
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

PATHS = (
    "a.py", "blog/migrations/0002_x.py", "db/versions/a.py", "settings.py", "urls.py", "a.ts", "app/x/route.ts",
    "pages/x.tsx", ".env", "Dockerfile", "config.yaml", "config.json", "config.toml", "setup.cfg", "pyproject.toml",
    "package.json", "package-lock.json", "yarn.lock", "uv.lock", "go.mod", "Cargo.toml", "requirements.txt",
    "docker-compose.yml", "Makefile", "migrations/001_a.sql",
)  # fmt: skip
WORDS = (
    b"{", b"}", b"[", b"]", b":",
    b",", b"\n", b'"', b"'", b"`", b"/*", b"//", b"#", b"  ", b"- ", b"=", b"\\", b"\xff",
    b"\0", b"a",
    b"dependencies", b"revision = 'a'\n", b"down_revision = (", b"migrations.Migration", b"class Migration:\n ",
    b"os.environ[", b"process.env.", b"app.get('/x', ", b"@app.route(", b"urlpatterns", b"path('x', y)", b"port=1)",
    b".listen(", b"new Queue(", b"queue_declare(", b"ports:", b"services:", b"express(", b"redis",
)  # fmt: skip


def read(path: str, text: str) -> ResourceReading:
    return read_resources(path, text.encode(), MemoryTree({path: text.encode()}))


def names(path: str, text: str, kind: ResourceKind, mode: AccessMode = AccessMode.DEFINE) -> list[str]:
    found = read(path, text).accesses
    return [each.resource.name for each in found if each.resource.kind is kind and each.mode is mode]


def reasons(path: str, text: str, kind: ResourceKind) -> list[str]:
    return [each.reason for each in read(path, text).not_analysed if each.kind is kind]


def footprint(base: dict[str, str], now: dict[str, str]) -> Footprint:
    tree = {path: text.encode() for path, text in base.items()}
    return footprint_of("change", tree, {path: text.encode() for path, text in now.items()}, index_of(tree))


@given(st.sampled_from(PATHS), st.lists(st.sampled_from(WORDS), max_size=40))
def test_extractors_answer_whatever_the_bytes(path: str, words: list[bytes]) -> None:
    source = b"".join(words)

    assert isinstance(read_resources(path, source, MemoryTree({path: source})), ResourceReading)


def test_every_kind_but_tables_has_an_extractor_here() -> None:
    assert {extractor.kind for extractor in extractors()} >= set(ResourceKind) - {ResourceKind.TABLE}


@pytest.mark.parametrize("path", ["/users/<int:id>", "users/{id}/", "/users/:id", "users/[id]", "/users//{pk:int}"])
def test_parameters_are_equal_however_a_framework_writes_them(path: str) -> None:
    assert normal_path(path) == "/users/{}"


def test_a_moved_access_is_no_touch() -> None:
    one, two = "def a():\n    return 1\n\n\n", 'def b():\n    return os.getenv("B_URL")\n\n\n'
    moved = footprint({"a.py": "import os\n\n\n" + one + two}, {"a.py": "import os\n\n\n" + two + one})

    assert [each for each in moved.resources if not each.is_kept] == []


def test_an_access_in_a_symbol_that_changed_is_kept() -> None:
    text = 'import os\n\n\ndef load():\n    url = os.getenv("B_URL")\n    return url\n'
    changed = footprint({"a.py": text}, {"a.py": text.replace("return url", "return url.strip()")})
    elsewhere = footprint({"a.py": text}, {"a.py": text + "\n\ndef other():\n    return 1\n"})

    assert [(each.access.resource.name, each.is_kept) for each in changed.resources] == [("B_URL", True)]
    assert elsewhere.resources == ()


def test_an_altered_access_is_a_dropped_one_and_a_new_one() -> None:
    changed = footprint({"requirements.txt": "click==8.0\n"}, {"requirements.txt": "# why\nclick==8.1\n"})

    assert [(each.is_new, each.access.value, each.access.line) for each in changed.resources] == [
        (False, "==8.0", 1),
        (True, "==8.1", 2),
    ]


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("a.py", "import os\nos.environ[name]\n", ResourceKind.ENVIRONMENT),
        ("a.ts", "const x = process.env[name];\n", ResourceKind.ENVIRONMENT),
        ("a.py", "@app.get(PREFIX + '/x')\ndef x(): ...\n", ResourceKind.ROUTE),
        ("a.py", "app.queue_declare(queue=NAME)\n", ResourceKind.TOPIC),
        ("a.js", "server.listen(PORT);\n", ResourceKind.PORT),
        ("v/a.py", "revision = make()\ndown_revision = None\n", ResourceKind.MIGRATION),
        ("a.py", "import tomllib\nx = tomllib.load(f)\n", ResourceKind.SETTING),
        ("requirements.txt", "git+https://example.org/x.git\n", ResourceKind.DEPENDENCY),
    ],
)
def test_what_cannot_be_named_is_said_to_be_not_analysed(path: str, text: str, kind: ResourceKind) -> None:
    assert len(reasons(path, text, kind)) == 1


def test_a_place_that_was_there_before_is_told_only_where_it_changed() -> None:
    text = "import os\n\n\ndef a():\n    return os.environ[name]\n"

    assert footprint({"a.py": text}, {"a.py": text + "\n\nX = 1\n"}).not_analysed == ()
    assert len(footprint({"a.py": text}, {"a.py": text.replace("[name]", "[other]")}).not_analysed) == 1


def test_what_stands_in_comments_and_strings_is_no_access() -> None:
    script = "// process.env.A\n/* process.env.B */\nconst x = 'process.env.C', y = process.env.D;\n"

    assert names("a.ts", script, ResourceKind.ENVIRONMENT, AccessMode.READ) == ["D"]


def test_dependencies_are_named_alike_in_all_manifests() -> None:
    kind = ResourceKind.DEPENDENCY
    project = '[project]\nname = "x"\ndependencies = ["Foo_Bar[extra]>=1.0 ; python_version > \'3\'"]\n'

    assert names("pyproject.toml", project, kind) == ["pypi:foo-bar"]
    assert names("requirements.txt", "foo.bar>=1.0  # why\n-r other.txt\n", kind) == ["pypi:foo-bar"]
    assert names("Pipfile", '[packages]\nfoo-bar = "*"\n', kind) == ["pypi:foo-bar"]
    assert names("setup.cfg", "[options]\ninstall_requires =\n    foo-bar>=1\n    click\n", kind) == [
        "pypi:foo-bar",
        "pypi:click",
    ]
    assert names("uv.lock", '[[package]]\nname = "foo-bar"\nversion = "1.0"\n', kind) == ["pypi:foo-bar"]
    assert names("package.json", '{"dependencies": {"@a/b": "1"}, "scripts": {"x": "y"}}', kind) == ["npm:@a/b"]
    assert names("go.mod", "module example.org/x\n\nrequire (\n\texample.org/a/b v1.2.3\n)\n", kind) == [
        "go:example.org/a/b"
    ]
    assert names("a.py", "import os\nimport yaml\nfrom . import x\n", kind, AccessMode.READ) == ["pypi:pyyaml"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", "a:\n  b: 1\n  c:\n    - x: 2\n    - y\nd: |\n  e: 3\nf: {g: 4}\n"),
        ("a.json", '{"a": {"b": 1, "c": [{"x": 2}, "y"]}, "d": "e: 3", "f": [4]}'),
        ("a.toml", 'd = "e"\nf = [\n  "x = 1",\n]\n[a]\nb = 1\nc = [{x = 2}]\n[[list]]\nz = 1\n'),
    ],
)
def test_configuration_is_read_as_dotted_keys(path: str, text: str) -> None:
    found = {key.name for key in read_keys(path, text) if key.value}

    assert found == {"a.b", "a.c", "d", "f"}


def migration(*parents: str, replaces: str = "") -> bytes:
    listed = ", ".join(f'("blog", "{parent}")' for parent in parents)
    extra = f'    replaces = [("blog", "{replaces}")]\n' if replaces else ""
    return f"class Migration(migrations.Migration):\n    dependencies = [{listed}]\n{extra}".encode()


FOLDER = "blog/migrations"


def test_the_check_finds_two_heads_and_names_both() -> None:
    files = {f"{FOLDER}/1.py": migration(), f"{FOLDER}/2a.py": migration("1"), f"{FOLDER}/2b.py": migration("1")}
    (finding,) = CHECK.find(MemoryTree(files), [f"{FOLDER}/2a.py"])

    assert (finding.rule, finding.path, finding.subject) == ("two-heads", f"{FOLDER}/2b.py", "django blog: 2a and 2b")


@pytest.mark.parametrize(
    "files",
    [
        {"1": migration(), "2a": migration("1"), "2b": migration("2a")},
        {"1": migration(), "2a": migration("1"), "2b": migration("1"), "3": migration("2a", "2b")},
        {"1": migration(), "2": migration("1"), "2s": migration("1", replaces="2"), "3": migration("2")},
    ],
    ids=["chain", "merge", "squashed"],
)
def test_the_check_is_silent_where_there_is_one_head(files: dict[str, bytes]) -> None:
    tree = MemoryTree({f"{FOLDER}/{name}.py": source for name, source in files.items()})

    assert list(CHECK.find(tree, sorted(tree.index.paths))) == []


def test_the_check_looks_only_where_roots_have_migrations() -> None:
    files = {f"{FOLDER}/2a.py": migration("1"), f"{FOLDER}/2b.py": migration("1"), "blog/models.py": b"x = 1\n"}

    assert list(CHECK.find(MemoryTree(files), ["blog/models.py"])) == []
