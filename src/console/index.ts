/** The web console: a small server and one page. */
export { startConsole, type ConsoleServer } from './server.ts';
export { createLiveSource } from './live-source.ts';
export { checkSafe, UnsafeConsoleError, type ConsoleOptions } from './options.ts';
export { parseTokens } from './tokens.ts';
export { sharedRevocations } from './shared-revocations.ts';
export { sessionKeyOf } from './sessions.ts';
export { IAP } from './proxy-identity.ts';
export type { ConsoleSource } from './source.ts';
