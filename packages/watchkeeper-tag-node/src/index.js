/** Tags, a journal of writes and a guard for an application's SQL over `pg`. */

export { NestedWriteError } from './guard.js'
export { install } from './pg.js'
export { Tagging } from './tagging.js'
export { run } from './tasks.js'
