"""The files of a worktree, served to the agent that works in it: inside that worktree, and only text."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from watchkeeper.agents.jsonrpc import DeniedError
from watchkeeper.agents.untrusted import Fields, find_number, find_path, find_whole_text

MAX_BYTES = 8 << 20


class ServedFiles:
    """Reads and writes below ``root``. What lies outside is denied, also through links: an agent may be walled in."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, params: Fields) -> dict[str, str]:
        """The answer to ``fs/read_text_file``. Raises: DeniedError."""
        text = await asyncio.to_thread(self._load, self._place(params))
        if text is None:
            raise DeniedError("no such file")
        first, limit = find_number(params, "line") or 1, find_number(params, "limit")
        if first == 1 and limit is None:
            return {"content": text}
        lines = text.splitlines(keepends=True)[first - 1 :]
        return {"content": "".join(lines if limit is None else lines[:limit])}

    async def compare(self, params: Fields) -> tuple[str | None, str]:
        """What a file holds (None: there is none) and what ``fs/write_text_file`` would make of it.

        Raises: DeniedError.
        """
        new = find_whole_text(params, "content")
        if new is None:
            raise DeniedError("there is no content to write")
        return await asyncio.to_thread(self._load, self._place(params)), new

    async def write(self, params: Fields) -> None:
        """Do ``fs/write_text_file``: the file is there as a whole or as it was. Raises: DeniedError."""
        await asyncio.to_thread(self._store, self._place(params), find_whole_text(params, "content") or "")

    def _place(self, params: Fields) -> Path:
        told = find_path(params, "path")
        if not told:
            raise DeniedError("there is no path")
        place = Path(os.path.realpath(self._root / told))
        if not place.is_relative_to(os.path.realpath(self._root)):
            raise DeniedError(f"outside of the worktree: {told}")
        return place

    def _load(self, place: Path) -> str | None:
        try:
            if not place.exists():
                return None
            if not place.is_file():  # a pipe would never end
                raise DeniedError(f"no file: {place.name}")
            if place.stat().st_size > MAX_BYTES:
                raise DeniedError(f"larger than {MAX_BYTES >> 20} MB: {place.name}")
            return place.read_bytes().decode()
        except UnicodeDecodeError:
            raise DeniedError(f"not UTF-8 text: {place.name}") from None
        except OSError as error:
            raise DeniedError(f"cannot be read: {error.strerror}") from None

    def _store(self, place: Path, text: str) -> None:
        try:
            data = text.encode()
            mode = place.stat().st_mode & 0o7777 if place.exists() else 0o644
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(name).chmod(mode)
                Path(name).replace(place)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except UnicodeEncodeError:
            raise DeniedError("the content is no text") from None
        except OSError as error:
            raise DeniedError(f"cannot be written: {error.strerror}") from None
