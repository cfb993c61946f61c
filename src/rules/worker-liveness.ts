/** Who of the workers has fallen silent, by what each of them said when. Pure, and by one clock: those of other machines may be wrong. */

interface Life {
  readonly word: string;
  /** When that word was heard first. */
  readonly since: number;
}

export class WorkerLiveness {
  readonly #own: string;
  readonly #silentMs: number;
  #lives = new Map<string, Life>();
  /** Since when words are heard without a break; null: they are not. */
  #listeningSince: number | null = null;
  #known = new Set<string>();
  #lookedAtStrangers = false;

  /** @param own identity of the worker that listens: it must hear itself before it takes others' silence for their death */
  constructor(own: string, silentMs: number) {
    this.#own = own;
    this.#silentMs = silentMs;
  }

  /** @param words by identity, all that are known now; @param now ms of a clock that only goes forward */
  heard(words: ReadonlyMap<string, string>, now: number): void {
    if (!words.has(this.#own)) return this.forget();
    this.#listeningSince ??= now;
    const before = this.#lives;
    this.#lives = new Map([...words].map(([identity, word]) => [identity, sameLife(before.get(identity), word, now)]));
    // One that is not listed any more is silent since it was heard last.
    for (const [identity, life] of before)
      if (!words.has(identity) && now - life.since < 2 * this.#silentMs) this.#lives.set(identity, life);
    for (const identity of this.#known) if (!this.#lives.has(identity)) this.#known.delete(identity);
  }

  /** After a break: everybody is given time to be heard again. */
  forget(): void {
    this.#lives.clear();
    this.#known.clear();
    this.#listeningSince = null;
    this.#lookedAtStrangers = false;
  }

  isDead(identity: string, now: number): boolean {
    if (this.#listeningSince === null || identity === this.#own) return false;
    return now - (this.#lives.get(identity)?.since ?? this.#listeningSince) >= this.#silentMs;
  }

  /** True once for each death, and once when those would have been heard who live: others may have died before. */
  someoneDied(now: number): boolean {
    if (this.#listeningSince === null || now - this.#listeningSince < this.#silentMs) return false;
    const dead = [...this.#lives.keys()].filter((identity) => this.isDead(identity, now) && !this.#known.has(identity));
    for (const identity of dead) this.#known.add(identity);
    const first = !this.#lookedAtStrangers;
    this.#lookedAtStrangers = true;
    return first || dead.length > 0;
  }
}

const sameLife = (before: Life | undefined, word: string, now: number): Life => (before?.word === word ? before : { word, since: now });
