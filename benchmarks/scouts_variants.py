"""Defects of eight kinds and their innocent twins, as programs write them: what ``scouts_planting`` plants.

Written beside the rules' own samples, none of which is among them; some are of forms that no rule is known to read.
``way`` says where one goes: ``function`` (a new one in a module), ``method`` (into a class), ``body`` (into a function
that is there), ``module`` (a statement of the module), ``component`` (a new one in a module with JSX), ``element``
(into JSX that is there), ``file`` (a new file). Holes: ``__N__`` what makes a name its own, ``__ARG__`` a parameter of
the function around it, ``__SECRET__`` what only chance makes. Both texts of a variant begin with the same name.
"""

from __future__ import annotations

from typing import NamedTuple


class Variant(NamedTuple):
    """One form of a defect, and its twin: the same shape, and right. ``imports`` are given to both."""

    id: str
    kind: str
    language: str  # python, script, sql
    way: str
    bad: str
    good: str
    imports: tuple[str, ...] = ()


DIMENSIONS = {
    "missing-timeout": "performance", "n-plus-one": "performance", "silent-error": "errors", "injection": "security",
    "unescaped-html": "security", "hardcoded-secret": "security", "accessibility": "ux",
    "missing-row-security": "database",
}  # fmt: skip
"""The dimension that each kind is looked for along."""


def _python(name: str, kind: str, way: str, bad: str, good: str, *imports: str) -> Variant:
    return Variant(f"python-{name}", kind, "python", way, bad.strip("\n"), good.strip("\n"), imports)


def _script(name: str, kind: str, way: str, bad: str, good: str, *imports: str) -> Variant:
    return Variant(f"script-{name}", kind, "script", way, bad.strip("\n"), good.strip("\n"), imports)


def _sql(name: str, bad: str, good: str) -> Variant:
    return Variant(f"sql-{name}", "missing-row-security", "sql", "file", bad.strip("\n"), good.strip("\n"))


