"use strict";
// What one process does with its statements: tags them, keeps what is written, and stops what would wait for itself.

const path = require("node:path");
const { isMainThread } = require("node:worker_threads");

const { publish } = require("./answering.js");
const { NestedWriteError, areDistinct, nestedWords, resolve, wouldWait } = require("./guard.js");
const { Journal } = require("./journal.js");
const { findRevision, findRoot } = require("./revision.js");
const { Noting } = require("./sited.js");
const { Slots } = require("./slots.js");
const { readControl, readStatement } = require("./statements.js");
const { renderTag } = require("./tag.js");
const { Finder, NOWHERE } = require("./where.js");

const MOST_TAGS = 20_000;
const MOST_STATEMENT = 500;
const MOST_NAMED = 2_000;
const LOCK_ERRORS = { "55P03": "lock-timeout", 57014: "lock-timeout", "40P01": "deadlock" };

class Tagging {
  constructor({ root, revision, mode = "warn", publish: isPublic = true, requests = true, warn } = {}) {
    if (!["warn", "raise", "off"].includes(mode)) throw new TypeError(`mode is warn, raise or off, and not ${mode}`);
    this.root = root === undefined ? findRoot(process.cwd()) : path.resolve(root);
    this.revision = findRevision(this.root, revision);
    this.mode = mode;
    this.warn = warn ?? ((text) => process.emitWarning(text, "NestedWrite"));
    this.journal = new Journal();
    this.finder = new Finder(this.root);
    this.slots = new Slots((slot) => this.journal.heldBy(slot).length > 0);
    this.noting = new Noting(this.finder);
    this.tags = new Map();
    this.isToPublish = isPublic && isMainThread; // workers have their parent's process number
    if (requests) this.slots.followRequests();
  }

  get events() {
    return this.journal.events;
  }

  run(work) {
    return this.slots.run(work);
  }

  sited(builder) {
    return this.noting.watch(builder);
  }

  /** The line that asks for what `below` does. */
  site(below) {
    const found = this.finder.find(below);
    return found === NOWHERE ? this.noting.last() ?? NOWHERE : found;
  }

  /** Called with each statement before it is sent; gives it with its tag. Throws NestedWriteError alone. */
  before(link, { text, values, name }, site, slot) {
    let sent = [];
    try {
      if (this.isToPublish) {
        this.isToPublish = false;
        publish(this);
      }
      link.slot = slot;
      link.last = { site, at: Date.now() };
      const accesses = readStatement(text);
      sent = accesses[0]?.lock === "read" ? accesses : accesses.map((each) => resolve(each, values));
      if (this.mode !== "off" && slot) this.guard(link, sent, site);
      const tagged = name ? this.named(link, name, text, site) : this.tag(site, slot) + text;
      return { tagged, sent, site };
    } catch (error) {
      if (error instanceof NestedWriteError) throw error;
      return { tagged: text, sent, site }; // a statement of the application is worth more than its tag
    }
  }

  /** Called when it was executed; `rows`: how many it wrote, null where that is not known. */
  after(link, text, { sent, site }, rows) {
    const control = sent.length ? null : readControl(text);
    if (control) link.move(control);
    const reads = sent.filter((each) => each.lock === "read").map((each) => each.table);
    let writes = sent.filter((each) => each.lock !== "read");
    const metNone = writes.length > 0 && rows === 0 && !/^\s*with\b/i.test(text);
    if (metNone) this.findLost(link, writes[0], site);
    if (!sent.length || !link.isOpen) return;
    const at = Date.now();
    if (metNone) {
      reads.push(...writes.map((each) => each.table).filter(Boolean)); // no row, no lock but the table's
      writes = [];
    }
    link.keep(writes.map((claim) => ({ claim, site, at, statement: text.slice(0, MOST_STATEMENT) })), reads);
  }

  /** Called when it failed: a wait that a timeout ended is told, with both sides if they are known. */
  failed(link, { sent, site }, code) {
    const kind = LOCK_ERRORS[code];
    if (!kind) return;
    const blocking = this.journal.others(link).flatMap((other) => sent.map((each) => findBlocking(each, other)).filter(Boolean));
    if (code === "57014" && !blocking.length) return; // statements are cancelled for other reasons too
    const there = blocking.map((each) => each.site.shown);
    const words = `${code} in ${site.symbol}${there.length ? `: ${site.shown} waited for ${there[0]}` : ""}`;
    this.journal.tell(kind, words, {
      backend: link.backend, sites: [site.shown, ...there], symbol: site.symbol, table: sent[0]?.table ?? "",
    });
  }

