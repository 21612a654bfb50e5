"""Asks Watchkeeper's daemon what an agent's hook is to answer, and prints that. Always succeeds.

    python -I -S watchkeeper-hook.py AGENT < payload

Runs at every step of an agent, so it stands alone and imports next to nothing: what it does not load, no tool call
waits for. Without a daemon, or after DEADLINE_S, it prints nothing, and the agent goes on as if it were not there.
Writes nothing to disk. ``watchkeeper hooks install`` sets the two values below in the copy that it makes.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import posix
import sys

HOME = ""
DEADLINE_S = 2.0

MAX_BYTES = 64 * 1024 * 1024
TOLD_IN = {"goose": b'"working_dir"', "openhands": b'"working_dir"', "cursor": b'"workspace_roots"'}
PROJECT_VARIABLES = (b"CLAUDE_PROJECT_DIR", b"CURSOR_PROJECT_DIR", b"GEMINI_PROJECT_DIR", b"OPENHANDS_PROJECT_DIR")
SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")


def main(agent: str) -> None:
    """Never raises, and ends the process."""
    _signal.signal(_signal.SIGALRM, lambda *_: posix._exit(0))
    _signal.setitimer(_signal.ITIMER_REAL, DEADLINE_S)
    try:
        answer = ask(agent, read_all())
        _signal.setitimer(_signal.ITIMER_REAL, 0)  # half an answer is worse than a late one
        while answer:
            answer = answer[posix.write(1, answer) :]
    except BaseException:
        pass
    posix._exit(0)


def read_all() -> bytes:
    """What stands on standard input: all is taken, so that no agent writes to a closed pipe; too much is dropped."""
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk = posix.read(0, 1 << 20)
        if not chunk:
            return b"".join(chunks)
        size += len(chunk)
        if size <= MAX_BYTES:
            chunks.append(chunk)
        else:
            chunks = []


def ask(agent: str, payload: bytes) -> bytes:
    """What the daemon of the first folder that has one answers; b"" where none has."""
    if not payload or not agent.isascii() or not agent.isalnum():
        return b""
    home = find_home()
    for folder in find_folders(agent, payload):
        project = find_project(folder, home)
        path = socket_path(home, project) if home and project else b""
        if path and is_ours(path):
            return converse(path, b"watchkeeper 1 hook %s %s\n" % (agent.encode(), quote(folder)), payload)
    return b""


def converse(path: bytes, request: bytes, payload: bytes) -> bytes:
    """One connection, one request."""
    speaker = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    speaker.connect(path)
    if not is_peer_ours(speaker):
        return b""
    speaker.sendall(request)
    speaker.sendall(payload)
    speaker.shutdown(_socket.SHUT_WR)
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk = speaker.recv(1 << 16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            return b""


def is_ours(path: bytes) -> bool:
    """The socket and its folder belong to this user, and nobody else may write to the folder."""
    try:
        socket, folder = posix.lstat(path), posix.lstat(path[: path.rindex(b"/")])
    except OSError:
        return False
    me = posix.getuid()
    is_socket, is_folder = socket.st_mode & 0o170000 == 0o140000, folder.st_mode & 0o170000 == 0o040000
    return is_socket and is_folder and socket.st_uid == folder.st_uid == me and not folder.st_mode & 0o022


def is_peer_ours(speaker: _socket.socket) -> bool:
    """Linux says who listens; elsewhere the owner of the socket has to do."""
    option = getattr(_socket, "SO_PEERCRED", None)
    if option is None:
        return True
    credentials = speaker.getsockopt(_socket.SOL_SOCKET, option, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder) == posix.getuid()


def find_folders(agent: str, payload: bytes) -> list[bytes]:
    """Where the session may be at work: as told, else where the hook runs, else where the vendor says."""
    told = find_told(payload, TOLD_IN.get(agent, b'"cwd"'))
    named = (posix.environ.get(name) for name in PROJECT_VARIABLES)
    seen: list[bytes] = []
    for folder in (told, working_folder(), *named):
        if folder and folder.startswith(b"/") and folder not in seen:
            seen.append(folder)
    return seen


def find_told(payload: bytes, key: bytes) -> bytes | None:
    """The text after a key, without reading the JSON: a hint, which the daemon does not believe either.

    Goose tells its folder last, after what the model wrote; others tell it first.
    """
    start = payload.rfind(key) if key == b'"working_dir"' else payload.find(key)
    if start < 0:
        return None
    rest = payload[start + len(key) : start + len(key) + 8192].lstrip(b" :[\n\r\t")
    text = rest[1:].partition(b'"')[0] if rest.startswith(b'"') else b""
    return None if b"\\" in text else text


def working_folder() -> bytes | None:
    try:
        return posix.getcwdb()
    except OSError:
        return None


def find_project(folder: bytes, home: bytes = b"") -> str | None:
    """The id of the repository around a folder; None for none. As ``repos.repository`` and ``repos.owners`` have it."""
    while True:
        common = find_common(folder + b"/.git")
        if common:
            return find_owner(common, home) or digest(common)
        parent = folder.rpartition(b"/")[0]
        if not folder.strip(b"/"):
            return None
        folder = parent


def find_owner(common: bytes, home: bytes) -> str:
    """The project of a hub of this state folder: agents of a fleet work in its worktrees; "" for what is no hub."""
    if not home or not common.endswith(b"/hub.git"):
        return ""
    projects, _, project = common[:-8].rpartition(b"/")
    return project.decode() if project.isalnum() and projects == real_path(home) + b"/projects" else ""


def find_common(link: bytes) -> bytes | None:
    """The real path of the git directory that all worktrees share."""
    try:
        kind = posix.stat(link).st_mode & 0o170000
        if kind == 0o100000:
            text = read_file(link)
            if not text.startswith(b"gitdir: "):
                return None
            link = join(link.rpartition(b"/")[0], text[8:].rstrip(b"\r\n"))
        posix.stat(link + b"/HEAD")
    except (OSError, ValueError):
        return None
    try:
        link = join(link, read_file(link + b"/commondir").rstrip(b"\r\n"))
    except OSError:
        pass  # it is the common one
    return real_path(link)


def read_file(path: bytes) -> bytes:
    handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(handle, 8192)
    finally:
        posix.close(handle)


def join(folder: bytes, path: bytes) -> bytes:
    return path if path.startswith(b"/") else folder + b"/" + path


def real_path(path: bytes) -> bytes:
    import posixpath  # frozen into Python: cheap, but not loaded yet

    return posixpath.realpath(path)


def find_home() -> bytes:
    """The state folder: $WATCHKEEPER_HOME, spelled as pathlib would, else where the copy was made for."""
    home = posix.environ.get(b"WATCHKEEPER_HOME") or HOME.encode("utf-8", "surrogateescape")
    if home.startswith(b"~"):
        import posixpath

        home = posixpath.expanduser(home)
    if home and not home.startswith(b"/"):
        home = join(working_folder() or b"/", home)
    return b"/" + b"/".join(part for part in home.split(b"/") if part not in (b"", b".")) if home else b""


def socket_path(home: bytes, project: str) -> bytes:
    """As ``watchkeeper.agents.sockets`` has it; a test compares them."""
    usual = home + b"/run/" + project.encode() + b".sock"
    if len(usual) <= 100:
        return usual
    short = digest(home + b"\0" + project.encode())
    return b"/tmp/watchkeeper-%d/%s.sock" % (posix.getuid(), short.encode())


def digest(data: bytes) -> str:
    """The first half of its SHA-256, from the smallest module that has it."""
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]  # to 3.11
    except ImportError:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found]  # from 3.12 on
        except ImportError:
            from hashlib import sha256
    return str(sha256(data).hexdigest()[:16])


def quote(path: bytes) -> bytes:
    return b"".join(bytes((byte,)) if byte in SAFE else b"%%%02X" % byte for byte in path)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