PYTHON = (
    _python("timeout-aliased", "missing-timeout", "function", """
def push_usage_report___N__(endpoint, payload):
    answer = http.post(
        endpoint,
        json=payload,
        headers={"Accept": "application/json"},
    )
    answer.raise_for_status()
    return answer.json()
""", """
def push_usage_report___N__(endpoint, payload):
    answer = http.post(
        endpoint,
        json=payload,
        headers={"Accept": "application/json"},
        timeout=10,
    )
    answer.raise_for_status()
    return answer.json()
""", "import requests as http"),
    _python("timeout-session", "missing-timeout", "method", """
def fetch_profile___N__(self, url):
    with requests.Session() as web:
        web.headers["User-Agent"] = "sync/1"
        return web.get(url, allow_redirects=False).text
""", """
def fetch_profile___N__(self, url):
    with requests.Session() as web:
        web.headers["User-Agent"] = "sync/1"
        return web.get(url, allow_redirects=False, timeout=(3, 10)).text
""", "import requests"),
    _python("timeout-urlopen", "missing-timeout", "function", """
def download_feed___N__(address):
    wanted = Request(address, headers={"Accept": "application/xml"})
    with urlopen(wanted) as answer:
        return answer.read()
""", """
def download_feed___N__(address):
    wanted = Request(address, headers={"Accept": "application/xml"})
    with urlopen(wanted, None, 15) as answer:
        return answer.read()
""", "from urllib.request import Request, urlopen"),
    _python("timeout-body", "missing-timeout", "body", """
status___N__ = fetch_status("https://status.internal/api", params={"about": str(__ARG__)}).status_code
if status___N__ >= 500:
    raise RuntimeError("the status page is down")
""", """
status___N__ = fetch_status("https://status.internal/api", params={"about": str(__ARG__)}, timeout=4).status_code
if status___N__ >= 500:
    raise RuntimeError("the status page is down")
""", "from requests import get as fetch_status"),
    _python("timeout-kept-session", "missing-timeout", "module", """
class StatusClient__N__:
    def __init__(self, base):
        self.base = base
        self.web = requests.Session()

    def status(self):
        return self.web.get(self.base + "/status").json()
""", """
class StatusClient__N__:
    def __init__(self, base):
        self.base = base
        self.web = requests.Session()

    def status(self):
        return self.web.get(self.base + "/status", timeout=8).json()
""", "import requests"),
    _python("timeout-options", "missing-timeout", "function", """
def announce_release___N__(address, version):
    options = {"headers": {"X-Version": version}, "allow_redirects": False}
    return requests.post(address, **options).ok
""", """
def announce_release___N__(address, version):
    options = {"headers": {"X-Version": version}, "allow_redirects": False, "timeout": 6}
    return requests.post(address, **options).ok
""", "import requests"),
    _python("nplus-filter-first", "n-plus-one", "function", """
def owners_of_reports___N__(reports):
    owners = []
    for report in reports:
        owner = (
            Account.objects.filter(team_id=report.team_id)
            .order_by("id")
            .first()
        )
        owners.append(owner)
    return owners
""", """
def owners_of_reports___N__(reports):
    owners = []
    known = {each.team_id: each for each in Account.objects.filter(team_id__in={one.team_id for one in reports})}
    for report in reports:
        owner = known.get(report.team_id)
        owners.append(owner)
    return owners
"""),
    _python("nplus-session-get", "n-plus-one", "method", """
def invoices___N__(self, keys):
    found = []
    for key in keys:
        row = self.session.get(Invoice, key)
        if row is not None:
            found.append(row)
    return found
""", """
def invoices___N__(self, keys):
    found = []
    for row in self.session.scalars(select(Invoice).where(Invoice.id.in_(list(keys)))):
        if row is not None:
            found.append(row)
    return found
"""),
    _python("nplus-cursor", "n-plus-one", "function", """
def names_of_members___N__(cursor, memberships):
    names = {}
    for member_id, role in memberships:
        cursor.execute("SELECT name FROM people WHERE id = %s", (member_id,))
        names[role] = cursor.fetchone()[0]
    return names
""", """
def names_of_members___N__(cursor, memberships):
    names = {}
    cursor.execute("SELECT id, name FROM people WHERE id = ANY(%s)", ([one for one, _ in memberships],))
    known = dict(cursor.fetchall())
    for member_id, role in memberships:
        names[role] = known[member_id]
    return names
"""),
    _python("nplus-async", "n-plus-one", "function", """
async def lines_of_orders___N__(orders):
    lines = []
    for order in orders:
        lines.append(await OrderLine.objects.aget(order_id=order.pk))
    return lines
""", """
async def lines_of_orders___N__(orders):
    lines = []
    async for line in OrderLine.objects.filter(order_id__in=[order.pk for order in orders]):
        lines.append(line)
    return lines
"""),
    _python("nplus-lazy-relation", "n-plus-one", "function", """
def authors_of_shelf___N__(shelf):
    lines = []
    for book in Book.objects.filter(shelf=shelf):
        lines.append(f"{book.title}: {book.author.name}")
    return lines
""", """
def authors_of_shelf___N__(shelf):
    lines = []
    for book in Book.objects.filter(shelf=shelf).select_related("author"):
        lines.append(f"{book.title}: {book.author.name}")
    return lines
"""),
    _python("nplus-comprehension", "n-plus-one", "method", """
def count_by_tag___N__(self, tags):
    return {
        tag.name: Entry.objects.filter(tags=tag, is_hidden=False).count()
        for tag in tags
    }
""", """
def count_by_tag___N__(self, tags):
    return {
        tag.name: tag.entry_count
        for tag in tags.annotate(entry_count=Count("entry", filter=Q(entry__is_hidden=False)))
    }
"""),
    _python("silent-continue", "silent-error", "method", """
def refresh_totals___N__(self, rows):
    for row in rows:
        try:
            self.total += row.amount
            row.mark_counted()
            row.save()
        except Exception:
            continue
""", """
def refresh_totals___N__(self, rows):
    for row in rows:
        try:
            self.total += row.amount
            row.mark_counted()
            row.save()
        except Exception:
            logging.getLogger(__name__).exception("row %s could not be counted", row)
            continue
""", "import logging"),
    _python("silent-bare", "silent-error", "function", """
def store_receipt___N__(path, receipt):
    try:
        with open(path, "w", encoding="utf-8") as out:
            out.write(receipt.render())
    except:
        pass
""", """
def store_receipt___N__(path, receipt):
    try:
        with open(path, "w", encoding="utf-8") as out:
            out.write(receipt.render())
    except OSError as error:
        raise RuntimeError(f"{path} cannot be written") from error
"""),
    _python("silent-async", "silent-error", "function", """
async def deliver_message___N__(channel, message):
    try:
        prepared = message.encode("utf-8")
        await channel.send(prepared)
        await channel.confirm()
    except (ValueError, Exception):
        return None
    return prepared
""", """
async def deliver_message___N__(channel, message):
    try:
        prepared = message.encode("utf-8")
        await channel.send(prepared)
        await channel.confirm()
    except (ValueError, OSError):
        await channel.report_failure(message)
        raise
    return prepared
"""),
    _python("silent-suppress", "silent-error", "function", """
def charge_order___N__(order, gateway):
    with contextlib.suppress(Exception):
        gateway.charge(order.total)
        order.is_paid = True
        order.save()
""", """
def charge_order___N__(order, gateway):
    gateway.charge(order.total)
    order.is_paid = True
    order.save()
    with contextlib.suppress(FileNotFoundError):
        order.draft_path.unlink()
""", "import contextlib"),
    _python("silent-body", "silent-error", "body", """
try:
    trail___N__ = AUDIT_LOG.entries_for(__ARG__)
    trail___N__.append("seen")
    trail___N__.flush()
except Exception:
    ...
""", """
try:
    trail___N__ = AUDIT_LOG.entries_for(__ARG__)
    trail___N__.append("seen")
    trail___N__.flush()
except Exception:
    logging.getLogger(__name__).warning("the audit log took nothing", exc_info=True)
""", "import logging"),
    _python("silent-empty-result", "silent-error", "function", """
def load_subscribers___N__(store, topic):
    try:
        rows = store.query(topic)
        rows.sort(key=str)
        active = [row for row in rows if row.is_active]
        return [row.address for row in active]
    except Exception:
        return []
""", """
def load_subscribers___N__(store, topic):
    try:
        rows = store.query(topic)
        rows.sort(key=str)
        active = [row for row in rows if row.is_active]
        return [row.address for row in active]
    except Exception as error:
        logging.getLogger(__name__).error("no subscribers of %s: %s", topic, error)
        return []
""", "import logging"),
    _python("inject-system", "injection", "function", """
def archive_folder___N__(name):
    run_line(f"tar czf /var/backups/{name}.tgz {name}")
""", """
def archive_folder___N__(name):
    subprocess.run(["tar", "czf", f"/var/backups/{name}.tgz", "--", name], check=True)
""", "import subprocess", "from os import system as run_line"),
    _python("inject-check-output", "injection", "method", """
def media_length___N__(self, upload):
    return sp.check_output(
        "ffprobe -v error -show_format " + upload.filename,
        stderr=sp.STDOUT,
        shell=True,
    )
""", """
def media_length___N__(self, upload):
    return sp.check_output(
        ["ffprobe", "-v", "error", "-show_format", upload.filename],
        stderr=sp.STDOUT,
        shell=False,
    )
""", "import subprocess as sp"),
    _python("inject-sql-fstring", "injection", "method", '''
def account_by_email___N__(self, connection, email):
    with connection.cursor() as asking:
        asking.execute(
            f"""
            SELECT id, name
            FROM accounts
            WHERE email = '{email}'
            """
        )
        return asking.fetchone()
''', '''
def account_by_email___N__(self, connection, email):
    with connection.cursor() as asking:
        asking.execute(
            """
            SELECT id, name
            FROM accounts
            WHERE email = %s
            """,
            [email],
        )
        return asking.fetchone()
'''),
    _python("inject-sql-text", "injection", "function", """
async def forget_notes___N__(session, author):
    await session.execute(text("DELETE FROM notes WHERE author = '%s'" % author))
    await session.commit()
""", """
async def forget_notes___N__(session, author):
    await session.execute(text("DELETE FROM notes WHERE author = :author"), {"author": author})
    await session.commit()
""", "from sqlalchemy import text"),
    _python("inject-sql-format", "injection", "body", """
change___N__ = "UPDATE profiles SET bio = '{}' WHERE visible".format(__ARG__)
PROFILE_STORE.cursor().execute(change___N__)
""", """
change___N__ = "UPDATE profiles SET bio = ? WHERE visible"
PROFILE_STORE.cursor().execute(change___N__, (__ARG__,))
"""),
    _python("inject-sh-c", "injection", "function", """
def unpack_upload___N__(archive):
    worker = subprocess.Popen(["sh", "-c", "tar xf " + archive])
    return worker.wait()
""", """
def unpack_upload___N__(archive):
    worker = subprocess.Popen(["tar", "-x", "-f", archive])
    return worker.wait()
""", "import subprocess"),
    _python("inject-sql-pieces", "injection", "function", """
def search_titles___N__(cursor, term):
    query = "SELECT id FROM books WHERE title LIKE '%"
    query += term + "%'"
    cursor.execute(query)
    return cursor.fetchall()
""", """
def search_titles___N__(cursor, term):
    query = "SELECT id FROM books WHERE title LIKE "
    query += "%s"
    cursor.execute(query, (f"%{term}%",))
    return cursor.fetchall()
"""),
    _python("html-fstring", "unescaped-html", "method", """
def heading___N__(self, member):
    return mark_safe(f"<h2 class='name'>{member.display_name}</h2>")
""", """
def heading___N__(self, member):
    return format_html("<h2 class='name'>{}</h2>", member.display_name)
""", "from django.utils.html import format_html", "from django.utils.safestring import mark_safe"),
    _python("html-percent", "unescaped-html", "function", """
def link_to___N__(link):
    return Markup(
        "<a href='%s'>%s</a>"
        % (link.address, link.title)
    )
""", """
def link_to___N__(link):
    return Markup(
        "<a href='%s'>%s</a>"
    ) % (link.address, link.title)
""", "from markupsafe import Markup"),
    _python("html-plus", "unescaped-html", "function", """
def comment_item___N__(comment):
    shown = "<li>" + comment.body + "</li>"
    return safestring.mark_safe(shown)
""", """
def comment_item___N__(comment):
    shown = "<li>" + escape(comment.body) + "</li>"
    return safestring.mark_safe(shown)
""", "from django.utils import safestring", "from django.utils.html import escape"),
    _python("html-response", "unescaped-html", "function", """
def search_page___N__(request):
    wanted = request.GET.get("q", "")
    return HttpResponse(f"<h1>Results for {wanted}</h1>")
""", """
def search_page___N__(request):
    wanted = escape(request.GET.get("q", ""))
    return HttpResponse(f"<h1>Results for {wanted}</h1>")
""", "from django.http import HttpResponse", "from django.utils.html import escape"),
    _python("html-format", "unescaped-html", "function", """
def badge___N__(label, colour="grey"):
    return mark_safe("<span class='badge {}'>{}</span>".format(colour, label))
""", """
def badge___N__(label, colour="grey"):
    return mark_safe("<span class='badge {}'>{}</span>".format(escape(colour), escape(label)))
""", "from django.utils.html import escape", "from django.utils.safestring import mark_safe"),
    _python("html-markdown", "unescaped-html", "function", """
def render_notes___N__(notes):
    return mark_safe(markdown(notes))
""", """
def render_notes___N__(notes):
    return mark_safe(bleach.clean(markdown(notes)))
""", "import bleach", "from django.utils.safestring import mark_safe", "from markdown import markdown"),
    _python("secret-module", "hardcoded-secret", "module", """
BILLING_API_KEY_OF___N__ = (
    "__SECRET__"
)
""", """
BILLING_API_KEY_OF___N__ = (
    os.environ.get("BILLING_API_KEY", "")
)
""", "import os"),
    _python("secret-dict", "hardcoded-secret", "function", """
def settings_of_mailer___N__():
    return {
        "host": "mail.internal",
        "auth_token": "__SECRET__",
    }
""", """
def settings_of_mailer___N__():
    return {
        "host": "mail.internal",
        "auth_token": "<put-your-token-here>",
    }
"""),
    _python("secret-argument", "hardcoded-secret", "function", """
def open_storage___N__(storage, region):
    return storage.client(
        region=region,
        secret_access_key="__SECRET__",
    )
""", """
def open_storage___N__(storage, region):
    return storage.client(
        region=region,
        secret_access_key=storage.settings.secret_access_key,
    )
"""),
    _python("secret-default", "hardcoded-secret", "function", """
def sign_payload___N__(payload, secret_key="__SECRET__"):
    return hmac.new(secret_key.encode(), payload, "sha256").hexdigest()
""", """
def sign_payload___N__(payload, secret_key=None):
    return hmac.new((secret_key or os.environ["SIGNING_KEY"]).encode(), payload, "sha256").hexdigest()
""", "import hmac", "import os"),
    _python("secret-header", "hardcoded-secret", "function", """
def headers_of_tracker___N__():
    return {"Authorization": "Bearer __SECRET__"}
""", """
def headers_of_tracker___N__():
    return {"Authorization": f"Bearer {os.environ['TRACKER_TOKEN']}"}
""", "import os"),
    _python("secret-address", "hardcoded-secret", "module", """
REPLICA_DATABASE_OF___N__ = "postgresql://reports:__SECRET__@db.internal:5432/reports"
""", """
REPLICA_DATABASE_OF___N__ = "postgresql://reports@localhost:5432/reports"
"""),
)  # fmt: skip

