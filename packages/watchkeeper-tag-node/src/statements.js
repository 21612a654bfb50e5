/**
 * What a statement locks, read off its text by a small tolerant reader. What it does not understand it leaves alone.
 * The same reader as Python's, pattern by pattern: one test runs both over the same statements.
 */

export const Lock = Object.freeze({
  READ: 'read',
  KEY_SHARE: 'key share',
  SHARE: 'share',
  NO_KEY_UPDATE: 'no key update',
  UPDATE: 'update',
  INSERT: 'insert',
  TABLE: 'table', // all of it, against readers as well
  EXCLUSIVE: 'exclusive', // all of it, against all but plain readers
  WRITERS: 'writers', // all of it, against who writes
  ADVISORY: 'advisory',
})

const MOST_TEXT = 10_000
const MOST_KEPT = 4096

/** `\s` is what PostgreSQL takes for a space, and no more. */
const re = (text, flags = 'i') => new RegExp(text.replaceAll('\\s', '[ \\t-\\r]'), flags)
const raw = String.raw

const HIGH = raw`\u0080-\uffff` // all of them are letters to PostgreSQL, and none of them is a space
const NAME = `(?:"[^"]+"|\`[^\`]+\`|[A-Za-z_${HIGH}][\\w$${HIGH}]*)`
const TABLE = raw`(?:${NAME}\.)?(${NAME})`
const QUOTED = raw`'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[^]*?\$\1\$`
const NOISE = re(`${QUOTED}|"[^"]*"|\`[^\`]*\`|(/\\*[^]*?\\*/|--[^\\n]*)`, 'g')
const STRING = re(QUOTED, 'g')
const VERB = re(raw`^\s*\(*\s*([A-Za-z]+)`)
const CTE_WRITE = re(raw`\(\s*(insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?${TABLE}`, 'gi')
const INSERT = re(raw`\binsert\s+into\s+${TABLE}\s*(?:\(([^()]*)\))?`)
const VALUES = re(raw`\bvalues\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)`, 'dgi')
const UPDATE = re(raw`\bupdate\s+(?:only\s+)?${TABLE}(?:\s+(?:as\s+)?(?!set\b)${NAME})?\s+set\s+([^]*)`, 'di')
const DELETE = re(raw`\bdelete\s+from\s+(?:only\s+)?${TABLE}`, 'di')
const MERGE = re(raw`\bmerge\s+into\s+(?:only\s+)?${TABLE}`)
const AFTER_FROM =
  'where|on|join|left|right|inner|cross|full|natural|using|for|order|group|limit|set|having|union|returning|offset|' +
  'window|tablesample|fetch'
