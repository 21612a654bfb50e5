"use strict";
// On a real server: `PGURL` names one, and `pg` is found (NODE_PATH). Both are given by tests/scenario/test_tag_node.py.

const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const path = require("node:path");
const test = require("node:test");

const pg = require("pg");
const Cursor = require("pg-cursor");
const { NestedWriteError, install } = require("..");

const connectionString = process.env.PGURL;
const tags = process.env.WATCHKEEPER_TAG_DIR;
const warned = [];
fs.mkdirSync(tags, { recursive: true, mode: 0o700 });
const stale = path.join(tags, "999999.sock");
const tagging = install(pg, { root: path.join(__dirname, ".."), revision: "abcdef0123456789", warn: (text) => warned.push(text) });
const UPDATE = "UPDATE content SET a = a + 1 WHERE id = $1";

const pools = [];
function makePool(options = {}) {
  const pool = new pg.Pool({ connectionString, ...options });
  pools.push(pool);
  return pool;
}

async function two(work) {
  const pool = makePool();
  const [one, other] = [await pool.connect(), await pool.connect()];
  try {
    return await work(one, other);
  } finally {
    for (const each of [one, other]) {
      await each.query("ROLLBACK");
      each.release();
    }
  }
}

function inMode(mode, work) {
  return async () => {
    tagging.mode = mode;
    try {
      await work();
    } finally {
      tagging.mode = "warn";
    }
  };
}

const refused = (work) => assert.rejects(work, NestedWriteError);
const told = (kind) => tagging.events.filter((each) => each.kind === kind);

test.before(async () => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query("CREATE TABLE IF NOT EXISTS content (id int PRIMARY KEY, a int)");
  await client.query("INSERT INTO content VALUES (1, 0), (2, 0) ON CONFLICT DO NOTHING");
  await client.end();
});

test.after(async () => {
  for (const each of pools) await each.end();
});

async function shownBy(client, looks) {
  const { rows } = await looks.query("SELECT query FROM pg_stat_activity WHERE pid = $1", [client.processID]);
  return rows[0].query;
}

test("the server shows where a statement comes from, of a client and of a pool", async () => {
  await two(async (one, looks) => {
    await one.query(UPDATE, [1]);
    assert.match(
      await shownBy(one, looks),
      /^\/\*wk:rev=abcdef012345,sym=[^,]+,at=test\/pg\.test\.js:\d+,pid=\d+,tid=\d+\*\/ UPDATE content/,
    );
  });
  async function asksThePool() {
    return makePool({ max: 1 }).query("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()");
  }
  assert.match((await asksThePool()).rows[0].query, /sym=asksThePool,at=test\/pg\.test\.js:\d+,/);
});

test("a method is named with its class, and callbacks, cursors and texts of a class of its own are tagged", async () => {
  class Editor {
    constructor(client) {
      this.client = client;
    }
    async publish() {
      await this.client.query(UPDATE, [1]);
    }
  }
  class Text {
    constructor(text) {
      this.parts = [text];
    }
    get text() {
      return this.parts.join("");
    }
    get values() {
      return [2];
    }
  }
  await two(async (one, looks) => {
    await new Editor(one).publish();
    assert.match(await shownBy(one, looks), /sym=Editor\.publish,/);
    await one.query(new Text(UPDATE));
    assert.match(await shownBy(one, looks), /^\/\*wk:/);
    await new Promise((done, fail) => one.query("SELECT 3", (error) => (error ? fail(error) : done())));
    assert.match(await shownBy(one, looks), /\*\/ SELECT 3/);
    const cursor = one.query(new Cursor("SELECT 4 AS four"));
    assert.deepEqual(await cursor.read(10), [{ four: 4 }]);
    assert.match(await shownBy(one, looks), /^\/\*wk:.*\*\/ SELECT 4/);
    await cursor.close();
  });
});

