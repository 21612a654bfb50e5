// Watchkeeper's plugin for OpenCode: the twin of watchkeeper-hook.py, which other agents run.
//
// Tells the daemon of the project what a session does, and the session what the daemon says. Without a daemon, or after
// DEADLINE_MS, nothing happens: the agent goes on as if the plugin were not there. Writes nothing to disk.

import { createHash } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const HOME = "";
const DEADLINE_MS = 2000;
const MAX_ANSWER = 1 << 20;

export const Watchkeeper = async ({ client, directory }) => {
  const told = new Set(); // sessions that are being told something: their message is ours, not a person's
  const held = new Set(); // sessions that were held back once since somebody prompted

  const ask = async (payload) => {
    const socket = findSocket(directory);
    return socket ? converse(socket, directory, { cwd: directory, ...payload }) : {};
  };

  const prompt = async (session, text, noReply) => {
    told.add(session);
    try {
      await client.session.prompt({ path: { id: session }, body: { noReply, parts: [{ type: "text", text }] } });
    } catch {
      // the session ended: there is nobody to tell
    } finally {
      told.delete(session);
    }
  };

  return {
    "tool.execute.before": async (input, output) => {
      const answer = await ask({
        event: "tool.execute.before",
        session: input.sessionID,
        call: input.callID,
        tool: input.tool,
        args: output?.args ?? input.args,
      });
      if (answer.deny) throw new Error(answer.deny);
      if (answer.advice) await prompt(input.sessionID, answer.advice, true);
    },
    "tool.execute.after": async (input, output) => {
      const answer = await ask({
        event: "tool.execute.after",
        session: input.sessionID,
        call: input.callID,
        tool: input.tool,
        args: input.args,
        metadata: { display: output?.metadata?.display },
      });
      if (!answer.advice) return;
      if (typeof output?.output === "string") output.output += `\n\n${answer.advice}`;
      else await prompt(input.sessionID, answer.advice, true);
    },
    "chat.message": async (input, output) => {
      if (told.has(input.sessionID)) return;
      held.delete(input.sessionID);
      const parts = Array.isArray(output?.parts) ? output.parts : [];
      const texts = parts.filter((part) => part?.type === "text");
      const text = texts.map((part) => part.text).join("\n");
      const answer = await ask({ event: "chat.message", session: input.sessionID, text });
      const last = texts.at(-1);
      if (answer.advice && last) parts.push({ ...last, id: `${last.id}w`, text: answer.advice, synthetic: true });
    },
    event: async ({ event }) => {
      const session = event?.properties?.sessionID ?? event?.properties?.info?.id;
      if (!["session.created", "session.deleted", "session.idle"].includes(event?.type) || !session) return;
      const answer = await ask({ event: event.type, session, held: held.has(session) });
      if (event.type === "session.deleted") held.delete(session);
      if (event.type === "session.created" && answer.advice) await prompt(session, answer.advice, true);
      if (event.type === "session.idle" && answer.hold && !held.has(session)) {
        held.add(session);
        prompt(session, answer.hold, false); // not waited for: it is the whole next turn
      }
    },
  };
};

const converse = (socket, folder, payload) =>
  new Promise((resolve) => {
    let answer = "";
    const speaker = net.createConnection({ path: socket, allowHalfOpen: true });
    const done = (value) => {
      clearTimeout(timer);
      speaker.destroy();
      resolve(value);
    };
    const timer = setTimeout(() => done({}), DEADLINE_MS);
    speaker.setEncoding("utf8");
    speaker.on("error", () => done({}));
    speaker.on("data", (text) => {
      answer += text;
      if (answer.length > MAX_ANSWER) done({});
    });
    speaker.on("end", () => done(decode(answer)));
    try {
      const request = `watchkeeper 1 hook opencode ${quote(folder)}\n${JSON.stringify(payload)}`;
      speaker.write(request, () => endWriting(speaker));
    } catch {
      done({}); // what cannot be written as JSON
    }
  });

// Bun, which OpenCode runs on, takes end() for the end of reading too, whatever allowHalfOpen says.
const endWriting = (speaker) => {
  if (globalThis.Bun && speaker._handle?.shutdown) speaker._handle.shutdown();
  else speaker.end();
};

const decode = (text) => {
  try {
    const found = JSON.parse(text);
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
};

// The socket of the project's daemon, where it is this user's and nobody else may write beside it.
const findSocket = (folder) => {
  try {
    const home = findHome();
    const project = findProject(folder, home);
    if (!home || !project) return null;
    const socket = socketPath(home, project);
    const [found, around] = [fs.lstatSync(socket), fs.lstatSync(path.dirname(socket))];
    const mine = found.uid === process.getuid() && around.uid === process.getuid();
    return mine && found.isSocket() && around.isDirectory() && !(around.mode & 0o022) ? socket : null;
  } catch {
    return null;
  }
};

// As watchkeeper.repos.repository has it: the hash of the real path of the git directory that all worktrees share.
const findProject = (start, home) => {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    const common = findCommon(path.join(folder, ".git"));
    if (common) return findOwner(common, home) || digest(Buffer.from(common));
    if (folder === path.dirname(folder)) return null;
  }
};

// The project of a hub of this state folder: agents of a fleet work in its worktrees.
const findOwner = (common, home) => {
  const [, projects, project] = common.match(/^(.*)\/([0-9a-z]+)\/hub\.git$/) ?? [];
  return project && projects === `${fs.realpathSync(home)}/projects` ? project : null;
};

const findCommon = (link) => {
  try {
    let place = link;
    if (fs.statSync(link).isFile()) {
      const text = fs.readFileSync(link, "utf8");
      if (!text.startsWith("gitdir: ")) return null;
      place = path.resolve(path.dirname(link), text.slice(8).replace(/[\r\n]+$/, ""));
    }
    fs.statSync(path.join(place, "HEAD"));
    const common = path.join(place, "commondir");
    if (fs.existsSync(common)) place = path.resolve(place, fs.readFileSync(common, "utf8").replace(/[\r\n]+$/, ""));
    return fs.realpathSync(place);
  } catch {
    return null;
  }
};

const findHome = () => {
  const home = (process.env.WATCHKEEPER_HOME || HOME).replace(/^~(?=\/|$)/, os.homedir());
  if (!home) return "";
  const whole = home.startsWith("/") ? home : `${process.cwd()}/${home}`;
  return `/${whole.split("/").filter((part) => part && part !== ".").join("/")}`;
};

// As watchkeeper.agents.sockets has it.
const socketPath = (home, project) => {
  const usual = `${home}/run/${project}.sock`;
  if (Buffer.byteLength(usual) <= 100) return usual;
  return `/tmp/watchkeeper-${process.getuid()}/${digest(Buffer.from(`${home}\0${project}`))}.sock`;
};

const digest = (data) => createHash("sha256").update(data).digest("hex").slice(0, 16);

const quote = (text) =>
  [...Buffer.from(text)].map((byte) => (isPlain(byte) ? String.fromCharCode(byte) : escaped(byte))).join("");

const isPlain = (byte) => byte < 128 && /[\w.~/-]/.test(String.fromCharCode(byte));

const escaped = (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
