/** What an image's name means now. `why`: nobody could tell, e.g. because the registry does not answer or does not let this account look. */
export type ImageDigests = { readonly digests: readonly string[] } | { readonly why: string };

export interface ImageRegistry {
  /**
   * The digest (`sha256:…`) that the tag names, and behind it those by which machines call the same image: the manifests of its platforms and their
   * configurations. Never throws, and answers within seconds.
   *
   * @param image as a Job names it, e.g. `europe-docker.pkg.dev/p/trainer:1`
   */
  digests(image: string): Promise<ImageDigests>;
}
