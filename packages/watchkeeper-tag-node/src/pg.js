"use strict";
// `pg`: its clients and pools, whoever uses them - Prisma and Drizzle do, through their adapters.

const { AsyncResource } = require("node:async_hooks");

const { Link } = require("./journal.js");
const { Tagging } = require("./tagging.js");

const INSTALLED = Symbol.for("watchkeeper-tag");
const FROM = Symbol("watchkeeper-tag from"); // where a pool was asked to send a statement, and for whom

/** Tag what the clients and pools of `pg` send. Twice is once; gives what does it. */
function install(pg, options = {}) {
  const { Client, Pool } = pg;
  if (Client.prototype[INSTALLED]) return Client.prototype[INSTALLED];
  const tagging = options instanceof Tagging ? options : new Tagging(options);
  Object.defineProperty(Client.prototype, INSTALLED, { value: tagging });
  const links = new WeakMap();
  const linkOf = (client) => {
    let found = links.get(client);
    if (!found) {
      found = new Link(client);
      links.set(client, found);
      tagging.journal.links.add(found);
      follow(client, found);
      client.once("end", () => tagging.journal.links.delete(found));
    }
    return found;
  };
  watchClient(Client, tagging, linkOf);
  const { prototype } = Pool;
  watchPool(Object.hasOwn(prototype, "connect") ? prototype : Object.getPrototypeOf(prototype), tagging, linkOf);
  return tagging;
}

/** The server says after each statement whether a transaction is open. */
function follow(client, link) {
  client.connection?.on("readyForQuery", ({ status }) => {
    link.isOpen = status !== "I";
    if (!link.isOpen) link.clear();
  });
}

function watchClient(Client, tagging, linkOf) {
  const { query } = Client.prototype;
  Client.prototype.query = function tagged(config, values, callback) {
    const asked = read(config, values);
    if (asked === null) return query.call(this, config, values, callback);
    const from = config[FROM];
    const site = from?.site ?? tagging.site(tagged);
    const link = linkOf(this);
    const done = typeof values === "function" ? values : callback ?? config.callback;
    let sending;
    try {
      sending = tagging.before(link, asked, site, from?.slot ?? tagging.slots.current());
    } catch (error) {
      if (typeof done !== "function") return Promise.reject(error);
      process.nextTick(done, error);
      return undefined;
    }
    const finish = (error, result) => {
      if (error) tagging.failed(link, sending, error.code);
      else for (const each of [result].flat()) tagging.after(link, asked.text, sending, each?.rowCount ?? null);
    };
    return send(this, query, { config, values, done, text: sending.tagged }, finish);
  };
}

function send(client, query, { config, values, done, text }, finish) {
  if (typeof config?.submit === "function") {
    config.text = text; // a cursor or a stream: when it ends, the server says
    return query.call(client, config, values, done);
  }
  const given = typeof values === "function" ? undefined : values;
  const own = (value) => ({ value, writable: true, enumerable: true });
  const told =
    typeof config === "string"
      ? text
      : Object.create(config, { text: own(text), values: own(config.values), callback: own(undefined) });
  if (typeof done === "function") {
    const heard = (error, result) => {
      finish(error, result);
      done(error, result);
    };
    return query.call(client, told, given, heard);
  }
  return query.call(client, told, given).then(
    (result) => {
      finish(null, result);
      return result;
    },
    (error) => {
      finish(error);
      throw error;
    },
  );
}

/** {text, values, name} of what is to be sent; null where it has no text. */
function read(config, values) {
  if (typeof config === "string") return { text: config, values: Array.isArray(values) ? values : undefined };
  if (typeof config?.text !== "string" || (typeof config.submit === "function" && config.name)) return null;
  return { text: config.text, values: config.values ?? (Array.isArray(values) ? values : undefined), name: config.name };
}

function watchPool(prototype, tagging, linkOf) {
  const { connect, query } = prototype;

  prototype.query = function asked(config, values, callback) {
    // Its client is asked later, in another turn of the loop or in somebody else's: from there nothing can be seen.
    const isPlain = typeof config === "string" || (typeof config?.text === "string" && typeof config.submit !== "function");
    if (!isPlain) return query.call(this, config, values, callback);
    const base = typeof config === "string" ? { text: config } : config;
    const from = { site: tagging.site(asked), slot: tagging.slots.current() };
    return query.call(this, Object.create(base, { [FROM]: { value: from } }), values, callback);
  };

  prototype.connect = function taken(callback) {
    const record = recordOf(this, tagging, linkOf);
    const slot = tagging.slots.current();
    const site = tagging.site(taken);
    const key = {};
    tagging.asks(record, site, slot);
    record.waiting.set(key, { slot, site, since: Date.now() });
    const got = (client) => {
      record.waiting.delete(key);
      if (!client) return;
      const link = linkOf(client);
      link.slot = slot;
      link.pool = record;
    };
    if (typeof callback === "function") {
      // Whoever gives a client back calls this: what follows belongs to who asked.
      const bound = AsyncResource.bind(callback);
      return connect.call(this, (error, client, release) => {
        got(client);
        bound(error, client, release);
      });
    }
    return connect.call(this).then(
      (client) => {
        got(client);
        return client;
      },
      (error) => {
        got(null);
        throw error;
      },
    );
  };
}

function recordOf(pool, tagging, linkOf) {
  const { pools } = tagging.journal;
  let found = pools.get(pool);
  if (!found) {
    for (const each of pools.keys()) if (each.ended) pools.delete(each);
    const { database, max } = pool.options;
    found = { name: database ?? "pg", limit: max, out: () => pool.totalCount - pool.idleCount, waiting: new Map() };
    pools.set(pool, found);
    pool.on("release", (_, client) => {
      linkOf(client).pool = null;
    });
    pool.on("remove", (client) => tagging.journal.links.delete(linkOf(client)));
  }
  return found;
}

exports.install = install;
