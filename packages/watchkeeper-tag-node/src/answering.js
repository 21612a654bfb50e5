/** The journal for others: one socket a process, one line of JSON asked, one answered. */

import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { debuglog } from 'node:util'
import { isMainThread, threadId } from 'node:worker_threads'

const VERSION = 1
const MOST_ASKED = 65_536
const MOST_LINKS = 500
const PATIENCE_MS = 2000
const HINT = 'ask {"v":1,"ask":"state","backends":[]}'
const debug = debuglog('watchkeeper-tag')

/** Where the sockets are: `WATCHKEEPER_TAG_DIR`, else a folder of the user alone. */
export function findFolder(environ = process.env) {
  if (environ.WATCHKEEPER_TAG_DIR) return environ.WATCHKEEPER_TAG_DIR
  if (environ.XDG_RUNTIME_DIR) return join(environ.XDG_RUNTIME_DIR, 'watchkeeper-tag')
  return `/tmp/watchkeeper-tag-${process.getuid?.() ?? 0}`
}

/**
 * Answer from now on; gives what can be closed, null where that cannot be (NODE_DEBUG=watchkeeper-tag says why). It
 * keeps no process alive. Workers do not answer: the socket is their process's.
 */
export function publish(findState) {
  if (!isMainThread) return null
  try {
    const path = makePlace(findFolder())
    const server = createServer((asking) => serve(asking, findState))
    server.on('error', (error) => debug('the journal cannot be asked for: %s', error.message))
    server.listen(path, () => chmodSync(path, 0o600))
    server.unref()
    const sweep = () => rmSync(path, { force: true })
    process.once('exit', sweep)
    return {
      close() {
        process.off('exit', sweep)
        server.close()
      },
    }
  } catch (error) {
    debug('the journal cannot be asked for: %s', error.message)
    return null
  }
}

/** One answer, without its end of line; an error in its place where the question is none. */
export function answer(question, findState) {
  try {
    const asked = JSON.parse(question)
    if (asked.ask === 'state') return JSON.stringify(findState((asked.backends ?? []).map(Number)))
  } catch (error) {
    debug('a question was not answered: %s', error.message)
  }
  return JSON.stringify({ v: VERSION, error: HINT })
}

/** What is known now; `wanted`: backends, none for all. */
export function renderState({ journal, revision, root, events }, wanted) {
  const links = [...journal.links].filter((each) => wanted.size === 0 || wanted.has(each.backend))
  return {
    v: VERSION,
    process: process.pid,
    revision,
    root,
    connections: links.slice(0, MOST_LINKS).map(renderLink),
    pools: [...journal.pools].map((each) => renderPool(each, journal)),
    events: [...events],
  }
}

function renderLink(link) {
  const { site, at } = link.last
  return {
    backend: link.backend,
    task: link.task?.slot ?? '',
    thread: threadId,
    since: link.since,
    writes: link.held.map(renderWrite),
    last: { symbol: site.symbol, site: site.shown, at },
    stack: [], // what an async function waits for is on no stack
  }
}

function renderWrite({ claim, site, at, statement }) {
  return {
    table: claim.table,
    columns: claim.columns,
    lock: claim.lock,
    symbol: site.symbol,
    site: site.shown,
    set: '',
    at,
    statement,
  }
}

function renderPool(pool, journal) {
  const waiters = [...pool.waiting].map(({ task, site, since }) => ({
    task: task.slot,
    symbol: site.symbol,
    site: site.shown,
    since,
    holds: journal.heldBy(task).map((link) => link.backend),
  }))
  return { name: pool.name, limit: pool.limit, out: pool.out, waiters, at: Date.now() }
}

function makePlace(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== process.getuid()) throw new Error(`${folder} belongs to somebody else`)
  sweepFolder(folder)
  const path = join(folder, `${process.pid}.sock`)
  rmSync(path, { force: true })
  return path
}

/** Sockets of processes that are gone. */
function sweepFolder(folder) {
  if (!existsSync('/proc/self')) return
  for (const name of readdirSync(folder)) {
    const process = /^(\d+)\.sock$/.exec(name)?.[1]
    if (process !== undefined && !existsSync(`/proc/${process}`)) rmSync(join(folder, name), { force: true })
  }
}

function serve(asking, findState) {
  let read = ''
  asking.setEncoding('utf8')
  asking.setTimeout(PATIENCE_MS, () => asking.destroy())
  asking.on('error', () => asking.destroy())
  asking.on('data', (part) => {
    read += part
    const end = read.indexOf('\n')
    if (end < 0 && read.length < MOST_ASKED) return
    asking.removeAllListeners('data')
    asking.end(`${answer(read.slice(0, end < 0 ? MOST_ASKED : end), findState)}\n`)
  })
}
