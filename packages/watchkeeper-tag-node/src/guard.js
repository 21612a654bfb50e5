"use strict";
// Whether a statement would wait for a transaction of the same task: nobody would ever break that wait.

const ROWS = ["key share", "share", "no key update", "update"];
const CONFLICTS = new Set([
  "key share+update", "share+no key update", "share+update", "no key update+update", "no key update+no key update",
  "update+update",
]);

/** A statement was not sent: it would have waited for a transaction that the same task holds open. */
class NestedWriteError extends Error {
  constructor(text) {
    super(text);
    this.name = "NestedWriteError";
  }
}

/** The claim of one execution: pins with the values that were given; a value that is not there pins nothing. */
function resolve(access, values) {
  const row = new Map();
  for (const each of access.pins) {
    const value = each.place === undefined ? each.value : values?.[each.place];
    if (value !== null && value !== undefined && typeof value !== "object") row.set(each.column, String(value));
  }
  return { ...access, row, unique: access.unique.length ? access.unique : [["id"]] };
}

/** Whether PostgreSQL lets `wanted` wait for `held`, in another transaction, as far as texts can tell. */
function wouldWait(wanted, held) {
  const locks = [wanted.lock, held.lock];
  if (wanted.table !== held.table) return false;
  // Tables are waited for all the same.
  if (!wanted.waits && !(ROWS.includes(wanted.lock) && ["table", "exclusive", "writers"].includes(held.lock))) return false;
  if (locks.includes("read")) return locks.includes("table");
  if (locks.includes("advisory")) {
    return wanted.lock === held.lock && wanted.row.get("key") === held.row.get("key");
  }
  if (locks.includes("table") || locks.includes("exclusive")) return true;
  if (locks.every((each) => each === "writers")) return wanted.writes || held.writes;
  if (locks.includes("writers")) return wanted.lock === "writers" ? held.writes : wanted.writes;
  if (wanted.lock === "insert") return held.writes && hasSameKey(wanted, held);
  if (!locks.every((each) => ROWS.includes(each)) || areDistinct(wanted.row, held.row)) return false;
  return CONFLICTS.has(locks.join("+")) || CONFLICTS.has(locks.reverse().join("+"));
}

function areDistinct(one, other) {
  return [...other].some(([column, value]) => one.has(column) && one.get(column) !== value);
}

function hasSameKey(one, other) {
  return [...one.unique, ...other.unique].some((key) =>
    key.every((column) => one.row.has(column) && one.row.get(column) === other.row.get(column)),
  );
}

function nestedWords(wanted, site, held) {
  const there = held.site.shown || "an earlier statement";
  return (
    `${site.shown || "this statement"} (${site.symbol || "unknown"}) locks ${wanted.table || "an advisory lock"} over a ` +
    `second connection while the same task holds it uncommitted since ${there} (${held.site.symbol || "unknown"}): ` +
    "it would wait for ever"
  );
}

exports.NestedWriteError = NestedWriteError;
exports.resolve = resolve;
exports.wouldWait = wouldWait;
exports.areDistinct = areDistinct;
exports.nestedWords = nestedWords;
