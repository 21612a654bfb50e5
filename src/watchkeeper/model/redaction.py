"""Secrets in untrusted text -> ``[redacted]``: pages, logs and messages pass what others wrote through it. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection

MARK = "[redacted]"
"""What stands in the place of a secret. What kind of secret it was stays legible where its own text says so."""

_PASSES = 12
_SHORTEST_KNOWN = 8


def redact(text: str, known: Collection[str] = ()) -> str:
    """``text`` without what looks like a secret, and without each of ``known`` (of eight characters or more).

    Found are keys as services give them out, private keys, signed tokens, passwords in addresses, credentials in
    headers, and literals that are assigned to names of secrets. Hashes, commit ids, UUIDs and code that only speaks of
    secrets stay. Total, idempotent, linear in the text. A secret that looks like nothing is not found.
    """
    for secret in sorted((each for each in known if len(each) >= _SHORTEST_KNOWN), key=len, reverse=True):
        text = text.replace(secret, MARK)
    for _ in range(_PASSES):  # what was hidden can bring two other parts together; each pass leaves less to find
        before, text = text, _redact_once(text)
        if text == before:
            break
    return text


def has_secret(text: str) -> bool:
    """Whether `redact` would hide anything."""
    return _redact_once(text) != text


def _redact_once(text: str) -> str:
    if _PEM_HINT in text:
        text = _without_private_keys(text)
    text = _GIVEN_OUT.sub(rf"\g<kind>{MARK}", text)
    if "…" in text or "..." in text:
        text = _CUT_SHORT.sub(rf"\g<kind>{MARK}", text)
    if "eyJ" in text:
        text = _SIGNED.sub(MARK, text)
    if "://" in text:
        text = _HOOK.sub(rf"\g<1>{MARK}", text)
        text = _ADDRESS.sub(_address, text)
    text = _HEADER.sub(rf"\g<1>{MARK}", text)
    text = _COOKIE.sub(rf"\g<1>{MARK}", text)
    text = _FLAG.sub(_flag, text)
    return _ASSIGNED.sub(_assigned, text)


# -- private keys -----------------------------------------------------------------------------------------------------

_PEM_HINT = "PRIVATE KEY"
_BORDER = re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(r"[A-Za-z0-9+/=]{16}")
_CUT_OFF = re.compile(
    r"(?:[\s\"'+|>,\\-]{0,200}(?:\\[nr]){0,4}[A-Za-z0-9+/=]{16,})+(?:[\s+|>-]{1,200}[A-Za-z0-9+/]+={1,2})?"
)


def _without_private_keys(text: str) -> str:
    borders = list(_BORDER.finditer(text))
    parts, at = [], 0
    for number, border in enumerate(borders):
        if border[1] == "END" or border.end() < at:
            continue
        following = borders[number + 1] if number + 1 < len(borders) else None
        if following is not None and following[1] == "END":
            if _BODY.search(text, border.end(), following.start()):
                parts += [text[at : border.end()], f" {MARK} "]
                at = following.start()
        elif (rest := _CUT_OFF.match(text, border.end())) is not None:  # its end was cut off
            parts += [text[at : border.end()], f" {MARK}"]
            at = rest.end()
    return "".join([*parts, text[at:]])


# -- what services give out --------------------------------------------------------------------------------------------

_GIVEN_OUT = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      (?P<kind>
        gh[pousr]_(?=\w{20}) | github_pat_(?=\w{20})
      | gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas)-(?=[\w-]{16})
      | xox[abeoprs]-(?=[\w-]{10}) | xapp-\d-(?=[\w-]{10})
      | sk-(?:ant-|proj-|or-|svcacct-|lf-)?(?=[\w-]{0,40}\d)(?=[\w-]{20})
      | (?:sk|rk|pk)_(?:live|test)_(?=\w{10}) | whsec_(?=[\w+/]{16})
      | (?:AKIA|ASIA|ABIA|ACCA)(?=[A-Z0-9]{16}(?![A-Za-z0-9]))
      | AIza(?=[\w-]{30}) | ya29\.(?=[\w-]{20}) | GOCSPX-(?=[\w-]{20}) | 1//0(?=[\w-]{30})
      | npm_(?=[A-Za-z0-9]{30}) | pypi-(?=[\w-]{40}) | dckr_(?:pat|oat)_(?=[\w-]{20}) | hf_(?=[A-Za-z0-9]{30})
      | do[opr]_v1_(?=[0-9a-f]{32}) | shp(?:at|ca|pa|ss)_(?=[0-9a-fA-F]{32}) | SG\.(?=[\w-]{16,40}\.[\w-]{16})
      | lin_(?:api|oauth)_(?=\w{20}) | ntn_(?=\w{30}) | secret_(?=[A-Za-z0-9]{40}) | dapi(?=[0-9a-f]{32})
      | hv[sbr]\.(?=[\w-]{20}) | AGE-SECRET-KEY-1(?=[A-Z0-9]{30}) | sntry[su]_(?=[\w+/=-]{30})
      | dp\.(?:pt|st|ct|sa)\.(?=\w{30})
      | gsk_(?=\w{30}) | xai-(?=\w{30}) | pplx-(?=\w{30}) | r8_(?=\w{30}) | tskey-(?:[a-z]{1,12}-)?(?=[\w-]{16})
      | sbp_(?=[0-9a-f]{30}) | pscale_(?:tkn|pw|oauth)_(?=[\w-]{20}) | PMAK-(?=[0-9a-f-]{30}) | NRAK-(?=[A-Z0-9]{20})
      | gl(?:sa|c)_(?=[\w+/=]{30}) | ATATT3(?=[\w=-]{30}) | key-(?=[0-9a-f]{32}(?![\w])) | wk_(?:t|s|p)_(?=[\w-]{20})
      )[\w+/=.-]*(?<![.])
    | (?<!\d)\d{8,10}:AA[\w-]{33} (?![\w-])
    | [MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,} (?![\w-])
    )""",
    re.VERBOSE | re.ASCII,
)
_CUT_SHORT = re.compile(  # a key that somebody cut before it came here: the rest of it is enough to begin with
    r"(?<![A-Za-z0-9])(?P<kind>gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk-ant-|sk-proj-|[srp]k_live_|AKIA|ASIA|AIza|npm_|pypi-"
    r"|hf_|dckr_pat_|hvs\.|tskey-|glsa_|sbp_|wk_[tsp]_|eyJ)[\w+/=.-]{2,}?(?=…|\.\.\.|\[\.\.\.\])",
    re.ASCII,
)
_SIGNED = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}", re.ASCII)
_HOOK = re.compile(
    r"(https?://(?:[\w.-]{1,60}\.)?(?:hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/"
    r"|outlook\.office\.com/webhook/|webhook\.office\.com/webhookb2/|api\.telegram\.org/bot))[\w/@:=-]{8,}"
)


