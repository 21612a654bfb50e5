"""Guesses which files a shell command shows and which it writes: ``cat``, ``sed -n``, ``rg``, ``> file``.

A guess, and told as one: scripts, loops, variables and patterns for file names are not followed. A command that counts
or lists (``wc``, ``ls``) shows nothing of a file, so it reads none here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from watchkeeper.agents.lines import MAX_LINE
from watchkeeper.agents.shell import Simple, inner_script, parse_arguments, placed, simple_commands

_MAX_COMMAND = 20_000
_MAX_FILES = 200
_MAX_DEPTH = 3
_RANGE = re.compile(r"(\d+)(?:,(\d+|\$))?p")
_SHELLS = {"bash", "sh", "zsh", "dash"}


class ShellRead(msgspec.Struct, frozen=True):
    """A file that a command shows. ``path`` is relative to where the command runs, or absolute."""

    path: str
    lines: tuple[int, int] | None = None


def find_reads(command: str) -> tuple[ShellRead, ...]:
    """The files that ``command`` seems to show, in order, each once. Never raises."""
    found = dict.fromkeys(_script_reads(command[:_MAX_COMMAND], _MAX_DEPTH))
    return tuple(found)[:_MAX_FILES]


def find_writes(command: str) -> tuple[str, ...]:
    """The files that ``command`` seems to change, make or delete, in order, each once. Never raises."""
    found = dict.fromkeys(_script_writes(command[:_MAX_COMMAND], _MAX_DEPTH))
    return tuple(found)[:_MAX_FILES]


def _script_reads(script: str, depth: int) -> list[ShellRead]:
    found: list[list[ShellRead]] = []
    for simple in simple_commands(script):
        name, arguments = simple.name, simple.words[1:]
        narrowed = _narrowed(found[-1], name, arguments) if simple.is_piped and found else None
        if narrowed is not None:
            found[-1] = narrowed
        elif name in _SHELLS and depth:
            found.append(_placed_reads(_script_reads(inner_script(simple.words), depth - 1), simple))
        elif name in _READERS:
            found.append(_placed_reads(_READERS[name]([*arguments, *simple.given]), simple))
        else:
            found.append([])
    return [read for each in found for read in each]


def _placed_reads(reads: list[ShellRead], simple: Simple) -> list[ShellRead]:
    found = [ShellRead(placed(read.path, simple.folder), read.lines) for read in reads]
    return [read for read in found if read.path]


def _narrowed(before: list[ShellRead], name: str, arguments: list[str]) -> list[ShellRead] | None:
    """What ``| head`` or ``| sed -n`` lets through of the one file before it; None where this is none of them."""
    if name not in {"head", "sed"} or len(before) != 1 or before[0].lines or _READERS[name](arguments):
        return None
    return _READERS[name]([*arguments, before[0].path])


def _script_writes(script: str, depth: int) -> Iterator[str]:
    for simple in simple_commands(script):
        inner = list(_script_writes(inner_script(simple.words), depth - 1)) if simple.name in _SHELLS and depth else []
        program = _WRITERS.get(simple.name)
        own = program(simple.words[1:]) if program else []
        yield from filter(None, (placed(path, simple.folder) for path in (*inner, *own, *simple.put)))


def _whole(valued: str) -> Callable[[list[str]], list[ShellRead]]:
    return lambda words: [ShellRead(path) for path in parse_arguments(words, valued)[1]]


def _head(words: list[str]) -> list[ShellRead]:
    options, files = parse_arguments(words, "-n -c --lines --bytes")
    if "-c" in options or "--bytes" in options:
        return [ShellRead(path) for path in files]
    count = options.get("-n") or options.get("--lines") or _dash_number(words) or "10"
    lines = (1, int(count)) if count.isdecimal() and 0 < int(count) <= MAX_LINE else None
    return [ShellRead(path, lines) for path in files]


def _tail(words: list[str]) -> list[ShellRead]:
    options, files = parse_arguments(words, "-n -c -s --lines --bytes --pid")
    count = options.get("-n") or options.get("--lines") or ""
    first = count.removeprefix("+")
    lines = (max(1, int(first)), MAX_LINE) if count.startswith("+") and first.isdecimal() else None
    return [ShellRead(path, lines) for path in files]


def _sed(words: list[str]) -> list[ShellRead]:
    options, rest = parse_arguments(words, "-e -f --expression --file")
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
    options, rest = parse_arguments(words, valued)
    if {"-l", "-c", "-q", "-L", "--files", "--count", "--quiet", "--files-with-matches"} & options.keys():
        return []
    has_pattern = bool({"-e", "-f", "--regexp", "--file"} & options.keys())
    return [ShellRead(path) for path in (rest if has_pattern else rest[1:])]


def _after_program(valued: str) -> Callable[[list[str]], list[ShellRead]]:
    """``awk``, ``jq``: the first argument is a program."""
    return lambda words: [ShellRead(path) for path in parse_arguments(words, valued)[1][1:]]


def _bat(words: list[str]) -> list[ShellRead]:
    options, files = parse_arguments(words, "-r --line-range -l --language -H --highlight-line --theme --style")
    found = re.fullmatch(r"(\d+):(\d+)", options.get("-r") or options.get("--line-range") or "")
    return [ShellRead(path, _span(found[1], found[2]) if found else None) for path in files]


def _dash_number(words: list[str]) -> str:
    """``head -20``."""
    return next((word[1:] for word in words if re.fullmatch(r"-\d{1,9}", word)), "")


_READERS: Mapping[str, Callable[[list[str]], list[ShellRead]]] = {
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


def _edited_in_place(valued: str) -> Callable[[list[str]], list[str]]:
    """``sed -i``, ``perl -i``: the files after the script."""

    def writes(words: list[str]) -> list[str]:
        options, rest = parse_arguments(words, valued)
        if not any(option.startswith(("-i", "--in-place")) for option in options):
            return []
        has_script = bool({"-e", "-f", "--expression", "--file"} & options.keys())
        return rest if has_script else rest[1:]

    return writes


def _all(words: list[str]) -> list[str]:
    return parse_arguments(words, "-s --size")[1]


def _last(words: list[str]) -> list[str]:
    rest = parse_arguments(words, "-t -S -m")[1]
    return rest[-1:] if len(rest) > 1 else []


_WRITERS: Mapping[str, Callable[[list[str]], list[str]]] = {
    "sed": _edited_in_place("-e -f --expression --file"),
    "perl": _edited_in_place("-e -f"),
    **dict.fromkeys(("tee", "rm", "unlink", "touch", "truncate", "mv"), _all),
    **dict.fromkeys(("cp", "install"), _last),
}
