"use strict";
// Which commit an application runs: said, or read from its repository without running git.

const fs = require("node:fs");
const path = require("node:path");

const SHA = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** The top of the checkout that `start` lies in; `start` itself where there is none. */
function findRoot(start) {
  for (let at = path.resolve(start); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, ".git"))) return at;
    if (at === path.dirname(at)) return path.resolve(start);
  }
}

/** The first twelve digits of the commit; "" where nobody says and no repository is there. Never throws. */
function findRevision(root, said = "") {
  return (said || process.env.WATCHKEEPER_REVISION || readHead(root)).slice(0, 12).trim();
}

function readHead(root) {
  try {
    const folder = gitFolder(root);
    const head = read(path.join(folder, "HEAD"));
    if (!head.startsWith("ref: ")) return SHA.test(head) ? head : "";
    return readRef(folder, head.slice(5));
  } catch {
    return "";
  }
}

/** A linked worktree has a file in place of the folder, which names it. */
function gitFolder(root) {
  const place = path.join(root, ".git");
  return fs.statSync(place).isFile() ? path.resolve(root, read(place).replace(/^gitdir: /, "")) : place;
}

function readRef(folder, ref) {
  const pointer = path.join(folder, "commondir");
  const common = fs.existsSync(pointer) ? path.resolve(folder, read(pointer)) : folder;
  for (const place of [path.join(folder, ref), path.join(common, ref)]) {
    if (fs.existsSync(place)) return read(place);
  }
  const packed = read(path.join(common, "packed-refs")).split("\n");
  const line = packed.find((each) => each.slice(each.indexOf(" ") + 1) === ref);
  return line ? line.split(" ")[0] : "";
}

function read(place) {
  return fs.readFileSync(place, "utf8").trim();
}

exports.findRoot = findRoot;
exports.findRevision = findRevision;
