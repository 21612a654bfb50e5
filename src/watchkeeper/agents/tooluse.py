"""What a tool call is, from its name and arguments: each vendor has other names for the same five deeds."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.agents.lines import Lines, lines_between, lines_from
from watchkeeper.agents.untrusted import (
    Fields,
    find_first_command,
    find_first_path,
    find_number,
    find_objects,
    find_range,
    find_text,
    find_whole_text,
)
from watchkeeper.model.agents import Act, TextEdit

_TOOLS = {
    Act.READ: "read read_file view readfile read_text_file read_many_files notebookread cat",
    Act.WRITE: (
        "edit multiedit write write_file create replace str_replace insert apply_patch patch delete notebookedit"
        " edit_file create_file editfile writefile applypatch str_replace_editor str_replace_based_edit_tool"
    ),
    Act.RUN: (
        "bash shell run_shell_command exec_command shell_command terminal execute_bash execute command_execution exec"
        " local_shell write_stdin"
    ),
    Act.SEARCH: (
        "grep glob search search_file_content list ls list_directory find tree rg codesearch websearch web_search"
        " webfetch web_fetch google_web_search semsearch"
    ),
}
_ACTS = {name: act for act, names in _TOOLS.items() for name in names.split()}

_EDITORS = {"file_editor", "text_editor", "str_replace_editor", "str_replace_based_edit_tool"}
"""One tool for reading and writing: its ``command`` says which."""

_HARMLESS = set("todowrite todoread update_plan todo task_tracker think plan report_intent list_bash finish".split())

PATH_KEYS = ("path", "file_path", "filePath", "absolute_path", "abs_path", "target_file", "notebook_path", "filename")
COMMAND_KEYS = ("command", "cmd", "script")
_OLD_KEYS = ("old_string", "oldString", "old_str", "before", "old", "oldText", "old_text")
_NEW_KEYS = ("new_string", "newString", "new_str", "after", "new", "newText", "new_text")
_WHOLE_KEYS = ("content", "file_text", "contents", "text")


def classify_tool(name: str, arguments: Fields) -> Act | None:
    """What a tool does; None for one that touches nothing, ``run`` for one that nobody knows.

    A call of an MCP server or of an unknown tool may read and write anything, as a command in a shell may.
    """
    plain = name.rpartition("__")[2].lower() if name.startswith(("mcp__developer__", "developer__")) else name.lower()
    if plain in _EDITORS:
        return Act.READ if find_text(arguments, "command") == "view" else Act.WRITE
    if plain in _HARMLESS:
        return None
    return _ACTS.get(plain) or _ACTS.get(plain.removesuffix("toolcall")) or Act.RUN


def paths_of(arguments: Fields) -> tuple[str, ...]:
    """The files that a call names."""
    path = find_first_path(arguments, PATH_KEYS)
    several = (find_first_path(each, PATH_KEYS) for each in find_objects(arguments, "files"))
    return (path,) if path else tuple(filter(None, several))


def command_of(arguments: Fields) -> str:
    """The command that a call runs; ``""`` where it runs none."""
    return find_first_command(arguments, COMMAND_KEYS)


def lines_of(arguments: Fields) -> Lines:
    """The first and last line that a read asks for, from 1; None for the whole file."""
    if isinstance(arguments.get("view_range"), list):
        return find_range(arguments, "view_range")
    if "start_line" in arguments or "end_line" in arguments:
        return lines_between(find_number(arguments, "start_line"), find_number(arguments, "end_line"))
    start = find_number(arguments, "offset") or find_number(arguments, "line")
    return lines_from(start, find_number(arguments, "limit"))


def edits_of(arguments: Fields) -> tuple[TextEdit, ...]:
    """The pieces of text that an edit replaces; a whole file has no old text."""
    several = tuple(edit for each in find_objects(arguments, "edits") for edit in _edit(each))
    return several or tuple(_edit(arguments))


def parse_unified(diff: str) -> tuple[TextEdit, ...]:
    """The hunks of a unified difference of one file, each with the lines around it: these say where it belongs."""
    edits: list[TextEdit] = []
    old: list[str] = []
    new: list[str] = []
    is_in_hunk = False
    for line in [*diff.splitlines(keepends=True), "@@"]:
        mark, text = line[:1], line[1:]
        if line.startswith("@@"):
            if old != new:
                edits.append(TextEdit("".join(old), "".join(new)))
            old, new, is_in_hunk = [], [], True
        elif not is_in_hunk or mark == "\\":
            continue
        else:
            if mark in (" ", "-", "\n"):
                old.append(text if mark != "\n" else line)
            if mark in (" ", "+", "\n"):
                new.append(text if mark != "\n" else line)
    return tuple(edits)


def _edit(fields: Fields) -> Iterator[TextEdit]:
    old = next((text for key in _OLD_KEYS if (text := find_whole_text(fields, key)) is not None), None)
    new = next((text for key in _NEW_KEYS if (text := find_whole_text(fields, key)) is not None), None)
    if new is None and old is None:
        new = next((text for key in _WHOLE_KEYS if (text := find_whole_text(fields, key)) is not None), None)
    if new is not None:
        yield TextEdit(old, new)
