"""The index of a revision, made in a process of its own: reading a large tree computes for as long as a minute, and a
watch that polls five times a second must not wait for that; nor does code that breaks the reader end the watch.
"""

from __future__ import annotations

import os
import sys
import threading

import msgspec

from watchkeeper.app import Place, open_analysis
from watchkeeper.database.codeindex import CodeIndex, read_index
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.sandbox.companion import Companion, receive, send
from watchkeeper.watch.hubtrees import HubTrees

MOST_S = 900.0
"""A reader that takes longer is ended."""

_NICE = 5
_DECODER = msgspec.msgpack.Decoder(CodeIndex)


class _Wanted(msgspec.Struct, frozen=True):
    place: Place
    revision: Sha


def read_aside(place: Place, revision: Sha, most_s: float = MOST_S) -> CodeIndex | None:
    """What the revision does with databases; None where it cannot be read, or its reader was ended. Blocks."""
    try:
        companion = Companion("watchkeeper.lockwatch.indexing:serve")
    except OSError:
        return None
    late = threading.Timer(most_s, companion.kill)
    late.daemon = True
    late.start()
    try:
        companion.send(encode_message(_Wanted(place, revision)))
        answer = companion.receive()
    except OSError:
        answer = None
    finally:
        late.cancel()
        companion.end()
    try:
        return _DECODER.decode(answer) if answer else None
    except msgspec.DecodeError:
        return None


def serve() -> None:
    """The other process's whole life: one revision, one answer; an empty one where it cannot be read."""
    os.nice(_NICE)
    message = receive(sys.stdin.buffer)
    if message is None:
        return
    wanted = decode_message(message, _Wanted)
    try:
        with open_analysis(wanted.place) as analysis:
            tree = HubTrees(analysis.objects, analysis.readings, analysis.analyst).base(wanted.revision)
            made = read_index(tree)
    except WatchkeeperError:
        send(sys.stdout.buffer, b"")
        return
    send(sys.stdout.buffer, msgspec.msgpack.encode(made))
