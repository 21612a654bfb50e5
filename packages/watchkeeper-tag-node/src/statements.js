"use strict";
// What a statement locks, read off its text by a small tolerant reader. What it does not understand it leaves alone.

const MOST_TEXT = 10_000;
const MOST_KEPT = 2_000;

const NAME = String.raw`(?:"[^"]+"|[A-Za-z_][\w$]*)`;
const TABLE = String.raw`(?:${NAME}\.)?(${NAME})`;
const AFTER_FROM =
  "where|on|join|left|right|inner|cross|full|natural|using|for|order|group|limit|set|having|union|returning|offset|window|fetch";
const re = (text, flags = "i") => new RegExp(text, flags);
const CTE_WRITE = re(String.raw`\(\s*(insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?${TABLE}`, "gi");
const INSERT = re(String.raw`\binsert\s+into\s+${TABLE}\s*(?:\(([^()]*)\))?`);
const VALUES = re(String.raw`\bvalues\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)`);
const UPDATE = re(String.raw`\bupdate\s+(?:only\s+)?${TABLE}(?:\s+(?:as\s+)?(?!set\b)${NAME})?\s+set\s+(.*)`, "is");
const DELETE = re(String.raw`\bdelete\s+from\s+(?:only\s+)?${TABLE}`);
const MERGE = re(String.raw`\bmerge\s+into\s+(?:only\s+)?${TABLE}`);
const FROM = re(
  String.raw`\b(?:from|join)\s+(?:only\s+)?${TABLE}(?:\s+(?:as\s+)?(?!(?:${AFTER_FROM})\b)(${NAME}))?`, "gi",
);
const FOR = re(
  String.raw`\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b(?:\s+of\s+([\w\s,".]+?))?\s*\b(nowait|skip\s+locked)?\s*(?:limit\s+\S+\s*)?;?\s*\)*\s*$`,
);
const SKIPS = /\bfor\s+(?:no\s+key\s+)?update\b[^()]*\bskip\s+locked\b/i;
const DDL = re(
  String.raw`\b(?:alter\s+table|drop\s+table|truncate(?:\s+table)?|lock(?:\s+table)?|cluster|reindex\s+table)\s+(?:if\s+exists\s+)?(?:only\s+)?${TABLE}`,
);
const INDEX = re(String.raw`\bcreate\s+(?:unique\s+)?index\b[^()]*?\son\s+(?:only\s+)?${TABLE}`);
const WEAK_LOCK = /\bin\s+(?:access\s+share|row\s+share|row\s+exclusive)\s+mode/i;
const WRITERS_LOCK = /\bin\s+(?:share(\s+update\s+exclusive|\s+row\s+exclusive)?|(exclusive))\s+mode/i;
const COPY = re(String.raw`\bcopy\s+${TABLE}\s*(?:\([^()]*\))?\s+from\b`);
const ADVISORY = /\bpg_(try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(([^()]*)\)/gi;
const WHERE = /\bwhere\b(.*?)(?:\breturning\b|\border\s+by\b|\blimit\b|\bfor\s+\w|$)/is;
const VALUE = String.raw`(?:\$(\d+)|'((?:[^']|'')*)'|(-?\d+))`;
const EQUALS = re(String.raw`(?:(${NAME})\.)?(${NAME})\s*=\s*${VALUE}`, "gi");
const ONE_VALUE = re(String.raw`^\s*${VALUE}(?:::\w+)?\s*$`);
const SET = re(String.raw`(?:^|,)\s*(?:${NAME}\.)?(${NAME})\s*=`, "gi");
const CONFLICT = /\bon\s+conflict\b\s*(?:\(([^()]*)\))?/i;
const UNSURE = /\bor\b|\bnot\s*\(|\bnot\s+[\w".]+\s*=/i;
const CONTROL = re(
  String.raw`^\s*(savepoint|release(?:\s+savepoint)?|rollback\s+(?:work\s+|transaction\s+)?to(?:\s+savepoint)?)\s+(${NAME})`,
);

const kept = new Map();

/** The tables that it touches, written ones first: [{table, lock, columns, pins, waits, writes, unique}]. Never throws. */
function readStatement(text) {
  const cut = text.length > MOST_TEXT ? text.slice(0, MOST_TEXT) : text;
  let found = kept.get(cut);
  if (found === undefined) {
    found = read(cut);
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(cut, found);
  }
  return found;
}

/** A savepoint that it makes, releases or goes back to: {verb, name}; null for every other statement. */
function readControl(text) {
  const found = CONTROL.exec(withoutNoise(text.slice(0, 500)));
  if (!found) return null;
  const verb = found[1].toLowerCase();
  return { verb: verb.startsWith("rollback") ? "rollback to" : verb.split(/\s/)[0], name: bare(found[2]) };
}

function withoutNoise(text) {
  return text.replace(/\/\*.*?\*\/|--[^\n]*/gs, " ");
}

function read(text) {
  const plain = withoutNoise(text);
  const shape = plain.replace(/'(?:[^']|'')*'/g, (found) => `'${"x".repeat(found.length - 2)}'`); // same length
  const verb = verbOf(shape);
  if (!verb) return [];
  let found = [...written(shape, plain, verb), ...advisory(plain)];
  if (SKIPS.test(shape)) found = found.map((each) => ({ ...each, waits: false }));
  const tables = new Set(found.map((each) => each.table));
  for (const each of shape.matchAll(FROM)) {
    const table = bare(each[1]);
    if (!tables.has(table)) found.push(access(table, "read"));
    tables.add(table);
  }
  return found;
}

function access(table, lock, more = {}) {
  return { table, lock, columns: [], pins: [], waits: true, writes: false, unique: [], ...more };
}

function written(shape, plain, verb) {
  const named = (pattern, lock, more) => {
    const found = pattern.exec(shape);
    return found ? [access(bare(found[1]), lock, more?.(found))] : [];
  };
  switch (verb) {
    case "insert":
      return insert(shape, plain);
    case "update":
      return named(UPDATE, "no key update", (found) => ({
        columns: columnsOf(found[2]), pins: pins(shape, plain, found.index), writes: true,
      }));
    case "delete":
      return named(DELETE, "update", (found) => ({ pins: pins(shape, plain, found.index), writes: true }));
    case "merge":
      return named(MERGE, "no key update", () => ({ writes: true }));
    case "select":
      return locking(shape, plain);
    case "with": {
      const nested = [...shape.matchAll(CTE_WRITE)].flatMap((each) => {
        const end = closing(shape, each.index);
        return part(shape.slice(each.index + 1, end), plain.slice(each.index + 1, end));
      });
      return [...nested, ...afterCtes(shape, plain)];
    }
    case "copy":
      return named(COPY, "insert", () => ({ writes: true }));
    case "create":
      return named(INDEX, "writers");
    case "alter":
    case "drop":
    case "truncate":
    case "lock":
    case "cluster":
    case "reindex":
      return locksTable(shape, verb, named);
    default:
      return [];
  }
}

function locksTable(shape, verb, named) {
  if (verb === "lock" && WEAK_LOCK.test(shape)) return [];
  const weaker = verb === "lock" ? WRITERS_LOCK.exec(shape) : null;
  const more = { waits: !/nowait/i.test(shape), writes: Boolean(weaker?.[1]) };
  return named(DDL, weaker?.[2] ? "exclusive" : weaker ? "writers" : "table", () => more);
}

/** The statement that follows the last closing bracket of the WITH. */
function afterCtes(shape, plain) {
  let depth = 0;
  for (let at = 0; at < shape.length; at++) {
    if (shape[at] === "(") depth++;
    if (shape[at] === ")" && --depth === 0) {
      const verb = verbOf(shape.slice(at + 1));
      if (["insert", "update", "delete", "select", "merge"].includes(verb)) {
        return part(shape.slice(at + 1), plain.slice(at + 1));
      }
    }
  }
  return [];
}

function part(shape, plain) {
  const verb = verbOf(shape);
  return verb ? written(shape, plain, verb) : [];
}

function verbOf(shape) {
  return /^\s*\(*\s*([A-Za-z]+)/.exec(shape)?.[1].toLowerCase();
}

function closing(shape, opening) {
  let depth = 0;
  for (let at = opening; at < shape.length; at++) {
    if (shape[at] === "(") depth++;
    if (shape[at] === ")" && --depth === 0) return at;
  }
  return shape.length;
}

function insert(shape, plain) {
  const found = INSERT.exec(shape);
  if (!found) return [];
  const columns = (found[2] ?? "").split(",").map(bare).filter(Boolean);
  const start = found.index + found[0].length;
  const values = VALUES.exec(plain.slice(start));
  const given = values ? values[1].split(",") : [];
  const row = given.length === columns.length ? columns.map((name, at) => pin(name, given[at])).filter(Boolean) : [];
  const made = access(bare(found[1]), "insert", { columns, pins: row, writes: true });
  const clause = CONFLICT.exec(shape);
  if (!clause) return [made];
  const key = clause[1] ? clause[1].split(",").map(bare) : columns;
  made.unique = key.length ? [key] : [];
  if (!/\bdo\s+update\b/i.test(shape)) return [made];
  const there = row.filter((each) => clause[1] && key.includes(each.column));
  return [made, access(made.table, "no key update", { columns, pins: there, writes: true })];
}

function columnsOf(body) {
  let text = body.split(/\bwhere\b/i)[0];
  for (let before = null; before !== text; ) {
    before = text;
    text = text.replace(/\([^()]*\)/g, "");
  }
  return [...new Set([...text.matchAll(SET)].map((each) => bare(each[1])))];
}

function locking(shape, plain) {
  const clause = FOR.exec(shape);
  if (!clause) return [];
  const depth = (at) => shape.slice(0, at).split("(").length - shape.slice(0, at).split(")").length;
  let tables = [...shape.matchAll(FROM)];
  if (!tables.length) return [];
  const top = Math.min(...tables.map((each) => depth(each.index)));
  tables = tables.filter((each) => depth(each.index) === top);
  const isAlone = tables.length === 1;
  if (clause[2]) {
    const of = clause[2].split(",").map((each) => bare(each).split(".").pop());
    tables = tables.filter((each) => of.includes(bare(each[2] ?? each[1])));
  }
  const lock = clause[1].toLowerCase().split(/\s+/).join(" ");
  return tables.map((each) =>
    access(bare(each[1]), lock, {
      pins: pins(shape, plain, each.index, isAlone ? "" : bare(each[2] ?? each[1])), waits: !clause[3],
    }),
  );
}

/** The equations that all have to hold; none where any of them may not. `of`: only those that name this table. */
function pins(shape, plain, start, of = "") {
  const where = WHERE.exec(shape.slice(start));
  if (!where || UNSURE.test(where[1])) return [];
  const begin = start + where.index + where[0].indexOf(where[1]);
  const nested = where[1].search(/\(\s*select\b/i);
  const text = plain.slice(begin, begin + (nested < 0 ? where[1].length : nested));
  const found = [];
  for (const [, qualifier, column, place, literal, number] of text.matchAll(EQUALS)) {
    if (!of || bare(qualifier ?? "") === of) found.push(pinOf(bare(column), place, literal, number));
  }
  return found;
}

function pin(column, text) {
  const found = ONE_VALUE.exec(text);
  return found && pinOf(column, found[1], found[2], found[3]);
}

function pinOf(column, place, literal, number) {
  return place === undefined ? { column, value: literal ?? number } : { column, place: Number(place) - 1 };
}

function advisory(plain) {
  return [...plain.matchAll(ADVISORY)].map((each) =>
    access("", "advisory", { pins: [pin("key", each[2]) ?? { column: "key", value: each[2].trim() }], waits: !each[1] }),
  );
}

function bare(name) {
  const text = name.trim();
  return text.startsWith('"') ? text.replaceAll('"', "") : text.toLowerCase();
}

exports.readStatement = readStatement;
exports.readControl = readControl;
