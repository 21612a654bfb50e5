"""Rules of the dimension ``ux`` for JSX: what people who cannot see, or have no mouse, cannot use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.scouts.rules.project import SCRIPTS, Project
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import ScriptFile, attributes, tag

_NAMES = frozenset("aria-label aria-labelledby title children dangerouslySetInnerHTML".split())
_PLAIN = frozenset("div span li p td tr section article img".split())
_KEYS = frozenset("role tabIndex onKeyDown onKeyUp onKeyPress aria-hidden contentEditable".split())
_PICTURE = re.compile(r"next/og|vercel/og|satori|react-pdf|/og/|opengraph|twitter-image")
"""What is drawn instead of being shown as a page."""
_FEWEST_PAGES = 3
_NO_LABEL = frozenset("hidden submit button reset image".split())


def _elements(file: ScriptFile, *tags: str) -> Iterator[tuple[ScriptNode, dict[str, str]]]:
    for kind in ("jsx_opening_element", "jsx_self_closing_element"):
        for element in file.of(kind):
            if not tags or tag(element) in tags:
                given = attributes(element)
                if given is not None and not element.is_broken:
                    yield element, given


def find_image_without_alt(file: ScriptFile) -> Iterator[Hit]:
    """``<img>`` and Next's ``<Image>`` without ``alt``."""
    if _PICTURE.search(" ".join(file.imports.values()) + file.path):
        return
    is_next = file.imports.get("Image", "").startswith("next/")
    for element, given in _elements(file, "img", *(["Image"] if is_next else [])):
        if not given.keys() & {"alt", "aria-hidden", "role", "aria-label"}:
            yield file.hit(element, tag(element))


def find_nameless_button(file: ScriptFile) -> Iterator[Hit]:
    """``<button>`` with nothing in it but pictures."""
    for element, given in _elements(file, "button"):
        whole = element.parent
        if given.keys() & _NAMES or whole is None or element.kind != "jsx_opening_element" or "aria-hidden" in given:
            continue
        inside = [each for each in whole.children() if each.kind not in ("jsx_opening_element", "jsx_closing_element")]
        shown = [each for each in inside if not (each.kind == "jsx_text" and not each.text.strip())]
        if shown and all(_is_picture(file, each) for each in shown):
            yield file.hit(element)


def _is_picture(file: ScriptFile, node: ScriptNode) -> bool:
    """``<svg>``, or a component that is called an icon or comes from a library of them, without a name of its own."""
    opening = node.children()[0] if node.kind == "jsx_element" and node.children() else node
    if node.kind not in ("jsx_element", "jsx_self_closing_element"):
        return False
    name = tag(opening)
    given = attributes(opening)
    if given is None or given.keys() & {"title", "aria-label", "alt", "label"}:
        return False
    if name == "svg":
        return "<title" not in node.text
    is_icon = name.endswith("Icon") or re.search(
        r"lucide|react-icons|heroicons|tabler/icons|radix-ui/react-icons", file.imports.get(name, "")
    )
    return bool(is_icon) and node.kind == "jsx_self_closing_element"


def find_click_on_plain(file: ScriptFile) -> Iterator[Hit]:
    """``<div onClick>`` that no keyboard reaches. Not backdrops, and not handlers that only stop an event."""
    for element, given in _elements(file, *_PLAIN):
        handler = given.get("onClick")
        if handler is None or given.keys() & _KEYS:
            continue
        if re.search(
            r"^\{\s*(\(?\w*\)?\s*=>\s*\{?\s*)?\w+\??\.?(stopPropagation|preventDefault)\b", handler
        ) or re.search(r"propagation|prevent", handler, re.IGNORECASE):
            continue
        if re.search(
            r"overlay|backdrop|inset-0|mask|dismiss|close|onClose|focus\(", " ".join(given.values()), re.IGNORECASE
        ):
            continue
        whole = element.parent
        has_own = (
            whole is not None
            and element.kind == "jsx_opening_element"
            and re.search(r"<(a|button|Link|Button|input|Checkbox|Switch)\b", whole.text)
        )
        if not has_own:
            yield file.hit(element, tag(element))


def find_input_without_label(file: ScriptFile) -> Iterator[Hit]:
    """``<input>`` that neither a label nor an attribute names."""
    for element, given in _elements(file, "input", "textarea", "select"):
        if given.keys() & {"id", "aria-label", "aria-labelledby", "title", "hidden", "aria-hidden"}:
            continue
        if given.get("type", "").strip("\"'{}`") in _NO_LABEL or re.search(
            r"hidden|sr-only|display:\s*.?none", " ".join(given.values())
        ):
            continue
        around = [
            tag(each.children()[0]) for each in element.outward() if each.kind == "jsx_element" and each.children()
        ]
        if not any(re.search(r"label|field|control|item", name, re.IGNORECASE) for name in around):
            yield file.hit(element, tag(element))


