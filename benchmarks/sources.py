"""Published source distributions to measure on, fetched once from the package registries and only unpacked."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
import venv
from pathlib import Path

from scratch import CACHE

PYTHON_PROJECT = "django==5.2.19"
PYTHON_LIBRARY = "boltons==25.0.0"
TYPESCRIPT_PROJECTS = ("rxjs@7.8.2", "zod@4.6.7")
SOURCES = CACHE / "sources"
TIMEOUT_S = 600


class SourceMissingError(Exception):
    """A source distribution cannot be had here; the message says why."""


def python_project() -> Path:
    """Django's sources: about half a million lines of Python. Raises SourceMissingError."""
    return _pip_project(PYTHON_PROJECT)


def python_library() -> Path:
    """boltons' sources: a small library with its own tests, two seconds of them. Raises SourceMissingError."""
    return _pip_project(PYTHON_LIBRARY)


def typescript_projects() -> list[Path]:
    """TypeScript projects with their sources; those that cannot be had (no npm) are skipped, loudly."""
    found = []
    for specifier in TYPESCRIPT_PROJECTS:
        try:
            found.append(_npm_project(specifier))
        except SourceMissingError as error:
            print(f"SKIPPED {specifier}: {error}")
    return found


def count_lines(folder: Path, suffixes: tuple[str, ...]) -> int:
    """Lines of the files with one of ``suffixes``."""
    files = (path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())
    return sum(path.read_bytes().count(b"\n") for path in files)


def _pip_project(requirement: str) -> Path:
    name = requirement.replace("==", "-")
    folder = SOURCES / name
    if not folder.is_dir():
        _unpack(_pip_download(requirement, name), folder)
    return folder


def _pip_download(requirement: str, name: str) -> Path:
    """The archive, by the pip of a throw-away environment: the project's own has none."""
    SOURCES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        options = ["-q", "--no-deps", "--no-binary", ":all:", "--disable-pip-version-check", "-d", str(SOURCES)]
        _run([str(python), "-m", "pip", "download", *options, requirement])
    return _archive(f"{name}.tar.gz")


def _npm_project(specifier: str) -> Path:
    name = specifier.replace("@", "-")
    folder = SOURCES / name
    if not folder.is_dir():
        if shutil.which("npm") is None:
            raise SourceMissingError("npm is not installed")
        SOURCES.mkdir(parents=True, exist_ok=True)
        _run(["npm", "pack", "--silent", "--pack-destination", str(SOURCES), specifier])
        _unpack(_archive(f"{name}.tgz"), folder)
        _drop_built(folder)
    return folder


def _drop_built(package: Path) -> None:
    """Leaves what a repository would hold: the sources and the configuration, not what was built of them."""
    for path in package.iterdir():
        if path.is_dir() and path.name != "src":
            shutil.rmtree(path)
        elif path.is_file() and path.suffix != ".json":
            path.unlink()


def _archive(name: str) -> Path:
    path = SOURCES / name
    if not path.is_file():
        raise SourceMissingError(f"the registry's client ended without {name}")
    return path


def _unpack(archive: Path, folder: Path) -> None:
    """The archive's one top folder as ``folder``; never half of it."""
    with tempfile.TemporaryDirectory(dir=SOURCES) as scratch:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        (top,) = Path(scratch).iterdir()
        top.rename(folder)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceMissingError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise SourceMissingError(f"{' '.join(command[:4])}: {done.stderr.strip()[-300:]}")
