/** The command `longhaul`. */
import { execute } from './execute.ts';

// A connection or a server that is still open must not keep a failed command alive.
if (await execute()) setImmediate(() => process.exit());
