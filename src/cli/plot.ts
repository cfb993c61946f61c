/** Line plots in the terminal, two by four dots a character (Braille). Pure. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const BLANK = 0x2800;

interface PlotOptions {
  readonly width: number;
  readonly height: number;
  readonly label: (y: number) => string;
  /** Colours of the series, in turn. */
  readonly paint: readonly ((text: string) => string)[];
}

export function plot(series: readonly Series[], { width, height, label, paint }: PlotOptions): string {
  const finite = series.map(({ points }) => points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  const all = finite.flat();
  if (all.length === 0) return '(no points yet)';
  const xs = range(all.map(([x]) => x));
  const ys = range(all.map(([, y]) => y));
  const cells = Array.from({ length: height }, () => Array.from({ length: width }, () => ({ bits: 0, series: -1 })));
  finite.forEach((points, index) => {
    const dots = points.map(([x, y]) => [scale(x, xs, width * 2 - 1), height * 4 - 1 - scale(y, ys, height * 4 - 1)] as const);
    dots.forEach((dot, at) => {
      for (const [column, row] of segment(dots[at - 1] ?? dot, dot)) {
        const cell = cells[row >> 2]?.[column >> 1];
        if (!cell) continue;
        cell.bits |= DOTS[row & 3]?.[column & 1] ?? 0;
        cell.series = index;
      }
    });
  });
  const labels = [label(ys.high), label(ys.low)];
  const margin = Math.max(...labels.map((text) => text.length));
  const lines = cells.map((row, at) => {
    const text = at === 0 ? labels[0] : at === height - 1 ? labels[1] : '';
    return `${(text ?? '').padStart(margin)} │${row.map((cell) => color(String.fromCharCode(BLANK + cell.bits), cell.series, paint)).join('')}`;
  });
  const legend = series.map(({ name }, index) => color(`― ${name}`, index, paint)).join('  ');
  return [...lines, `${' '.repeat(margin)} └${'─'.repeat(width)}`, `${' '.repeat(margin + 2)}${legend}`].join('\n');
}

interface Range {
  readonly low: number;
  readonly high: number;
}

const range = (values: readonly number[]): Range =>
  values.reduce((found, value) => ({ low: Math.min(found.low, value), high: Math.max(found.high, value) }), {
    low: Infinity,
    high: -Infinity,
  });

const scale = (value: number, { low, high }: Range, steps: number): number =>
  high === low ? Math.round(steps / 2) : Math.round(((value - low) / (high - low)) * steps);

/** The dots of a straight line between two dots. */
function segment([fromX, fromY]: readonly [number, number], [toX, toY]: readonly [number, number]): [number, number][] {
  const steps = Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY), 1);
  return Array.from({ length: steps + 1 }, (_, at) => [
    Math.round(fromX + ((toX - fromX) * at) / steps),
    Math.round(fromY + ((toY - fromY) * at) / steps),
  ]);
}

const color = (text: string, series: number, paint: PlotOptions['paint']): string =>
  series < 0 ? text : (paint[series % paint.length]?.(text) ?? text);
