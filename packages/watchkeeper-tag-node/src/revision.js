/** Which commit an application runs: said, or read from its repository without running git. */

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const SHA = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/
const DIGITS = 12

/** The first twelve digits of the commit; `''` where nobody says and no repository is there. Never throws. */
export function findRevision(root, said = '') {
  return (said || process.env.WATCHKEEPER_REVISION || readHead(root)).slice(0, DIGITS).trim()
}

/** The top of the checkout that `start` lies in; `start` itself where there is none. */
export function findRoot(start) {
  const from = realpathSync(start)
  for (let each = from; ; each = dirname(each)) {
    if (existsSync(join(each, '.git'))) return each
    if (dirname(each) === each) return from
  }
}

function readHead(root) {
  try {
    const folder = gitFolder(root)
    const head = readFileSync(join(folder, 'HEAD'), 'utf8').trim()
    if (!head.startsWith('ref: ')) return SHA.test(head) ? head : ''
    return readRef(folder, head.slice('ref: '.length))
  } catch {
    return ''
  }
}

/** A linked worktree has a file in place of the folder, which names it. */
function gitFolder(root) {
  const place = join(root, '.git')
  if (!statSync(place).isFile()) return place
  return resolve(root, readFileSync(place, 'utf8').trim().replace(/^gitdir: /, ''))
}

function readRef(folder, ref) {
  const shared = join(folder, 'commondir')
  const common = existsSync(shared) ? resolve(folder, readFileSync(shared, 'utf8').trim()) : folder
  const loose = [join(folder, ref), join(common, ref)].find((place) => existsSync(place))
  if (loose) return readFileSync(loose, 'utf8').trim()
  const packed = join(common, 'packed-refs')
  if (!existsSync(packed)) return ''
  const found = readFileSync(packed, 'utf8').split('\n').map((line) => line.split(' '))
  return found.find(([sha, name]) => name === ref && SHA.test(sha))?.[0] ?? ''
}
