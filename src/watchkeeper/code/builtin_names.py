"""Names that the languages themselves give a meaning to."""

from __future__ import annotations

import builtins

# Methods of the builtin types: on an unknown receiver these names say nothing about the project's own classes.
BUILTIN_MEMBERS = frozenset(
    name
    for kind in (str, bytes, list, dict, set, tuple, int, float, object, type, BaseException, property)
    for name in dir(kind)
) | frozenset(
    "read write close open flush seek tell readline readlines run start stop send recv put name path "
    "args kwargs value key data type id length push forEach map filter reduce slice splice concat includes then catch "
    "toString keys values entries has set delete add apply call bind test match search trim split some every find "
    "findIndex constructor prototype size exec log error warn info debug message stack parse stringify".split()
)
# Attributes that every object or class has.
CLASS_MEMBERS = frozenset(name for name in (*dir(object), *dir(type)) if name.startswith("__")) - {"__call__"}

BUILTINS = frozenset(dir(builtins)) | frozenset(
    "console window document process globalThis Object Array String Number Boolean Promise Map Set Date Math JSON "
    "RegExp Error TypeError Symbol BigInt Proxy Reflect WeakMap WeakSet setTimeout clearTimeout setInterval "
    "clearInterval fetch URL URLSearchParams Request Response Headers Buffer module require exports undefined NaN "
    "Infinity parseInt parseFloat isNaN encodeURIComponent decodeURIComponent queueMicrotask structuredClone "
    "AbortController AbortSignal FormData Blob File TextEncoder TextDecoder Uint8Array ArrayBuffer Record Partial "
    "Readonly Pick Omit Exclude Extract ReturnType Parameters Awaited NonNullable __dirname __filename "
    "__file__ __name__ __doc__ __path__ __package__ __spec__ __loader__ __class__".split()
)
FALLBACK_PROTOCOLS = {
    "__bool__": ("__len__",),
    "__format__": ("__str__", "__repr__"),
    "__str__": ("__repr__",),
    "__contains__": ("__iter__", "__getitem__"),
    "__iter__": ("__getitem__",),
    "__ne__": ("__eq__",),
    "__iadd__": ("__add__",),
    "__isub__": ("__sub__",),
    "__ior__": ("__or__",),
    "__iand__": ("__and__",),
    "__imul__": ("__mul__",),
}
