import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandOf } from '../../../src/console/controls.ts';
import { EventLog } from '../../../src/console/event-log.ts';
import { checkSafe, type ConsoleOptions } from '../../../src/console/options.ts';
import { thin } from '../../../src/present/charts/thin.ts';
import { parseTokens, tokenOf } from '../../../src/console/tokens.ts';

describe('thinning a curve', () => {
  const at = ([x, y]: readonly [number, number]): { x: number; y: number } => ({ x, y });

  it('keeps the ends, the order and no more points than asked for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 3, max: 50 }),
        (ys, limit) => {
          const points = ys.map((y, x): readonly [number, number] => [x, y]);
          const kept = thin(points, limit, at);
          expect(kept.length).toBe(Math.min(points.length, limit));
          expect(kept[0]).toBe(points[0]);
          expect(kept.at(-1)).toBe(points.at(-1));
          expect(kept).toEqual([...kept].sort(([a], [b]) => a - b));
        },
      ),
    );
  });

  it('does not lose a peak', () => {
    const points = Array.from({ length: 1000 }, (_, x): readonly [number, number] => [x, x === 617 ? 50 : Math.sin(x / 100)]);
    expect(thin(points, 30, at)).toContainEqual([617, 50]);
  });
});

describe('the log of events', () => {
  it('gives what was missed, and says when it no longer can', () => {
    const log = new EventLog();
    const start = log.cursor;
    for (let i = 1; i <= 1500; i++) log.append('n', i);
    const middle = log.after(start);
    expect(middle).toBeNull();
    const [epoch] = start.split('-');
    expect(log.after(`${epoch ?? ''}-1498`)?.map((event) => event.data)).toEqual(['1499', '1500']);
    expect(log.after(log.cursor)).toEqual([]);
    expect(log.after('foreign-3')).toBeNull();
    expect(log.after(`${epoch ?? ''}-9999`)).toBeNull();
  });

  it('forgets by size as well', () => {
    const log = new EventLog();
    const start = log.cursor;
    for (let i = 0; i < 10; i++) log.append('large', 'x'.repeat(1_000_000));
    expect(log.after(start)).toBeNull();
  });
});

describe('tokens', () => {
  const FILE = '# people\naaaaaaaaaaaaaaaaaaaaaaaa operator Ada Lovelace\nbbbbbbbbbbbbbbbbbbbbbbbb viewer\n\ncccccccccccccccccccccccc\n';

  it('tell who may do what', () => {
    const tokens = parseTokens('tokens', FILE);
    expect(tokenOf(tokens, 'aaaaaaaaaaaaaaaaaaaaaaaa')).toMatchObject({ user: 'Ada Lovelace', role: 'operator' });
    expect(tokenOf(tokens, 'bbbbbbbbbbbbbbbbbbbbbbbb')).toMatchObject({ role: 'viewer' });
    expect(tokenOf(tokens, 'cccccccccccccccccccccccc')).toMatchObject({ role: 'operator' });
    expect(tokenOf(tokens, 'dddddddddddddddddddddddd')).toBeNull();
  });

  it.each([
    ['short operator\n', 'tokens:1: token too short'],
    ['aaaaaaaaaaaaaaaaaaaaaaaa admin\n', 'tokens:1: unknown role'],
    ['# nothing\n', 'tokens: no token in it'],
  ])('%j is refused with its line, and never repeated', (text, message) => {
    expect(() => parseTokens('tokens', text)).toThrow(message);
    expect(() => parseTokens('tokens', text)).not.toThrow('aaaaaaaa');
  });
});

describe('a console that others can reach', () => {
  const options: ConsoleOptions = { host: '0.0.0.0', port: 0, readOnly: true, tokens: [], proxy: null, hostNames: [], https: false };

  it('says who may enter, or is not started', () => {
    expect(() => checkSafe(options)).toThrow('--token-file');
    expect(() => checkSafe({ ...options, tokens: parseTokens('t', 'aaaaaaaaaaaaaaaaaaaaaaaa') })).not.toThrow();
  });

  it.each(['127.0.0.1', '127.8.8.8', 'localhost', '::1', '[::1]'])('%s is this machine', (host) => {
    expect(() => checkSafe({ ...options, host })).not.toThrow();
  });

  it.each(['10.0.0.7', '::', '127.0.0.1.example.com', '128.0.0.1'])('%s is not', (host) => {
    expect(() => checkSafe({ ...options, host })).toThrow();
  });
});

describe('controls', () => {
  it('name the person, whatever the page says', () => {
    expect(commandOf('r', 'stop-trial', { step: 's', trial: 3, why: 'diverges' }, { user: 'ada' })).toEqual({
      run: 'r',
      step: 's',
      name: 'stop-trial',
      payload: { trial: 3, why: 'diverges', by: 'ada' },
    });
    expect(() => commandOf('r', 'stop-trial', { step: 's', trial: 3, by: 'someone else' }, { user: 'ada' })).toThrow('by');
  });

  it.each([
    ['constructor', {}, 'there is no control'],
    ['stop-trial', { step: 's' }, 'trial'],
    ['stop-trial', { step: 's', trial: -1 }, 'trial'],
    ['set-parallelism', { step: 's', parallel: 1.5 }, 'parallel'],
    ['set-space', { step: 's', space: { x: { type: 'nonsense' } } }, 'space.x'],
    ['pause', null, 'expected object'],
  ])('%s with %j is refused', (name, body, message) => {
    expect(() => commandOf('r', name, body, { user: 'ada' })).toThrow(message);
  });
});
