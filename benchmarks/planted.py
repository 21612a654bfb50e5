"""Twelve changes to boltons 25.0.0 as twelve agents might make them at once; which of them break each other is known.

Each is right alone: its own tests and all that were there pass. ``SETS`` fail only together, by a test that one of the
members brings; what is wrong is behaviour, so no name, import or signature tells. The other five edit the same files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Edit(NamedTuple):
    """``old``, which stands once in the file, becomes ``new``."""

    path: str
    old: str
    new: str


class Planted(NamedTuple):
    """One agent's uncommitted work: edits, and the files it adds."""

    name: str
    edits: tuple[Edit, ...]
    added: Mapping[str, str]


CACHES, ITERS = "boltons/cacheutils.py", "boltons/iterutils.py"
STRINGS, URLS = "boltons/strutils.py", "boltons/urlutils.py"

BYTES_FIX = Planted(
    "human-bytes-boundary",  # 1024 bytes are one kilobyte, not "1024B"
    (Edit(STRINGS, "        if abs_bytes <= next_size:\n", "        if abs_bytes < next_size:\n"),),
    {
        "tests/test_strutils_bytes.py": (
            "from boltons.strutils import bytes2human\n\n\n"
            "def test_a_full_unit_is_the_next_one():\n"
            "    assert bytes2human(1024) == '1K'\n"
            "    assert bytes2human(1023) == '1023B'\n"
        )
    },
)
QUOTA = Planted(
    "quota-text",  # a new use of bytes2human, pinned to what it says today
    (
        Edit(
            STRINGS,
            "class HTMLTextExtractor(HTMLParser):\n",
            "def quota_text(used, allowed):\n"
            '    """How much of a quota is used, for people."""\n'
            "    return f'{bytes2human(used)} of {bytes2human(allowed)}'\n\n\n"
            "class HTMLTextExtractor(HTMLParser):\n",
        ),
    ),
    {
        "tests/test_strutils_quota.py": (
            "from boltons.strutils import quota_text\n\n\n"
            "def test_quota_text():\n"
            "    assert quota_text(512, 1024) == '512B of 1024B'\n"
        )
    },
)
EVICT_ORDER = Planted(
    "popitem-evicts-oldest",  # as eviction does
    (
        Edit(
            CACHES,
            "            item = super().popitem()\n"
            "            self._remove_from_ll(item[0])\n"
            "            return item\n",
            "            if not self:\n"
            "                raise KeyError('popitem(): cache is empty')\n"
            "            key = self._anchor[NEXT][KEY]\n"
            "            value = super().pop(key)\n"
            "            self._remove_from_ll(key)\n"
            "            return key, value\n",
        ),
    ),
    {
        "tests/test_cacheutils_popitem.py": (
            "from boltons.cacheutils import LRU\n\n\n"
            "def test_popitem_takes_the_oldest():\n"
            "    cache = LRU(values=[('a', 1), ('b', 2)])\n"
            "    assert cache.popitem() == ('a', 1)\n"
            "    assert list(cache) == ['b']\n"
        )
    },
)
DRAIN = Planted(
    "drain",  # relies on popitem of whatever mapping it is given
    (
        Edit(
            ITERS,
            "def flatten_iter(iterable):\n",
            "def drain(mapping, count):\n"
            '    """Takes *count* items out of *mapping*, the newest first."""\n'
            "    return [mapping.popitem() for _ in range(min(count, len(mapping)))]\n\n\n"
            "def flatten_iter(iterable):\n",
        ),
    ),
    {
        "tests/test_iterutils_drain.py": (
            "from boltons.cacheutils import LRU\nfrom boltons.iterutils import drain\n\n\n"
            "def test_drain_takes_the_newest_first():\n"
            "    assert drain({'a': 1, 'b': 2}, 1) == [('b', 2)]\n"
            "    assert drain(LRU(values=[('a', 1), ('b', 2), ('c', 3)]), 2) == [('c', 3), ('b', 2)]\n"
        )
    },
)
GEMINI = Planted(
    "scheme-gemini",
    (
        Edit(
            URLS,
            "                   'http': 80, 'https': 443, 'imap': 143, 'ipp': 631,\n",
            "                   'gemini': 1965,\n"
            "                   'http': 80, 'https': 443, 'imap': 143, 'ipp': 631,\n",
        ),
    ),
    {
        "tests/test_urlutils_gemini.py": (
            "from boltons.urlutils import URL\n\n\n"
            "def test_gemini_has_its_port():\n"
            "    assert URL('gemini://example.org/').default_port == 1965\n"
        )
    },
)
MQTT = Planted(
    "scheme-mqtt",
    (
        Edit(
            URLS,
            "                   'rtsp': 554, 'rtsps': 322, 'rtspu': 5005, 'sftp': 22,\n",
            "                   'mqtt': 1883,\n"
            "                   'rtsp': 554, 'rtsps': 322, 'rtspu': 5005, 'sftp': 22,\n",
        ),
    ),
    {
        "tests/test_urlutils_mqtt.py": (
            "from boltons.urlutils import URL\n\n\n"
            "def test_mqtt_has_its_port():\n"
            "    assert URL('mqtt://example.org/').default_port == 1883\n"
        )
    },
)
CODES = Planted(
    "scheme-codes",  # 45 characters for 44 schemes: one more fits, two do not
    (
        Edit(
            URLS,
            "# As of Mar 11, 2017, there were 44 netloc schemes, and 13 non-netloc\n",
            "# As of Mar 11, 2017, there were 44 netloc schemes, and 13 non-netloc\n"
            "\n"
            "# One character a scheme, of those that need no escape (RFC 2396 2.3), in lower case\n"
            "SCHEME_CODES = dict(zip(sorted(SCHEME_PORT_MAP),\n"
            '                        string.ascii_lowercase + string.digits + "-_.!~*\'()"))\n'
            "_CODED_SCHEMES = frozenset(SCHEME_PORT_MAP)\n",
        ),
    ),
    {
        "tests/test_urlutils_codes.py": (
            "from boltons.urlutils import SCHEME_CODES, _CODED_SCHEMES\n\n\n"
            "def test_every_scheme_has_a_code_of_its_own():\n"
            "    assert set(SCHEME_CODES) == _CODED_SCHEMES\n"
            "    assert len(set(SCHEME_CODES.values())) == len(SCHEME_CODES)\n"
        )
    },
)
PLURALS = Planted(
    "plural-of-box",
    (
        Edit(
            STRINGS,
            "    elif word[-1] == 's' or word.endswith('ch') or word.endswith('sh'):\n",
            "    elif word[-1] in 'sx' or word.endswith('ch') or word.endswith('sh'):\n",
        ),
    ),
    {
        "tests/test_strutils_plurals.py": (
            "from boltons.strutils import pluralize\n\n\n"
            "def test_words_on_x():\n"
            "    assert pluralize('box') == 'boxes'\n"
            "    assert pluralize('Fax') == 'Faxes'\n"
        )
    },
)
COPIES = Planted(
    "copy-keeps-on-miss",
    (
        Edit(
            CACHES,
            "        return self.__class__(max_size=self.max_size, values=self)\n",
            "        return self.__class__(max_size=self.max_size, values=self,\n"
            "                              on_miss=self.on_miss)\n",
        ),
    ),
    {
        "tests/test_cacheutils_copy.py": (
            "from boltons.cacheutils import LRU\n\n\n"
            "def test_a_copy_misses_as_the_original_does():\n"
            "    assert LRU(on_miss=str.upper).copy()['a'] == 'A'\n"
        )
    },
)
LAST = Planted(
    "last",  # a neighbour of `first`
    (
        Edit(
            ITERS,
            "def same(iterable, ref=_UNSET):\n",
            "def last(iterable, default=None, key=None):\n"
            '    """The last element that evaluates to ``True``, see :func:`first`."""\n'
            "    found = default\n"
            "    for found in filter(key, iterable):\n"
            "        pass\n"
            "    return found\n\n\n"
            "def same(iterable, ref=_UNSET):\n",
        ),
    ),
    {
        "tests/test_iterutils_last.py": (
            "from boltons.iterutils import last\n\n\n"
            "def test_last():\n"
            "    assert last([0, 1, 2, 0]) == 2\n"
            "    assert last([], default=5) == 5\n"
        )
    },
)
SECURE = Planted(
    "url-is-secure",
    (
        Edit(
            URLS,
            "    def navigate(self, dest):\n",
            "    @property\n"
            "    def is_secure(self):\n"
            '        """Whether the scheme says that the way is encrypted."""\n'
            "        return self.scheme in ('https', 'wss', 'ftps', 'imaps')\n\n"
            "    def navigate(self, dest):\n",
        ),
    ),
    {
        "tests/test_urlutils_secure.py": (
            "from boltons.urlutils import URL\n\n\n"
            "def test_is_secure():\n"
            "    assert URL('https://example.org/').is_secure\n"
            "    assert not URL('http://example.org/').is_secure\n"
        )
    },
)
INDENT = Planted(
    "indent-in-one-pass",  # the same, said otherwise
    (
        Edit(
            STRINGS,
            "    indented_lines = [(margin + line if key(line) else line)\n"
            "                      for line in iter_splitlines(text)]\n"
            "    return newline.join(indented_lines)\n",
            "    return newline.join(margin + line if key(line) else line\n"
            "                        for line in iter_splitlines(text))\n",
        ),
    ),
    {
        "tests/test_strutils_indent.py": (
            "from boltons.strutils import indent\n\n\n"
            "def test_empty_lines_get_no_margin():\n"
            "    assert indent('a\\n\\nb', '  ') == '  a\\n\\n  b'\n"
        )
    },
)

ALL = (
    PLURALS, GEMINI, EVICT_ORDER, QUOTA, COPIES, CODES, LAST, BYTES_FIX, SECURE, DRAIN, MQTT, INDENT,
)  # fmt: skip
"""In no order that would help a search."""

SETS = (
    frozenset({BYTES_FIX.name, QUOTA.name}),
    frozenset({EVICT_ORDER.name, DRAIN.name}),
    frozenset({GEMINI.name, MQTT.name, CODES.name}),
)


def apply(change: Planted, folder: Path) -> None:
    """Do the work in a checkout, uncommitted. Raises SystemExit where the text is not as expected."""
    for edit in change.edits:
        text = (folder / edit.path).read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise SystemExit(f"{change.name}: {edit.path} is not as expected")
        (folder / edit.path).write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    for path, text in change.added.items():
        (folder / path).write_text(text, encoding="utf-8")
