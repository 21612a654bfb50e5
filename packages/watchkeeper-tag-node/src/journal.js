"use strict";
// What each open transaction of the process has written or locked, and where; and what its pools are waiting for.

const MOST_WRITES = 200;
const MOST_READS = 100;
const MOST_EVENTS = 200;
const MOST_SAVEPOINTS = 100;

/** One connection. Whoever uses it is its task. */
class Link {
  constructor(client) {
    this.client = new WeakRef(client);
    this.database = `${client.host ?? ""}:${client.port ?? ""}/${client.database ?? ""}`;
    this.isOpen = false; // the server has said that a transaction is
    this.slot = 0;
    this.last = { site: null, at: 0 };
    this.pool = null; // while it is checked out
    this.named = new Map(); // of prepared statements, what was sent for their names
    this.clear();
  }

  get backend() {
    return this.client.deref()?.processID ?? 0;
  }

  get isBusy() {
    return this.held.length > 0 || this.reads.size > 0 || this.pool !== null;
  }

  clear() {
    this.held = [];
    this.reads = new Set();
    this.savepoints = [];
    this.since = 0;
  }

  keep(writes, reads) {
    this.since ||= Date.now();
    this.held.push(...writes);
    if (this.held.length > MOST_WRITES) this.held.splice(MOST_WRITES / 2, this.held.length - MOST_WRITES);
    for (const each of reads) if (this.reads.size < MOST_READS) this.reads.add(each);
  }

  /** A statement made, released or went back to a savepoint. */
  move({ verb, name }) {
    const at = this.savepoints.findLastIndex((each) => each.name === name);
    if (verb === "savepoint") {
      const mark = { name, newest: this.held.at(-1), reads: new Set(this.reads) };
      if (this.savepoints.length < MOST_SAVEPOINTS) this.savepoints.push(mark);
    } else if (at >= 0 && verb === "release") {
      this.savepoints.length = at;
    } else if (at >= 0) {
      const { newest, reads } = this.savepoints[at];
      this.savepoints.length = at + 1;
      const here = newest === undefined ? -1 : this.held.indexOf(newest);
      if (newest === undefined || here >= 0) this.held.length = here + 1;
      this.reads = new Set(reads);
    }
  }
}

/** Of one process. Clients that are collected are forgotten. */
class Journal {
  constructor() {
    this.links = new Set();
    this.pools = new Map(); // a pool: its record
    this.told = new Map();
  }

  get events() {
    return [...this.told.values()];
  }

  open() {
    for (const each of this.links) if (each.client.deref() === undefined) this.links.delete(each);
    return [...this.links];
  }

  others(link) {
    return this.open().filter((each) => each !== link && each.held.length + each.reads.size && each.database === link.database);
  }

  heldBy(slot) {
    return slot ? this.open().filter((each) => each.slot === slot && each.isBusy) : [];
  }

  /** The same again is told once, with its newest time. False: it is known already. */
  tell(kind, text, { backend, sites, symbol, table }) {
    const shown = sites.filter(Boolean);
    const key = JSON.stringify([kind, shown, table]);
    const isNew = !this.told.delete(key);
    this.told.set(key, { kind, at: Date.now(), backend, text: text.slice(0, 1000), sites: shown, symbol, table });
    if (this.told.size > MOST_EVENTS) this.told.delete(this.told.keys().next().value);
    return isNew;
  }
}

exports.Journal = Journal;
exports.Link = Link;
