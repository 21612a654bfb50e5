"""What somebody would search for without scouts: one careful ``grep`` for each kind."""

from __future__ import annotations

import re
from collections.abc import Iterator

_I = re.IGNORECASE
_ENDINGS = (".py", ".ts", ".tsx", ".js", ".jsx", ".sql", ".html")
_LINES = {
    "missing-timeout": re.compile(
        r"^(?!.*timeout).*(\b(requests|http|web|session)\.(get|post|put|patch|delete|head|request)\(|urlopen\()"
    ),
    "injection": re.compile(
        r"os\.system\(|shell=True|\bexec(Sync)?\([`\"'].*(\$\{|[\"'] ?\+)"
        r"|(execute|query|raw|Unsafe)\(.*(%|f[\"']|\.format|\$\{|[\"'] ?\+)"
    ),
    "unescaped-html": re.compile(
        r"mark_safe\(|\bMarkup\(|innerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|document\.write"
    ),
    "hardcoded-secret": re.compile(
        r"(secret|passw(or)?d|token|api_?key)\w*[\"']?\s*[:=]\s*[\"'][^\"']{12,}[\"']|Bearer \w{12,}", _I
    ),
    "accessibility": re.compile(
        r"<img(?![^>]*\balt)|<(div|span|li|a)[^>]*onClick|tabIndex=\{[1-9]|<input(?![^>]*(aria-label|\bid=))"
    ),
}  # fmt: skip
_PAIRS = {
    "silent-error": (
        re.compile(r"\bexcept\b.*:\s*$|\bcatch\b.*\{\s*$"),
        re.compile(r"^\s*(pass|continue|\.\.\.|return( None|null|\[\]| \[\]| null)?;?|\})\s*$"),
        1,
    ),
    "n-plus-one": (
        re.compile(r"\bfor\b|\.map\(|\.forEach\("),
        re.compile(r"\.objects\.|\.execute\(|session\.get\(|prisma\.\w+\.find|supabase|\.findOne\(|db\.select\("),
        3,
    ),
}
_ONE_LINE_CATCH = re.compile(
    r"except.*:\s*(pass|\.\.\.)\s*$|catch\s*(\(\w*\))?\s*\{\s*\}|\.catch\(\(\w*\) => (\{\s*\}|null|undefined)\)"
)


def grep(path: str, text: str) -> Iterator[tuple[str, int]]:
    """Kind and 1-based line of everything that the patterns match in a file."""
    if not path.endswith(_ENDINGS):
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for kind, pattern in _LINES.items():
            if pattern.search(line):
                yield kind, number
        if _ONE_LINE_CATCH.search(line):
            yield "silent-error", number
        for kind, (before, here, reach) in _PAIRS.items():
            above = lines[max(0, number - 1 - reach) : number - (kind == "silent-error")]
            if here.search(line) and any(before.search(each) for each in above):
                yield kind, number
    if path.endswith(".sql"):
        secured = re.search(r"enable row level security", text, _I)
        for number, line in enumerate(lines, 1):
            if (re.search(r"create table", line, _I) and not secured) or re.search(r"using \(true\)", line, _I):
                yield "missing-row-security", number
