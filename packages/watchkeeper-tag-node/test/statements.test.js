/** What the reader sees in statements, which of them would wait for which, and how stacks and tags are written. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { resolve, wouldWait } from '../src/guard.js'
import { Lock, readText } from '../src/statements.js'
import { encode, renderTag } from '../src/tag.js'
import { Finder, Site } from '../src/where.js'
import { HERE } from './database.js'

const LOCKED = [
  ['INSERT INTO content_stage (content_id, stage) VALUES ($1, $2)', 'content_stage', Lock.INSERT],
  ['insert into "Content" values (1)', 'Content', Lock.INSERT],
  ['UPDATE content SET a = 1 WHERE id = 3', 'content', Lock.NO_KEY_UPDATE],
  ['UPDATE "public"."Content" SET "a" = $1 WHERE ("public"."Content"."id" = $2 AND 1=1)', 'Content', Lock.NO_KEY_UPDATE],
  ['update only public.content c set a = lower(b, c), d = 2 where c.id = $1', 'content', Lock.NO_KEY_UPDATE],
  ['DELETE FROM content WHERE id = $1', 'content', Lock.UPDATE],
  ['SELECT id FROM content WHERE id = $1 FOR UPDATE', 'content', Lock.UPDATE],
  ['SELECT id FROM content JOIN x ON true FOR NO KEY UPDATE OF content', 'content', Lock.NO_KEY_UPDATE],
  ['SELECT 1 FROM content FOR KEY SHARE', 'content', Lock.KEY_SHARE],
  ['WITH a AS (SELECT 1) UPDATE content SET a = 1', 'content', Lock.NO_KEY_UPDATE],
  ['WITH a AS (DELETE FROM content RETURNING id) SELECT * FROM a', 'content', Lock.UPDATE],
  ['/* by x */ -- y\n MERGE INTO content USING y ON true WHEN MATCHED THEN DELETE', 'content', Lock.NO_KEY_UPDATE],
  ['ALTER TABLE IF EXISTS content ADD COLUMN x int', 'content', Lock.TABLE],
  ['TRUNCATE content', 'content', Lock.TABLE],
  ['LOCK TABLE content IN ACCESS EXCLUSIVE MODE', 'content', Lock.TABLE],
  ['COPY content (a, b) FROM STDIN', 'content', Lock.INSERT],
  ['SELECT pg_advisory_xact_lock($1::INTEGER)', '', Lock.ADVISORY],
]

test('the first table that is locked is named with its lock', () => {
  for (const [text, table, lock] of LOCKED) {
    const [first] = readText(text)[0].accesses
    assert.deepEqual([first.table, first.lock], [table, lock], text)
  }
})

test('what only reads locks nothing', () => {
  const harmless = [
    "SELECT * FROM content WHERE a = 'update content set b = 1'",
    "DO $$ BEGIN UPDATE content SET a = 1; END $$",
    "SELECT 'x' -- for update",
    'LOCK TABLE content IN ROW SHARE MODE',
    'COPY content TO STDOUT',
    'BEGIN',
    '',
  ]
  for (const text of harmless) {
    const accesses = readText(text).flatMap((each) => each.accesses)
    assert.ok(accesses.every((each) => each.lock === Lock.READ), text)
  }
})

test('no text makes it fail', () => {
  const words = "update set where ( ) ' \" , = ; -- /* $1 $$ a insert into values for".split(' ')
  let seed = 7
  const next = (most) => (seed = (seed * 16_807) % 2_147_483_647) % most
  for (let n = 0; n < 3000; n += 1) readText(Array.from({ length: next(30) }, () => words[next(words.length)]).join(' '))
})

test('what a text does with the transaction is seen', () => {
  const kinds = (text) => readText(text).map(({ control }) => control && `${control.kind} ${control.name}`.trim())

  assert.deepEqual(kinds('START TRANSACTION; savepoint "A"; rollback to savepoint a; RELEASE b; COMMIT'), [
    'begin', 'mark A', 'back a', 'release b', 'end',
  ])
  assert.deepEqual(kinds('ROLLBACK'), ['end'])
  assert.deepEqual(kinds("SELECT 'commit; begin'"), [null])
})

