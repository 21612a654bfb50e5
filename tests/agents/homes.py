"""Homes in which agents know only the scripted model: nothing of this machine's user, loopback only."""

from __future__ import annotations

import os
import shutil
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
