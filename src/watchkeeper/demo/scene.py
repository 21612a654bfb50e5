"""The folder in which the demonstration's fleet is at work: repository, ``fleet.toml``, homes, and what agents get."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from watchkeeper.demo.minds import TESTS, Work
from watchkeeper.repos.git import run_git

GOOSE, CODEX = "goose", "codex"
_WHO = {"user.name": "Watchkeeper demo", "user.email": "demo@watchkeeper.invalid", "commit.gpgSign": "false"}
_KEPT = ("PYTHONPATH", "LANG", "LC_ALL", "TERM", "SSL_CERT_FILE")
_GOOSE_ENV = (
    "GOOSE_PROVIDER", "GOOSE_MODEL", "GOOSE_MODE", "GOOSE_DISABLE_KEYRING", "GOOSE_TELEMETRY_ENABLED", "OPENAI_HOST",
    "OPENAI_BASE_PATH", "OPENAI_API_KEY", "NO_PROXY",
)  # fmt: skip
_CODEX_ENV = ("CODEX_HOME", "NO_PROXY")


class Scene(NamedTuple):
    """Everything is below ``folder``; nothing of the user's is read or written."""

    folder: Path

    @property
    def repository(self) -> Path:
        return self.folder / "newsroom"

    @property
    def fleet_file(self) -> Path:
        return self.folder / "fleet.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def environment(self, models: Mapping[str, str]) -> dict[str, str]:
        """All variables of the fleet's daemon. ``models`` are the agents' model addresses, by name."""
        node = shutil.which("node")
        path = [str(Path(sys.executable).parent), *([str(Path(node).parent)] if node else [])]
        found = {name: os.environ[name] for name in _KEPT if name in os.environ}
        found |= {
            "PATH": os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),  # Codex's sandbox wants it not to lie above its home
            "USER": "demo",
            "WATCHKEEPER_HOME": str(self.state),
            "XDG_CONFIG_HOME": str(self.folder / "home" / ".config"),
            "NO_PROXY": "127.0.0.1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return {**found, **_model_variables(self.folder, models)}


def make_scene(folder: Path, application: Path) -> Scene:
    """The application as a repository, and the homes. Raises WatchkeeperError."""
    scene = Scene(folder)
    for each in (scene.folder / "home", scene.folder / "tmp"):
        each.mkdir(parents=True)
    shutil.copytree(application, scene.repository, ignore=shutil.ignore_patterns("__pycache__"))
    (scene.repository / ".gitignore").write_text("__pycache__/\n")
    (scene.repository / "watchkeeper.toml").write_text(f'[project]\ntest = "{TESTS}"\n\n[landing]\nwait_risk = 101\n')
    for words in (
        ("init", "-q", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "-q", "-m", "A small newsroom"),
    ):
        run_git(scene.repository, *words, config=_WHO, isolated=True)
    return scene


def write_real_fleet(scene: Scene, goose: Path, codex: Path, model: str) -> None:
    """``fleet.toml`` with both programs; ``model`` is the address that Codex's own configuration has to name."""
    home = scene.folder / "home" / ".codex"
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(
        'model = "gpt-5.5"\nmodel_provider = "scripted"\ncheck_for_update_on_startup = false\n'
        'approval_policy = "never"\nsandbox_mode = "danger-full-access"\n[analytics]\nenabled = false\n'
        f'[model_providers.scripted]\nname = "scripted"\nbase_url = "{model}/v1"\nwire_api = "responses"\n'
        "requires_openai_auth = false\n"
    )
    agents = (
        _agent(GOOSE, (str(goose), "acp"), "acp", _GOOSE_ENV),
        _agent(CODEX, (str(codex), "app-server"), "codex", _CODEX_ENV),
    )
    scene.fleet_file.write_text(_HEAD + "".join(agents), encoding="utf-8")


def write_plain_fleet(scene: Scene, works: Mapping[str, Work]) -> None:
    """``fleet.toml`` with two scripts in the agents' place."""
    agents = ""
    for name, work in works.items():
        place = scene.folder / f"{name}.json"
        place.write_bytes(msgspec.json.encode(work))
        words = (sys.executable, "-m", "watchkeeper.demo.plain_agent", str(place))
        agents += _agent(name, words, "plain", ("PYTHONPATH",))
    scene.fleet_file.write_text(_HEAD + agents, encoding="utf-8")


def _agent(name: str, command: tuple[str, ...], protocol: str, env: tuple[str, ...]) -> str:
    return (
        f"\n[agent.{name}]\ncommand = {_list(command)}\nprotocol = {_text(protocol)}\nenv = {_list(env)}\n"
        "memory_mb = 200\n"
    )


def _list(words: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, words))}]"


def _text(word: str) -> str:
    return msgspec.json.encode(word).decode()  # a basic string of TOML, too


def _model_variables(folder: Path, models: Mapping[str, str]) -> dict[str, str]:
    if not models:
        return {}
    scheme, _, rest = models[GOOSE].partition("://")
    host, _, path = rest.partition("/")
    return {
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": "scripted",
        "GOOSE_MODE": "auto",
        "GOOSE_DISABLE_KEYRING": "1",
        "GOOSE_TELEMETRY_ENABLED": "false",
        "OPENAI_HOST": f"{scheme}://{host}",
        "OPENAI_BASE_PATH": f"{path}/v1/chat/completions",
        "OPENAI_API_KEY": "none",
        "CODEX_HOME": str(folder / "home" / ".codex"),
    }


_HEAD = """\
[fleet]
concurrency = 2
keep_free_mb = 64
clashes = "tell"  # both are started at once: this is what is to be seen

[[project]]
name = "newsroom"
path = "newsroom"
"""