test("a task that would wait for itself is refused, with both lines", inMode("raise", () =>
  tagging.run(() =>
    two(async (one, other) => {
      await one.query("BEGIN");
      await one.query(UPDATE, [1]);
      await assert.rejects(other.query(UPDATE, [1]), (error) => {
        assert(error instanceof NestedWriteError);
        assert.match(error.message, /pg\.test\.js:\d+ .* since test\/pg\.test\.js:\d+/);
        return true;
      });
      await refused(() => other.query("SELECT 1 FROM content WHERE id = 1 FOR UPDATE"));
      await refused(() => other.query("ALTER TABLE content ADD COLUMN x int"));
      await refused(() => new Promise((done, fail) => other.query(UPDATE, [1], (error) => (error ? fail(error) : done()))));
      await other.query(UPDATE, [2]);
      await other.query("SELECT 1 FROM content WHERE id = 1 FOR UPDATE SKIP LOCKED");
      await other.query("SELECT a FROM content WHERE id = 1");
    }),
  ),
));

test("what is committed or rolled back to a savepoint is forgotten", inMode("raise", () =>
  tagging.run(() =>
    two(async (one, other) => {
      await one.query("BEGIN");
      await one.query(UPDATE, [1]);
      await one.query("COMMIT");
      await other.query(UPDATE, [1]);
      await one.query("BEGIN");
      await one.query("SAVEPOINT here");
      await one.query(UPDATE, [1]);
      await refused(() => other.query(UPDATE, [1]));
      await one.query("ROLLBACK TO SAVEPOINT here");
      await other.query(UPDATE, [1]);
      await one.query(UPDATE, [1]);
      await one.query("RELEASE here");
      await refused(() => other.query(UPDATE, [1]));
    }),
  ),
));

test("a client that has ended holds nothing", inMode("raise", () =>
  tagging.run(async () => {
    const [one, other] = [new pg.Client({ connectionString }), new pg.Client({ connectionString })];
    await Promise.all([one.connect(), other.connect()]);
    await one.query("BEGIN");
    await one.query(UPDATE, [1]);
    await refused(() => other.query(UPDATE, [1]));
    await one.end();
    await other.query(UPDATE, [1]);
    await other.end();
  }),
));

test("two tasks are two, and outside of all tasks nobody knows", inMode("raise", () =>
  two(async (one, other) => {
    await other.query("SET lock_timeout = 50");
    await tagging.run(async () => {
      await one.query("BEGIN");
      await one.query(UPDATE, [1]);
    });
    await assert.rejects(tagging.run(() => other.query(UPDATE, [1])), { code: "55P03" });
    await assert.rejects(other.query(UPDATE, [1]), { code: "55P03" });
    const event = told("lock-timeout").at(-1);
    assert.equal(event.table, "content");
    assert.equal(event.sites.length, 2);
  }),
));

test("in mode warn it is sent, after one warning", async () => {
  await tagging.run(() =>
    two(async (one, other) => {
      await other.query("SET lock_timeout = 50");
      await one.query("BEGIN");
      await one.query(UPDATE, [1]);
      for (const _ of [1, 2]) await assert.rejects(other.query(UPDATE, [1]), { code: "55P03" });
    }),
  );
  assert.equal(warned.filter((each) => each.includes("locks content")).length, 1);
  assert.equal(told("nested-write").at(-1).table, "content");
});

test("a row that its own task has just inserted and does not meet is told as lost, another's is not", async () => {
  await tagging.run(() =>
    two(async (one, other) => {
      await other.query(UPDATE, [77]);
      assert.equal(told("lost-update").length, 0);
      await one.query("BEGIN");
      await one.query("INSERT INTO content (id, a) VALUES ($1, 0)", [77]);
      await other.query(UPDATE, [76]);
      assert.equal(told("lost-update").length, 0);
      await other.query(UPDATE, [77]);
      assert.equal(told("lost-update").length, 1);
    }),
  );
});

test("slots are used again, and prepared statements stay one", async () => {
  await two(async (one) => {
    const slots = new Set();
    for (let at = 0; at < 40; at++) {
      await tagging.run(async () => {
        slots.add(tagging.slots.current());
        await one.query({ name: "bump", text: UPDATE, values: [1] });
      });
    }
    assert(slots.size <= 2, "the connection is still with the task before");
    const { rows } = await one.query("SELECT statement FROM pg_prepared_statements");
    assert.equal(rows.length, 1);
    assert.match(rows[0].statement, /^\/\*wk:/);
    await assert.rejects(one.query({ name: "bump", text: "SELECT 1" }), /Prepared statements must be unique/);
  });
});

