"""What ``fleet.toml`` may say, and how every mistake in it is told."""

from __future__ import annotations

import datetime as dt
import json
import re
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.fleet.allowed import EXPECTED, RANGES
from watchkeeper.fleet.config import FLEET_KEYS, SECTIONS, AgentEntry, watch_flags
from watchkeeper.fleet.drafting import FoundAgent, FoundProject, render_fleet
from watchkeeper.fleet.hours import Moment, find_day_begin, find_quiet_end, is_quiet, parse_quiet
from watchkeeper.fleet.reading import find_fleet_file, load_fleet, parse_fleet
from watchkeeper.fleet.roster import same_address
from watchkeeper.fleet.variables import variables_of
from watchkeeper.model.errors import NotARepositoryError, UsageError
from watchkeeper.model.fleet import Budget
from watchkeeper.model.ids import Millis
from watchkeeper.record.config import load_settings

ORIGIN = Path("/fleet/fleet.toml")

WHOLE = """\
store = "postgresql://fleet@db/fleet"

[fleet]
concurrency = 3
quiet = "22:00-07:00"
time_zone = "Europe/Berlin"
budget = { money = 20, tokens = 5_000_000 }

[[project]]
path = "web"
port = 3000
agents = ["codex"]
budget.money = 2.5
tracker = "github"

[[project]]
name = "api"
path = "~/api"
quiet = ""
focus = true

[agent.codex]
env = ["OPENAI_API_KEY=FLEET_OPENAI_API_KEY"]

[agent.script]
command = "bash -c 'do it'"
protocol = "plain"

[tracker.github]
repository = "acme/web"
"""


def test_a_whole_file_is_read() -> None:
    config = parse_fleet(WHOLE.encode(), ORIGIN)
    web, api = config.projects

    assert config.store == "postgresql://fleet@db/fleet"
    assert config.fleet.budget == Budget(20, 5_000_000)
    assert (web.name, web.path, web.budget.money) == ("web", Path("/fleet/web"), 2.5)
    assert (api.path, api.focus) == (Path("~/api").expanduser(), True)
    assert (config.quiet_of(web), config.quiet_of(api)) == ("22:00-07:00", "")
    assert [each.name for each in config.agents_of(web)] == ["codex"]
    assert [each.command for each in config.agents] == [("codex", "app-server"), ("bash", "-c", "do it")]
    assert config.agents[0].protocol == "codex"
    assert config.tracker_of(web) == config.trackers[0]


def test_an_empty_file_is_a_fleet_without_projects() -> None:
    assert parse_fleet(b"", ORIGIN).projects == ()


