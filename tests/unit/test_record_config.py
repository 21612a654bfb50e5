"""Which configuration counts, and how mistakes in it are answered."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import UsageError
from watchkeeper.record.config import (
    KEYS,
    PERSONAL_KEYS,
    Config,
    ProjectConfig,
    find_user_file,
    load_settings,
    render_template,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings([tmp_path / "missing.toml"], {})

    assert settings.config == Config()
    assert set(settings.origins.values()) == {"default"}


def test_flags_win_over_environment_over_project_over_user(tmp_path: Path) -> None:
    user = write(tmp_path / "user.toml", 'target = "user"\nignore = ["user"]\nbranches = ["user"]\nlanded_hours = 1\n')
    project = write(tmp_path / "project.toml", 'target = "project"\nignore = ["project"]\nbranches = ["project"]\n')
    environ = {"WATCHKEEPER_TARGET": "env", "WATCHKEEPER_IGNORE": "a/**, b/**", "WATCHKEEPER_HOME": "/x", "HOME": "/y"}

    settings = load_settings([user, project], environ, {"target": "flag", "clones": None})

    assert settings.config == Config(target="flag", ignore=("a/**", "b/**"), branches=("project",), landed_hours=1)
    assert settings.origins["target"] == "flag"
    assert settings.origins["ignore"] == "$WATCHKEEPER_IGNORE"
    assert settings.origins["branches"] == str(project)
    assert settings.origins["landed_hours"] == str(user)
    assert settings.origins["clones"] == "default"


def test_every_key_can_be_set_in_the_environment() -> None:
    environ = {
        "WATCHKEEPER_TARGET": "develop",
        "WATCHKEEPER_IGNORE": "a",
        "WATCHKEEPER_BRANCHES": "b",
        "WATCHKEEPER_CLONES": "c",
        "WATCHKEEPER_MIN_SEVERITY": "major",
        "WATCHKEEPER_NOTICE_SEVERITY": "blocking",
        "WATCHKEEPER_LANDED_HOURS": "12",
    }
    settings = load_settings([], environ)

    assert settings.config == Config("develop", ("a",), ("b",), ("c",), Severity.MAJOR, Severity.BLOCKING, 12)
    assert set(settings.origins) == set(KEYS)


@pytest.mark.parametrize(
    ("text", "slug", "word"),
    [
        ('targte = "main"', "config-unknown-key", "'target'"),
        ("[target]\nname = 1", "config-bad-value", "target"),
        ("nonsense = 1", "config-unknown-key", "nonsense"),
        ('ignore = "docs"', "config-bad-value", "ignore"),
        ('min_severity = "loud"', "config-bad-value", "loud"),
        ("landed_hours = -1", "config-bad-value", "landed_hours"),
        ("landed_hours = 1.5", "config-bad-value", "landed_hours"),
        ("landed_hours = true", "config-bad-value", "landed_hours"),
        ("target = \nignore = []", "config-unreadable", "line 1"),
        ('[tracker]\ngithub = "shop"', "config-bad-value", "tracker.github"),
        ('[tracker]\ngithub = "octo-org/.."', "config-bad-value", "tracker.github"),
        ('[tracker]\ngithub = "octo-org/shop/issues"', "config-bad-value", "tracker.github"),
        ('[tracker]\ngihub = "octo-org/shop"', "config-unknown-key", "'tracker.github'"),
        ('[tracker]\napi = "http://github.example.org"', "config-bad-value", "tracker.api"),
        ('[tracker]\napi = "https://user:secret@github.example.org"', "config-bad-value", "tracker.api"),
        ('[tracker]\ntoken_env = "ghp_not a name"', "config-bad-value", "tracker.token_env"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place_and_what_to_write(
    tmp_path: Path, text: str, slug: str, word: str
) -> None:
    path = write(tmp_path / "watchkeeper.toml", text)

    with pytest.raises(UsageError) as raised:
        load_settings([path], {})

    assert raised.value.slug == slug
    assert str(path) in raised.value.message
    assert word in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    "line",
    [
        'github = "octo-org/shop.js"',
        'api = "https://github.example.org:8443/api/v3"',
        'api = "http://127.0.0.1:4000"',
        'token_env = "SHOP_TOKEN"',
    ],
)
def test_what_a_tracker_may_be_is_taken(tmp_path: Path, line: str) -> None:
    key, _, value = line.partition(" = ")

    config = load_settings([write(tmp_path / "watchkeeper.toml", f"[tracker]\n{line}\n")], {}).config

    assert getattr(config.tracker, key) == value.strip('"')


def test_a_file_that_is_no_text_is_an_error_and_a_folder_too(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path / "binary.toml", tmp_path):
        with pytest.raises(UsageError) as raised:
            load_settings([path], {})

        assert raised.value.slug == "config-unreadable"


def test_a_variable_with_a_typing_error_does_not_silently_mean_nothing() -> None:
    with pytest.raises(UsageError) as raised:
        load_settings([], {"WATCHKEEPER_TARGTE": "main"})

    assert "WATCHKEEPER_TARGET" in raised.value.message


@pytest.mark.parametrize("target", ["main", 'odd"name\\', "naïve/文", "line\nbreak", "🚢", "\U000e0001"])
def test_the_template_is_valid_and_sets_the_target_alone(tmp_path: Path, target: str) -> None:
    path = write(tmp_path / "watchkeeper.toml", render_template(target, ProjectConfig()))

    assert load_settings([path], {}).config == Config(target=target)


def test_the_template_sets_the_commands_that_were_found(tmp_path: Path) -> None:
    commands = ProjectConfig(setup="make 'it'", test='run "all"', checks=("ty", "own: ./check"))
    path = write(tmp_path / "watchkeeper.toml", render_template("main", commands))

    assert load_settings([path], {}).config == Config(target="main", project=commands)


def test_a_key_of_the_project_table_with_a_typing_error_names_the_right_one(tmp_path: Path) -> None:
    path = write(tmp_path / "watchkeeper.toml", '[project]\ntests = "pytest"\n')

    with pytest.raises(UsageError) as raised:
        load_settings([path], {})

    assert "project.test" in raised.value.message


def test_a_project_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "watchkeeper.toml", 'project = "mine"\n')

    with pytest.raises(UsageError) as raised:
        load_settings([path], {})

    assert raised.value.slug == "config-bad-value"


def test_a_variable_sets_a_key_of_the_project_table() -> None:
    settings = load_settings([], {"WATCHKEEPER_PROJECT_TEST": "make test", "WATCHKEEPER_PROJECT_BUDGET": "1.5"})

    assert (settings.config.project.test, settings.config.project.budget) == ("make test", 1.5)
    assert settings.origins["project.test"] == "$WATCHKEEPER_PROJECT_TEST"


def test_every_line_of_the_template_is_valid_when_it_is_uncommented() -> None:
    lines = render_template("main", ProjectConfig()).splitlines()[1:]

    document = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines))

    tables = {name: value for name, value in document.items() if isinstance(value, dict)}
    keys = document.keys() - tables.keys() | {f"{name}.{key}" for name, table in tables.items() for key in table}
    # A project's file may not say where the record is, nor where a token goes.
    assert keys == set(KEYS) - PERSONAL_KEYS - {"tracker.api", "tracker.token_env"}


def test_a_variable_turns_a_switch_of_the_landing_table() -> None:
    settings = load_settings([], {"WATCHKEEPER_LANDING_LANES": "true", "WATCHKEEPER_LANDING_METHOD": "squash"})

    assert (settings.config.landing.lanes, settings.config.landing.method) == (True, "squash")


@pytest.mark.parametrize(
    ("key", "value"), [("SLOTS", "0"), ("BATCH", "65"), ("LANES", "perhaps"), ("METHOD", "force"), ("REMOTE", "-f")]
)
def test_a_landing_key_out_of_range_is_refused(key: str, value: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_settings([], {f"WATCHKEEPER_LANDING_{key}": value})

    assert raised.value.slug == "config-bad-value"


def test_the_users_file_is_in_the_systems_place_for_configuration(tmp_path: Path) -> None:
    expected = tmp_path / "watchkeeper" / "watchkeeper.toml"

    assert find_user_file({"XDG_CONFIG_HOME": str(tmp_path)}) == expected
    assert find_user_file({}).name == "watchkeeper.toml"
