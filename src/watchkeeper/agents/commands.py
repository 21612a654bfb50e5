"""Guesses which files a shell command shows: ``cat``, ``sed -n``, ``head``, ``rg`` and their like, after ``cd``.

A guess, and told as one: scripts, loops, variables and patterns for file names are not followed. A command that counts
or lists (``wc``, ``ls``) shows nothing of a file, so it reads none here.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping

import msgspec

from watchkeeper.agents.payload import MAX_LINE, checked_path

_MAX_COMMAND = 20_000
_MAX_READS = 200
_MAX_DEPTH = 3
_OPERATORS = "();<>|&\n"
_HERE = re.compile(r"(?<!<)<<(?!<)-?[ \t]*(?P<quote>['\"]?)(?P<word>\w+)(?P=quote)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_RANGE = re.compile(r"(\d+)(?:,(\d+|\$))?p")
_SHELLS = {"bash", "sh", "zsh", "dash"}
_BEFORE = {"sudo", "command", "time", "env", "nohup", "exec", "builtin", "then", "do", "else", "!", "{"}


class ShellRead(msgspec.Struct, frozen=True):
    """A file that a command shows. ``path`` is relative to where the command runs, or absolute."""

    path: str
    lines: tuple[int, int] | None = None


def find_reads(command: str) -> tuple[ShellRead, ...]:
    """The files that ``command`` seems to show, in order, each once. Never raises."""
    found = dict.fromkeys(_script_reads(command[:_MAX_COMMAND], _MAX_DEPTH))
    return tuple(found)[:_MAX_READS]


class _Simple(msgspec.Struct, frozen=True):
    """One program with its arguments. ``given`` are files on its standard input, ``piped`` the output of the last."""

    words: list[str]
    given: list[str]
    folder: str | None
    piped: bool


def _script_reads(script: str, depth: int) -> list[ShellRead]:
    found: list[list[ShellRead]] = []
    for simple in _simple_commands(_without_here_documents(script)):
        words = _without_prefixes(simple.words)
        name = posixpath.basename(words[0]) if words else ""
        narrowed = _narrowed(found[-1], name, words[1:]) if simple.piped and found else None
        if narrowed is not None:
            found[-1] = narrowed
        elif name in _SHELLS and depth:
            inner = _script_reads(_inner_script(words), depth - 1)
            found.append([read for each in inner if (read := _placed(each, simple.folder))])
        else:
            shown = _PROGRAMS[name]([*words[1:], *simple.given]) if name in _PROGRAMS else []
            found.append([read for each in shown if (read := _placed(each, simple.folder))])
    return [read for each in found for read in each]


def _narrowed(before: list[ShellRead], name: str, arguments: list[str]) -> list[ShellRead] | None:
    """What ``| head`` or ``| sed -n`` lets through of the one file before it; None where this is none of them."""
    if name not in {"head", "sed"} or len(before) != 1 or before[0].lines or _PROGRAMS[name](arguments):
        return None
    return _PROGRAMS[name]([*arguments, before[0].path])


def _simple_commands(script: str) -> Iterator[_Simple]:
    folder: str | None = ""
    kept: list[str | None] = []
    words: list[str] = []
    given: list[str] = []
    piped = False
    tokens = [*_tokens(script), ";"]
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if not _is_operator(token):
            words.append(token)
            continue
        if "<" in token or ">" in token:
            if words and words[-1].isdigit():
                words.pop()
            if place < len(tokens) and not _is_operator(tokens[place]):
                given += [tokens[place]] if token == "<" else []  # noqa: S105 a word of a shell
                place += 1
            continue
        if words:
            yield _Simple(words, given, folder, piped)
            folder = _changed(folder, words)
        kept += [folder] * token.count("(")
        for _ in range(min(token.count(")"), len(kept))):
            folder = kept.pop()
        piped = token.strip("\n") in {"|", "|&"}
        words, given = [], []


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


def _inner_script(words: list[str]) -> str:
    """What ``bash -lc SCRIPT`` runs."""
    for place, word in enumerate(words[1:], 1):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            return words[place + 1] if place + 1 < len(words) else ""
    return ""


def _changed(folder: str | None, words: list[str]) -> str | None:
    """Where the next command runs; None where nobody knows."""
    if words[0] not in {"cd", "pushd"}:
        return None if words[0] == "popd" else folder
    target = next((word for word in words[1:] if not word.startswith("-")), "")
    if not target or not _is_plain(target):
        return None
    return target if target.startswith("/") else None if folder is None else posixpath.join(folder, target)


def _placed(read: ShellRead, folder: str | None) -> ShellRead | None:
    """None for what is no plain name of a file, or in a folder that nobody knows."""
    path = read.path
    if not _is_plain(path) or posixpath.basename(path) in {"", ".", "..", "-"}:
        return None
    if folder is None and not path.startswith("/"):
        return None
    return ShellRead(posixpath.join(folder or "", path), read.lines)


def _is_plain(path: str) -> bool:
    return bool(checked_path(path)) and not path.startswith(("~", "/dev/")) and not set(path) & set("$`*?[{")


def _arguments(words: list[str], valued: str) -> tuple[dict[str, str], list[str]]:
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


def _whole(valued: str) -> Callable[[list[str]], list[ShellRead]]:
    return lambda words: [ShellRead(path) for path in _arguments(words, valued)[1]]


def _head(words: list[str]) -> list[ShellRead]:
    options, files = _arguments(words, "-n -c --lines --bytes")
    if "-c" in options or "--bytes" in options:
        return [ShellRead(path) for path in files]
    count = options.get("-n") or options.get("--lines") or _dash_number(words) or "10"
    lines = (1, int(count)) if count.isdecimal() and 0 < int(count) <= MAX_LINE else None
    return [ShellRead(path, lines) for path in files]


def _tail(words: list[str]) -> list[ShellRead]:
    options, files = _arguments(words, "-n -c -s --lines --bytes --pid")
    count = options.get("-n") or options.get("--lines") or ""
    first = count.removeprefix("+")
    lines = (max(1, int(first)), MAX_LINE) if count.startswith("+") and first.isdecimal() else None
    return [ShellRead(path, lines) for path in files]


def _sed(words: list[str]) -> list[ShellRead]:
    options, rest = _arguments(words, "-e -f --expression --file")
    if any(option.startswith(("-i", "--in-place")) for option in options) or "-f" in options:
        return []
    script = options.get("-e") or options.get("--expression")
    files = rest if script is not None else rest[1:]
    script = script if script is not None else "".join(rest[:1])
    silent = bool({"-n", "--quiet", "--silent"} & options.keys())
    ranges = [_RANGE.fullmatch(part.strip()) for part in script.split(";") if part.strip()]
    if not silent or not ranges or None in ranges:
        return [ShellRead(path) for path in files]
    lines = [_span(found[1], found[2]) for found in ranges if found]
    return [ShellRead(path, each) for path in files for each in lines]


def _span(first: str, last: str | None) -> tuple[int, int]:
    start = min(int(first[:10]), MAX_LINE)
    end = start if last is None else MAX_LINE if last == "$" else min(int(last[:10]), MAX_LINE)
    return (max(1, start), max(1, start, end))


def _grep(words: list[str]) -> list[ShellRead]:
    valued = (
        "-e -f -A -B -C -m -g -t -T -d -D --regexp --file --include --exclude --exclude-dir --glob --type --max-count "
        "--after-context --before-context --context --color --colors --sort --sortr --max-depth --iglob"
    )
    options, rest = _arguments(words, valued)
    if {"-l", "-c", "-q", "-L", "--files", "--count", "--quiet", "--files-with-matches"} & options.keys():
        return []
    has_pattern = bool({"-e", "-f", "--regexp", "--file"} & options.keys())
    return [ShellRead(path) for path in (rest if has_pattern else rest[1:])]


def _after_program(valued: str) -> Callable[[list[str]], list[ShellRead]]:
    """``awk``, ``jq``: the first argument is a program."""
    return lambda words: [ShellRead(path) for path in _arguments(words, valued)[1][1:]]


def _bat(words: list[str]) -> list[ShellRead]:
    options, files = _arguments(words, "-r --line-range -l --language -H --highlight-line --theme --style --paging")
    found = re.fullmatch(r"(\d+):(\d+)", options.get("-r") or options.get("--line-range") or "")
    return [ShellRead(path, _span(found[1], found[2]) if found else None) for path in files]


def _dash_number(words: list[str]) -> str:
    """``head -20``."""
    return next((word[1:] for word in words if re.fullmatch(r"-\d{1,9}", word)), "")


_PROGRAMS: Mapping[str, Callable[[list[str]], list[ShellRead]]] = {
    **dict.fromkeys(("cat", "tac", "more", "zcat"), _whole("")),
    "less": _whole("-p -P -x -y -j -b -h --pattern"),
    "nl": _whole("-b -d -f -h -i -l -n -s -v -w"),
    "diff": _whole("-U -C -x -X --unified --context --exclude"),
    "head": _head,
    "tail": _tail,
    "sed": _sed,
    "awk": _after_program("-F -v -f"),
    "jq": _after_program("--arg --argjson --indent"),
    **dict.fromkeys(("bat", "batcat"), _bat),
    **dict.fromkeys(("grep", "egrep", "fgrep", "rg", "ag"), _grep),
}
