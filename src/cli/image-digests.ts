/** What the tags of a document mean now, by the registries that answer; the others are warned of. */
import { imagesInKey, isPinned } from '../cache/images.ts';
import { hashOf } from '../compile/index.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { ImageRegistry } from '../ports/registry.ts';

/** Without any registry the document is what it was. */
export async function withImageDigests(document: RunDocument, registry: ImageRegistry): Promise<RunDocument> {
  const answers = await Promise.all(tagsOf(document).map(async (image) => ({ image, answer: await registry.digests(image) })));
  const told = answers.flatMap(({ image, answer }): [string, string[]][] => ('digests' in answer ? [[image, [...answer.digests]]] : []));
  if (told.length === 0) return document;
  const { source, hash: _before, ...content } = { ...document, profile: { ...document.profile, imageDigests: Object.fromEntries(told) } };
  return { ...content, source, hash: hashOf(content) };
}

/** Of each tag that no registry told of, why the cache may be wrong about it. */
export async function tagWarnings(document: RunDocument, registry: ImageRegistry): Promise<string[]> {
  const unknown = tagsOf(document).filter((image) => document.profile.imageDigests?.[image] === undefined);
  return Promise.all(
    unknown.map(async (image) => {
      const answer = await registry.digests(image);
      const why = 'why' in answer ? answer.why : 'it was compiled without asking its registry';
      return `${image}: this tag may change; pin it (IMAGE@sha256:…), or the cache may be stale (its digest is not known: ${why})`;
    }),
  );
}

function tagsOf({ profile, steps, onExit }: RunDocument): string[] {
  const images = [...steps, ...onExit].flatMap(({ spec }) => imagesInKey(profile, spec));
  return [...new Set(images)].filter((image) => !isPinned(image));
}
