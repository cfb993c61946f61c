/** Things in a store that are named by their content, so that whoever needs one again names the same: shipped code, scripts of steps. Pure. */

/** A document that names some: that of a run or of a schedule. */
export interface ContentUser {
  readonly who: string;
  /** What it names; null: it cannot be read, and may name anything. */
  readonly names: ReadonlySet<string> | null;
  /** Why it may ask for it again; null: it cannot. */
  readonly needs: string | null;
}

/** What is known of one of them. */
export interface KeptByContent {
  readonly name: string;
  /** ms since 1970; a run that begins with it renews it. */
  readonly usedAt: number;
}

export interface ContentDecision {
  readonly remove: boolean;
  readonly reason: string;
}

/** Why it stays; null: nobody who names it needs it. @returns with those who name it */
export function usersOf(
  name: string,
  users: readonly ContentUser[],
): { readonly needed: string | null; readonly named: readonly ContentUser[] } {
  const named = users.filter(({ names }) => names === null || names.has(name));
  const needing = named.find(({ needs }) => needs !== null);
  return { needed: needing ? `${needing.who}: ${needing.needs}` : null, named };
}