MISTAKES = [
    ("[flet]\n", "fleet-unknown-key", 1, "did you mean 'fleet'?"),
    ("[fleet]\nconcurency = 2\n", "fleet-unknown-key", 2, "did you mean 'concurrency'?"),
    ("[fleet]\nconcurrency = -1\n", "fleet-bad-value", 2, "0 to 1000"),
    ("[fleet]\nconcurrency = true\n", "fleet-bad-value", 2, "whole number"),
    ("[fleet]\nconcurrency = '2'\n", "fleet-bad-value", 2, "whole number"),
    ("[fleet]\nquiet = '22-7'\n", "fleet-bad-value", 2, "22:00-07:00"),
    ("[fleet]\nquiet = '24:30-07:00'\n", "fleet-bad-value", 2, "22:00-07:00"),
    ("[fleet]\ntime_zone = 'Europe/Berln'\n", "fleet-bad-value", 2, "Europe/Berlin"),
    ("[fleet]\ntime_zone = '../../etc/passwd'\n", "fleet-bad-value", 2, "Europe/Berlin"),
    ("[fleet]\n\nbudget = { mony = 2 }\n", "fleet-unknown-key", 3, "did you mean 'money'?"),
    ("[fleet]\nbudget = { money = nan }\n", "fleet-bad-value", 2, "money = 20.0"),
    ("[fleet]\nbudget = 20\n", "fleet-bad-value", 2, "a table"),
    ("fleet = 2\n", "fleet-bad-value", 1, "[fleet]"),
    ("[project]\npath = 'a'\n", "fleet-bad-value", 1, "[[project]]"),
    ("[[project]]\nname = 'a'\n", "fleet-missing-key", 1, "the folder of a git repository"),
    ("[[project]]\npath = 'a'\n\n[[project]]\npath = 'b'\nports = 1\n", "fleet-unknown-key", 6, "did you mean 'port'?"),
    ("[[project]]\npath = 'a'\nport = 70000\n", "fleet-bad-value", 3, "1 to 65535"),
    ("[[project]]\npath = 'a/x'\n[[project]]\npath = 'b/x'\n", "fleet-twice", 3, "another name"),
    ("[[project]]\npath = 'a'\nport = 1\n[[project]]\npath = 'b'\nport = 1\n", "fleet-twice", 6, "another port"),
    ("[[project]]\npath = 'a'\nagents = ['gose']\n[agent.goose]\n", "fleet-unknown-name", 3, "did you mean 'goose'?"),
    ("[[project]]\npath = 'a'\ntracker = 'hub'\n", "fleet-unknown-name", 3, "[tracker.hub]"),
    ("[agent.ada]\nmodel = 'x'\n", "fleet-missing-key", 1, "a command line"),
    ("[agent.ada]\ncommand = []\n", "fleet-bad-value", 2, "a command line"),
    ('[agent.ada]\ncommand = "sh -c \'x"\n', "fleet-bad-value", 2, "a command line"),
    ("[agent.ada]\ncommand = 'x'\nprotocol = 'acpp'\n", "fleet-bad-value", 3, '"acp", "codex" or "plain"'),
    ("[agent.ada]\ncommand = 'x'\nenv = ['A B']\n", "fleet-bad-value", 3, "ANTHROPIC_API_KEY"),
    ("[agent.ada]\ncommand = 'x'\ncost = -1\n", "fleet-bad-value", 3, "a million tokens"),
    ("[agent.'a b']\ncommand = 'x'\n", "fleet-bad-value", 1, "letters, digits"),
    ("agent.ada = 3\n", "fleet-bad-value", None, "[agent.NAME]"),
    ("[tracker.hub]\n", "fleet-missing-key", 1, "OWNER/NAME"),
    ("[tracker.hub]\nrepository = 'acme'\n", "fleet-bad-value", 2, "OWNER/NAME"),
    ("[tracker.hub]\nrepository = 'a/b'\ntoken = 'ghp_x y'\n", "fleet-bad-value", 3, "never the secret"),
    ("[notify]\nbrief = '8'\n", "fleet-bad-value", 2, "08:00"),
    ("[notify]\nwakes = ['incidents']\n", "fleet-bad-value", 2, "incident, queue"),
    ("[notify]\nbudget = 0\n", "fleet-bad-value", 2, "2 to 1000"),
    ("[notify]\npage = 'javascript:x'\n", "fleet-bad-value", 2, "https://server.example.ts.net"),
    ("notify = 2\n", "fleet-bad-value", 1, "[notify]"),
    ("[channel.phone]\n", "fleet-missing-key", 1, "the name of a variable"),
    ("[channel.phone]\naddress = 'https://discord.com/api'\n", "fleet-bad-value", 2, "never the address"),
    ("[channel.phone]\naddress = 'HOOK'\nkind = 'slack'\n", "fleet-bad-value", 3, "discord-bot"),
    ("[channel.phone]\naddress = 'HOOK'\nurgencies = ['now']\n", "fleet-bad-value", 3, "urgent"),
    ("[channel.phone]\naddress = 'HOOK'\nprojects = ['weeb']\n", "fleet-unknown-name", 3, "[[project]] weeb"),
    ("[channel.phone]\naddress = 'TOKEN'\nkind = 'discord-bot'\n", "fleet-missing-key", 1, "the id of a channel"),
    ("[channel.phone]\naddress = 'TOKEN'\noperators = ['ada']\n", "fleet-bad-value", 3, "role:ID"),
    ("[fleet\n", "fleet-unreadable", 1, "move it away"),
    ("store = 1\n", "fleet-bad-value", 1, "postgresql://"),
]


