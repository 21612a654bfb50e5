/** The tag: one comment in front of a statement, constant for a line of code and a slot. */

const UNSAFE = /[^A-Za-z0-9_./:<>-]/gu

/**
 * The tag with a blank behind it, without what is not known. It stands in front: what the server shows of a long
 * statement is its beginning.
 */
export function renderTag({ revision, site, process, slot }) {
  const named = [
    ['rev', revision],
    ['sym', site.symbol],
    ['at', site.shown],
    ['pid', String(process)],
    ['task', slot],
  ]
  const parts = named.filter(([, value]) => value).map(([key, value]) => `${key}=${encode(value)}`)
  return `/*wk:${parts.join(',')}*/ `
}

/** `~` and two digits for each byte of what could end the comment. */
export function encode(value) {
  return value.replace(UNSAFE, (found) =>
    [...Buffer.from(found)].map((byte) => `~${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
