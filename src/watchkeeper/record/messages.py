"""Values as messages between our own processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import msgspec

_T = TypeVar("_T")


def encode_message(value: msgspec.Struct) -> bytes:
    """JSON in ASCII, on one line: a file's name that is no text survives as lone surrogates, which msgspec refuses."""
    return json.dumps(msgspec.to_builtins(value, enc_hook=str)).encode("ascii")


def decode_message(message: bytes, kind: type[_T]) -> _T:
    """What ``encode_message`` made of a value of that kind. Raises ValueError (msgspec's too) for anything else."""
    return msgspec.convert(json.loads(message), kind, dec_hook=_read)


def _read(kind: type, value: object) -> object:
    return Path(value) if kind is Path and isinstance(value, str) else value