  /** Called when somebody asks a pool for a connection: one that has one of it already is told of. */
  asks(record, site, slot) {
    const holds = this.journal.heldBy(slot).filter((each) => each.pool === record);
    if (!holds.length) return;
    const there = holds[0].held[0]?.site ?? holds[0].last.site;
    const since = there?.shown ? `, since ${there.shown}` : "";
    const words = `${site.shown} asks for a second connection of ${record.name} while its task has one${since}`;
    this.journal.tell("nested-checkout", words, {
      backend: holds[0].backend, sites: [site.shown, there?.shown], symbol: site.symbol, table: "",
    });
  }

  /** `most`: of each connection's writes, the first and the last. */
  state(backends = [], most = 200) {
    const links = this.journal.open().filter((each) => each.backend && (!backends.length || backends.includes(each.backend)));
    links.sort((one, other) => Number(other.isBusy) - Number(one.isBusy));
    const some = (list) => (list.length <= most ? list : [...list.slice(0, most / 2), ...list.slice(-most / 2)]);
    return {
      v: 1, process: process.pid, revision: this.revision, root: this.root,
      connections: links.slice(0, 500).map((each) => ({
        backend: each.backend, task: each.slot ? String(each.slot) : "", thread: process.pid, since: each.since,
        writes: some(each.held).map(({ claim, site, at, statement }) => ({
          table: claim.table, columns: claim.columns, lock: claim.lock, symbol: site.symbol, site: site.shown, set: "", at,
          statement,
        })),
        last: { symbol: each.last.site?.symbol ?? "", site: each.last.site?.shown ?? "", at: each.last.at },
        stack: [],
      })),
      pools: [...this.journal.pools.values()].map((each) => ({
        name: each.name, limit: each.limit, out: each.out(),
        waiters: [...each.waiting.values()].map(({ slot, site, since }) => ({
          task: slot ? String(slot) : "", symbol: site.symbol, site: site.shown, since,
          holds: this.journal.heldBy(slot).filter((link) => link.pool === each).map((link) => link.backend),
        })),
      })),
      events: this.events,
    };
  }

  guard(link, sent, site) {
    for (const other of this.journal.others(link)) {
      if (other.slot !== link.slot) continue;
      for (const claim of sent) {
        const held = findBlocking(claim, other);
        if (!held) continue;
        const words = nestedWords(claim, site, held);
        const isNew = this.journal.tell("nested-write", words, {
          backend: link.backend, sites: [site.shown, held.site.shown], symbol: site.symbol, table: claim.table,
        });
        if (this.mode === "raise") throw new NestedWriteError(words);
        if (isNew) this.warn(words);
      }
    }
  }

  tag(site, slot) {
    const key = `${site.shown} ${site.symbol} ${slot}`;
    let found = this.tags.get(key);
    if (found === undefined) {
      found = renderTag({ revision: this.revision, site, process: process.pid, thread: isMainThread ? process.pid : 0, slot });
      if (this.tags.size >= MOST_TAGS) this.tags.clear();
      this.tags.set(key, found);
    }
    return found;
  }

  /** A name stands for one text on its connection: the place that prepared it is the one that is shown. */
  named(link, name, text, site) {
    const key = `${name}\n${text}`;
    let found = link.named.get(key);
    if (found === undefined) {
      if (link.named.size >= MOST_NAMED) return text;
      found = this.tag(site, 0) + text;
      link.named.set(key, found);
    }
    return found;
  }

  findLost(link, claim, site) {
    if (!claim.writes || claim.lock === "insert" || !claim.row.size || !link.slot) return;
    const others = this.journal.others(link).filter((each) => each.slot === link.slot);
    const lost = others
      .flatMap((each) => each.held)
      .find((held) => held.claim.lock === "insert" && held.claim.table === claim.table && !areDistinct(claim.row, held.claim.row));
    if (!lost) return;
    const words =
      `${site.shown} wrote no row of ${claim.table}, which the same task has inserted at ${lost.site.shown} ` +
      "over another connection and not committed";
    this.journal.tell("lost-update", words, {
      backend: link.backend, sites: [site.shown, lost.site.shown], symbol: site.symbol, table: claim.table,
    });
  }
}

/** What another connection's transaction holds that this claim waits for. */
function findBlocking(claim, other) {
  const held = other.held.find((each) => wouldWait(claim, each.claim));
  if (held) return held;
  const isReader = claim.lock === "table" && claim.waits && other.reads.has(claim.table);
  return isReader ? { claim, site: other.last.site } : undefined;
}

exports.Tagging = Tagging;