def find_without_language(file: ScriptFile) -> Iterator[Hit]:
    """``<html>`` that does not say its language."""
    for element, given in _elements(file, "html"):
        if "lang" not in given and not re.search(r"email|mail|og|pdf", file.path, re.IGNORECASE):
            yield file.hit(element)


def find_positive_tabindex(file: ScriptFile) -> Iterator[Hit]:
    """An order of its own for the key Tab."""
    for element, given in _elements(file):
        if re.fullmatch(r"[{\"']*[1-9]\d*[}\"']*", given.get("tabIndex", "")):
            yield file.hit(element)


def find_missing_error_boundary(project: Project) -> Iterator[Hit]:
    """Next's ``app`` folders in which some pages have no ``error.tsx`` on the way up."""
    paths = set(project.paths)
    roots = sorted({path[: path.index("app/") + 4] for path in paths if _is_app_page(path, paths)})
    for root in roots:
        if any(f"{root}global-error.{end}" in paths for end in ("tsx", "jsx", "js")):
            continue
        pages = sorted(path for path in paths if path.startswith(root) and _is_page(path))
        bare = [page for page in pages if not _has_boundary(page, root, paths)]
        if bare and len(pages) >= _FEWEST_PAGES:
            line = project.text(bare[0]).split("\n", 1)[0].strip()
            yield Hit(1, line[:400], words=(str(len(bare)), str(len(pages)), root), path=bare[0], anchor=root)


def _is_page(path: str) -> bool:
    return path.rpartition("/")[2] in ("page.tsx", "page.jsx", "page.js")


def _is_app_page(path: str, paths: set[str]) -> bool:
    """A page below the ``app`` folder of a project that uses Next."""
    if not _is_page(path) or "app/" not in path or not re.search(r"(^|/)app/", path):
        return False
    root = path[: path.index("app/")]
    above = root.removesuffix("src/")
    return any(f"{above}next.config.{end}" in paths for end in ("js", "mjs", "ts", "cjs"))


def _has_boundary(page: str, root: str, paths: set[str]) -> bool:
    folder = page.rpartition("/")[0] + "/"
    while folder.startswith(root):
        if any(f"{folder}error.{end}" in paths for end in ("tsx", "jsx", "js")):
            return True
        folder = folder[:-1].rpartition("/")[0] + "/"
    return False


def _jsx(body: str) -> dict[str, str]:
    return {"a.tsx": f"export const A = () => {body};\n"}


_APP = {
    "next.config.js": "",
    "app/layout.tsx": "export default 1;\n",
    **{f"app/{n}/page.tsx": "export default 1;\n" for n in "abc"},
}

RULES = (
    Rule(
        "image-without-alt", "ux", "accessibility", 2, 0.95,
        "<{0}> has no alternative text", "Show the alt, or that the picture is hidden from screen readers.",
        _jsx("<img src='/a.png' />"), _jsx("<img src='/a.png' alt='' />"), script=find_image_without_alt,
    ),
    Rule(
        "button-without-name", "ux", "accessibility", 2, 0.85,
        "a button shows nothing but a picture, and has no name", "Show the name that a screen reader says.",
        _jsx("<button onClick={go}><svg /></button>"), _jsx("<button onClick={go} aria-label='Go'><svg /></button>"),
        script=find_nameless_button,
    ),
    Rule(
        "click-on-non-interactive", "ux", "accessibility", 2, 0.8,
        "<{0}> reacts to a click, and no keyboard reaches it", "Show another way to do the same by keyboard.",
        _jsx("<div onClick={go}>Go</div>"),
        _jsx("<div role='button' tabIndex={0} onClick={go} onKeyDown={go}>Go</div>"),
        script=find_click_on_plain,
    ),
    Rule(
        "input-without-label", "ux", "accessibility", 2, 0.75,
        "<{0}> has no label", "Show the label that belongs to it.",
        _jsx("<div><input name='a' /></div>"), _jsx("<label>A <input name='a' /></label>"),
        script=find_input_without_label,
    ),
    Rule(
        "html-without-lang", "ux", "accessibility", 1, 0.95,
        "<html> does not say its language", "Show where the language is set.",
        _jsx("<html><body /></html>"), _jsx("<html lang='en'><body /></html>"), script=find_without_language,
    ),
    Rule(
        "positive-tabindex", "ux", "accessibility", 1, 0.9,
        "a positive tabIndex takes this out of the order of the page", "Show that the order is the one that is seen.",
        _jsx("<a href='/' tabIndex={3}>A</a>"), _jsx("<a href='/' tabIndex={0}>A</a>"), script=find_positive_tabindex,
    ),
    Rule(
        "missing-error-boundary", "ux", "missing-error-boundary", 2, 0.8,
        "{0} of {1} pages below {2} have no error.tsx on the way up: an error shows Next's own page",
        "Show the error boundary that is around them.",
        _APP, {**_APP, "app/error.tsx": "export default 1;\n"}, project=find_missing_error_boundary, reads=SCRIPTS,
    ),
)  # fmt: skip
