/**
 * Folders of this machine as URIs. Blanks, `#`, `?`, `%` and letters beyond ASCII are escaped in them, or whoever reads them finds another
 * folder. Names of objects below a store's root stand in them as they are, as in `gs://`.
 */
import { pathToFileURL } from 'node:url';

const SCHEME = 'file://';

/** @param folder absolute, without a slash at its end */
export const fileUriOf = (folder: string): string => pathToFileURL(folder).href;

/** What release 0.1.0 wrote into documents, manifests and caches. */
export const formerFileUriOf = (folder: string): string => `${SCHEME}${folder}`;

/** The path that a `file:///…` names; one that nobody escaped is taken as it is. Other URIs stay what they are. */
export function pathOfFileUri(uri: string): string {
  if (!uri.startsWith(`${SCHEME}/`)) return uri;
  const path = uri.slice(SCHEME.length);
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
