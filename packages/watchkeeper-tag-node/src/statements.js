/** What a statement locks, read off its text by a small tolerant reader. What it does not understand it leaves alone. */

export const Lock = Object.freeze({
  READ: 'read',
  KEY_SHARE: 'key share',
  SHARE: 'share',
  NO_KEY_UPDATE: 'no key update',
  UPDATE: 'update',
  INSERT: 'insert',
  TABLE: 'table', // all of it, against readers as well
  ADVISORY: 'advisory',
})

const MOST_TEXT = 20_000
const MOST_KEPT = 4096
const NAME = '(?:"[^"]+"|[A-Za-z_][\\w$]*)'
const TABLE = `(?:${NAME}\\.)?(${NAME})`
const VALUE = "(?:\\$(\\d+)|'((?:[^']|'')*)'|(-?\\d+))"
const NOISE = /\/\*[\s\S]*?\*\/|--[^\n]*/g
const QUOTED = /'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$/g
const VERB = /^\s*\(*\s*([A-Za-z]+)/
const CTE_WRITE = new RegExp(`\\(\\s*(insert\\s+into|update|delete\\s+from|merge\\s+into)\\s+(?:only\\s+)?${TABLE}`, 'gi')
const INSERT = new RegExp(`\\binsert\\s+into\\s+${TABLE}\\s*(?:\\(([^()]*)\\))?`, 'i')
const VALUES = /\bvalues\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)/i
const UPDATE = new RegExp(`\\bupdate\\s+(?:only\\s+)?${TABLE}(?:\\s+(?:as\\s+)?(?!set\\b)[\\w"]+)?\\s+set\\s+([\\s\\S]*)`, 'i')
const DELETE = new RegExp(`\\bdelete\\s+from\\s+(?:only\\s+)?${TABLE}`, 'i')
const MERGE = new RegExp(`\\bmerge\\s+into\\s+(?:only\\s+)?${TABLE}`, 'i')
const FROM = new RegExp(`\\b(?:from|join)\\s+(?:only\\s+)?${TABLE}`, 'gi')
const FOR = /\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b(?:\s+of\s+[\w\s,".]+?)?\s*(nowait|skip\s+locked)?\s*;?\s*$/i
const DDL = new RegExp(
  '\\b(?:alter\\s+table|drop\\s+table|truncate(?:\\s+table)?|lock(?:\\s+table)?|cluster|reindex\\s+table)\\s+' +
    `(?:if\\s+exists\\s+)?(?:only\\s+)?${TABLE}`,
  'i',
)
const WEAK_LOCK = /\bin\s+(?:access\s+share|row\s+share|row\s+exclusive)\s+mode/i
const COPY = new RegExp(`\\bcopy\\s+${TABLE}\\s*(?:\\([^()]*\\))?\\s+from\\b`, 'i')
const ADVISORY = /\bpg_(try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(([^()]*)\)/gi
const WHERE = /\bwhere\b([\s\S]*?)(?:\breturning\b|\border\s+by\b|\blimit\b|\bfor\s+\w|$)/dgi
const EQUALS = new RegExp(`(?:${NAME}\\.)?(${NAME})\\s*=\\s*${VALUE}`, 'gi')
const LITERAL = new RegExp(`^\\s*${VALUE}(?:::[\\w ]+)?\\s*$`)
const SET = new RegExp(`(?:^|,)\\s*(?:${NAME}\\.)?(${NAME})\\s*=`, 'g')
const CONTROL =
  /^\s*(?:(begin|start\s+transaction)\b|(commit|end|prepare\s+transaction)\b|(?:rollback|abort)(?:\s+(?:work|transaction))?\s+to\s+(?:savepoint\s+)?([\w"$]+)|(rollback|abort)\b|savepoint\s+([\w"$]+)|release\s+(?:savepoint\s+)?([\w"$]+))/i

const known = new Map()

/**
 * The statement or statements of a text: what each touches, written tables first, and what it does with the
 * transaction. A list of `{accesses, control}`; never throws for a string.
 *
 * An access is `{table, lock, columns, pins, waits}`; `waits` is false where it would rather fail or skip than wait. A
 * pin is `{column, value}` or `{column, place}`: the row that is meant, with a literal's text or a parameter's index.
 */
export function readText(text) {
  const found = known.get(text)
  if (found !== undefined) return found
  const read = split(text.slice(0, MOST_TEXT)).map(({ plain, shape }) => ({
    accesses: readStatement(plain, shape),
    control: readControl(plain),
  }))
  if (known.size >= MOST_KEPT) known.clear()
  known.set(text, read)
  return read
}

function split(text) {
  const plain = text.replace(NOISE, ' ')
  const shape = plain.replace(QUOTED, (found) => `'${'x'.repeat(found.length - 2)}'`) // same length, nothing inside
  const parts = []
  for (let from = 0; from < shape.length; ) {
    const end = shape.indexOf(';', from)
    const until = end < 0 ? shape.length : end
    if (shape.slice(from, until).trim()) parts.push({ plain: plain.slice(from, until), shape: shape.slice(from, until) })
    from = until + 1
  }
  return parts
}

function readControl(plain) {
  const found = CONTROL.exec(plain)
  if (!found) return null
  const [, begin, commit, back, rollback, savepoint, release] = found
  if (begin) return { kind: 'begin', name: '' }
  if (commit || rollback) return { kind: 'end', name: '' }
  if (back) return { kind: 'back', name: bare(back) }
  return savepoint ? { kind: 'mark', name: bare(savepoint) } : { kind: 'release', name: bare(release) }
}

function readStatement(plain, shape) {
  const verb = VERB.exec(shape)
  if (!verb) return []
  const found = [...written(shape, plain, verb[1].toLowerCase()), ...advisory(plain)]
  const named = new Set(found.map((each) => each.table))
  const reads = [...new Set([...shape.matchAll(FROM)].map((each) => bare(each[1])))]
  return [...found, ...reads.filter((table) => !named.has(table)).map((table) => access(table, Lock.READ))]
}

function written(shape, plain, verb) {
  switch (verb) {
    case 'insert':
      return insert(shape, plain)
    case 'update':
      return update(shape, plain)
    case 'delete':
      return byRow(DELETE.exec(shape), Lock.UPDATE, shape, plain)
    case 'merge':
      return simple(MERGE.exec(shape), Lock.NO_KEY_UPDATE)
    case 'select':
      return locking(shape, plain)
    case 'with': {
      const nested = [...shape.matchAll(CTE_WRITE)].map((each) => access(bare(each[2]), ofVerb(each[1])))
      return nested.length ? nested : afterCtes(shape, plain)
    }
    case 'copy':
      return simple(COPY.exec(shape), Lock.INSERT)
    case 'alter':
    case 'drop':
    case 'truncate':
    case 'lock':
    case 'cluster':
    case 'reindex':
      if (verb === 'lock' && WEAK_LOCK.test(shape)) return []
      return simple(DDL.exec(shape), Lock.TABLE, !/\bnowait\b/i.test(shape))
    default:
      return []
  }
}

function ofVerb(verb) {
  return { insert: Lock.INSERT, delete: Lock.UPDATE }[verb.split(/\s/, 1)[0].toLowerCase()] ?? Lock.NO_KEY_UPDATE
}

/** The statement that follows the last closing bracket of the WITH. */
function afterCtes(shape, plain) {
  let depth = 0
  for (let at = 0; at < shape.length; at += 1) {
    if (shape[at] === '(') depth += 1
    else if (shape[at] === ')') {
      depth -= 1
      const verb = depth === 0 ? VERB.exec(shape.slice(at + 1))?.[1].toLowerCase() : undefined
      if (['insert', 'update', 'delete', 'select', 'merge'].includes(verb)) {
        return written(shape.slice(at + 1), plain.slice(at + 1), verb)
      }
    }
  }
  return []
}

function insert(shape, plain) {
  const found = INSERT.exec(shape)
  if (!found) return []
  const columns = (found[2] ?? '').split(',').filter((each) => each.trim()).map(bare)
  const rest = found.index + found[0].length
  const values = VALUES.exec(plain.slice(rest))
  const given = values ? values[1].split(',') : []
  const pins = given.length === columns.length ? columns.map((column, at) => pin(column, given[at])) : []
  return [access(bare(found[1]), Lock.INSERT, columns, pins.filter(Boolean))]
}

function update(shape, plain) {
  const found = UPDATE.exec(shape)
  if (!found) return []
  const body = flat(found[2].split(/\bwhere\b/i, 1)[0])
  const columns = [...new Set([...body.matchAll(SET)].map((each) => bare(each[1])))]
  return byRow(found, Lock.NO_KEY_UPDATE, shape, plain, columns)
}

/** Without what stands in brackets: a comma there parts arguments. */
function flat(text) {
  for (let before = ''; before !== text; ) {
    before = text
    text = text.replace(/\([^()]*\)/g, '')
  }
  return text
}

function locking(shape, plain) {
  const clause = FOR.exec(shape)
  const table = clause && [...shape.matchAll(FROM)][0]
  if (!table) return []
  const lock = clause[1].toLowerCase().split(/\s+/).join(' ')
  return [access(bare(table[1]), lock, [], pinsOf(shape, plain, table.index), !clause[2])]
}

function byRow(found, lock, shape, plain, columns = []) {
  return found ? [access(bare(found[1]), lock, columns, pinsOf(shape, plain, found.index))] : []
}

function simple(found, lock, waits = true) {
  return found ? [access(bare(found[1]), lock, [], [], waits)] : []
}

function access(table, lock, columns = [], pins = [], waits = true) {
  return { table, lock, columns, pins, waits }
}

/** The equations that all have to hold; none where any of them may not. */
function pinsOf(shape, plain, start) {
  WHERE.lastIndex = start
  const where = WHERE.exec(shape)
  if (!where || /\bor\b|\bnot\b/i.test(where[1])) return []
  const [from, to] = where.indices[1]
  return [...plain.slice(from, to).matchAll(EQUALS)].map((each) => pinOf(bare(each[1]), each.slice(2)))
}

function pin(column, text) {
  const found = LITERAL.exec(text)
  return found ? pinOf(column, found.slice(1)) : null
}

function pinOf(column, [dollar, text, number]) {
  return dollar ? { column, place: Number(dollar) - 1 } : { column, value: text ?? number }
}

function advisory(plain) {
  return [...plain.matchAll(ADVISORY)].map((each) =>
    access('', Lock.ADVISORY, [], [pin('key', each[2]) ?? { column: 'key', value: each[2].trim() }], !each[1]),
  )
}

function bare(name) {
  const text = name.trim()
  return text.startsWith('"') ? text.replaceAll('"', '') : text.toLowerCase()
}
