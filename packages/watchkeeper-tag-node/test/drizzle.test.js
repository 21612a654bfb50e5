/** Drizzle over a tagged pool: its own statements, at the application's lines. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { withLines } from '../src/drizzle.js'
import { install, NestedWriteError } from '../src/index.js'
import { currentTask } from '../src/tasks.js'
import { HERE, load, makeTable, missing, open, REVISION } from './database.js'

const options = { skip: missing, timeout: 30_000 }

function connect(t) {
  const { pool, looks } = open(t)
  const tagging = install(pool, { root: HERE, revision: REVISION, publish: false, mode: 'raise' })
  const { drizzle } = load('drizzle-orm/node-postgres')
  const { integer, pgTable } = load('drizzle-orm/pg-core')
  const { eq, sql } = load('drizzle-orm')
  const rows = (name) => pgTable(name, { id: integer().primaryKey(), a: integer() })
  return { looks, tagging, db: withLines(drizzle(pool), tagging), bare: drizzle(pool), eq, sql, rows }
}

test("the line is the application's, not Drizzle's", options, async (t) => {
  const { db, sql } = connect(t)

  async function readsText() {
    return await db.execute(sql`SELECT current_query() AS text`)
  }
  const { rows } = await readsText()

  assert.match(rows[0].text, /^\/\*wk:rev=abcdef012345,sym=readsText,at=drizzle\.test\.js:\d+,pid=\d+,task=1\*\/ SELECT/)
})

test('a write past an open transaction of the same task is refused, one to another row is not', options, async (t) => {
  const { db, looks, eq, rows, tagging } = connect(t)
  await makeTable(looks, 'drizzled')
  const table = rows('drizzled')
  const write = (to, id) => to.update(table).set({ a: 1 }).where(eq(table.id, id))

  await db.transaction(async (tx) => {
    await write(tx, 1)
    await write(db, 2)
    await assert.rejects(write(db, 1), (error) => [error, error.cause].some((each) => each instanceof NestedWriteError))
  })
  await write(db, 1)

  const [told] = tagging.events.filter((each) => each.kind === 'nested-write')
  assert.deepEqual([told.table, told.sites.length], ['drizzled', 2])
  assert.ok(told.sites.every((each) => each.startsWith('drizzle.test.js:')))
})

test('every kind of query knows its line, and gives what it gave', options, async (t) => {
  const { db, looks, eq, rows, sql, tagging } = connect(t)
  await makeTable(looks, 'kinds')
  const table = rows('kinds')

  await db.transaction(async (tx) => {
    await tx.insert(table).values({ id: 3, a: 9 }).onConflictDoNothing()
    await tx.delete(table).where(eq(table.id, 2))
    assert.deepEqual(await tx.select({ a: table.a }).from(table).where(eq(table.id, 3)), [{ a: 9 }])
    const again = tx.update(table).set({ a: 1 }).where(eq(table.id, 1)).returning({ id: table.id })
    assert.deepEqual(await again.then((found) => found.map((each) => each.id)), [1])
    const [link] = [...tagging.journal.links]
    const symbols = link.held.map((each) => [each.claim.table, each.claim.lock, each.site.path])
    assert.deepEqual(symbols, [
      ['kinds', 'insert', 'drizzle.test.js'],
      ['kinds', 'update', 'drizzle.test.js'],
      ['kinds', 'no key update', 'drizzle.test.js'],
    ])
    assert.equal(new Set(link.held.map((each) => each.site.line)).size, 3)
    assert.equal(link.task, currentTask(), 'one task from BEGIN on')
    await assert.rejects(tx.execute(sql`SELECT * FROM nowhere`))
    throw new Error('undone')
  }).catch((error) => assert.equal(error.message, 'undone'))

  assert.deepEqual((await db.select().from(table)).map((each) => each.id).sort(), [1, 2])
})

test('without withLines statements are tagged, without a line', options, async (t) => {
  const { bare, sql } = connect(t)

  const { rows } = await bare.execute(sql`SELECT current_query() AS text`)

  assert.match(rows[0].text, /^\/\*wk:rev=abcdef012345,pid=\d+,task=\d+\*\/ SELECT/)
})