@pytest.mark.parametrize(("text", "slug", "line", "said"), MISTAKES, ids=[each[0][:40] for each in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(text: str, slug: str, line: int | None, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fleet(text.encode(), ORIGIN)

    error = caught.value
    assert error.slug == slug
    assert str(ORIGIN) in error.message
    assert line is None or f"line {line}" in error.message, error.message
    assert said in f"{error.message} {error.hint}"


def test_every_key_has_words_for_what_it_may_be_and_every_test_of_a_value_a_key() -> None:
    assert set(FLEET_KEYS) <= set(EXPECTED)
    assert set(RANGES) <= set(FLEET_KEYS)


def test_every_key_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", page, re.MULTILINE))

    assert set(rows) == set(FLEET_KEYS)
    for table, kind in SECTIONS.items():
        for field in msgspec.structs.fields(kind):
            told = rows.get(f"{table}.{field.name}", "")
            if not field.required and isinstance(field.default, int | float | str):
                assert told == f"`{json.dumps(field.default)}`", field.name


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_stands_in_the_file_it_is_read_or_told(content: bytes) -> None:
    with suppress(UsageError):
        parse_fleet(content, ORIGIN)


def test_a_key_that_is_not_listed_is_not_inherited_and_another_name_can_be_given() -> None:
    agent = AgentEntry("ada", ("ada",), env=("OPENAI_API_KEY=FLEET_KEY", "MISSING"))
    environ = {"PATH": "/bin", "HOME": "/h", "ANTHROPIC_API_KEY": "secret", "FLEET_KEY": "mine", "SSH_AUTH_SOCK": "/s"}

    found = variables_of(agent, environ)

    assert found.values == {"PATH": "/bin", "HOME": "/h", "OPENAI_API_KEY": "mine"}
    assert found.missing == ("MISSING",)


def test_the_file_is_looked_for_here_above_and_in_the_users_folder(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert find_fleet_file(inner, environ) is None

    own = tmp_path / "config" / "watchkeeper" / "fleet.toml"
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert find_fleet_file(inner, environ) == own
    (tmp_path / "a" / "fleet.toml").write_text("")
    assert find_fleet_file(inner, environ) == tmp_path / "a" / "fleet.toml"
    assert find_fleet_file(inner, {"WATCHKEEPER_FLEET": "/x.toml"}) == Path("/x.toml")
    assert find_fleet_file(inner, environ, Path("/y.toml")) == Path("/y.toml")


def test_a_file_that_is_not_there_is_an_error_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError) as caught:
        load_fleet(tmp_path / "fleet.toml")
    assert caught.value.hint == "watchkeeper init --fleet"


def test_what_the_fleet_says_of_a_project_stands_above_its_own_file(tmp_path: Path) -> None:
    own = tmp_path / "watchkeeper.toml"
    own.write_text('target = "develop"\n[project]\ntest = "make test"\nsetup = "make"\n')
    project = parse_fleet(b"[[project]]\npath = 'a'\ntarget = 'main'\ntest = 'pytest'\n", ORIGIN).projects[0]

    config = load_settings([own], {}, watch_flags(project)).config

    assert (config.target, config.project.test, config.project.setup) == ("main", "pytest", "make")


def test_a_draft_is_a_file_that_can_be_read_and_says_what_was_found() -> None:
    projects = [
        FoundProject("web", Path("/fleet/web"), "main", "git@github.com:acme/web.git", 3000),
        FoundProject("shop", Path("/fleet/in ner/shop"), "", "", 3000),
    ]
    text = render_fleet(projects, [FoundAgent("goose", ("goose", "acp"))], Path("/fleet"))

    config = parse_fleet(text.encode(), ORIGIN)

    assert [(each.name, each.path, each.port) for each in config.projects] == [
        ("web", Path("/fleet/web"), 3000),
        ("shop", Path("/fleet/in ner/shop"), 0),
    ]
    assert "web has it already" in text
    assert config.agents[0].command == ("goose", "acp")


def test_every_line_of_a_draft_that_is_commented_out_can_be_read_too() -> None:
    text = render_fleet([FoundProject("web", Path("/fleet/web"))], [], Path("/fleet"))
    uncommented = re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)
    uncommented = uncommented.replace('agents = ["codex", "goose"]', 'agents = ["codex"]')

    config = parse_fleet(uncommented.encode(), ORIGIN)

    assert config.fleet.quiet == "22:00-07:00"
    assert config.trackers[0].repository == "owner/name"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("git@github.com:acme/web.git", "https://github.com/Acme/web", True),
        ("ssh://git@github.com:22/acme/web.git", "git@github.com:acme/web", True),
        ("https://token@github.com/acme/web.git", "https://github.com/acme/web/", True),
        ("git@github.com:acme/web.git", "git@github.com:acme/web2.git", False),
        ("git@github.com:acme/web.git", "git@gitlab.com:acme/web.git", False),
        ("/srv/git/web.git", "file:///srv/git/web.git", False),
        ("/srv/git/web", "/srv/git/web/", True),
    ],
)
def test_addresses_of_one_repository_are_the_same_however_they_are_written(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


def moment(text: str, zone: str, fold: int = 0) -> Moment:
    when = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return Moment(Millis(int(when.timestamp() * 1000)), ZoneInfo(zone))


def test_quiet_hours_go_over_midnight() -> None:
    windows = parse_quiet("22:00-07:00")
    assert windows is not None
    quiet = {hour: is_quiet(windows, moment(f"2026-06-01T{hour:02}:00", "Europe/Berlin")) for hour in range(24)}

    assert [hour for hour, value in quiet.items() if value] == [0, 1, 2, 3, 4, 5, 6, 22, 23]


def test_quiet_hours_end_when_the_clock_is_put_back_out_of_them() -> None:
    windows = parse_quiet("02:30-03:00")
    assert windows is not None
    now = moment("2026-10-25T02:45", "Europe/Berlin")

    end = find_quiet_end(windows, now)

    assert end == now.at + 15 * 60_000, "03:00 is 02:00 again, which is not quiet"


def test_quiet_hours_that_end_in_an_hour_that_is_left_out_end_where_it_was() -> None:
    windows = parse_quiet("01:00-02:30")
    assert windows is not None
    now = moment("2026-03-29T01:30", "Europe/Berlin")

    assert find_quiet_end(windows, now) == now.at + 30 * 60_000


def test_a_day_with_two_midnights_begins_with_the_first() -> None:
    now = moment("2026-11-01T12:00", "America/Havana")

    assert find_day_begin(now) == now.at - 13 * 3_600_000


def test_a_window_without_length_is_the_whole_day_and_never_ends() -> None:
    windows = parse_quiet("00:00-00:00")
    assert windows is not None
    now = moment("2026-06-01T12:00", "UTC")

    assert is_quiet(windows, now)
    assert find_quiet_end(windows, now) is None
