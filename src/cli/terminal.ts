/** stdout carries data, stderr the talk. */
import pc from 'picocolors';

export interface Terminal {
  /** A line of data, or several. */
  readonly out: (text: string) => void;
  /** A line for the person at the terminal. */
  readonly say: (text: string) => void;
  readonly json: (value: unknown) => void;
  /** For what goes to stdout. */
  readonly colors: Colors;
  /** For what goes to stderr. */
  readonly talk: Colors;
  /** True where lines may be repainted. */
  readonly live: boolean;
  readonly columns: number;
}
export type Colors = ReturnType<typeof pc.createColors>;

const DEFAULT_COLUMNS = 120;

/** https://no-color.org: any non-empty value switches colours off. */
const wanted = (stream: NodeJS.WriteStream): boolean => stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

export function openTerminal(): Terminal {
  // `longhaul list | head` closes the pipe early; that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
    json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    colors: pc.createColors(wanted(process.stdout)),
    talk: pc.createColors(wanted(process.stderr)),
    // A terminal that does not say how large it is cannot be repainted.
    live: process.stderr.isTTY && process.stderr.rows > 0 && process.stderr.columns > 0 && process.env.TERM !== 'dumb' && !process.env.CI,
    columns: process.stderr.columns || DEFAULT_COLUMNS,
  };
}
