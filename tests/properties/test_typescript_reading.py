"""What holds for every TypeScript and JavaScript text, sound or not."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.code.language import Language
from watchkeeper.code.languages import find_language
from watchkeeper.model.reading import Reading

SOURCE = """\
import React, { useState } from "react";
import * as api from './api';
const { load, save: store } = require('./io');

export interface Props extends Base<User> {
  user: User;
  limit?: number;
  onSave(user: User): Promise<void>;
}

/** Shows a card. */
export const Card = memo(({ user, limit = 5, ...rest }: Props) => {
  const [state, setState] = useState<User | null>(null);
  const { name, address: { city } } = user;
  api.fetchUser(user.id).then((found) => found.name);
  return <Panel title={name} onClick={() => setState(null)} {...rest}>{city}</Panel>;
});

@Injectable()
export class Service<T> extends BaseService<T> implements Closeable {
  private readonly cache: Map<string, T> = new Map();
  constructor(private readonly http: HttpClient, id?: string) {
    super(id);
    this.base = http.base;
  }
  get size(): number { return this.cache.size; }
  async find(id: string, { deep = false }: Options = {}): Promise<T | null> {
    const found = await this.http.get(`/x/${id}`);
    if (!found) throw new NotFoundError(id);
    for (const item of this.items) { item.touch(id); }
    return this.parse(found);
  }
}

export const routes = { home: '/', load() { return this.home }, save: async (x) => store(x) } as const;
export function pick(x: string): string;
export function pick(x: any) { return [x, 2]; }
namespace NS { export function f() { return g(); } function g(): User { return null!; } }
enum Color { Red = 1, Green = Red }
type Shape = Base & { area(): number; name?: string };
export default function () { return pick("a"); }
export { load as build, Color };
export * from './all';
if (process.env.DEBUG) { load("z"); }
"""
_BYTES = SOURCE.encode()
_PATHS = st.sampled_from(["a.ts", "a.tsx", "a.js"])
_NOISE = st.text(alphabet="{}()[]<>`\"'/*=;,.@#:?!&| \n\tax0classfunctionexport", max_size=60).map(str.encode)


def language_of(path: str) -> Language:
    language = find_language(path)
    assert language is not None
    return language


def check_reading(path: str, source: bytes) -> None:
    """Reads both ways and checks what must hold of any reading."""
    language = language_of(path)
    full = language.read(source, bodies=True)
    outline = language.read(source, bodies=False)
    bare = tuple(msgspec.structs.replace(symbol, references=()) for symbol in full.symbols)
    assert msgspec.structs.replace(full, symbols=bare) == outline
    check_places(full, source.count(b"\n") + 1)
    for symbol in full.symbols[:4]:
        language.normalise(source, symbol)


def check_places(reading: Reading, lines: int) -> None:
    """Every span and line lies in the file; names are unique; the module comes first."""
    names = [symbol.qualname for symbol in reading.symbols]
    assert names[:1] in ([], [""])
    assert len(set(names)) == len(names)
    for first, last in [span for symbol in reading.symbols for span in symbol.spans] + list(reading.broken):
        assert 1 <= first <= last <= lines
    for reference in [use for symbol in reading.symbols for use in symbol.references]:
        assert 1 <= reference.line <= lines
        assert reference.chain
        assert reference.chain != ("?",)


@settings(max_examples=60, deadline=None)
@given(_PATHS, st.binary(max_size=400))
def test_any_bytes_can_be_read(path: str, source: bytes) -> None:
    check_reading(path, source)


@settings(max_examples=60, deadline=None)
@given(_PATHS, st.integers(0, len(_BYTES)), st.integers(0, len(_BYTES)))
def test_any_slice_of_a_source_can_be_read(path: str, one: int, other: int) -> None:
    check_reading(path, _BYTES[min(one, other) : max(one, other)])


@settings(max_examples=80, deadline=None)
@given(_PATHS, st.integers(0, len(_BYTES)), _NOISE, st.integers(0, 80))
def test_any_garbled_source_can_be_read(path: str, at: int, noise: bytes, lost: int) -> None:
    check_reading(path, _BYTES[:at] + noise + _BYTES[at + lost :])


_LINES = SOURCE.splitlines()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["", "// note", "/* note */", "   ", "/** doc\n * more\n */"]), min_size=len(_LINES)),
    st.sampled_from(["", "  ", "\t\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_comments_indentation_and_line_ends_change_no_normal_form(notes: list[str], indent: str, end: str) -> None:
    text = "\n".join(f"{note}\n{indent}{line.strip()}" for note, line in zip(notes, _LINES, strict=False))
    other = text.replace("\n", end).encode()
    language = language_of("a.tsx")
    before = {symbol.qualname: symbol for symbol in language.read(_BYTES, bodies=False).symbols}
    after = {symbol.qualname: symbol for symbol in language.read(other, bodies=False).symbols}
    assert before.keys() == after.keys()
    for name, symbol in before.items():
        assert language.normalise(_BYTES, symbol) == language.normalise(other, after[name])
        assert symbol.signature == after[name].signature
        assert symbol.type == after[name].type


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50))
def test_lines_added_above_move_every_place_by_as_many(count: int) -> None:
    language = language_of("a.tsx")
    before = language.read(_BYTES, bodies=True).symbols[1:]
    after = language.read(b"\n" * count + _BYTES, bodies=True).symbols[1:]
    assert [symbol.digest for symbol in before] == [symbol.digest for symbol in after]
    for old, new in zip(before, after, strict=True):
        assert new.spans == tuple((first + count, last + count) for first, last in old.spans)
        assert [use.line for use in new.references] == [use.line + count for use in old.references]