const FROM = re(
  raw`\b(?:from|join)\s+(?:only\s+)?${TABLE}(?:\s+(?:as\s+)?(?!(?:${AFTER_FROM})\b)(${NAME}))?`,
  'dgi',
)
const FOR = re(
  raw`\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b(?:\s+of\s+([\w \t-\r,".\x60${HIGH}]+?))?` +
    raw`(?:\s*\b(nowait|skip\s+locked))?\s*(?:limit\s+[^ \t-\r]+\s*)?;?\s*\)*\s*$`,
)
const SKIPS = re(raw`\bfor\s+(?:no\s+key\s+)?update\b[^()]*\bskip\s+locked\b`)
const DDL = re(
  raw`\b(?:alter\s+table|drop\s+table|truncate(?:\s+table)?|lock(?:\s+table)?|cluster|reindex\s+table)\s+` +
    raw`(?:if\s+exists\s+)?(?:only\s+)?${TABLE}`,
)
const INDEX = re(raw`\bcreate\s+(?:unique\s+)?index\b[^()]*?\son\s+(?:only\s+)?${TABLE}`)
const WEAK_LOCK = re(raw`\bin\s+(?:access\s+share|row\s+share|row\s+exclusive)\s+mode`)
const WRITERS_LOCK = re(raw`\bin\s+(?:share(\s+update\s+exclusive|\s+row\s+exclusive)?|(exclusive))\s+mode`)
const COPY = re(raw`\bcopy\s+${TABLE}\s*(?:\([^()]*\))?\s+from\b`)
const ADVISORY = re(raw`\bpg_(try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(([^()]*)\)`, 'gi')
const WHERE = re(raw`\bwhere\b([^]*?)(?:\breturning\b|\border\s+by\b|\blimit\b|\bfor\s+\w|$)`, 'dgi')
const VALUE = raw`(?:\$(\d+)|'((?:[^']|'')*)'|(-?\d+))`
const ONE_VALUE = re(raw`^\s*${VALUE}(?:\s*::[\w \t-\r".\[\]()]+)?\s*$`)
const CAST = raw`(?:\s*::\s*[\w".\[\]]+(?:\s*\([\d, \t-\r]*\))?)?`
const ALONE = raw`(?![\w${HIGH}".\[\]:]|\s*(?:[-+*/^|:<>=~&\[]|%(?![s(])))` // not the beginning of something computed
const EQUALS = re(raw`(?:(${NAME})\.)?(${NAME})\s*=\s*(${VALUE})${CAST}${ALONE}`, 'dgi')
const OPERATOR = re(raw`[-+*/%^|]\s*$`)
const SET = re(raw`(?:^|,)\s*(?:${NAME}\.)?(${NAME})\s*=`, 'gi')
const CONFLICT = re(raw`\bon\s+conflict\b\s*(?:\(([^()]*)\))?|\bon\s+duplicate\s+key\s+(?=update)`)
const DOES_UPDATE = re(raw`\b(?:do|key)\s+update\b`)
const NESTED_SELECT = re(raw`\(\s*select\b`)
const NOT = re(raw`\bor\b|\bnot\s*\(|\bnot\s+[\w".]+\s*=`)
const CONTROL = re(
  raw`^\s*(?:(begin|start\s+transaction)\b|(commit|end|prepare\s+transaction)\b|` +
    raw`(?:rollback|abort)(?:\s+(?:work|transaction))?\s+to\s+(?:savepoint\s+)?(${NAME})|(rollback|abort)\b|` +
    raw`savepoint\s+(${NAME})|release\s+(?:savepoint\s+)?(${NAME}))`,
)

const known = new Map()

