import type { Tagging } from './index.js'

/**
 * The same client, whose statements know their lines: Prisma sends a query when it is awaited. Its adapter
 * `@prisma/adapter-pg` is given the pool that is installed on with `tagging`.
 */
export declare function withLines<T extends object>(client: T, tagging: Tagging): T
