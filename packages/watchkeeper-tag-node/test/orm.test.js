"use strict";
// Drizzle and Prisma reach the server over `pg`: what they send is tagged with the line of who asked them.

const assert = require("node:assert/strict");
const path = require("node:path");
const test = require("node:test");

const pg = require("pg");
const { NestedWriteError, install } = require("..");

const connectionString = process.env.PGURL;
const tagging = install(pg, { root: path.join(__dirname, ".."), revision: "feed", mode: "raise", publish: false });

test.before(async () => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query("CREATE TABLE IF NOT EXISTS story (id int PRIMARY KEY, a int)");
  await client.query("INSERT INTO story VALUES (1, 0), (2, 0) ON CONFLICT DO NOTHING");
  await client.end();
});

test("drizzle's statements name the line that awaits them, and a second connection in a transaction is refused", async () => {
  const { drizzle } = require("drizzle-orm/node-postgres");
  const { integer, pgTable } = require("drizzle-orm/pg-core");
  const { eq, sql } = require("drizzle-orm");
  const story = pgTable("story", { id: integer("id").primaryKey(), a: integer("a") });
  const pool = new pg.Pool({ connectionString });
  const db = tagging.sited(drizzle(pool));
  async function renameTwice(row) {
    await db.transaction(async (inner) => {
      await inner.update(story).set({ a: 1 }).where(eq(story.id, 1));
      await db.update(story).set({ a: 2 }).where(eq(story.id, row));
    });
  }
  async function shows() {
    const { rows } = await db.execute(sql`SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()`);
    return rows[0].query;
  }
  async function reads() {
    const rows = await db
      .select({ id: story.id, query: sql`(SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid())` })
      .from(story)
      .limit(1);
    return rows[0].query;
  }

  assert.match(await shows(), /^\/\*wk:rev=feed,sym=shows,at=test\/orm\.test\.js:\d+,/);
  assert.match(await reads(), /^\/\*wk:rev=feed,sym=reads,at=test\/orm\.test\.js:\d+,/);
  await tagging.run(() => renameTwice(2));
  await assert.rejects(tagging.run(() => renameTwice(1)), (error) => {
    const found = error instanceof NestedWriteError ? error : error.cause;
    assert(found instanceof NestedWriteError, String(error));
    assert.match(found.message, /orm\.test\.js:\d+ \(renameTwice\) .* since test\/orm\.test\.js:\d+ \(renameTwice\)/);
    return true;
  });
  await pool.end();
});

test("what Prisma's adapter sends is tagged", async () => {
  const { PrismaPg } = require("@prisma/adapter-pg");
  const adapter = await new PrismaPg({ connectionString }).connect();
  async function asks() {
    return adapter.queryRaw({ sql: "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()", args: [], argTypes: [] });
  }

  assert.match((await asks()).rows[0][0], /^\/\*wk:rev=feed,sym=asks,at=test\/orm\.test\.js:\d+,/);
  await adapter.dispose();
});
