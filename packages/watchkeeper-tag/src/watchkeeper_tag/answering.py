"""The journal for others: one socket a process, one line of JSON asked, one answered."""

from __future__ import annotations

import atexit
import errno
import json
import logging
import os
import socket
import stat
import sys
import threading
import time
import weakref
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from watchkeeper_tag.awaiting import Waits, is_found
from watchkeeper_tag.guard import Write
from watchkeeper_tag.journal import Journal, Link, Pool, now_ms

if TYPE_CHECKING:
    from watchkeeper_tag.tagging import Tagging

VERSION = 1
_LOG = logging.getLogger("watchkeeper_tag")
_MOST_ASKED = 65_536
_MOST_LINKS = 500
_MOST_STACK = 12
_MOST_COMPARED = 100
_MOST_WRITES = (200, 40, 10, 2)  # of each connection: as many as fit
_MOST_BYTES = 900_000  # who asks reads a mebibyte
_MOST_SOCKETS = 1000
_PATIENCE_S = 0.5


def find_folder() -> Path:
    """Where the sockets are: ``WATCHKEEPER_TAG_DIR``, else a folder of the user alone."""
    if told := os.environ.get("WATCHKEEPER_TAG_DIR"):
        return Path(told)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "watchkeeper-tag") if runtime else Path(f"/tmp/watchkeeper-tag-{os.getuid()}")  # noqa: S108


def publish(tagging: Tagging) -> None:
    """Answer from now on, in a thread that ends with the process. Where that cannot be, a debug line says so."""
    try:
        folder = find_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to somebody else")
        _sweep(folder)
        path = folder / f"{os.getpid()}.sock"
        if path.exists():
            raise FileExistsError(f"{path} is answered by a process of another namespace")
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(path))
        path.chmod(0o600)
        server.listen(8)
    except OSError:
        _LOG.debug("the journal cannot be asked for", exc_info=True)
        return
    _close_in_children(server)
    atexit.register(_remove, path, os.getpid())
    threading.Thread(target=_serve, args=(server, tagging), name="watchkeeper-tag", daemon=True).start()


def _sweep(folder: Path) -> None:
    """Sockets that nobody answers. Whether its process is there says nothing: containers share process numbers."""
    for each in list(folder.glob("*.sock"))[:_MOST_SOCKETS]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.setblocking(False)
            if asking.connect_ex(str(each)) == errno.ECONNREFUSED:
                each.unlink(missing_ok=True)


def _close_in_children(server: socket.socket) -> None:
    """A child that kept it would let those who ask its parent wait for nothing."""
    if hasattr(os, "register_at_fork"):
        kept = weakref.ref(server)
        os.register_at_fork(after_in_child=lambda: found.close() if (found := kept()) is not None else None)


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:
        path.unlink(missing_ok=True)


def _serve(server: socket.socket, tagging: Tagging) -> None:
    while True:
        try:
            asking, _ = server.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                time.sleep(_PATIENCE_S)  # the application has no file left at the moment
                continue
            return
        try:
            with asking:
                asking.settimeout(_PATIENCE_S)
                asking.sendall(answer(tagging, _read_line(asking)))
        except Exception:  # noqa: BLE001 - whoever asks wrongly must not end the answering
            _LOG.debug("a question was not answered", exc_info=True)


def _read_line(asking: socket.socket) -> bytes:
    read = b""
    ends = time.monotonic() + _PATIENCE_S
    while not read.endswith(b"\n") and len(read) < _MOST_ASKED and time.monotonic() < ends:
        part = asking.recv(4096)
        if not part:
            break
        read += part
    return read


def answer(tagging: Tagging, question: bytes) -> bytes:
    """The state as one line; an error in its place where the question is none."""
    try:
        asked = json.loads(question)
        wanted = {int(each) for each in asked.get("backends", ())} if asked["ask"] == "state" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        wanted = None
    if wanted is None:
        return json.dumps({"v": VERSION, "error": 'ask {"v":1,"ask":"state","backends":[]}'}).encode() + b"\n"
    line = b""
    for most in _MOST_WRITES:
        line = json.dumps(_state(tagging, wanted, most)).encode() + b"\n"
        if len(line) < _MOST_BYTES:
            break
    return line


def _state(tagging: Tagging, wanted: set[int], most: int) -> dict[str, Any]:
    journal = tagging.journal
    links = [each for each in journal.links() if not wanted or each.backend in wanted]
    links = sorted(links, key=lambda each: not each.is_busy)[:_MOST_LINKS]
    frames = sys._current_frames()  # noqa: SLF001 - 36 us; who waits in which call
    awaits = _awaits(tagging, links, Waits(frames))
    return {
        "v": VERSION,
        "process": os.getpid(),
        "revision": tagging.revision,
        "root": str(tagging.root),
        "connections": [
            _link(each, _stack(frames.get(each.ident)), awaits.get(each.backend, []), most) for each in links
        ],
        "pools": [_pool(each, journal) for each in journal.pools],
        "events": journal.events,
    }


def _awaits(tagging: Tagging, links: list[Link], waits: Waits) -> dict[int, list[int]]:
    """Of each connection, the others whose threads or tasks its own waits for to end."""
    workers = [(each, tagging.worker(each)) for each in links[:_MOST_COMPARED]]
    found: dict[int, list[int]] = {}
    for other, work in workers:
        awaiting = waits.find_awaiting(work)
        for one, worker in workers if awaiting else ():
            if one.slot != other.slot and any(is_found(worker, each) for each in awaiting):
                found.setdefault(one.backend, []).append(other.backend)
    return found


def _link(link: Link, stack: list[str], awaits: list[int], most: int) -> dict[str, Any]:
    link.refresh()
    site, at = link.last
    return {
        "backend": link.backend, "task": str(link.slot), "thread": link.thread, "since": link.since,
        "writes": [_write(each) for each in (*link.held[: most // 2], *link.held[most // 2 :][-most // 2 :])],
        "last": {"symbol": site.symbol, "site": site.shown, "at": at}, "stack": stack, "awaits": awaits,
    }  # fmt: skip


def _write(write: Write) -> dict[str, Any]:
    return {
        "table": write.claim.table, "columns": list(write.claim.columns), "lock": write.claim.lock.value,
        "symbol": write.site.symbol, "site": write.site.shown, "set": write.set, "at": write.at,
        "statement": write.statement,
    }  # fmt: skip


def _pool(pool: Pool, journal: Journal) -> dict[str, Any]:
    waiters = [
        {"task": str(slot), "symbol": site.symbol, "site": site.shown, "since": since,
         "holds": [link.backend for link in journal.held_by(slot) if link.pool is pool or link.pool is None]}
        for slot, (site, since) in list(pool.waiting.items())
    ]  # fmt: skip
    return {"name": pool.name, "limit": pool.limit, "out": pool.out(), "waiters": waiters, "at": now_ms()}


def _stack(frame: FrameType | None) -> list[str]:
    """The innermost calls of a thread: whether it waits in a future shows here."""
    found: list[str] = []
    while frame is not None and len(found) < _MOST_STACK:
        code = frame.f_code
        found.append(f"{'/'.join(code.co_filename.split('/')[-2:])}:{code.co_name}")
        frame = frame.f_back
    return found
