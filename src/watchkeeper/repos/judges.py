"""Ask git about one path at a time: is it ignored, how is it stored. One standing process a worktree and question."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.repos.coprocess import CoProcess
from watchkeeper.repos.git import decode_path, encode_path, run_git
from watchkeeper.repos.repository import Worktree

IGNORE_FILES = frozenset({".gitignore"})
ATTRIBUTE_FILES = frozenset({".gitattributes"})


class IgnoreJudge:
    """Says which untracked paths git ignores. Thread-safe. ``close`` it when an ignore file changed: it asks afresh."""

    def __init__(self, worktree: Path) -> None:
        self._lock = threading.Lock()
        # Without -n it would stay silent on paths that nothing matches; --no-index: whether a path is tracked is
        # known elsewhere, and its own copy of the index would grow old.
        self._process = CoProcess(worktree, "check-ignore", "--stdin", "-z", "-v", "-n", "--no-index", timeout_s=10.0)

    def ignored(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of ``paths`` that git ignores. What git cannot judge counts as not ignored."""
        with self._lock:
            return frozenset(path for path in paths if self._is_ignored(path))

    def close(self) -> None:
        """End the process; the next question starts another, which reads the ignore files again."""
        with self._lock:
            self._process.close()

    def _is_ignored(self, path: str) -> bool:
        try:
            self._process.ask(encode_path(path) + b"\0")
            _, _, pattern, _ = [self._process.read_until(b"\0") for _ in range(4)]
        except WatchkeeperError:  # behind a symbolic link or in a submodule: git dies of the question
            self._process.close()
            return False
        return bool(pattern) and not pattern.startswith(b"!")


class Attributes(msgspec.Struct, frozen=True):
    """How git stores a file: the values of its attributes, ``""`` where they are not given."""

    text: str = ""
    eol: str = ""
    filter: str = ""
    encoding: str = ""


class AttributeJudge:
    """Says how git stores a path. Thread-safe. ``close`` it when an attributes file changed."""

    def __init__(self, worktree: Path) -> None:
        self._lock = threading.Lock()
        self._process = CoProcess(worktree, "check-attr", "--stdin", "-z", *_ATTRIBUTES, timeout_s=10.0)

    def attributes(self, path: str) -> Attributes:
        """The attributes of a path; none where git cannot tell."""
        with self._lock:
            try:
                self._process.ask(encode_path(path) + b"\0")
                values = [[decode_path(self._process.read_until(b"\0")) for _ in range(3)][2] for _ in _ATTRIBUTES]
            except WatchkeeperError:
                self._process.close()
                return Attributes()
        return Attributes(*("" if value == "unspecified" else value for value in values))

    def close(self) -> None:
        """End the process; the next question starts another, which reads the attributes again."""
        with self._lock:
            self._process.close()


class Conversion(msgspec.Struct, frozen=True):
    """What a worktree's configuration says about files on disk; ``overrides`` switch off its filter programs."""

    autocrlf: bool = False
    file_mode: bool = True
    overrides: Mapping[str, str] = {}


def read_conversion(worktree: Worktree) -> Conversion:
    """The conversion in force in a worktree; reads the configuration only. Raises: GitError."""
    output = run_git(worktree.path, "config", "-z", "--get-regexp", _SETTINGS, allowed=(0, 1)).output
    values = [decode_path(record).partition("\n") for record in output.split(b"\0")[:-1]]
    settings = {key: value for key, _, value in values}
    overrides: dict[str, str] = {}
    for key in settings:
        if key.startswith("filter."):
            driver = key.rpartition(".")[0]
            overrides |= {f"{driver}.{verb}": "" for verb in ("clean", "smudge", "process")}
            overrides[f"{driver}.required"] = "false"
    return Conversion(
        autocrlf=settings.get("core.autocrlf", "false").lower() in {"", "true", "input", "yes", "on", "1"},
        file_mode=settings.get("core.filemode", "true").lower() not in {"false", "no", "off", "0"},
        overrides=overrides,
    )


def config_stamp(worktree: Worktree) -> tuple[tuple[int, int] | None, ...]:
    """Changes when a configuration file that ``read_conversion`` depends on does (files it includes apart)."""
    common = worktree.git_dir if worktree.is_main else worktree.git_dir.parent.parent
    home = Path.home()
    places = (
        common / "config", worktree.git_dir / "config.worktree", home / ".gitconfig", home / ".config/git/config",
    )  # fmt: skip
    return tuple(file_stamp(place) for place in places)


def file_stamp(place: Path) -> tuple[int, int] | None:
    """Time and size of a file, None where it is not there."""
    try:
        stat = place.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def convert_to_git(content: bytes, attributes: Attributes, *, autocrlf: bool, known: bytes | None) -> bytes | None:
    r"""A file's bytes as git would store them; None where only a program (a filter) or an unknown encoding could tell.

    ``known`` is what git has stored under the path so far: text found out automatically keeps ``\r\n`` where that has
    it (``convert.c``, ``has_crlf_in_index``).
    """
    if attributes.filter and attributes.filter not in {"set", "unset"}:
        return None
    if attributes.encoding and attributes.encoding not in {"set", "unset"}:
        try:
            content = content.decode(attributes.encoding).encode()
        except (UnicodeError, LookupError):
            return None
    if b"\r\n" not in content or attributes.text == "unset":
        return content
    is_given = attributes.text == "set" or (not attributes.text and attributes.eol in {"lf", "crlf"})
    is_guessed = attributes.text == "auto" or (not attributes.text and not attributes.eol and autocrlf)
    has_crlf = known is not None and b"\r\n" in known
    if is_given or (is_guessed and not has_crlf and _is_text(content)):
        return content.replace(b"\r\n", b"\n")
    return content


_ATTRIBUTES = ("text", "eol", "filter", "working-tree-encoding")
_SETTINGS = r"^(filter\..*|core\.autocrlf|core\.filemode)$"


def _is_text(content: bytes) -> bool:
    return b"\0" not in content and content.count(b"\r") == content.count(b"\r\n")
