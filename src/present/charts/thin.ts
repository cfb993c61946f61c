/** Thins a curve out to what a plot can show. */

interface At {
  readonly x: number;
  readonly y: number;
}

/**
 * Largest-triangle-three-buckets: keeps the first and the last point, and of each bucket between them the point that spans the largest triangle
 * with its neighbours, so that peaks survive. Steinarsson, "Downsampling Time Series for Visual Representation", University of Iceland, 2013.
 *
 * @param points in the order of x
 * @param limit at least 3; with no more points than that, all are kept
 */
export function thin<P>(points: readonly P[], limit: number, at: (point: P) => At): readonly P[] {
  if (points.length <= limit || limit < 3) return points;
  const [first] = points as readonly [P];
  const last = points.at(-1) ?? first;
  const size = (points.length - 2) / (limit - 2);
  const kept: P[] = [first];
  let from = at(first);
  for (let bucket = 0; bucket < limit - 2; bucket++) {
    const next = mean(points.slice(start(bucket + 1, size), Math.min(start(bucket + 2, size), points.length)).map(at));
    let best = points[start(bucket, size)] ?? first;
    let largest = -1;
    for (const point of points.slice(start(bucket, size), start(bucket + 1, size))) {
      const { x, y } = at(point);
      const area = Math.abs((from.x - next.x) * (y - from.y) - (from.x - x) * (next.y - from.y));
      if (area > largest) [largest, best] = [area, point];
    }
    kept.push(best);
    from = at(best);
  }
  kept.push(last);
  return kept;
}

const start = (bucket: number, size: number): number => Math.floor(bucket * size) + 1;

function mean(points: readonly At[]): At {
  const count = Math.max(1, points.length);
  return { x: points.reduce((sum, { x }) => sum + x, 0) / count, y: points.reduce((sum, { y }) => sum + y, 0) / count };
}