# -- addresses, headers ---------------------------------------------------------------------------------------------

_ADDRESS = re.compile(
    r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{1,20}://)(?P<user>[^\s/?#:@'\"`<>]*)(?P<rest>:[^\s/'\"`<>]*)?@"
)


def _address(found: re.Match[str]) -> str:
    user, rest = found["user"], found["rest"]
    if rest is None:
        return f"{found['scheme']}{MARK}@" if _is_random(user, 20) else found[0]
    if not rest[1:] or _is_placeholder(rest[1:]):
        return found[0]
    return f"{found['scheme']}{user}:{MARK}@"


_HEADER = re.compile(
    r"""((?:\b(?:proxy-)?authorization["']?\s{0,4}[:=]>?\s{0,4}["']?(?:[A-Za-z][\w-]{1,30}\s{1,4})?|\bbearer\s{1,4}))"""
    r"(?=[\w.~+/-]{0,60}\d)[\w.~+/-]{12,}=*",
    re.IGNORECASE,
)
_COOKIE = re.compile(
    r"(\b(?:set-)?cookie\s{0,4}:\s{0,4})(?=[^\r\n'\"`]{0,200}?=[^\s;'\"`]{8})[^\r\n'\"`]+", re.IGNORECASE
)


# -- names and what is assigned to them -----------------------------------------------------------------------------

