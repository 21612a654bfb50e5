/** The journal over the socket: what a backend has written, to whoever may ask. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { install } from '../src/index.js'
import { ask, atEnd, begin, HERE, makeTable, missing, open, REVISION, until } from './database.js'

function published(t) {
  const parent = mkdtempSync(join(tmpdir(), 'wk-tag-'))
  const folder = join(parent, 'tags')
  process.env.WATCHKEEPER_TAG_DIR = folder
  atEnd(t, () => rmSync(parent, { recursive: true }))
  return { folder, path: join(folder, `${process.pid}.sock`) }
}

test('others may ask what a backend has written, and where', { skip: missing, timeout: 30_000 }, async (t) => {
  const { pool, looks } = open(t)
  await makeTable(looks, 'written')
  const { folder, path } = published(t)
  const tagging = install(pool, { root: HERE, revision: REVISION })
  atEnd(t, () => tagging.close())
  const client = await begin(t, pool)
  async function storesContent() {
    await client.query('UPDATE written SET a = $1 WHERE id = $2', [5, 1])
  }
  await storesContent()
  await client.query('SELECT count(*) FROM written')
  await until(() => existsSync(path))

  const state = await ask(path, { v: 1, ask: 'state', backends: [client.processID] })
  const nothing = await ask(path, { v: 1, ask: 'state', backends: [1] })
  const wrong = await ask(path, ['what'])
  await client.query('COMMIT')
  const after = await ask(path, { v: 1, ask: 'state', backends: [] })

  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const [connection] = state.connections
  const [write, ...others] = connection.writes
  assert.deepEqual(others, [])
  assert.deepEqual([write.table, write.columns, write.lock], ['written', ['a'], 'no key update'])
  assert.equal(write.symbol, 'storesContent')
  assert.match(write.site, /^answering\.test\.js:\d+$/)
  assert.equal(write.statement, 'UPDATE written SET a = $1 WHERE id = $2')
  assert.notEqual(connection.last.site, write.site, 'the last statement is another, and innocent')
  assert.deepEqual([state.process, state.revision, state.root], [process.pid, 'abcdef012345', tagging.root])
  assert.deepEqual(nothing.connections, [])
  assert.ok('error' in wrong)
  assert.deepEqual(after.connections.map((each) => each.writes), [[]])
})

test('who does not publish is not asked', { skip: missing, timeout: 30_000 }, async (t) => {
  const { pool } = open(t)
  const { path } = published(t)
  install(pool, { root: HERE, publish: false })

  await pool.query('SELECT 1')

  assert.ok(!existsSync(path))
})
