/** Where in the application a statement comes from: the first frame of the stack that lies in its repository. */

import { existsSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const FRAMES = [5, 50] // nearly always the first ones tell: writing a stack costs by its frames
const MOST_KEPT = 20_000
const HERE = dirname(fileURLToPath(import.meta.url)) + sep
const FOREIGN = new Set(['node_modules', '.yarn', '.pnpm-store'])
const GENERATED = /[/\\]runtime[/\\][\w-]+\.m?js$/ // Prisma's client, which is generated beside the application
const FRAME = /^\s+at (?:async (?=[f/]))?(?:(.*) \()?((?:file:\/\/)?\/.*?):(\d+):\d+\)?$/
const NAMELESS = /^(?:Object|Module|Function|global)\.(?=.)/

/** One line of the application. `path` is relative to its root; `symbol` is what V8 calls the function. */
export class Site {
  constructor(path = '', line = 0, symbol = '') {
    this.path = path
    this.line = line
    this.symbol = symbol
    this.shown = path ? `${path}:${line}` : ''
  }
}

export const NOWHERE = new Site()

/** Of one application. A line of a stack is judged once; whole stacks are remembered too. */
export class Finder {
  #prefix
  #frames = new Map()
  #stacks = new Map()

  constructor(root) {
    this.#prefix = root.endsWith(sep) ? root : root + sep
  }

  /** The nearest line of the application above `caller`; `NOWHERE`: none is. Never throws. */
  find(caller) {
    const limit = Error.stackTraceLimit
    try {
      for (const frames of FRAMES) {
        const holder = {}
        Error.stackTraceLimit = frames
        Error.captureStackTrace(holder, caller)
        // Read as text, though it has to be written first: who maps TypeScript's lines does it in this text.
        const site = typeof holder.stack === 'string' ? this.findIn(holder.stack) : NOWHERE
        if (site !== NOWHERE) return site
      }
    } catch {
      // The limit may be frozen: there is no line then.
    } finally {
      Reflect.set(Error, 'stackTraceLimit', limit)
    }
    return NOWHERE
  }

  /** The same, of a stack's text. */
  findIn(stack) {
    const known = this.#stacks.get(stack)
    if (known !== undefined) return known
    let found = NOWHERE
    for (const line of stack.split('\n')) {
      const site = this.#judge(line)
      if (site !== null) {
        found = site
        break
      }
    }
    keep(this.#stacks, stack, found)
    return found
  }

  #judge(line) {
    const known = this.#frames.get(line)
    if (known !== undefined) return known
    const frame = FRAME.exec(line)
    const site = frame ? this.#site(frame) : null
    keep(this.#frames, line, site)
    return site
  }

  #site([, symbol, place, line]) {
    const path = place.startsWith('file://') ? fileURLToPath(place) : place
    if (!path.startsWith(this.#prefix) || path.startsWith(HERE)) return null
    const relative = path.slice(this.#prefix.length)
    if (relative.split(sep).some((part) => FOREIGN.has(part))) return null
    if (GENERATED.test(path) && existsSync(join(dirname(dirname(path)), 'schema.prisma'))) return null
    return new Site(relative.split(sep).join('/'), Number(line), bareSymbol(symbol ?? ''))
  }
}

function bareSymbol(text) {
  const bare = text.replace(/^(?:async |new )+/, '').replace(/ \[as [^\]]*\]$/, '').replace(NAMELESS, '')
  return bare.split('.').filter((part) => part !== '<anonymous>').join('.')
}

function keep(kept, key, value) {
  if (kept.size >= MOST_KEPT) kept.clear()
  kept.set(key, value)
}
