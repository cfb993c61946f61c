export function cacheDirectory(): string;
/** Runs `work` while holding a lock file; the lock of a dead process is taken over. */
export function locked<T>(file: string, work: () => Promise<T>): Promise<T>;
