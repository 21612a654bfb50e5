"""What people who cannot see, or have no mouse, cannot use; and pages without a net."""

from __future__ import annotations

import pytest

from scout_rules import SCRIPT, lines, say

ICON = "import { TrashIcon } from 'lucide-react';\nimport Image from 'next/image';\nexport const A = (p: P) => {};\n"

BAD = [
    ("image-without-alt", "<img src='/a.png' />"),
    ("image-without-alt", "<Image src='/a.png' width={1} />"),
    ("button-without-name", "<button onClick={go}><svg /></button>"),
    ("button-without-name", "<button onClick={go}><TrashIcon size={1} /></button>"),
    ("click-on-non-interactive", "<div onClick={go}>Go</div>"),
    ("click-on-non-interactive", "<span onClick={() => go(1)}>Go</span>"),
    ("input-without-label", "<div><input name='a' placeholder='A' /></div>"),
    ("input-without-label", "<div><select name='a'></select></div>"),
    ("html-without-lang", "<html><body /></html>"),
    ("positive-tabindex", "<a href='/' tabIndex={3}>A</a>"),
    ("positive-tabindex", "<a href='/' tabIndex='3'>A</a>"),
]
GOOD = [
    ("image-without-alt", "<img src='/a.png' alt='' />"),
    ("image-without-alt", "<img src='/a.png' {...p} />"),
    ("image-without-alt", "<Picture src='/a.png' />"),
    ("image-without-alt", "<img src='/a.png' aria-hidden />"),
    ("button-without-name", "<button onClick={go}>Go</button>"),
    ("button-without-name", "<button aria-label='Go'><svg /></button>"),
    ("button-without-name", "<button title='Go'><svg /></button>"),
    ("button-without-name", "<button {...p}><svg /></button>"),
    ("button-without-name", "<button><TrashIcon /> Delete</button>"),
    ("button-without-name", "<button><TrashIcon />{p.label}</button>"),
    ("button-without-name", "<button><span className='sr-only'>Delete</span><svg /></button>"),
    ("button-without-name", "<button><svg><title>Go</title></svg></button>"),
    ("button-without-name", "<button><Label /></button>"),
    ("click-on-non-interactive", "<button onClick={go}>Go</button>"),
    ("click-on-non-interactive", "<div role='button' tabIndex={0} onClick={go} onKeyDown={go}>Go</div>"),
    ("click-on-non-interactive", "<div onClick={(e) => e.stopPropagation()}>Go</div>"),
    ("click-on-non-interactive", "<div className='overlay' onClick={go} />"),
    ("click-on-non-interactive", "<div onClick={go} {...p}>Go</div>"),
    ("click-on-non-interactive", "<div onClick={go}><a href='/'>Go</a></div>"),
    ("input-without-label", "<label>A <input name='a' /></label>"),
    ("input-without-label", "<div><label htmlFor='a'>A</label><input id='a' /></div>"),
    ("input-without-label", "<input aria-label='A' />"),
    ("input-without-label", "<input type='hidden' />"),
    ("input-without-label", "<FormField><input name='a' /></FormField>"),
    ("input-without-label", "<input {...p} />"),
    ("html-without-lang", "<html lang='en'><body /></html>"),
    ("positive-tabindex", "<a href='/' tabIndex={0}>A</a>"),
    ("positive-tabindex", "<a href='/' tabIndex={-1}>A</a>"),
    ("positive-tabindex", "<a href='/' tabIndex={p.order}>A</a>"),
]


@pytest.mark.parametrize(("rule", "body"), BAD)
def test_what_some_people_cannot_use_is_found(rule: str, body: str) -> None:
    assert lines(rule, page(body), SCRIPT) == [4]


@pytest.mark.parametrize(("rule", "body"), GOOD)
def test_what_everybody_can_use_is_let_be(rule: str, body: str) -> None:
    assert lines(rule, page(body), SCRIPT) == []


def page(body: str) -> str:
    return ICON.replace("{}", f"{{\n  return {body};\n}}")


@pytest.mark.parametrize(
    ("rule", "text", "line"),
    [
        ("image-without-alt", "<p>\n<img src='/a.png'>\n</p>\n", 2),
        ("image-without-alt", "<!-- <img> -->\n<img\n  src='{{ a.url }}'\n>\n", 2),
        ("html-without-lang", "<!doctype html>\n<html class='a'>\n</html>\n", 2),
        ("positive-tabindex", "<a href='/' tabindex='2'>A</a>\n", 1),
    ],
)
def test_pages_that_some_people_cannot_use_are_found(rule: str, text: str, line: int) -> None:
    assert lines(rule, text, "templates/a.html") == [line]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("image-without-alt", "<img src='/a.png' alt=''>\n"),
        ("image-without-alt", "<img src='/a.png' {{ attrs }}>\n<img {% if a %}alt='x'{% endif %}>\n"),
        ("image-without-alt", "<!-- <img src='/a.png'> -->\n<script>let a = '<img>';</script>\n"),
        ("image-without-alt", "<img src='/a.png' :alt='name'>\n"),
        ("html-without-lang", "<html lang='{{ language }}'>\n</html>\n"),
        ("html-without-lang", "<p>html</p>\n"),
        ("positive-tabindex", "<a href='/' tabindex='0'>A</a>\n<a href='/' tabindex='-1'>A</a>\n"),
    ],
)
def test_pages_and_templates_that_everybody_can_use_are_let_be(rule: str, text: str) -> None:
    assert lines(rule, text, "templates/a.html") == []


def test_a_letter_needs_no_language() -> None:
    assert lines("html-without-lang", "<html></html>\n", "templates/emails/a.html") == []


BOUNDARY = "missing-error-boundary"
PAGES = {f"app/{name}/page.tsx": "export default A;\n" for name in ("a", "b", "c")}


def test_pages_of_next_without_a_net_are_one_finding() -> None:
    found = say(BOUNDARY, {"next.config.ts": "", **PAGES, "app/a/error.tsx": "export default E;\n"})

    assert [(raw.path, raw.anchor) for raw in found] == [("app/b/page.tsx", "app/")]
    assert found[0].claim.startswith("2 of 3 pages below app/ have no error.tsx")


@pytest.mark.parametrize(
    "files",
    [
        {"next.config.ts": "", **PAGES, "app/error.tsx": ""},
        {"next.config.ts": "", **PAGES, "app/global-error.tsx": ""},
        PAGES,
        {"next.config.ts": "", "app/a/page.tsx": "", "app/b/page.tsx": ""},
    ],
)
def test_pages_with_a_net_or_of_something_else_are_let_be(files: dict[str, str]) -> None:
    assert say(BOUNDARY, files) == []
