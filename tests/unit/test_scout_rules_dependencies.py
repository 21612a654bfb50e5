"""What is imported and nowhere asked for, whatever it is called where it is asked for."""

from __future__ import annotations

import pytest

from scout_rules import say

RULE = "undeclared-dependency"
PYPROJECT = "[project]\nname = 'shop'\ndependencies = ['flask>=3', 'Pillow', 'celery[redis]>=5', 'python-dateutil']\n"


def undeclared(text: str, **files: str) -> list[tuple[int, str]]:
    whole = {"pyproject.toml": PYPROJECT, "shop/a.py": text, "shop/lib/b.py": "", **files}
    return [(raw.line, raw.anchor) for raw in say(RULE, whole)]


def test_what_nothing_asks_for_is_found_once() -> None:
    assert undeclared("import flask\nimport lxml.etree\nfrom lxml import html\n", **{"shop/c.py": "import lxml\n"}) == [
        (2, "lxml")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import json\nimport sqlite3\n",
        "import flask\nfrom flask import g\n",
        "from PIL import Image\n",
        "import dateutil.parser\n",
        "import redis\n",
        "import werkzeug\n",
        "from shop.lib import b\nimport lib\nfrom . import b\n",
        "try:\n    import lxml\nexcept ImportError:\n    lxml = None\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lxml\n",
        "def f():\n    import lxml\n",
        "from google.cloud import storage\n",
    ],
)
def test_what_is_asked_for_own_built_in_or_optional_is_let_be(text: str) -> None:
    assert undeclared(text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("requirements.txt", "flask\nlxml==5.0  # parser\n"),
        ("requirements/base.txt", "lxml\n"),
        ("setup.py", "setup(install_requires=['lxml>=4'])\n"),
        ("pyproject.toml", "[tool.poetry.dependencies]\nlxml = '^5'\n"),
        ("pyproject.toml", "[dependency-groups]\ndev = ['lxml']\n"),
        ("pyproject.toml", "[project]\nname = 'a'\n[project.optional-dependencies]\nx = ['lxml>=5']\n"),
        ("Pipfile", "[packages]\nlxml = '*'\n"),
    ],
)
def test_any_file_may_ask_for_it(path: str, text: str) -> None:
    assert undeclared("import lxml\n", **{path: text}) == []


def test_tests_and_projects_that_ask_for_nothing_readable_are_let_be() -> None:
    assert say(RULE, {"pyproject.toml": PYPROJECT, "tests/test_a.py": "import lxml\n"}) == []
    assert say(RULE, {"a.py": "import lxml\n"}) == []
    assert say(RULE, {"pyproject.toml": "[project\n", "a.py": "import lxml\n"}) == []


PACKAGE = '{"name": "shop", "dependencies": {"react": "19"}, "devDependencies": {"@types/geojson": "1"}}'


def undeclared_script(text: str, **files: str) -> list[str]:
    whole = {"package.json": PACKAGE, "src/a.ts": text, "src/lib/b.ts": "", **files}
    return [raw.anchor for raw in say(RULE, whole)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import _ from 'lodash/map';\n", "lodash"),
        ("import { a } from '@acme/kit/a';\n", "@acme/kit"),
        ("const _ = require('lodash');\n", "lodash"),
    ],
)
def test_a_package_that_nothing_asks_for_is_found(text: str, name: str) -> None:
    assert undeclared_script(text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "import React from 'react';\nimport x from 'react/jsx-runtime';\n",
        "import fs from 'fs';\nimport path from 'node:path';\n",
        "import b from './lib/b';\nimport c from '../x';\n",
        "import b from '@/lib/b';\nimport c from '~/lib/b';\nimport d from 'lib/b';\n",
        "import type { T } from 'lodash';\n",
        "import type { P } from 'geojson';\nimport { q } from 'geojson';\n",
        "import v from 'virtual:pwa';\n",
        "function f() { return require('lodash'); }\n",
    ],
)
def test_a_package_that_is_asked_for_own_built_in_or_a_type_is_let_be(text: str) -> None:
    assert undeclared_script(text) == []


def test_packages_above_and_aliases_of_the_configuration_count() -> None:
    nested = {
        "package.json": PACKAGE,
        "web/package.json": '{"name": "web"}',
        "web/a.ts": "import React from 'react';\n",
    }
    alias = {"tsconfig.json": '{"compilerOptions": {"paths": {"@shop/*": ["./src/*"]}}}'}

    assert say(RULE, nested) == []
    assert undeclared_script("import b from '@shop/lib/b';\n", **alias) == []
    assert undeclared_script("import b from '@shop/lib/b';\n") == ["@shop/lib"]


def test_deno_asks_for_packages_in_its_own_way() -> None:
    text = "import _ from 'lodash';\n"
    assert undeclared_script("", **{"supabase/functions/a/index.ts": text}) == []
    assert undeclared_script("", **{"edge/deno.json": "{}", "edge/a.ts": text, "web/b.ts": text}) == ["lodash"]
