import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImage, isWithin, matches } from '../../../src/rules/policy-patterns.ts';
import { quantity } from '../../../src/rules/quantities.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '-'), maxLength: 8 });

describe('patterns of a policy', () => {
  it('say the same as the regular expression in their place', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (parts, found) => {
        const expression = new RegExp(`^${parts.map((part) => part.replace(/[.-]/g, '\\$&')).join('.*')}$`);
        expect(matches(parts.join('*'), found)).toBe(expression.test(found));
      }),
    );
  });

  it('match whatever stands in the place of their stars', () => {
    fc.assert(fc.property(fc.array(text, { minLength: 1 }), text, (parts, between) => matches(parts.join('*'), parts.join(between))));
  });

  it.each([
    ['train:*', 'train:7', true],
    ['train:*', 'train:7@sha256:00', true],
    ['train:*', 'train', false],
    // A registry of that name, on that port.
    ['train:*', 'train:5000/evil', false],
    ['train:*', 'train:5000/evil:7', false],
    ['train@*', 'train@sha256:00', true],
    ['train@*', 'train@sha256:00/evil', false],
    ['ghcr.io/longhaul/trainer:*', 'ghcr.io/longhaul/trainer-evil:1', false],
    ['ghcr.io/longhaul/trainer@*', 'evil.example/longhaul/trainer@sha256:00', false],
    ['registry.example/north/*', 'registry.example/north/train:7', true],
    ['registry.example/north/*', 'registry.example/north/../south/train:7', false],
    ['registry.example/north/*', 'registry.example.evil.example/north/train:7', false],
    ['registry.example:5000/*:*', 'registry.example:5000/a/b:1', true],
    ['train:7', 'train:7', true],
    ['train:7', 'train:7@sha256:00', false],
  ])('%s allows the image %s: %s', (pattern, image, expected) => {
    expect(isImage(pattern, image)).toBe(expected);
  });

  it.each([
    ['data', 'data', true],
    ['data', 'data/', true],
    ['data/', 'data/a/b', true],
    ['data', 'database', false],
    ['data/a', 'data', false],
    ['data/a', 'data/a/../b', false],
    ['team-*/runs', 'team-1/runs/x', true],
  ])('%s holds %s: %s', (pattern, path, expected) => {
    expect(isWithin(pattern, path)).toBe(expected);
  });
});

describe('quantities of Kubernetes', () => {
  it.each([
    ['500m', 0.5],
    [2, 2],
    ['1.5', 1.5],
    ['1e3', 1000],
    ['2Gi', 2 ** 31],
    ['1M', 1e6],
  ])('%s is %d', (value, expected) => {
    expect(quantity(value)).toBeCloseTo(expected);
  });
  it('is nothing where nothing is said, and no number where it is no quantity', () => {
    expect(quantity(undefined)).toBeUndefined();
    for (const value of ['', 'much', '1constructor', '5 Gi', true]) expect(quantity(value)).toBeNaN();
  });
});
