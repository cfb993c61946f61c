/** What is said of a process of the stack whose lines cannot be kept. */
export const unlogged = (name: string, why: string): string =>
  `the log of ${name} in .longhaul/logs cannot be written: ${why}; make room there, the command goes on`;
