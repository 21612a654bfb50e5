/** `pg` with tags, on a real server: where statements come from, what is refused, what is not. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { install, NestedWriteError, run } from '../src/index.js'
import { atEnd, begin, HERE, load, makeTable, missing, open, REVISION, settings, shown, until } from './database.js'

const options = { skip: missing, timeout: 30_000 }
const quiet = { root: HERE, revision: REVISION, publish: false, warn: () => {} }

function tagOf(text) {
  const found = /^\/\*wk:(.*?)\*\/ /.exec(text)
  return found && Object.fromEntries(found[1].split(',').map((part) => part.split('=')))
}

test('the server shows where a statement comes from, in front of it', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'shown')
  install(pool, quiet)
  const client = await begin(t, pool)

  async function publishContent() {
    await client.query('UPDATE shown SET a = $1 WHERE id = $2', [5, 1])
  }
  await publishContent()

  const text = await shown(looks, client.processID)
  const tag = tagOf(text)
  assert.match(text, /\*\/ UPDATE shown SET a = \$1 WHERE id = \$2$/)
  assert.equal(tag.rev, 'abcdef012345')
  assert.equal(tag.sym, 'publishContent')
  assert.match(tag.at, /^pg\.test\.js:\d+$/)
  assert.equal(tag.pid, String(process.pid))
  assert.equal(tag.task, '1')
})

test('another pool of the process is left alone, unless the module is given', options, async (t) => {
  const { pool, looks } = open(t)
  install(pool, quiet)
  const client = await looks.connect()
  atEnd(t, () => client.release())

  await client.query('SELECT 1')

  assert.equal(tagOf(await shown(client, client.processID)), null)
})

test('with the module given every client is tagged', options, async (t) => {
  const pg = load('pg')
  class Client extends pg.Client {}
  class Pool extends pg.Pool {}
  install({ Client, Pool }, quiet)
  const client = new Client(settings)
  const pool = new Pool({ ...settings, Client })
  await client.connect()
  atEnd(t, () => Promise.all([client.end(), pool.end()]))

  const { rows } = await client.query('SELECT current_query() AS text')
  const ofPool = await pool.query('SELECT current_query() AS text')

  assert.match(rows[0].text, /^\/\*wk:.*at=pg\.test\.js:/)
  assert.match(ofPool.rows[0].text, /^\/\*wk:.*at=pg\.test\.js:/)
})

test('every way to call is tagged and gives what it gave', options, async (t) => {
  const { pg, pool } = open(t)
  install(pool, quiet)
  const text = 'SELECT current_query() AS text, $1::int AS n'
  const called = (...given) =>
    new Promise((resolve, reject) => pool.query(...given, (error, result) => (error ? reject(error) : resolve(result))))

  const client = await pool.connect()
  atEnd(t, () => client.release())
  const results = [
    await pool.query(text, [7]),
    await pool.query({ text, values: [7] }),
    await pool.query({ text }, [7]),
    await called(text, [7]),
    await called({ text, values: [7] }),
    await client.query(text, [7]),
    await new Promise((resolve, reject) =>
      client.query({ text, values: [7], callback: (error, result) => (error ? reject(error) : resolve(result)) }),
    ),
  ]
  const arrays = await client.query({ text, values: [7], rowMode: 'array' })
  const untouched = await new Promise((resolve, reject) =>
    client.query(new pg.Query(text, [7], (error, result) => (error ? reject(error) : resolve(result)))),
  )

  for (const { rows } of results) {
    assert.equal(rows[0].n, 7)
    assert.match(tagOf(rows[0].text).at, /^pg\.test\.js:/)
  }
  assert.equal(arrays.rows[0][1], 7)
  assert.equal(untouched.rows[0].text, text)
})

test('an error is what it was, and its stack leads to the application', options, async (t) => {
  const { pool } = open(t)
  install(pool, quiet)

  async function asksWrongly() {
    const client = await pool.connect()
    try {
      await client.query('SELECT * FROM nowhere')
    } finally {
      client.release()
    }
  }

  await assert.rejects(asksWrongly(), (error) => error.code === '42P01' && /asksWrongly/.test(error.stack))
})

test('a statement with a name is prepared once for a line and a slot, and again for another line', options, async (t) => {
  const { pool } = open(t)
  install(pool, quiet)
  const client = await pool.connect()
  atEnd(t, () => client.release())
  const named = { name: `find-${'x'.repeat(70)}`, text: 'SELECT $1::int AS n' }

  for (let n = 0; n < 20; n += 1) await run(() => client.query({ ...named, values: [n] }))
  const once = await client.query('SELECT name, statement FROM pg_prepared_statements')
  await client.query({ ...named, values: [0] })
  const twice = await client.query('SELECT name FROM pg_prepared_statements')

  assert.equal(once.rows.length, 1)
  assert.match(once.rows[0].name, /^find-x+~[0-9a-f]{8}$/)
  assert.equal(once.rows[0].name.length, 63)
  assert.match(once.rows[0].statement, /^\/\*wk:/)
  assert.equal(twice.rows.length, 2)
})

test('a second connection that would wait for its own task is refused before it is sent', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'nested')
  const tagging = install(pool, { ...quiet, mode: 'raise' })
  const one = await begin(t, pool)
  const two = await begin(t, pool)
  await one.query('UPDATE nested SET a = 1 WHERE id = $1', [1])

  await assert.rejects(two.query('UPDATE nested SET a = 2 WHERE id = $1', [1]), NestedWriteError)
  const called = await new Promise((resolve) => two.query('DELETE FROM nested WHERE id = 1', (error) => resolve(error)))

  assert.ok(called instanceof NestedWriteError)
  assert.equal(await shown(looks, two.processID).then((text) => text.replace(/^.*\*\/ /, '')), 'BEGIN')
  const told = tagging.events.filter((each) => each.kind === 'nested-write')
  assert.equal(told.length, 2)
  assert.equal(told[0].table, 'nested')
  assert.equal(told[0].sites.length, 2)
  await two.query('UPDATE nested SET a = 2 WHERE id = $1', [2]) // another row
  await two.query('SELECT * FROM nested WHERE id = 1') // a reader
})

test('who skips what is locked, or fails at once, waits for nobody', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'skipped')
  const tagging = install(pool, { ...quiet, mode: 'raise' })
  const one = await begin(t, pool)
  const two = await begin(t, pool)
  await one.query('UPDATE skipped SET a = 1 WHERE id = 1')

  const { rows } = await two.query('SELECT id FROM skipped ORDER BY id FOR UPDATE SKIP LOCKED')
  await assert.rejects(two.query('SELECT id FROM skipped WHERE id = 1 FOR UPDATE NOWAIT'), { code: '55P03' })

  assert.deepEqual(rows, [{ id: 2 }])
  assert.deepEqual(tagging.events.map((each) => each.kind).filter((kind) => kind === 'nested-write'), [])
})

test('in mode warn it is sent after a warning; what a lock timeout then ends is told with both sides', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'warned')
  const words = []
  const tagging = install(pool, { ...quiet, warn: (text) => words.push(text) })
  const one = await begin(t, pool)
  const two = await begin(t, pool)
  await one.query('UPDATE warned SET a = 1 WHERE id = 1')
  await two.query("SET LOCAL lock_timeout = '50ms'")

  await assert.rejects(two.query('UPDATE warned SET a = 2 WHERE id = 1'), { code: '55P03' })

  assert.match(words[0], /locks warned over a second connection/)
  const told = tagging.events.find((each) => each.kind === 'lock-timeout')
  assert.equal(told.table, 'warned')
  assert.equal(told.sites.length, 2)
})

test('two tasks may wait for each other: their ends do not depend on one another', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'apart')
  install(pool, { ...quiet, mode: 'raise' })
  const [one, two] = [await begin(t, pool), await begin(t, pool)]

  await run(() => one.query('UPDATE apart SET a = 1 WHERE id = 1'))
  const waits = run(() => two.query('UPDATE apart SET a = 2 WHERE id = 1'))
  await until(async () => (await looks.query('SELECT 1 FROM pg_locks WHERE NOT granted AND pid = $1', [two.processID])).rowCount)
  const tags = [tagOf(await shown(looks, one.processID)), tagOf(await shown(looks, two.processID))]
  await one.query('COMMIT')

  assert.equal((await waits).rowCount, 1)
  assert.notEqual(tags[0].task, tags[1].task)
})

test('what was committed, rolled back, or rolled back to a savepoint is held no longer', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'ended')
  install(pool, { ...quiet, mode: 'raise' })
  const [one, two] = [await pool.connect(), await pool.connect()]
  atEnd(t, () => [one, two].forEach((each) => each.release()))
  const write = (client) => client.query('UPDATE ended SET a = a + 1 WHERE id = 1')

  await write(one) // its own transaction
  await write(two)
  for (const end of ['COMMIT', 'ROLLBACK', 'end', 'abort']) {
    await one.query('BEGIN')
    await write(one)
    await assert.rejects(write(two), NestedWriteError)
    await one.query(end)
    await write(two)
  }
  await one.query('BEGIN; SAVEPOINT a; SAVEPOINT b')
  await write(one)
  await one.query('RELEASE SAVEPOINT b')
  await assert.rejects(write(two), NestedWriteError)
  await one.query('ROLLBACK TO SAVEPOINT a')
  await write(two)
  await one.query('ROLLBACK')
})

test('a value that meets no row, since its own task has not committed it, is told to be lost', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'lost')
  const tagging = install(pool, quiet)
  const [one, two] = [await begin(t, pool), await begin(t, pool)]
  await one.query('INSERT INTO lost (id, a) VALUES ($1, $2)', [7, 0])

  await two.query('UPDATE lost SET a = 1 WHERE id = $1', [8])
  assert.equal(tagging.events.filter((each) => each.kind === 'lost-update').length, 0)
  await two.query('UPDATE lost SET a = 1 WHERE id = $1', [7])

  assert.equal(tagging.events.filter((each) => each.kind === 'lost-update').length, 1)
})

test('a pool whose callers wait tells who waits, where, and what each holds', options, async (t) => {
  const { pool, looks } = open(t, { max: 2 })
  await makeTable(looks, 'pooled')
  const tagging = install(pool, quiet)
  const backends = []
  let ready = 0

  async function job(row) {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('UPDATE pooled SET a = 1 WHERE id = $1', [row])
    backends[row] = client.processID
    ready += 1
    await until(() => ready === 2)
    const second = pool.query('SELECT 1')
    await until(() => tagging.state().pools[0].waiters.length === 2 || tagging.over)
    tagging.seen ??= tagging.state()
    tagging.over = true
    await client.query('COMMIT')
    client.release()
    await second
  }
  await Promise.all([run(() => job(1)), run(() => job(2))])

  const [found] = tagging.seen.pools
  assert.deepEqual([found.limit, found.out, found.waiters.length], [2, 2, 2])
  assert.deepEqual(found.waiters.flatMap((each) => each.holds).sort(), backends.slice(1).sort())
  assert.ok(found.waiters.every((each) => /^pg\.test\.js:\d+$/.test(each.site) && each.symbol === 'job'))
  assert.notEqual(found.waiters[0].task, found.waiters[1].task)
  assert.equal(tagging.events.filter((each) => each.kind === 'nested-checkout').length, 1)
  assert.deepEqual(tagging.state().pools[0].waiters, [])
})

test('who takes one connection after the other nests nothing, and leaves its slot free', options, async (t) => {
  const { pool, looks } = open(t, { max: 1 })
  await makeTable(looks, 'single')
  const tagging = install(pool, quiet)

  const texts = []
  for (let n = 0; n < 5; n += 1) {
    await run(async () => {
      await pool.query('UPDATE single SET a = a + 1 WHERE id = 1')
      texts.push((await pool.query('SELECT current_query() AS text')).rows[0].text)
    })
  }

  assert.equal(new Set(texts).size, 1)
  assert.deepEqual(tagging.events, [])
})

test('what follows in a callback is of the task that has called', options, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'called')
  install(pool, { ...quiet, mode: 'raise' })

  const refused = await run(
    () =>
      new Promise((resolve) =>
        pool.connect((_, one, back) =>
          one.query('BEGIN', () =>
            one.query('UPDATE called SET a = 1 WHERE id = 1', () =>
              pool.query('UPDATE called SET a = 2 WHERE id = 2', () =>
                pool.query('UPDATE called SET a = 2 WHERE id = 1', (error) => {
                  one.query('ROLLBACK', () => back())
                  resolve(error)
                }),
              ),
            ),
          ),
        ),
      ),
  )

  assert.ok(refused instanceof NestedWriteError)
})
