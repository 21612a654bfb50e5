import type { Tagging } from './index.js'

/** The same `db`, whose statements know the lines where they were made; its pool is installed on with `tagging`. */
export declare function withLines<T extends object>(db: T, tagging: Tagging): T