test("each request of an HTTP server is a task: strangers are silent, one that waits for itself is not", inMode("raise", async () => {
  const pool = makePool();
  let open = 0;
  let both;
  const together = new Promise((done) => (both = done));
  const server = http.createServer(async (request, response) => {
    const [one, other] = [await pool.connect(), await pool.connect()];
    const row = Number(request.url.slice(1));
    let end = "ends";
    try {
      await one.query("BEGIN");
      await one.query(UPDATE, [row]);
      if (++open === 2) both();
      await together;
      await other.query(UPDATE, [row > 2 ? 2 : 3]);
      await other.query(UPDATE, [row]);
    } catch (error) {
      end = error.name;
    }
    await one.query("ROLLBACK");
    one.release();
    other.release();
    response.end(end);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const ask = (row) => fetch(`http://127.0.0.1:${server.address().port}/${row}`).then((each) => each.text());
  assert.deepEqual(await Promise.all([ask(1), ask(2)]), ["NestedWriteError", "NestedWriteError"]);
  await new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  });
  assert.equal(told("nested-write").at(-1).sites.length, 2);
}));

test("a pool tells who waits and what he holds; who takes one at a time is told of nowhere", async () => {
  const pool = makePool({ max: 2, connectionTimeoutMillis: 5000 });
  await tagging.run(async () => {
    const before = told("nested-checkout").length;
    (await pool.connect()).release();
    (await pool.connect()).release();
    assert.equal(told("nested-checkout").length, before);
  });
  const ends = [];
  const work = (row) =>
    tagging.run(async () => {
      const one = await pool.connect();
      await one.query("BEGIN");
      await one.query(UPDATE, [row]);
      const second = pool.connect();
      ends.push(async () => {
        await one.query("ROLLBACK");
        one.release();
        (await second).release();
      });
    });
  await Promise.all([work(1), work(2)]);

  const state = tagging.state().pools.find((each) => each.waiters.length);

  assert.deepEqual([state.limit, state.out], [2, 2]);
  assert.equal(state.waiters.length, 2);
  assert(state.waiters.every((each) => each.holds.length === 1 && /^test\/pg\.test\.js:\d+$/.test(each.site)));
  assert(told("nested-checkout").length > 0);
  for (const each of ends) await each();
});

test("others may ask what a backend has written", async () => {
  await two(async (one) => {
    await one.query("BEGIN");
    await one.query(UPDATE, [1]);
    await one.query("SELECT count(*) FROM content");
    const place = path.join(tags, `${process.pid}.sock`);
    assert.equal(fs.statSync(place).mode & 0o077, 0);
    const state = await ask(place, { v: 1, ask: "state", backends: [one.processID] });
    const [connection] = state.connections;
    assert.equal(state.process, process.pid);
    assert.deepEqual(
      connection.writes.map(({ table, columns, lock }) => ({ table, columns, lock })),
      [{ table: "content", columns: ["a"], lock: "no key update" }],
    );
    assert.match(connection.writes[0].site, /^test\/pg\.test\.js:\d+$/);
    assert.notEqual(connection.last.site, connection.writes[0].site);
    assert.deepEqual((await ask(place, { v: 1, ask: "state", backends: [1] })).connections, []);
    assert.match((await ask(place, "what")).error, /ask/);
  });
  assert(!fs.existsSync(stale), "a socket that nobody answers is removed");
});

function ask(place, question) {
  return new Promise((done, fail) => {
    let read = "";
    const asking = net.connect(place, () => asking.write(`${JSON.stringify(question)}\n`));
    asking.setEncoding("utf8");
    asking.on("data", (part) => (read += part));
    asking.on("end", () => done(JSON.parse(read)));
    asking.on("error", fail);
  });
}
