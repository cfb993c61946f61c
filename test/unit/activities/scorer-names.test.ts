import { expect, it } from 'vitest';
import { candidatesOf, exportName } from '../../../activities/evaluation/scorers.ts';
import type { Warehouse } from '../../../src/ports/index.ts';

it.each([
  ['gs://b/runs/shop/trees/3f2a91c04b7d/shop-20261130-011308-g64d/trial-3/exports/40', 'trees/trial-3/exports/40'],
  ['gs://b/runs/shop/trees/3f2a91c04b7d/trial-3/exports/40', 'trees/trial-3/exports/40'],
  ['file:///home/me/.longhaul/store/shop/search.large/3f2a91c04b7d/trial-12/exports/000000004/', 'search.large/trial-12/exports/000000004'],
  ['gs://b/own/place/trial-3/exports/40', 'trial-3/exports/40'],
  ['gs://b/models/2026-05-04/', '2026-05-04'],
])('%s is told as %s', (uri, name) => {
  expect(exportName(uri)).toBe(name);
});

it('tells the winners of several searches apart by their steps', async () => {
  const of = (step: string): string => `gs://b/runs/shop/${step}/3f2a91c04b7d/trial-0/exports/2`;
  const candidates = await candidatesOf(of('search'), [of('trees'), of('network')], 'shop', {} as Warehouse);
  expect(candidates.map(({ scorer }) => scorer)).toEqual(['model', 'trees/trial-0/exports/2', 'network/trial-0/exports/2']);
});