_PRISMA = 'import { prisma } from "@/lib/prisma";'
_SUPABASE = 'import { supabase } from "@/lib/supabase";'

SCRIPT = (
    _script("a11y-image", "accessibility", "element", """
<img src="/images/avatar-__N__.png" className="size-8 rounded-full" />
""", """
<img src="/images/avatar-__N__.png" className="size-8 rounded-full" alt="" />
"""),
    _script("a11y-button", "accessibility", "component", """
export const RemoveRow__N__ = ({ onRemove }: { onRemove: () => void }) => (
  <button type="button" onClick={onRemove} className="p-1">
    <svg viewBox="0 0 8 8">
      <path d="M0 0L8 8M8 0L0 8" />
    </svg>
  </button>
);
""", """
export const RemoveRow__N__ = ({ onRemove }: { onRemove: () => void }) => (
  <button type="button" onClick={onRemove} className="p-1" aria-label="Remove this row">
    <svg viewBox="0 0 8 8">
      <path d="M0 0L8 8M8 0L0 8" />
    </svg>
  </button>
);
"""),
    _script("a11y-click", "accessibility", "component", """
export function PlanCard__N__({ plan, onPick }: { plan: { id: string; name: string }; onPick: (id: string) => void }) {
  return (
    <div
      className="rounded border p-4"
      onClick={() => onPick(plan.id)}
    >
      {plan.name}
    </div>
  );
}
""", """
export function PlanCard__N__({ plan, onPick }: { plan: { id: string; name: string }; onPick: (id: string) => void }) {
  return (
    <button
      type="button"
      className="rounded border p-4"
      onClick={() => onPick(plan.id)}
    >
      {plan.name}
    </button>
  );
}
"""),
    _script("a11y-input", "accessibility", "component", """
export function FilterBox__N__(props: { value: string; onType: (value: string) => void }) {
  return (
    <div className="flex gap-2">
      <input type="search" placeholder="Filter" value={props.value} onChange={(e) => props.onType(e.target.value)} />
    </div>
  );
}
""", """
export function FilterBox__N__(props: { value: string; onType: (value: string) => void }) {
  return (
    <label className="flex gap-2">
      Filter
      <input type="search" value={props.value} onChange={(e) => props.onType(e.target.value)} />
    </label>
  );
}
"""),
    _script("a11y-tab", "accessibility", "element", """
<span tabIndex={4} role="note" data-of="__N__">New</span>
""", """
<span tabIndex={0} role="note" data-of="__N__">New</span>
"""),
    _script("a11y-anchor", "accessibility", "component", """
export const NextStep__N__ = (props: { onNext: () => void }) => <a onClick={props.onNext}>Next step</a>;
""", """
export const NextStep__N__ = (props: { next: string }) => <a href={props.next}>Next step</a>;
"""),
    _script("nplus-for", "n-plus-one", "function", """
export async function namesOfMembers__N__(memberIds: string[]) {
  const names: string[] = [];
  for (const memberId of memberIds) {
    const member = await prisma.user.findUnique({
      where: { id: memberId },
      select: { name: true },
    });
    names.push(member?.name ?? "");
  }
  return names;
}
""", """
export async function namesOfMembers__N__(memberIds: string[]) {
  const names: string[] = [];
  const members = await prisma.user.findMany({
    where: { id: { in: memberIds } },
    select: { name: true },
  });
  for (const member of members) {
    names.push(member.name ?? "");
  }
  return names;
}
""", _PRISMA),
    _script("nplus-all", "n-plus-one", "function", """
export const plansOfTeams__N__ = async (teams: { id: string }[]) => {
  const plans = await Promise.all(
    teams.map(async (team) => {
      const plan = await prisma.plan.findFirst({ where: { teamId: team.id } });
      return [team.id, plan] as const;
    }),
  );
  return new Map(plans);
};
""", """
export const plansOfTeams__N__ = async (teams: { id: string }[]) => {
  const plans = await prisma.plan.findMany({
    where: { teamId: { in: teams.map((team) => team.id) } },
  });
  return new Map(plans.map((plan) => [plan.teamId, plan] as const));
};
""", _PRISMA),
    _script("nplus-supabase", "n-plus-one", "function", """
export async function ownersOf__N__(rows: { id: string }[]) {
  const owners = [];
  for (const row of rows) {
    const { data, error } = await supabase
      .from("owners")
      .select("name")
      .eq("row_id", row.id)
      .single();
    if (error) throw error;
    owners.push(data);
  }
  return owners;
}
""", """
export async function ownersOf__N__(rows: { id: string }[]) {
  const { data, error } = await supabase
    .from("owners")
    .select("name")
    .in("row_id", rows.map((row) => row.id));
  if (error) throw error;
  return data;
}
""", _SUPABASE),
    _script("nplus-repository", "n-plus-one", "module", """
export class OrderTotals__N__ {
  constructor(private readonly orders: { findOne: (of: object) => Promise<{ total: number } | null> }) {}

  async total(ids: string[]) {
    let sum = 0;
    for (const id of ids) {
      const order = await this.orders.findOne({ where: { id } });
      sum += order?.total ?? 0;
    }
    return sum;
  }
}
""", """
export class OrderTotals__N__ {
  constructor(private readonly orders: { find: (of: object) => Promise<{ total: number }[]> }) {}

  async total(ids: string[]) {
    let sum = 0;
    for (const order of await this.orders.find({ where: { id: ids } })) {
      sum += order.total;
    }
    return sum;
  }
}
"""),
    _script("nplus-drizzle", "n-plus-one", "function", """
export async function emailsOf__N__(ids: string[]) {
  const emails: string[] = [];
  for (const id of ids) {
    const [row] = await db.select({ email: users.email }).from(users).where(eq(users.id, id));
    emails.push(row.email);
  }
  return emails;
}
""", """
export async function emailsOf__N__(ids: string[]) {
  const emails: string[] = [];
  for (const row of await db.select({ email: users.email }).from(users).where(inArray(users.id, ids))) {
    emails.push(row.email);
  }
  return emails;
}
""", 'import { eq, inArray } from "drizzle-orm";', 'import { db, users } from "@/lib/database";'),
    _script("nplus-index", "n-plus-one", "function", """
export async function itemsOf__N__(ids: string[]) {
  const items = [];
  for (let i = 0; i < ids.length; i++) {
    items.push(await prisma.item.findUnique({ where: { id: ids[i] } }));
  }
  return items;
}
""", """
export async function itemsOf__N__(ids: string[]) {
  const items = [];
  for (let i = 0; i < ids.length; i += 500) {
    items.push(...(await prisma.item.findMany({ where: { id: { in: ids.slice(i, i + 500) } } })));
  }
  return items;
}
""", _PRISMA),
    _script("silent-catch", "silent-error", "function", """
export async function storeDraft__N__(
  draft: { id: string; body: string },
  store: { put: (d: object) => Promise<void> },
) {
  try {
    await store.put(draft);
    await store.put({ id: `${draft.id}-copy`, body: draft.body });
  } catch {
  }
}
""", """
export async function storeDraft__N__(
  draft: { id: string; body: string },
  store: { put: (d: object) => Promise<void> },
) {
  try {
    await store.put(draft);
    await store.put({ id: `${draft.id}-copy`, body: draft.body });
  } catch (error) {
    console.error("the draft is not stored", error);
  }
}
"""),
    _script("silent-promise", "silent-error", "function", """
export function notifyTeam__N__(send: (to: string) => Promise<void>, team: string) {
  return send(team)
    .then(() => send(`${team}-leads`))
    .catch(() => {});
}
""", """
export function notifyTeam__N__(send: (to: string) => Promise<void>, team: string) {
  return send(team)
    .then(() => send(`${team}-leads`))
    .catch((error) => reportError(error));
}
"""),
    _script("silent-null", "silent-error", "function", """
export async function loadInvoices__N__(load: () => Promise<{ total: number }[]>) {
  try {
    const invoices = await load();
    return invoices.filter((invoice) => invoice.total > 0);
  } catch (error) {
    return [];
  }
}
""", """
export async function loadInvoices__N__(load: () => Promise<{ total: number }[]>) {
  try {
    const invoices = await load();
    return invoices.filter((invoice) => invoice.total > 0);
  } catch (error) {
    throw new Error("invoices cannot be loaded", { cause: error });
  }
}
"""),
    _script("silent-response", "silent-error", "function", """
export async function latestRates__N__(currency: string) {
  const response = await fetch(`/api/rates?of=${currency}`, { cache: "no-store" });
  const rates = await response.json();
  return rates.latest as number;
}
""", """
export async function latestRates__N__(currency: string) {
  const response = await fetch(`/api/rates?of=${currency}`, { cache: "no-store" });
  if (!response.ok) throw new Error(`rates: ${response.status}`);
  const rates = await response.json();
  return rates.latest as number;
}
"""),
    _script("silent-insert", "silent-error", "function", """
export const joinList__N__ = async (email: string) => {
  await supabase.from("waiting_list").insert({ email, joined: true });
  return { joined: true };
};
""", """
export const joinList__N__ = async (email: string) => {
  const { error } = await supabase.from("waiting_list").insert({ email, joined: true });
  if (error) throw error;
  return { joined: true };
};
""", _SUPABASE),
    _script("silent-floating", "silent-error", "function", """
async function writeSummary__N__(rows: string[], store: (row: string) => Promise<void>) {
  for (const row of rows) await store(row);
}

export async function closeMonth__N__(rows: string[], store: (row: string) => Promise<void>) {
  writeSummary__N__(rows, store);
  return rows.length;
}
""", """
async function writeSummary__N__(rows: string[], store: (row: string) => Promise<void>) {
  for (const row of rows) await store(row);
}

export async function closeMonth__N__(rows: string[], store: (row: string) => Promise<void>) {
  await writeSummary__N__(rows, store);
  return rows.length;
}
"""),
    _script("inject-exec-sync", "injection", "function", """
export function cloneTemplate__N__(address: string, folder: string) {
  run(`git clone --depth 1 ${address} ${folder}`, {
    stdio: "inherit",
  });
}
""", """
export function cloneTemplate__N__(address: string, folder: string) {
  runFile("git", ["clone", "--depth", "1", "--", address, folder], {
    stdio: "inherit",
  });
}
""", 'import { execFileSync as runFile, execSync as run } from "node:child_process";'),
    _script("inject-exec-plus", "injection", "function", """
export const thumbnail__N__ = (upload: string, done: (error: Error | null) => void) =>
  processes.exec("convert " + upload + " -resize 80x80 thumb.png", done);
""", """
export const thumbnail__N__ = (upload: string, done: (error: Error | null) => void) =>
  processes.execFile("convert", [upload, "-resize", "80x80", "thumb.png"], done);
""", 'import * as processes from "child_process";'),
    _script("inject-raw-query", "injection", "function", """
export async function accountsLike__N__(email: string) {
  return prisma.$queryRawUnsafe(
    `SELECT id, email FROM accounts WHERE email LIKE '%${email}%'`,
  );
}
""", """
export async function accountsLike__N__(email: string) {
  return prisma.$queryRaw`
    SELECT id, email FROM accounts WHERE email LIKE ${"%" + email + "%"}`;
}
""", _PRISMA),
    _script("inject-pool", "injection", "function", """
export const notesBy__N__ = async (author: string) => {
  const { rows } = await pool.query("SELECT body FROM notes WHERE author = '" + author + "'");
  return rows;
};
""", """
export const notesBy__N__ = async (author: string) => {
  const { rows } = await pool.query("SELECT body FROM notes WHERE author = $1", [author]);
  return rows;
};
""", 'import { pool } from "@/lib/pool";'),
    _script("inject-spawn", "injection", "function", """
export function countLines__N__(name: string) {
  return spawn("sh", ["-c", `wc -l ${name}`]);
}
""", """
export function countLines__N__(name: string) {
  return spawn("wc", ["-l", "--", name]);
}
""", 'import { spawn } from "node:child_process";'),
    _script("inject-variable", "injection", "function", """
export async function dropPost__N__(slug: string) {
  const statement = `DELETE FROM posts WHERE slug = '${slug}'`;
  await connection.execute(statement);
}
""", """
export async function dropPost__N__(slug: string) {
  const statement = "DELETE FROM posts WHERE slug = ?";
  await connection.execute(statement, [slug]);
}
""", 'import { connection } from "@/lib/mysql";'),
    _script("html-attribute", "unescaped-html", "component", """
export const CommentBody__N__ = ({ comment }: { comment: { body: string } }) => (
  <article
    className="prose"
    dangerouslySetInnerHTML={{ __html: comment.body }}
  />
);
""", """
export const CommentBody__N__ = ({ comment }: { comment: { body: string } }) => (
  <article
    className="prose"
    dangerouslySetInnerHTML={{ __html: DOMPurify.sanitize(comment.body) }}
  />
);
""", 'import DOMPurify from "dompurify";'),
    _script("html-inner", "unescaped-html", "function", """
export function greet__N__(holder: HTMLElement, visitor: { name: string }) {
  holder.innerHTML = `<b>Hello, ${visitor.name}</b>`;
}
""", """
export function greet__N__(holder: HTMLElement, visitor: { name: string }) {
  holder.textContent = `Hello, ${visitor.name}`;
}
"""),
    _script("html-adjacent", "unescaped-html", "function", """
export function addChoice__N__(list: HTMLUListElement, label: string) {
  list.insertAdjacentHTML("beforeend", `<li>${label}</li>`);
}
""", """
export function addChoice__N__(list: HTMLUListElement, label: string) {
  list.appendChild(document.createElement("li")).append(label);
}
"""),
    _script("html-object", "unescaped-html", "component", """
export function Biography__N__(props: { person: { bio: string } }) {
  const markup = { __html: props.person.bio };
  return <p dangerouslySetInnerHTML={markup} />;
}
""", """
export function Biography__N__(props: { person: { bio: string } }) {
  const markup = props.person.bio;
  return <p>{markup}</p>;
}
"""),
    _script("html-rendered", "unescaped-html", "component", """
export function PostView__N__({ post }: { post: { content: string } }) {
  const html = marked.parse(post.content) as string;
  return <div className="post" dangerouslySetInnerHTML={{ __html: html }} />;
}
""", """
export function PostView__N__({ post }: { post: { content: string } }) {
  const html = sanitizeHtml(marked.parse(post.content) as string);
  return <div className="post" dangerouslySetInnerHTML={{ __html: html }} />;
}
""", 'import { marked } from "marked";', 'import sanitizeHtml from "sanitize-html";'),
    _script("secret-constant", "hardcoded-secret", "module", """
export const billingApiKeyOf__N__ =
  "__SECRET__";
""", """
export const billingApiKeyOf__N__ =
  process.env.BILLING_API_KEY;
"""),
    _script("secret-pair", "hardcoded-secret", "function", """
export const storageOptions__N__ = (region: string) => ({
  region,
  credentials: { keyName: "reports", secretAccessKey: "__SECRET__" },
});
""", """
export const storageOptions__N__ = (region: string) => ({
  region,
  credentials: { keyName: "reports", secretAccessKey: process.env.STORAGE_SECRET ?? "" },
});
"""),
    _script("secret-header", "hardcoded-secret", "function", """
export const trackerHeaders__N__ = () => ({
  Authorization: "Bearer __SECRET__",
});
""", """
export const trackerHeaders__N__ = () => ({
  Authorization: `Bearer ${process.env.TRACKER_TOKEN}`,
});
"""),
    _script("secret-default", "hardcoded-secret", "function", """
export function signingSecret__N__(secret = "__SECRET__") {
  return new TextEncoder().encode(secret);
}
""", """
export function signingSecret__N__(secret = process.env.SIGNING_SECRET ?? "") {
  return new TextEncoder().encode(secret);
}
"""),
    _script("secret-fallback", "hardcoded-secret", "module", """
export const sessionPassword__N__ = process.env.SESSION_PASSWORD ?? "__SECRET__";
""", """
export const sessionPassword__N__ = process.env.SESSION_PASSWORD ?? "change-me-before-use";
"""),
)  # fmt: skip

