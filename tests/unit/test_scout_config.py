"""``.scout.toml``: made from what a project looks like, read with every mistake named, checked against the tree."""

from __future__ import annotations

import json

import pytest

from watchkeeper.model.errors import UsageError
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.config_reading import find_stale, kept, parse_config, render_config
from watchkeeper.scouts.dimension import builtin_dimensions

KNOWN = tuple(builtin_dimensions())
FILES = (
    "README.md",
    "docs/VISION.md",
    "pyproject.toml",
    "src/shop/cli.py",
    "src/shop/api.py",
    "tests/test_api.py",
    "vendor/x.js",
)
PYPROJECT = '[project]\nname = "shop"\n[project.scripts]\nshop = "shop.cli:main"\n'


def test_a_file_made_for_a_project_is_right_for_it() -> None:
    text = render_config(FILES, {"pyproject.toml": PYPROJECT})
    config = parse_config(text, KNOWN)

    assert config.entry_points == ("src/shop/cli.py",)
    assert config.test == "python -m pytest -q"
    assert config.vision == "docs/VISION.md"
    assert config.ignore == ("vendor/",)
    assert find_stale(config, FILES) == ()


def test_a_javascript_project_is_read_from_its_package() -> None:
    package = json.dumps({"main": "./lib/index.js", "scripts": {"test": "vitest run"}})
    config = parse_config(
        render_config(["package.json", "lib/index.js", "app/page.tsx"], {"package.json": package}), KNOWN
    )

    assert config.entry_points == ("lib/index.js", "app/page.tsx")
    assert config.test == "npm test"


def test_npms_placeholder_is_no_test() -> None:
    package = json.dumps({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}})
    assert parse_config(render_config(["package.json"], {"package.json": package}), KNOWN).test == ""


@pytest.mark.parametrize("broken", ["{", "[1]", '"x"', '{"scripts": []}', '{"main": 3}', "null"])
def test_a_broken_package_is_no_obstacle(broken: str) -> None:
    assert parse_config(render_config(["package.json"], {"package.json": broken}), KNOWN) == ScoutConfig(
        vision="", test=""
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("entry_points = 3", "entry_points"),
        ("entry_point = []", "did you mean 'entry_points'"),
        ("[dimensions.speed]", "there is no dimension 'speed'"),
        ("[dimensions.performance]\nmosst = 3", "dimensions.performance.mosst"),
        ("[dimensions.errors]\ncadence_hours = 0", "cadence_hours is 1 to 2160"),
        ("most = 900", "most is 0 to 50"),
        ('vision = "../secret.md"', "leads out of the project"),
        ('entry_points = ["/etc/passwd"]', "leads out of the project"),
        ("x = ", "no TOML"),
        ("[production]\ntokn = 'x'", "production.tokn"),
    ],
)
def test_every_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_config(text, KNOWN)

    assert said in caught.value.message
    assert caught.value.slug == "scout-config"


def test_what_is_not_so_any_more_is_said_with_where_it_went() -> None:
    config = ScoutConfig(entry_points=("src/shop/main/cli.py",), vision="docs/VISION.md", ignore=("third_party/",))

    assert find_stale(config, FILES) == (
        "entry_points: src/shop/main/cli.py is not there; src/shop/cli.py is",
        "ignore: third_party/ means no file",
    )


def test_what_is_ignored_is_not_looked_at() -> None:
    assert kept(FILES, ("vendor/", "*.md")) == tuple(
        sorted(path for path in FILES if not path.endswith(".md") and not path.startswith("vendor"))
    )
