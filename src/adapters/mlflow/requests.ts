/** Requests of MLflow's REST API (https://mlflow.org/docs/latest/rest-api.html). */
import { AdapterError } from '../../contract/errors.ts';
import { GRACES } from '../../rules/durations.ts';

export interface Mlflow {
  /** @throws AdapterError Unavailable, AccessDenied or InvalidInput, with MLflow's own words */
  readonly post: <T>(path: string, body: object) => Promise<T>;
  readonly get: <T>(path: string, query: Readonly<Record<string, string>>) => Promise<T | null>;
}

/** @param authorization the header, or null */
export function mlflowAt(uri: string, authorization: string | null): Mlflow {
  const base = `${uri.replace(/\/+$/, '')}/api/2.0/mlflow`;
  const headers = { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) };
  async function ask(url: string, init: RequestInit): Promise<{ readonly status: number; readonly text: string }> {
    try {
      // Another host would get the token.
      const response = await fetch(url, { ...init, headers, redirect: 'error', signal: AbortSignal.timeout(GRACES.trackerRequestMs) });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new AdapterError('Unavailable', `the tracker at ${uri} does not answer: ${cause}`, { cause: error });
    }
  }
  function answered(path: string, { status, text }: { readonly status: number; readonly text: string }): unknown {
    if (status < 300) return JSON.parse(text || '{}');
    const said = `the tracker at ${uri} answered ${path} with ${status}: ${text.slice(0, 300)}`;
    if (status >= 500 || status === 429 || status === 408) throw new AdapterError('Unavailable', said);
    throw new AdapterError(status === 401 || status === 403 ? 'AccessDenied' : 'InvalidInput', said);
  }
  return {
    post: async <T>(path: string, body: object) =>
      answered(path, await ask(`${base}/${path}`, { method: 'POST', body: JSON.stringify(body) })) as T,
    get: async <T>(path: string, query: Readonly<Record<string, string>>) => {
      const answer = await ask(`${base}/${path}?${new URLSearchParams(query).toString()}`, { method: 'GET' });
      return answer.status === 404 ? null : (answered(path, answer) as T);
    },
  };
}
