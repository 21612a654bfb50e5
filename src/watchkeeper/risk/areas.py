"""Sensitive areas: the words that name them, and what code does that belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import msgspec

from watchkeeper.risk.points import PointKind


class Area(msgspec.Struct, frozen=True):
    """An area. ``strong`` words name it wherever they stand; ``weak`` ones only beside a strong one of the same file.

    Words are those of names in snake or camel case, in the singular; a pair is written ``api_key``.
    """

    kind: PointKind
    strong: frozenset[str]
    weak: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


AREAS: tuple[Area, ...] = (
    Area(
        PointKind.AUTH,
        _words(
            "auth authn authz authenticate authenticated authentication authenticator authorize authorise authorization"
            " authorisation authorized unauthorized login logout signin signup password passwd passphrase permission"
            " csrf xsrf oauth oidc saml jwt totp mfa rbac acl sudo superuser credential netrc access_token"
            " refresh_token bearer_token auth_token session_cookie user_session session_key login_required is_staff"
            " is_superuser is_admin privilege impersonate"
        ),
        _words("token session role scope cookie nonce signature grant"),
    ),
    Area(
        PointKind.MONEY,
        _words(
            "payment payout invoice billing refund currency price pricing salary iban vat stripe paypal paddle"
            " checkout_session credit_card tax_rate subscription_fee exchange_rate ledger payroll"
        ),
        _words("amount balance charge fee discount tax total cent subscription coupon wallet transfer"),
    ),
    Area(
        PointKind.SECRETS,
        _words(
            "secret_key private_key api_key apikey encryption_key signing_key access_key client_secret keyring keystore"
            " hmac encrypt decrypt cipher secret"
        ),
    ),
)

PATHS: tuple[tuple[PointKind, re.Pattern[str]], ...] = (
    (PointKind.AUTH, re.compile(
        r"(^|[/_.-])(auth|authn|authz|authentication|authorization|login|oauth2?|permissions?|passwords?|rbac|acl|csrf"
        r"|sso|saml|jwt)([/_.-]|$)", re.IGNORECASE)),
    (PointKind.MONEY, re.compile(
        r"(^|[/_.-])(billing|payments?|invoices?|invoicing|pricing|checkout|refunds?|payouts?|payroll|stripe)([/_.-]|$)",
        re.IGNORECASE)),
    (PointKind.MIGRATION, re.compile(
        r"(^|/)(migrations|alembic/versions|db/migrate|migrate/versions|prisma/migrations)/(?!__init__)[^/]+"
        r"(/[^/]+)?\.(py|sql|[cm]?[jt]s|rb)$")),
    (PointKind.SECRETS, re.compile(
        r"(^|/)(\.env(?!\.(example|sample|template|dist))(\.[\w-]+)?|id_(rsa|ed25519|ecdsa)|[^/]*\.(pem|key|p12|pfx|jks"
        r"|keystore)|\.htpasswd|\.netrc|credentials(\.json|\.ya?ml)?|secrets?\.(json|ya?ml|toml|py|env))$")),
    (PointKind.DELIVERY, re.compile(
        r"(^|/)(\.github/(workflows|actions)/.*|\.gitlab-ci\.yml|\.circleci/.*|Jenkinsfile|azure-pipelines[^/]*|\.travis\.yml"
        r"|([\w-]+\.)?Dockerfile(\.[\w-]+)?|docker-compose[^/]*|[^/]*\.tf|CODEOWNERS|\.buildkite/.*|fly\.toml"
        r"|k8s/.*|helm/.*|deploy/.*)$")),
)  # fmt: skip
"""Areas by where a file lies."""

_DELETES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(shutil\.)?rmtree\s*\("), "removes a folder with all that is in it"),
    (re.compile(r"\bos\.(remove|unlink|rmdir|removedirs)\s*\("), "removes files"),
    (re.compile(r"\.(unlink|rmdir)\s*\("), "removes files"),
    (re.compile(r"\b(rimraf|rmSync|unlinkSync|fs(\.promises)?\.(rm|rmdir|unlink))\s*\("), "removes files"),
    (re.compile(r"(?:^|[\s\"'`;&|(])rm\s+-\w*[rf]\w*\s"), "runs rm -r or -f"),
    (re.compile(r"\bDELETE\s+FROM\b"), "deletes rows"),
    (
        re.compile(r"\bDROP\s+(TABLE|COLUMN|DATABASE|SCHEMA|INDEX|CONSTRAINT)\b", re.IGNORECASE),
        "drops a part of the database",
    ),
    (re.compile(r"\bTRUNCATE\s+(TABLE\s+)?\w+", re.IGNORECASE), "empties a table"),
    (
        re.compile(r"\b(RemoveField|DeleteModel)\s*\(|\bop\.(drop_table|drop_column)\s*\("),
        "drops a part of the database",
    ),
    (re.compile(r"\.(filter|all|exclude|where|objects)\([^()]*\)(\.\w+\([^()]*\))*\.delete\s*\("), "deletes rows"),
    (re.compile(r"\.(deleteMany|delete_many|bulk_delete|drop_all|dropTable|dropColumn)\s*\("), "deletes rows"),
    (re.compile(r"\bsession\.delete\s*\("), "deletes rows"),
    (re.compile(r"\bgit\s+(push\s+(-f|--force)\b|clean\s+-\w*f|reset\s+--hard)|push --force\b"), "overwrites history"),
)

_GUARDS = re.compile(
    r"\b(login_required|permission_required|user_passes_test|requires?_auth|requires?_login|requires?_permission"
    r"|permission_classes|authentication_classes|has_perms?|has_permission|check_permissions?|check_password"
    r"|is_authenticated|is_staff|is_superuser|is_admin|verify_token|verify_signature|compare_digest|csrf_protect"
    r"|require_http_methods|requireAuth|isAuthenticated|ensureAuthenticated|PermissionDenied|authorize|authenticate"
    r"|user_has_any_permission|user_has_permission|hasPermission|checkPermission"
    # Named for what they do: require_owner, ensureMember, assert_can_edit, must_be_admin, is_owner.
    r"|(?:require|requires|ensure|assert|check|verify|enforce|must_be|must_own|is|has)_?(?:[Cc]an_?\w*|[Oo]wns|[Oo]wner(?:ship)?"
    r"|[Mm]ember(?:ship)?|[Aa]dmin|[Ll]ogin|[Ll]ogged_?[Ii]n|[Rr]oles?|[Aa]ccess|[Rr]ights?|[Tt]enant|[Aa]uthorized|[Aa]uth)"
    r")(?!\w)"
)
_WHOSE = r"(?:owner|author|creator|created_?by|tenant|workspace|organi[sz]ation|org|account|team|member|user)"
_SOMEBODY = (
    r"(?:(?:self\.|this\.)?(?:request|req|ctx|context|session|g|principal|current_?user|viewer|actor|user|me|info)\b"
    r"(?:\.\w+)*|current_?(?:user|tenant|account|org)\w*(?:\.\w+)*)"
)
_OWNERSHIP = re.compile(
    rf"\.{_WHOSE}(?:_?id)?\b(?:\.(?:id|pk))?\s*(?:[!=]==?|is\s+not\b|is\b|not\s+in\b)\s*{_SOMEBODY}"
    rf"|{_SOMEBODY}\s*(?:[!=]==?|is\s+not\b|is\b)\s*[\w.]+\.{_WHOSE}(?:_?id)?\b"
    rf"|\b{_WHOSE}(?:_?id)?(?:=|:\s*)(?:self\.|this\.)?(?:request|req|ctx|session|g|current_?user|info\.context)\b\.?\w*"
    rf"|\b{_WHOSE}_id\s*=\s*(?:\?|%s|%\(\w+\)s|:\w+|\$\d)",
    re.IGNORECASE,
)
"""Whether a thing is his who asks: compared with whoever is there, or asked for with it."""
_REFUSALS = re.compile(
    r"\braise\s+(?:\w+\.)*(?:PermissionError|Forbidden\w*|Unauthorized\w*|NotAuthorized\w*|AccessDenied\w*)"
    r"|\babort\(\s*40[13]\b|\bHttpResponseForbidden\b|\bHTTP_40[13]_\w+|\b(?:sendStatus|status)\(\s*40[13]\b"
    r"|\bthrow\s+new\s+(?:Forbidden|Unauthorized|AccessDenied)\w*",
)
_SOMEBODY_AT_ALL = re.compile(r"log(ged)?_?in|authenticat|[_a-z]auth$|Auth$|password|token|signature", re.IGNORECASE)
_SWITCHED_OFF = re.compile(
    r"\bcsrf_exempt\b|\bverify\s*=\s*False\b|rejectUnauthorized\s*:\s*false|\bssl\._create_unverified_context"
    r"|\bCERT_NONE\b|\bAllowAny\b|check_hostname\s*=\s*False|\bALLOWED_HOSTS\s*=\s*\[\s*[\"']\*"
)
_SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}\b|-----BEGIN (?:\w+ )*PRIVATE KEY-----|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bsk_live_[A-Za-z0-9]{16,}"
    r"|\bxox[baprs]-[A-Za-z0-9-]{10,}|\bglpat-[A-Za-z0-9_-]{20}\b|\bAIza[0-9A-Za-z_-]{35}\b|\bsk-(?:ant|proj)-[\w-]{20,}"
)

_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@lru_cache(maxsize=20_000)
def words_of(name: str) -> tuple[str, ...]:
    """``getAccessTokens`` -> ``get access token get_access access_token``: its words and pairs of words."""
    words = [_singular(part.lower()) for part in _PART.findall(name)]
    return (*words, *(f"{one}_{two}" for one, two in pairwise(words)))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


def names_in(line: str) -> Iterator[str]:
    """The names that a line of code uses; what stands in strings counts too."""
    return (found[0] for found in _NAME.finditer(line))


def deletion_in(line: str) -> str | None:
    """What a line takes away for good, as a clause; None where it takes nothing."""
    return next((what for pattern, what in _DELETES if pattern.search(line)), None)


def guards_in(line: str) -> list[str]:
    """The checks of a line that keep people out: by a name that says so, whose a thing is, or that they are refused."""
    found = _GUARDS.findall(line)
    if _OWNERSHIP.search(line):
        found.append("whose it is")
    if not found and _REFUSALS.search(line):
        found.append("who may do it")
    return found


def strength_of(guard: str) -> int:
    """2 for a check of what somebody may, 1 for one that he is somebody at all."""
    return 1 if _SOMEBODY_AT_ALL.search(guard) else 2


def switched_off_in(line: str) -> str | None:
    """A protection that the line switches off."""
    found = _SWITCHED_OFF.search(line)
    return found[0] if found else None


def has_secret(line: str) -> bool:
    """Whether the line has the form of a key that some service gave out."""
    return _SECRET.search(line) is not None
