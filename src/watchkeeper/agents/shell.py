"""Takes a shell's script apart into simple commands, as far as its text alone tells."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

import msgspec

from watchkeeper.agents.untrusted import checked_path

_OPERATORS = "();<>|&\n"
_INTO = {">", ">>", ">|", "&>", "&>>"}
_HERE = re.compile(r"(?<!<)<<(?!<)-?[ \t]*(?P<quote>['\"]?)(?P<word>\w+)(?P=quote)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BEFORE = {"sudo", "command", "time", "env", "nohup", "exec", "builtin", "then", "do", "else", "!", "{"}


class Simple(msgspec.Struct, frozen=True):
    """One program with its arguments, without what stands before it (``sudo``, ``A=1``).

    ``given`` are files on its standard input, ``put`` those that its output goes to. ``folder`` is where it runs,
    relative to where the script does, None where nobody knows. ``is_piped``: it reads what the one before it prints.
    """

    words: list[str]
    given: list[str]
    put: list[str]
    folder: str | None
    is_piped: bool

    @property
    def name(self) -> str:
        """The program's, without its folder."""
        return posixpath.basename(self.words[0]) if self.words else ""


def simple_commands(script: str) -> Iterator[Simple]:
    """The simple commands of ``script`` in order. Never raises; text between ``<<EOF`` and ``EOF`` is no command."""
    folder: str | None = ""
    kept: list[str | None] = []
    words: list[str] = []
    given: list[str] = []
    put: list[str] = []
    is_piped = False
    tokens = iter([*_tokens(_without_here_documents(script)), ";", ";"])
    for token in tokens:
        if not _is_operator(token):
            words.append(token)
        elif "<" in token or ">" in token:
            if words and words[-1].isdigit():  # 2> file
                words.pop()
            target = next(tokens)
            given += [target] if token == "<" else []  # noqa: S105 a word of a shell
            put += [target] if token in _INTO else []
        else:
            if words or put:
                yield Simple(_without_prefixes(words), given, put, folder, is_piped)
                folder = _changed(folder, words)
            kept += [folder] * token.count("(")
            for _ in range(min(token.count(")"), len(kept))):
                folder = kept.pop()
            is_piped = token.strip("\n") in {"|", "|&"}
            words, given, put = [], [], []


def inner_script(words: list[str]) -> str:
    """What ``bash -lc SCRIPT`` runs."""
    for place, word in enumerate(words[1:], 1):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            return words[place + 1] if place + 1 < len(words) else ""
    return ""


def parse_arguments(words: list[str], valued: str) -> tuple[dict[str, str], list[str]]:
    """The options with their values, and the rest. ``valued`` are the options that take a value, parted by spaces."""
    takes_value = set(valued.split())
    options: dict[str, str] = {}
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            rest += waiting
        elif not word.startswith("-") or word == "-":
            rest.append(word)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            options[name] = value if equals or name not in takes_value else next(waiting, "")
        else:
            for place, letter in enumerate(word[1:], 2):
                valued_here = f"-{letter}" in takes_value
                options[f"-{letter}"] = (word[place:] or next(waiting, "")) if valued_here else ""
                if valued_here:
                    break
    return options, rest


def placed(path: str, folder: str | None) -> str:
    """The path as seen from where the script runs; ``""`` for no plain name of a file, or in an unknown folder."""
    if not _is_plain(path) or posixpath.basename(path) in {"", ".", "..", "-"}:
        return ""
    if folder is None and not path.startswith("/"):
        return ""
    return posixpath.join(folder or "", path)


def _tokens(script: str) -> Iterator[str]:
    lexer = shlex.shlex(script, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    comment = False
    try:
        for token in lexer:
            comment = (comment or token.startswith("#")) and not (_is_operator(token) and "\n" in token)
            if not comment:
                yield token
    except ValueError:
        return  # a quotation that does not end: what came before it is good


def _is_operator(token: str) -> bool:
    return bool(token) and not token.strip(_OPERATORS)


def _without_here_documents(script: str) -> str:
    """The text between ``<<EOF`` and ``EOF`` is no command."""
    kept: list[str] = []
    waiting: list[str] = []
    for line in script.split("\n"):
        if waiting:
            if line.strip() == waiting[0]:
                waiting.pop(0)
            continue
        waiting = [found["word"] for found in _HERE.finditer(line)]
        kept.append(_HERE.sub("", line))
    return "\n".join(kept)


def _without_prefixes(words: list[str]) -> list[str]:
    while words:
        if words[0] == "timeout":
            words = words[2:]
        elif words[0] in _BEFORE or _ASSIGNMENT.match(words[0]):
            words = words[1:]
        else:
            break
    return words


def _changed(folder: str | None, words: list[str]) -> str | None:
    """Where the next command runs; None where nobody knows."""
    words = words or [""]
    if words[0] not in {"cd", "pushd"}:
        return None if words[0] == "popd" else folder
    target = next((word for word in words[1:] if not word.startswith("-")), "")
    if not target or not _is_plain(target):
        return None
    return target if target.startswith("/") else None if folder is None else posixpath.join(folder, target)


def _is_plain(path: str) -> bool:
    return bool(checked_path(path)) and not path.startswith(("~", "/dev/")) and not set(path) & set("$`*?[{")