const claim = (text, values = []) => resolve(readText(text)[0].accesses[0], values)
const WAITS = [
  ['UPDATE a SET x = 1 WHERE id = $1', [1], 'UPDATE a SET y = 2 WHERE id = $1', ['1']],
  ['UPDATE a SET x = 1', [], 'UPDATE a SET y = 2 WHERE id = $1', [1]],
  ['SELECT 1 FROM a WHERE id = $1 FOR UPDATE', [1], 'SELECT 1 FROM a WHERE id = 1 FOR KEY SHARE', []],
  ['UPDATE a SET x = $1 WHERE id = $2', [5, 7], "DELETE FROM a WHERE id = '7'", []],
  ['INSERT INTO a (n) VALUES ($1) ON CONFLICT DO NOTHING', ['x'], "INSERT INTO a (n) VALUES ('x')", []],
  ['INSERT INTO a (id) VALUES ($1)', [1], 'DELETE FROM a WHERE id = 1', []],
  ['CREATE INDEX ON a (b)', [], 'INSERT INTO a (n) VALUES (1)', []],
  ['ALTER TABLE a ADD b int', [], 'UPDATE a SET x = 1', []],
  ['SELECT pg_advisory_lock($1)', [3], 'SELECT pg_advisory_xact_lock(3)', []],
]
const GOES_ON = [
  ['UPDATE a SET x = 1 WHERE id = $1', [1], 'UPDATE a SET y = 2 WHERE id = $1', [2]],
  ['UPDATE a SET x = 1', [], 'UPDATE b SET x = 1', []],
  ['SELECT 1 FROM a FOR UPDATE SKIP LOCKED', [], 'UPDATE a SET x = 1', []],
  ['SELECT 1 FROM a FOR UPDATE NOWAIT', [], 'UPDATE a SET x = 1', []],
  ['UPDATE a SET x = 1', [], 'SELECT 1 FROM a FOR KEY SHARE', []],
  ['INSERT INTO a (n) VALUES ($1) ON CONFLICT DO NOTHING', ['x'], "INSERT INTO a (n) VALUES ('y')", []],
  ["INSERT INTO log (text) VALUES ('saved')", [], "INSERT INTO log (text) VALUES ('saved')", []],
  ['CREATE INDEX ON a (b)', [], 'SELECT 1 FROM a WHERE id = 1 FOR UPDATE', []],
  ['UPDATE a SET x = 1 WHERE id = $1', [1], 'INSERT INTO a (id) VALUES (1)', []],
  ['SELECT pg_advisory_lock($1)', [3], 'SELECT pg_advisory_lock(4)', []],
  ['SELECT pg_try_advisory_lock(3)', [], 'SELECT pg_advisory_lock(3)', []],
]

test('statements about one row wait', () => {
  for (const [wanted, given, held, values] of WAITS) assert.ok(wouldWait(claim(wanted, given), claim(held, values)), wanted)
})

test('statements about others go on', () => {
  for (const [wanted, given, held, values] of GOES_ON) assert.ok(!wouldWait(claim(wanted, given), claim(held, values)), wanted)
})

test('a tag leaves out what is not known, and nothing in it can end the comment', () => {
  const tag = renderTag({ revision: '', site: new Site('a b/é*/.ts', 3, ''), process: 7, slot: '2' })

  assert.equal(tag, '/*wk:at=a~20b/~C3~A9~2A/.ts:3,pid=7,task=2*/ ')
  assert.equal(encode('100%'), '100~25')
})

test('the nearest frame of the application is the site, whatever kind of frame it is', () => {
  const finder = new Finder('/app')
  const found = (...frames) => {
    const site = finder.findIn(['Error', ...frames.map((each) => `    at ${each}`)].join('\n'))
    return `${site.symbol}@${site.shown}`
  }
  const foreign = ['Client.query (/app/node_modules/pg/lib/client.js:1:2)', 'process.x (node:internal/process:9:5)']

  assert.equal(found(...foreign, 'async Store.save [as write] (file:///app/src/store.js:4:5)'), 'Store.save@src/store.js:4')
  assert.equal(found(...foreign, 'new Thing (/app/thing.ts:7:1)', 'main (/app/main.js:1:1)'), 'Thing@thing.ts:7')
  assert.equal(found(...foreign, 'async file:///app/main.mjs:12:3'), '@main.mjs:12')
  assert.equal(found(...foreign, '/app/main.cjs:12:3'), '@main.cjs:12')
  assert.equal(found(...foreign, 'Object.<anonymous> (/app/main.cjs:2:3)'), '@main.cjs:2')
  assert.equal(found(...foreign, 'main (/elsewhere/main.js:1:1)'), '@')
})

test("what Prisma generates beside the application is none of its lines, a file of its own of that name is", () => {
  const finder = new Finder(HERE)
  const found = (folder) => finder.findIn(`Error\n    at query (${join(HERE, folder, 'runtime/client.js')}:1:1)\n    at main (${join(HERE, 'main.js')}:2:1)`)

  assert.equal(found('prisma').shown, 'main.js:2')
  assert.equal(found('other').shown, 'other/runtime/client.js:1')
})
