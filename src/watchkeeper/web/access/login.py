"""The login's page, and the end of a login."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from watchkeeper.web.access.answers import plain_page
from watchkeeper.web.access.identity import Identities, Named, cookie_name
from watchkeeper.web.access.places import find_next
from watchkeeper.web.access.refusing import Refused

if TYPE_CHECKING:
    from watchkeeper.controlroom.judging import Person

_FORM = """{said}
<form method="post" action="/login" class="login">
<input type="hidden" name="next" value="{next}">
<p><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus spellcheck="false"
 autocapitalize="none" {described}></p>
<p><button type="submit">Log in</button></p>
</form>
<p>It was printed when <code>watchkeeper web</code> was first started.
<code>watchkeeper web token --new</code> makes another.</p>"""


def login_routes(identities: Identities) -> list[Route]:
    """``GET`` and ``POST /login``, ``POST /logout``."""

    async def show(request: Request) -> Response:
        wanted = find_next(request.query_params.get("next", "/"))
        if request.state.person is not None:
            return RedirectResponse(wanted, 303)
        return _page(wanted)

    async def log_in(request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=20)
        wanted, given = find_next(str(form.get("next", "/"))), str(form.get("token", ""))
        try:
            named = await run_in_threadpool(identities.verify, given, request.state.client)
        except Refused as refused:
            if not refused.wait_s:  # what is not even heard would fill the record
                await run_in_threadpool(
                    identities.audit, "login", "", "", request.state.client, allowed=False, detail=refused.error.slug
                )
            page = _page(wanted, refused.error.message, refused.status)
            page.headers.update({"retry-after": str(refused.wait_s)} if refused.wait_s else {})
            return page
        return await run_in_threadpool(_begin, identities, request, named, wanted)

    async def log_out(request: Request) -> Response:
        person: Person = request.state.person
        await run_in_threadpool(identities.sessions.end, request.state.session)
        await run_in_threadpool(identities.audit, "logout", person.who, person.role.value, "", allowed=True)
        answer = RedirectResponse("/login", 303)
        is_secure = request.state.is_secure
        name = cookie_name(is_secure=is_secure)
        answer.delete_cookie(name, path="/", secure=is_secure, httponly=True, samesite="strict")
        answer.headers["clear-site-data"] = '"cache"'
        return answer

    return [
        Route("/login", show, methods=["GET"], name="login"),
        Route("/login", log_in, methods=["POST"], name="log-in"),
        Route("/logout", log_out, methods=["POST"], name="logout"),
    ]


def _begin(identities: Identities, request: Request, named: Named, wanted: str) -> Response:
    """A new id at each login: one that somebody planted in this browser is worth nothing."""
    is_secure = request.state.is_secure
    identities.audit("login", named.name, named.role.value, request.state.client, allowed=True)
    session = identities.sessions.begin(named.name, named.role, named.token, before=request.state.session)
    answer = RedirectResponse(wanted, 303)
    answer.set_cookie(
        cookie_name(is_secure=is_secure),
        session,
        max_age=int(identities.web.session_hours * 3600),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )
    return answer


def _page(wanted: str, said: str = "", status: int = 200) -> Response:
    told = f'<p role="alert" id="said">{escape(said)}</p>' if said else ""
    described = 'aria-describedby="said" aria-invalid="true"' if said else ""
    return plain_page("Log in", _FORM.format(said=told, next=escape(wanted), described=described), status=status)
