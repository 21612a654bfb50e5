/** Prisma's own client over a tagged pool, through its adapter for `pg`: its statements, at the application's lines. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { install, NestedWriteError, run } from '../src/index.js'
import { withLines } from '../src/prisma.js'
import { atEnd, HERE, load, missing, open, REVISION, shown } from './database.js'

const skip = missing || (process.env.WATCHKEEPER_TEST_PRISMA ? false : 'no client of Prisma: run it by the suite')
const options = { skip, timeout: 60_000 }
const TAG = (symbol) => new RegExp(`^/\\*wk:rev=abcdef012345,sym=${symbol},at=prisma\\.test\\.js:\\d+,pid=\\d+,task=\\d+\\*/ `)

async function connect(t, mode = 'raise') {
  const { pool, looks } = open(t)
  const warned = []
  const tagging = install(pool, { root: HERE, revision: REVISION, publish: false, mode, warn: (words) => warned.push(words) })
  const { PrismaPg } = load('@prisma/adapter-pg')
  const { PrismaClient } = load('./client')
  const bare = new PrismaClient({ adapter: new PrismaPg(pool) })
  atEnd(t, () => bare.$disconnect())
  await looks.query('DROP TABLE IF EXISTS note, item')
  await looks.query('CREATE TABLE item (id int PRIMARY KEY, a int NOT NULL DEFAULT 0)')
  await looks.query('CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL, item_id int NOT NULL REFERENCES item)')
  await looks.query('INSERT INTO item VALUES (1, 0), (2, 0)')
  return { looks, tagging, warned, bare, db: withLines(bare, tagging) }
}

const add = (client, id, a) => client.item.update({ where: { id }, data: { a } })
const isRefused = (error) => [error, error.cause].some((each) => each instanceof NestedWriteError)

test("the server sees the tag in front, with the application's line", options, async (t) => {
  const { db, looks, tagging } = await connect(t)
  async function addsToItem(tx) {
    assert.deepEqual(await add(tx, 1, 5), { id: 1, a: 5 })
  }

  await db.$transaction(async (tx) => {
    await addsToItem(tx)
    const [link] = [...tagging.journal.links]
    assert.match(await shown(looks, link.backend), /^\/\*wk:rev=abcdef012345,sym=add,at=prisma\.test\.js:\d+,.*\*\/ UPDATE "public"/)
    assert.deepEqual([link.held[0].claim.table, link.held[0].site.path], ['item', 'prisma.test.js'])
  })

  async function readsText() {
    return await db.$queryRaw`SELECT current_query() AS text, ${7}::int AS seven`
  }
  const [{ text, seven }] = await readsText()
  assert.match(text, TAG('readsText'))
  assert.equal(seven, 7)
})

test('a write past an open transaction of the same task is refused, one to another row is not', options, async (t) => {
  const { db, looks, tagging } = await connect(t)

  await db.$transaction(async function work(tx) {
    await add(tx, 1, 6)
    await add(db, 2, 7)
    await assert.rejects(add(db, 1, 8), isRefused)
  })
  await add(db, 1, 9)

  const told = tagging.events.filter((each) => each.kind === 'nested-write')
  assert.deepEqual(told.map((each) => [each.table, each.sites.length]), [['item', 2]])
  assert.ok(told[0].sites.every((each) => each.startsWith('prisma.test.js:')))
  assert.deepEqual((await looks.query('SELECT a FROM item ORDER BY id')).rows, [{ a: 9 }, { a: 7 }])
})

test('two tasks that write one row are not told of, and wait for each other no longer than a commit', options, async (t) => {
  const { db, tagging } = await connect(t)
  const counts = () => run(() => db.$transaction(async (tx) => tx.item.update({ where: { id: 1 }, data: { a: { increment: 1 } } })))

  await Promise.all([counts(), counts(), counts()])

  assert.equal((await db.item.findUniqueOrThrow({ where: { id: 1 } })).a, 3)
  assert.deepEqual(tagging.events, [])
})

test('every kind of query knows its line, and gives what it gave', options, async (t) => {
  const { db, tagging } = await connect(t)
  const [[{ text }], count, made] = await db.$transaction([
    db.$queryRaw`SELECT current_query() AS text`,
    db.item.count(),
    db.item.create({ data: { id: 3, notes: { create: { id: 1, text: 'x' } } }, include: { notes: true } }),
  ])
  assert.match(text, /^\/\*wk:rev=abcdef012345,.*at=prisma\.test\.js:\d+,pid=/)
  assert.equal(count, 2)
  assert.deepEqual(made, { id: 3, a: 0, notes: [{ id: 1, text: 'x', itemId: 3 }] })

  assert.deepEqual(await db.item.findUnique({ where: { id: 3 } }).notes(), made.notes)
  assert.deepEqual(await db.item.upsert({ where: { id: 4 }, create: { id: 4 }, update: {} }), { id: 4, a: 0 })
  assert.equal(await db.item.deleteMany({ where: { id: 4 } }).then(({ count: gone }) => gone), 1)
  assert.equal(await db.item.create({ data: { id: 1 } }).catch((error) => error.code), 'P2002')
  assert.equal(await db.item.count().finally(() => {}), 3)
  assert.equal(await db.$extends({ model: { item: { twice: () => 2 } } }).item.twice(), 2)
  assert.deepEqual(tagging.events, [])
})

test('without withLines statements are tagged, and within run the guard knows the task', options, async (t) => {
  const { bare, tagging, warned } = await connect(t)

  const [{ text }] = await bare.$queryRaw`SELECT current_query() AS text`
  assert.match(text, /^\/\*wk:rev=abcdef012345,.*pid=\d+,task=\d+\*\/ SELECT/)

  await run(() =>
    bare.$transaction(async (tx) => {
      await add(tx, 1, 6)
      await assert.rejects(add(bare, 1, 8), isRefused)
    }),
  )
  assert.equal(tagging.events.at(-1).kind, 'nested-write')
  assert.deepEqual(warned, [])
})
