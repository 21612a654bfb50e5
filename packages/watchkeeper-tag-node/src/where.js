"use strict";
// Where in the application a statement comes from: the first frame of the stack that lies in its repository.

const path = require("node:path");
const { fileURLToPath } = require("node:url");
const { findSourceMap } = require("node:module");

const FEW_FRAMES = 6; // enough for who calls `pg` himself; each frame more takes time
const MOST_FRAMES = 40;
const MOST_KEPT = 20_000;
const FOREIGN = /(?:^|\/)node_modules\//;
const NOWHERE = Object.freeze({ path: "", line: 0, symbol: "", shown: "" });

/** Of one application. */
class Finder {
  constructor(root) {
    this.prefix = root.endsWith(path.sep) ? root : root + path.sep;
    this.files = new Map(); // a frame's file name: its path below the root, or "" for what is not the application's
    this.sites = new Map();
  }

  /** The nearest line of the application above `below`, a function; NOWHERE: none is. Never throws. */
  find(below) {
    return this.among(frames(below, FEW_FRAMES)) ?? this.among(frames(below, MOST_FRAMES)) ?? NOWHERE;
  }

  among(found) {
    for (const [at, frame] of found.entries()) {
      const name = frame.getFileName();
      const relative = name && (this.files.get(name) ?? this.judge(name));
      if (relative) return this.site(frame, name, relative, found.slice(at));
    }
    return undefined;
  }

  judge(name) {
    const place = name.startsWith("file://") ? fileURLToPath(name) : name;
    const isMine = place.startsWith(this.prefix) && !place.startsWith(__dirname + path.sep);
    const relative = isMine ? place.slice(this.prefix.length).split(path.sep).join("/") : "";
    const found = FOREIGN.test(relative) ? "" : relative;
    if (this.files.size >= MOST_KEPT) this.files.clear();
    this.files.set(name, found);
    return found;
  }

  site(frame, name, relative, above) {
    const line = frame.getLineNumber() ?? 0;
    const key = `${relative}:${line}:${frame.getColumnNumber()}`;
    let found = this.sites.get(key);
    if (found === undefined) {
      const [shownPath, shownLine] = this.original(name, frame) ?? [relative, line];
      const shown = `${shownPath}:${shownLine}`;
      found = Object.freeze({ path: shownPath, line: shownLine, symbol: symbol(above, name), shown });
      if (this.sites.size >= MOST_KEPT) this.sites.clear();
      this.sites.set(key, found);
    }
    return found;
  }

  /** The line that a person wrote, where the process was started with source maps. */
  original(name, frame) {
    const entry = findSourceMap(name)?.findEntry(frame.getLineNumber() - 1, frame.getColumnNumber() - 1);
    if (!entry?.originalSource) return undefined;
    const relative = this.judge(entry.originalSource);
    return relative ? [relative, entry.originalLine + 1] : undefined;
  }
}

/** Structured frames, without the text that V8 makes of them: that takes longer than all the rest. */
function frames(below, most) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder = {};
  try {
    Error.prepareStackTrace = (_, found) => found;
    Error.stackTraceLimit = most;
    Error.captureStackTrace(holder, below);
    return Array.isArray(holder.stack) ? holder.stack : [];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** An arrow without a name is called after the function around it, where the stack has that. */
function symbol(frames, file) {
  const frame = frames.find((each) => each.getFileName() === file && each.getFunctionName());
  if (frame === undefined) return "<anonymous>";
  const name = frame.getFunctionName();
  const type = frame.isToplevel() || frame.isAsync() ? null : frame.getTypeName();
  return type && !["Object", "global", "process"].includes(type) && !name.includes(".") ? `${type}.${name}` : name;
}

exports.Finder = Finder;
exports.NOWHERE = NOWHERE;
