"use strict";
// The journal for others: one socket a process, one line of JSON asked, one answered.

const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");

const MOST_ASKED = 65_536;
const MOST_WRITES = [200, 40, 10, 2]; // of each connection: as many as fit
const MOST_SAID = 900_000; // who asks reads a mebibyte
const PATIENCE_MS = 500;

/** Where the sockets are: WATCHKEEPER_TAG_DIR, else a folder of the user alone. */
function findFolder() {
  if (process.env.WATCHKEEPER_TAG_DIR) return process.env.WATCHKEEPER_TAG_DIR;
  const runtime = process.env.XDG_RUNTIME_DIR;
  return runtime ? path.join(runtime, "watchkeeper-tag") : `/tmp/watchkeeper-tag-${os.userInfo().uid}`;
}

/** Answer from now on, without keeping the process alive. Where that cannot be, nobody is told. */
function publish(tagging) {
  if (process.platform === "win32") return;
  try {
    const folder = findFolder();
    fs.mkdirSync(folder, { mode: 0o700, recursive: true });
    const found = fs.lstatSync(folder);
    if (!found.isDirectory() || found.uid !== process.getuid()) return;
    sweep(folder, () => listen(path.join(folder, `${process.pid}.sock`), tagging));
  } catch {
    // The application goes on without.
  }
}

/** Remove sockets that nobody answers. Whether its process is there says nothing: containers share process numbers. */
function sweep(folder, done) {
  const names = fs.readdirSync(folder).filter((each) => each.endsWith(".sock")).slice(0, 1000);
  let left = names.length;
  const next = () => left-- || done();
  next();
  for (const name of names) {
    const place = path.join(folder, name);
    const asking = net.connect(place);
    asking.unref();
    asking.once("connect", () => asking.destroy());
    asking.once("error", (error) => {
      if (error.code === "ECONNREFUSED") fs.rm(place, { force: true }, () => {});
    });
    asking.once("close", next);
  }
}

function listen(place, tagging) {
  const server = net.createServer((asking) => {
    let read = "";
    const timer = setTimeout(() => asking.destroy(), PATIENCE_MS);
    timer.unref();
    asking.setEncoding("utf8");
    asking.on("error", () => {});
    asking.on("close", () => clearTimeout(timer));
    asking.on("data", (part) => {
      read += part;
      if (read.includes("\n") || read.length > MOST_ASKED) asking.end(`${answer(tagging, read)}\n`);
    });
  });
  server.on("error", () => {});
  server.listen(place, () => {
    fs.chmodSync(place, 0o600);
    server.unref();
  });
  server.unref();
  process.once("exit", () => fs.rmSync(place, { force: true }));
}

function answer(tagging, line) {
  try {
    const asked = JSON.parse(line);
    if (asked.ask === "state") {
      const backends = (asked.backends ?? []).map(Number);
      for (const most of MOST_WRITES) {
        const line = JSON.stringify(tagging.state(backends, most));
        if (line.length < MOST_SAID || most === MOST_WRITES.at(-1)) return line;
      }
    }
  } catch {
    // It is told below what to ask.
  }
  return JSON.stringify({ v: 1, error: 'ask {"v":1,"ask":"state","backends":[]}' });
}

exports.publish = publish;
exports.answer = answer;
