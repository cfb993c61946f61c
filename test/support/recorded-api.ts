/** An HTTP API that answers from a script and keeps what it was asked: for what no emulator has. */
import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';

export interface ApiRequest {
  readonly method: string;
  /** Without the query string. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parsed JSON; null without a body. */
  readonly body: unknown;
}

export interface ApiAnswer {
  readonly status?: number;
  readonly json: unknown;
}

export interface RecordedApi {
  readonly url: string;
  readonly requests: ApiRequest[];
  answer: (request: ApiRequest) => ApiAnswer;
  close(): Promise<void>;
}

/** An error as Google's APIs write it. */
export const apiError = (status: number, reason: string, message: string): ApiAnswer => ({
  status,
  json: { error: { code: status, message, errors: [{ reason, message, domain: 'global' }] } },
});

/** Of an upload that comes with its description: the description. */
const firstPart = (text: string): string => /^--\S+\r\nContent-Type: application\/json\r\n\r\n([^]*?)\r\n--/.exec(text)?.[1] ?? text;

export async function startRecordedApi(): Promise<RecordedApi> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const raw = Buffer.concat(chunks);
      const text = (incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString();
      const url = new URL(incoming.url ?? '/', 'http://api');
      const request = {
        method: incoming.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        body: text === '' ? null : (JSON.parse(firstPart(text)) as unknown),
      };
      api.requests.push(request);
      const { status = 200, json } = api.answer(request);
      outgoing.writeHead(status, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const api: RecordedApi = {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    requests: [],
    answer: ({ method, path }) => apiError(404, 'notFound', `${method} ${path} has no answer in this test`),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return api;
}