/**
 * The statement or statements of a text: what each touches, written tables first, and what it does with the
 * transaction. A list of `{accesses, control}`; never throws for a string.
 *
 * An access is `{table, lock, columns, pins, waits, writes, unique}`: `waits` is false where it would rather fail or
 * skip than wait, `writes` where rows are only locked; `unique` are sets of columns of which the statement itself says
 * that they are unique. A pin is `{column, value}` or `{column, place}`: the row that is meant, with a literal's text or
 * a parameter's index.
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
  // What stands in quotes is no comment, whatever it looks like.
  const plain = text.replace(NOISE, (found, _, comment) => (comment === undefined ? found : ' '))
  const shape = plain.replace(STRING, (found) => `'${'x'.repeat(found.length - 2)}'`) // same length, nothing inside
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
  const verb = verbOf(shape)
  if (!verb) return []
  let found = [...written(shape, plain, verb), ...advisory(plain)]
  // Rows are chosen among those that nobody holds.
  if (SKIPS.test(shape)) found = found.map((each) => ({ ...each, waits: false }))
  const named = new Set(found.map((each) => each.table))
  const reads = new Set(Array.from(shape.matchAll(FROM), (each) => bare(each[1])))
  return [...found, ...[...reads].filter((table) => !named.has(table)).map((table) => access(table, Lock.READ))]
}

function written(shape, plain, verb) {
  switch (verb) {
    case 'insert':
    case 'replace':
      return insert(shape, plain)
    case 'update':
      return update(shape, plain)
    case 'delete':
      return byRow(DELETE.exec(shape), Lock.UPDATE, shape, plain)
    case 'merge':
      return simple(MERGE.exec(shape), Lock.NO_KEY_UPDATE, { writes: true })
    case 'select':
      return locking(shape, plain)
    case 'with':
      return [...shape.matchAll(CTE_WRITE)]
        .flatMap(({ index }) => part(shape, plain, index + 1, closing(shape, index)))
        .concat(afterCtes(shape, plain))
    case 'copy':
      return simple(COPY.exec(shape), Lock.INSERT, { writes: true })
    case 'create':
      return simple(INDEX.exec(shape), Lock.WRITERS)
    case 'alter':
    case 'drop':
    case 'truncate':
    case 'lock':
    case 'cluster':
    case 'reindex':
      return wholeTable(shape, verb === 'lock')
    default:
      return []
  }
}

function wholeTable(shape, isLock) {
  if (isLock && WEAK_LOCK.test(shape)) return []
  const weaker = isLock ? WRITERS_LOCK.exec(shape) : null
  const lock = weaker === null ? Lock.TABLE : weaker[2] ? Lock.EXCLUSIVE : Lock.WRITERS
  return simple(DDL.exec(shape), lock, { waits: !/nowait/i.test(shape), writes: Boolean(weaker?.[1]) })
}

/** The statement that follows the last closing bracket of the WITH. */
function afterCtes(shape, plain) {
  let depth = 0
  for (let at = 0; at < shape.length; at += 1) {
    if (shape[at] === '(') depth += 1
    else if (shape[at] === ')') {
      depth -= 1
      if (depth !== 0) continue
      const verb = verbOf(shape.slice(at + 1))
      if (['insert', 'update', 'delete', 'select', 'merge'].includes(verb)) return part(shape, plain, at + 1, shape.length)
    }
  }
  return []
}

/** A statement within another. */
function part(shape, plain, start, end) {
  const inner = shape.slice(start, end)
  const verb = verbOf(inner)
  return verb ? written(inner, plain.slice(start, end), verb) : []
}

function verbOf(shape) {
  return VERB.exec(shape)?.[1].toLowerCase()
}

function closing(shape, opening) {
  let depth = 0
  for (let at = opening; at < shape.length; at += 1) {
    if (shape[at] === '(') depth += 1
    else if (shape[at] === ')') depth -= 1
    if (depth === 0) return at
  }
  return shape.length
}

function insert(shape, plain) {
  const found = INSERT.exec(shape)
  if (!found) return []
  const columns = (found[2] ?? '').split(',').filter((each) => each.trim()).map(bare)
  const values = execFrom(VALUES, shape, found.index + found[0].length)
  const given = values?.[1].split(',') ?? []
  const pins = new Map()
  // Not where a function's arguments are parted by commas too.
  if (given.length === columns.length) {
    let [at] = values?.indices[1] ?? [0]
    for (const [n, each] of given.entries()) {
      const made = pin(columns[n], plain.slice(at, at + each.length))
      if (made) pins.set(columns[n], made)
      at += each.length + 1
    }
  }
  const made = access(bare(found[1]), Lock.INSERT, { columns, pins: [...pins.values()], writes: true })
  return withConflict(made, shape)
}

/** What it does where the row is there already: that row is written then. */
function withConflict(made, shape) {
  const clause = CONFLICT.exec(shape)
  if (!clause) return [made]
  const key = clause[1] ? clause[1].split(',').map(bare) : made.columns
  made.unique = key.length > 0 ? [key] : []
  if (!DOES_UPDATE.test(shape.slice(clause.index))) return [made]
  const pins = made.pins.filter((each) => clause[1] && key.includes(each.column))
  return [made, access(made.table, Lock.NO_KEY_UPDATE, { columns: made.columns, pins, writes: true })]
}

