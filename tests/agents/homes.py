"""Homes in which agents know only the scripted model: nothing of this machine's user, loopback only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


def bare_environment(home: Path) -> dict[str, str]:
    """What an agent gets and nothing else. Its folder for temporary files is beside its home: Codex's sandbox wants it
    not to lie above."""
    temporary = home.parent / f"{home.name}-tmp"
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    node = shutil.which("node")
    path = [*([str(Path(node).parent)] if node else []), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": os.pathsep.join(dict.fromkeys(path)),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "USER": "agent",
        "NO_PROXY": "127.0.0.1",
    }


def goose_environment(home: Path, model: str, *, mode: str = "auto") -> Mapping[str, str]:
    """Goose, whose ``mode`` is ``auto``, or ``approve``: it asks before everything then. ``model``: a base address."""
    scheme, _, rest = model.partition("://")
    host, _, path = rest.partition("/")
    return {
        **bare_environment(home),
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": "scripted",
        "GOOSE_MODE": mode,
        "GOOSE_DISABLE_KEYRING": "1",
        "GOOSE_TELEMETRY_ENABLED": "false",
        "OPENAI_HOST": f"{scheme}://{host}",
        "OPENAI_BASE_PATH": f"{path}/v1/chat/completions",
        "OPENAI_API_KEY": "none",
    }


def codex_environment(home: Path, model: str, *, model_name: str = "gpt-5.5") -> Mapping[str, str]:
    """Codex, with a configuration in its own home."""
    folder = home / ".codex"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(
        f'model = "{model_name}"\nmodel_provider = "scripted"\ncheck_for_update_on_startup = false\n'
        "[analytics]\nenabled = false\n"
        f'[model_providers.scripted]\nname = "scripted"\nbase_url = "{model}/v1"\nwire_api = "responses"\n'
        "requires_openai_auth = false\n"
    )
    return {**bare_environment(home), "CODEX_HOME": str(folder)}


def opencode_environment(home: Path, model: str, *, asks: bool = False) -> Mapping[str, str]:
    """OpenCode; ``asks``: before each edit."""
    environment = bare_environment(home)
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{model}/v1", "apiKey": "none"},
        "models": {
            "scripted": {"name": "scripted", "tool_call": True, "limit": {"context": 100_000, "output": 10_000}}
        },
    }
    settings = {
        "provider": {"scripted": provider},
        "model": "scripted/scripted",
        "small_model": "scripted/scripted",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"edit": "ask" if asks else "allow", "bash": "allow"},
    }
    config = home / "opencode.json"
    config.write_text(json.dumps(settings))
    return {
        **environment,
        "OPENCODE_CONFIG": str(config),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    }


def gemini_environment(home: Path, model: str) -> Mapping[str, str]:
    """Gemini CLI, with an API key that the scripted model does not look at."""
    environment = bare_environment(home)
    folder = home / ".gemini"
    folder.mkdir(exist_ok=True)
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return {**environment, "GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": model, "GEMINI_SANDBOX": "false"}


def copilot_environment(home: Path, model: str) -> Mapping[str, str]:
    """Copilot CLI with a provider of its own, offline: it wants no login then."""
    return {
        **bare_environment(home),
        "COPILOT_PROVIDER_BASE_URL": f"{model}/v1",
        "COPILOT_PROVIDER_TYPE": "openai",
        "COPILOT_PROVIDER_API_KEY": "none",
        "COPILOT_MODEL": "gpt-5",
        "COPILOT_OFFLINE": "true",
        "COPILOT_AUTO_UPDATE": "false",
    }


def openhands_environment(home: Path, model: str, program: Path) -> Mapping[str, str]:
    """OpenHands, whose settings its own library writes: environment variables alone make it ask for a login."""
    environment = {**bare_environment(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    folder = home / ".openhands"
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        [str(program.parent / "python"), "-c", _OPENHANDS_SETTINGS, f"{model}/v1"],
        capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=home,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-1000:]
    (folder / "agent_settings.json").write_text(made.stdout.strip().splitlines()[-1])
    return environment


_OPENHANDS_SETTINGS = """
import sys
from openhands.sdk import LLM
from openhands_cli.utils import get_default_cli_agent
llm = LLM(model="openai/scripted", base_url=sys.argv[1], api_key="none", usage_id="agent")
print(get_default_cli_agent(llm=llm).model_dump_json(context={"expose_secrets": True}))
"""