SQL = (
    _sql("rls-none", """
create table public.ledgers___N__ (
  id uuid primary key default gen_random_uuid(),
  owner uuid not null,
  amount numeric not null
);
""", """
create table public.ledgers___N__ (
  id uuid primary key default gen_random_uuid(),
  owner uuid not null,
  amount numeric not null
);

alter table public.ledgers___N__ enable row level security;
"""),
    _sql("rls-policy-only", """
CREATE TABLE IF NOT EXISTS "api_tokens___N__" (
  "id" bigserial PRIMARY KEY,
  "owner" uuid NOT NULL
);
CREATE POLICY "own tokens" ON "api_tokens___N__" FOR ALL USING (auth.uid() = owner);
""", """
CREATE TABLE IF NOT EXISTS "api_tokens___N__" (
  "id" bigserial PRIMARY KEY,
  "owner" uuid NOT NULL
);
CREATE POLICY "own tokens" ON "api_tokens___N__" FOR ALL USING (auth.uid() = owner);
ALTER TABLE "api_tokens___N__" ENABLE ROW LEVEL SECURITY;
"""),
    _sql("rls-open-policy", """
create table invites___N__ (id bigint primary key, owner uuid not null);
alter table invites___N__ enable row level security;
create policy "members write" on invites___N__
  for all
  to authenticated
  using (true);
""", """
create table invites___N__ (id bigint primary key, owner uuid not null);
alter table invites___N__ enable row level security;
create policy "members write" on invites___N__
  for all
  to authenticated
  using ((select auth.uid()) = owner);
"""),
    _sql("rls-switched-off", """
create table drafts___N__ (id bigint primary key, owner uuid not null);
alter table drafts___N__ enable row level security;
create policy "own drafts" on drafts___N__ for all using (auth.uid() = owner);
alter table drafts___N__ disable row level security;
""", """
create table drafts___N__ (id bigint primary key, owner uuid not null);
alter table drafts___N__ enable row level security;
create policy "own drafts" on drafts___N__ for all using (auth.uid() = owner);
alter table drafts___N__ force row level security;
"""),
)  # fmt: skip

VARIANTS = (*PYTHON, *SCRIPT, *SQL)