function update(shape, plain) {
  const found = UPDATE.exec(shape)
  if (!found) return []
  const body = flat(found[2].split(/\bwhere\b/i, 1)[0])
  const columns = [...new Set(Array.from(body.matchAll(SET), (each) => bare(each[1])))]
  return byRow(found, Lock.NO_KEY_UPDATE, shape, plain, columns)
}

/** Without what stands in brackets: a comma there parts arguments. */
function flat(text) {
  for (let before = null; before !== text; ) {
    before = text
    text = text.replace(/\([^()]*\)/g, '')
  }
  return text
}

function locking(shape, plain) {
  const clause = FOR.exec(shape)
  if (!clause) return []
  let tables = Array.from(shape.matchAll(FROM), (each) => ({
    table: bare(each[1]), name: bare(each[2] ?? each[1]), start: each.indices[1][0], depth: depthOf(shape, each.index),
  }))
  const top = Math.min(...tables.map((each) => each.depth))
  tables = tables.filter((each) => each.depth === top)
  const isAlone = tables.length === 1
  if (clause[2]) {
    const of = clause[2].split(',').map((each) => bare(each.slice(each.lastIndexOf('.') + 1)))
    tables = tables.filter((each) => of.includes(each.name))
  }
  const lock = clause[1].toLowerCase().split(/\s+/).join(' ')
  return tables.map(({ table, name, start }) =>
    access(table, lock, { pins: pinsOf(shape, plain, start, isAlone ? '' : name), waits: !clause[3] }),
  )
}

function depthOf(shape, at) {
  const before = shape.slice(0, at)
  return before.split('(').length - before.split(')').length
}

function byRow(found, lock, shape, plain, columns = []) {
  if (!found) return []
  return [access(bare(found[1]), lock, { columns, pins: pinsOf(shape, plain, found.indices[1][0]), writes: true })]
}

function simple(found, lock, more = {}) {
  return found ? [access(bare(found[1]), lock, more)] : []
}

function access(table, lock, more = {}) {
  return { table, lock, columns: [], pins: [], waits: true, writes: false, unique: [], ...more }
}

/** The equations that all have to hold; none where any of them may not. `of`: only those that name this table. */
function pinsOf(shape, plain, start, of = '') {
  const where = execFrom(WHERE, shape, start)
  if (!where || NOT.test(where[1])) return []
  const [from, to] = where.indices[1]
  const nested = NESTED_SELECT.exec(where[1])
  const found = new Map()
  for (const each of shape.slice(0, nested ? from + nested.index : to).slice(from).matchAll(EQUALS)) {
    const column = bare(each[2])
    if ((of && bare(each[1] ?? '') !== of) || OPERATOR.test(shape.slice(0, from + each.index))) continue
    const [begin, end] = each.indices[3]
    const made = pin(column, plain.slice(from + begin, from + end))
    found.set(column, found.has(column) && !isSame(found.get(column), made) ? null : made) // of two tables, or of no row
  }
  return [...found.values()].filter(Boolean)
}

function isSame(one, other) {
  return one?.value === other?.value && one?.place === other?.place
}

function pin(column, text) {
  const found = ONE_VALUE.exec(text)
  if (!found) return null
  const [, dollar, literal, number] = found
  return dollar ? { column, place: Number(dollar) - 1 } : { column, value: literal?.replaceAll("''", "'") ?? number }
}

function advisory(plain) {
  return Array.from(plain.matchAll(ADVISORY), (each) => {
    const key = pin('key', each[2]) ?? { column: 'key', value: each[2].trim() }
    return access('', Lock.ADVISORY, { pins: [key], waits: !each[1] })
  })
}

function execFrom(pattern, text, start) {
  pattern.lastIndex = start
  return pattern.exec(text)
}

/** As the server has it: in capitals only what was quoted. */
function bare(name) {
  const text = name.trim()
  return text.startsWith('"') ? text.replace(/^"+|"+$/g, '') : text.replace(/^["`]+|["`]+$/g, '').toLowerCase()
}
