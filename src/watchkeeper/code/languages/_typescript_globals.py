"""Names that are there without an import: of the language, the web, Node.js and the usual test runners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchkeeper.model.reading import Chain

BUILTIN = "%builtin"
"""The head of chains that can never reach a symbol of the project."""

_LANGUAGE = """
Object Array String Number Boolean Symbol BigInt Function Promise Map Set WeakMap WeakSet WeakRef Date Math JSON RegExp
Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError Proxy Reflect Intl Atomics
ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array
Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array FinalizationRegistry parseInt parseFloat isNaN
isFinite encodeURIComponent decodeURIComponent encodeURI decodeURI escape unescape globalThis arguments eval NaN
Infinity undefined
"""
_PLATFORM = """
console window document navigator location history self process global Buffer require module __dirname
__filename setTimeout clearTimeout setInterval clearInterval setImmediate clearImmediate queueMicrotask structuredClone
requestAnimationFrame cancelAnimationFrame requestIdleCallback fetch Request Response Headers FormData Blob File
FileReader URL URLSearchParams AbortController AbortSignal TextEncoder TextDecoder ReadableStream WritableStream
TransformStream WebSocket EventSource XMLHttpRequest Worker MessageChannel MessagePort BroadcastChannel crypto caches
performance localStorage sessionStorage indexedDB atob btoa alert confirm prompt Event CustomEvent EventTarget
MouseEvent KeyboardEvent PointerEvent TouchEvent FocusEvent InputEvent DragEvent ClipboardEvent WheelEvent ErrorEvent
MessageEvent CloseEvent Node NodeList Element Document DocumentFragment ShadowRoot HTMLElement HTMLInputElement
HTMLButtonElement HTMLDivElement HTMLFormElement HTMLAnchorElement HTMLImageElement HTMLCanvasElement
HTMLSelectElement HTMLTextAreaElement HTMLVideoElement HTMLAudioElement SVGElement SVGSVGElement MutationObserver
IntersectionObserver ResizeObserver DOMParser DOMException RequestInit ResponseInit HeadersInit BodyInit Deno Bun NodeJS
"""
_TYPES = """
ReadonlyArray PromiseLike Record Partial Readonly Required Pick Omit Exclude Extract NonNullable ReturnType Parameters
ConstructorParameters InstanceType Awaited ReadonlyMap ReadonlySet Iterable Iterator IterableIterator AsyncIterable
AsyncIterator AsyncIterableIterator Generator AsyncGenerator ArrayLike Uppercase Lowercase Capitalize Uncapitalize
ThisType NoInfer bigint TemplateStringsArray PropertyKey PropertyDescriptor
"""
_TESTS = """
describe it test expect suite beforeEach afterEach beforeAll afterAll jest vi expectTypeOf assertType xit xdescribe fit
fdescribe before after
"""
_NAMES = frozenset(f"{_LANGUAGE} {_PLATFORM} {_TYPES} {_TESTS}".split())


def unbound_globals(bound: Iterable[str]) -> Mapping[str, Chain]:
    """What those names mean in a file that neither defines nor imports them."""
    return dict.fromkeys(_NAMES.difference(bound), (BUILTIN,))
