"""Messages of landing commits: what they say, and the trailers by which a branch tells what is in it. Pure.

Titles, authors and issues are text of strangers: each becomes one line without control characters, and no line of it
can be taken for a trailer of ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.git import decode_path, encode_path

CHANGE, GATE, REVERT = "Watchkeeper-Change", "Watchkeeper-Gate", "Watchkeeper-Revert"
MOST_TITLE = 100


def render_landing(entries: Sequence[Entry], gate: str, co_authors: Iterable[str] = ()) -> str:
    """The message of a commit that lands these entries: a title, who did what, and a trailer for each entry.

    ``gate`` is empty where the commit's own tree was not tested: it lies within a landing.
    """
    if len(entries) == 1:
        title, said = _title(entries[0]), _said(entries[0])
    else:
        title = f"Land {len(entries)} changes"
        said = [f"* {_title(entry)}" + _brackets(_said(entry)) for entry in entries]
    return _message([title, "\n".join(said)], [*_trailers(entries, gate), *_co_author_lines(co_authors)])


def render_kept(message: str, entries: Sequence[Entry], gate: str) -> str:
    """A commit's own message, as it was, with the trailers of ``entries`` at its end.

    Lines that look like trailers of ours are quoted (``> ``): nobody but us says what landed.
    """
    kept = message if message.strip() else "(no message)"
    return _message([_disarmed(kept)], _trailers(entries, gate), keep_last=True)


def render_revert(title: str, entry: EntryId, landed: Sha) -> str:
    """The message of a commit that takes an entry out again."""
    told = f"This takes {one_line(entry, 200)} out again, which landed as {landed}."
    return _message([f'Revert "{one_line(title) or one_line(entry)}"', told], [f"{REVERT}: {quote_id(entry)}"])


def parse_entries(message: str) -> tuple[EntryId, ...]:
    """The entries that a message's trailers name, in order. Whether they are to be believed is another question.

    Only the last paragraph counts, and never the first one: a title is no trailer.
    """
    paragraphs = re.split(r"\n[ \t]*\n", message.strip("\n"))
    if len(paragraphs) < 2:
        return ()
    found = re.findall(rf"^{CHANGE}: (\S+)[ \t]*$", paragraphs[-1], re.MULTILINE)
    return tuple(EntryId(decode_path(unquote_to_bytes(name))) for name in found)


def parse_co_authors(message: str) -> tuple[str, ...]:
    """``Name <address>`` of each ``Co-authored-by`` line, wherever it stands."""
    return tuple(one_line(found, 200) for found in re.findall(r"(?im)^co-authored-by:[ \t]*(\S[^\n]*)", message))


def one_line(text: str, most: int = MOST_TITLE) -> str:
    """Text of strangers as one line of at most ``most`` characters, without what is invisible or steers a terminal."""
    text = encode_path(text).decode("utf-8", "replace")
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text[: 20 * most])
    words = " ".join(shown.split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "\u2026"


def quote_id(entry: EntryId) -> str:
    """An entry's id as one word in every encoding: ``%xx`` for spaces, ``%`` and what is not ASCII."""
    return "".join(
        chr(byte) if 0x21 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}" for byte in encode_path(entry)
    )


def _title(entry: Entry) -> str:
    return one_line(entry.title) or one_line(entry.change) or one_line(entry.id)


def _said(entry: Entry) -> list[str]:
    told = [("Change", entry.change), ("Author", entry.author), ("Issue", entry.issue)]
    return [f"{label}: {line}" for label, text in told if (line := one_line(text))]


def _brackets(said: Sequence[str]) -> str:
    return f" ({', '.join(said)})" if said else ""


def _trailers(entries: Sequence[Entry], gate: str) -> list[str]:
    if not entries:
        return []
    return [*(f"{CHANGE}: {quote_id(entry.id)}" for entry in entries), *([f"{GATE}: {one_line(gate)}"] if gate else [])]


def _co_author_lines(co_authors: Iterable[str]) -> list[str]:
    return [f"Co-authored-by: {one_line(author, 200)}" for author in dict.fromkeys(co_authors) if one_line(author, 200)]


def _message(paragraphs: Sequence[str], trailers: Sequence[str], *, keep_last: bool = False) -> str:
    """``keep_last``: trailers that a kept message ends with (co-authors) stay in one block with ours."""
    body = "\n\n".join(text for text in paragraphs if text).rstrip("\n")
    if not trailers:
        return body + "\n"
    ends_with_trailers = keep_last and "\n\n" in body and _is_trailer_block(body.rpartition("\n\n")[2])
    return body + ("\n" if ends_with_trailers else "\n\n") + "\n".join(trailers) + "\n"


def _is_trailer_block(paragraph: str) -> bool:
    return all(re.match(r"[A-Za-z][A-Za-z0-9-]*: \S", line) for line in paragraph.split("\n"))


def _disarmed(message: str) -> str:
    # What git and readers may take for the end of a line, too: only a line that begins after it could deceive.
    return re.sub(r"(?im)(^|[\r\v\f\x1c-\x1e\x85\u2028\u2029])([ \t]*watchkeeper-[a-z]+[ \t]*:)", r"\1> \2", message)