_WORDS = (
    r"(?P<strong>passw(?:or)?d|passphrase|(?<![a-z])pwd|(?:client|app|api|consumer|shared|webhook|jwt|session|signing)?[_-]?secret"
    r"(?:[_-]?(?:access[_-]?)?key)?(?:[_-]?base)?|(?:api|access|private|signing|encryption|auth|account|master|service|license)[_-]?key)"
    r"|(?P<weak>(?<![a-z])credentials?|token|(?<=[?&])(?:sig|signature|code|key|x-amz-signature|x-goog-signature))"
)
_SUFFIX = r"(?:[_-]?(?:value|prod(?:uction)?|dev|test|staging|old|new|\d{1,3}))?"
_ASSIGNED = re.compile(
    rf"(?:{_WORDS}){_SUFFIX}(?P<close>[\"'`]?\]?)(?P<sign>\s{{0,8}}(?::?=>?|:)\s{{0,8}})"
    rf"(?P<open>[rbuf]{{0,2}}(?P<quote>\"\"\"|'''|[\"'`])|)(?P<value>(?(quote)[^\"'`\r\n]{{4,4000}}|[^\s\"'`,;&()<>{{}}\[\]|\\]{{4,4000}}))",
    re.IGNORECASE,
)
_FLAG = re.compile(
    r"((?<![\w-])--?[\w-]{0,30}(?:password|passwd|passphrase|secret|token|api-?key|private-?key)\s{1,4}[\"']?)([^\s\"'`,;()<>{}\[\]|-][^\s\"'`,;()<>{}\[\]|]{3,})",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|->|\?\.)[A-Za-z_$][\w$]*)*[?!]?")
_PLACEHOLDER = re.compile(
    r"\$\{?\{?.*|%[\w(].*|\{.*|<.*|.*\[redacted.*|[*.xX•…-]+|(?:your|my|the|an?|some|example|dummy|fake)[_ -].*"
    r"|(?:none|null|nil|true|false|undefined|required|optional|string|changeme|password|passwd|secret|token|redacted|example)",
    re.IGNORECASE | re.DOTALL,
)


def _assigned(found: re.Match[str]) -> str:
    value, quote = found["value"], found["quote"]
    shown = found[0][: found.start("value") - found.start()] + MARK
    if _is_placeholder(value.strip()):
        return found[0]
    following = found.string[found.end() : found.end() + 1]
    if quote:
        is_secret = _is_literal(value, is_strong=found["strong"] is not None)
    elif following in {"(", "[", "{", "<", "'", '"'}:  # a call, an index, a type
        return found[0]
    else:
        value = value.rstrip(".:!?")
        shown += found["value"][len(value) :]
        is_secret = _is_bare_secret(found, value)
    return shown if is_secret else found[0]


def _is_literal(value: str, *, is_strong: bool) -> bool:
    """Of a name that says password any word is one; a token or a key has to look like one, to be no label."""
    if any(character.isspace() for character in value):
        return False
    return is_strong or _is_random(value, 12)


def _is_bare_secret(found: re.Match[str], value: str) -> bool:
    is_name = _REFERENCE.fullmatch(value) is not None  # so far as it may be one of the program's
    if _is_random(value, 16) and (not is_name or (value.isalnum() and sum(map(str.isdigit, value)) >= 3)):
        return True
    if found["strong"] is None:
        return False
    if found["sign"] == "=" and found[0][:3].isupper():  # a line of an environment
        return True
    has_both = any(each.isdigit() for each in value) and any(not each.isdigit() for each in value)
    return has_both and not value[0].isupper() and len(value) >= 6 and not re.fullmatch(r"[\d.]+\w{0,3}", value)


def _flag(found: re.Match[str]) -> str:
    value = found[2]
    is_secret = not _is_placeholder(value) and any(each.isdigit() for each in value)
    return f"{found[1]}{MARK}" if is_secret else found[0]


def _is_placeholder(value: str) -> bool:
    return _PLACEHOLDER.fullmatch(value) is not None


def _is_random(value: str, least: int) -> bool:
    """Letters and digits in an order that no word has: at least 2.8 bits a character."""
    if len(value) < least or not any(each.isdigit() for each in value) or not any(each.isalpha() for each in value):
        return False
    if any(each.isspace() for each in value):
        return False
    counts = Counter(value[:200])
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values()) >= 2.8
