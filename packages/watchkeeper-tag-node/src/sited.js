"use strict";
// Query builders send when they are awaited, in a turn of the loop that no line of the application is part of: for them
// the line counts that began to build.

const { AsyncLocalStorage } = require("node:async_hooks");

const TAKES_WORK = new Set(["transaction", "$transaction", "batch"]);

/** What looks like `builder` (Drizzle's database, Prisma's client) and notes who calls it, in `noted`. */
class Noting {
  constructor(finder) {
    this.finder = finder;
    this.storage = new AsyncLocalStorage();
    this.made = new WeakMap();
  }

  /** The line that called one last in this flow of calls; undefined: none did. */
  last() {
    return this.storage.getStore();
  }

  watch(builder) {
    let found = this.made.get(builder);
    if (found === undefined) {
      found = new Proxy(builder, { get: (target, name) => this.get(target, name) });
      this.made.set(builder, found);
      this.made.set(found, found);
    }
    return found;
  }

  get(target, name) {
    const value = Reflect.get(target, name, target);
    if (typeof value === "function" && name !== "constructor") {
      const noting = this;
      return function asked(...args) {
        noting.storage.enterWith(noting.finder.find(asked));
        const given = TAKES_WORK.has(name) ? args.map((each) => noting.wrap(each)) : args;
        return value.apply(target, given);
      };
    }
    const isPart = typeof value === "object" && value !== null && !String(name).startsWith("_") && isFree(target, name);
    return isPart ? this.watch(value) : value;
  }

  /** Work in a transaction is given the transaction's own builder. */
  wrap(work) {
    if (typeof work !== "function") return work;
    return (inner, ...more) => work(typeof inner === "object" && inner ? this.watch(inner) : inner, ...more);
  }
}

/** A proxy may not give another value for a property that can never change. */
function isFree(target, name) {
  const found = Reflect.getOwnPropertyDescriptor(target, name);
  return found === undefined || found.configurable || found.writable;
}

exports.Noting = Noting;
