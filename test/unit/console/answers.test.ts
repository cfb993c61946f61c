import { gunzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { beforeEach, describe, expect, it } from 'vitest';
import { Answers } from '../../../src/console/cached-json.ts';

describe('answers that are kept', () => {
  const owner = {};
  let version: number;
  let made: number;
  let app: Hono;
  beforeEach(() => {
    version = 1;
    made = 0;
    const answers = new Answers();
    app = new Hono();
    app.get('/:question', (context) =>
      answers.respond(context, { owner, version, question: context.req.param('question') }, () => ({
        made: ++made,
        text: 'x'.repeat(5000),
      })),
    );
  });
  const ask = async (question: string, encoding = 'gzip'): Promise<{ made: number }> => {
    const answer = await app.request(`/${question}`, { headers: { 'accept-encoding': encoding } });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const text = answer.headers.get('content-encoding') === 'gzip' ? gunzipSync(bytes) : bytes;
    return JSON.parse(text.toString('utf8')) as { made: number };
  };

  it('are made once until their owner changes', async () => {
    expect([(await ask('curves')).made, (await ask('curves')).made]).toEqual([1, 1]);
    version++;
    expect([(await ask('curves')).made, (await ask('curves')).made]).toEqual([2, 2]);
  });

  it('are told apart by their question', async () => {
    expect([(await ask('curves')).made, (await ask('results')).made, (await ask('curves')).made]).toEqual([1, 2, 1]);
  });

  it('are compressed only for those who can read that', async () => {
    const plain = await app.request('/run', { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    const small = await app.request('/run', { headers: { 'accept-encoding': 'br, gzip' } });
    expect([small.headers.get('content-encoding'), small.headers.get('vary')]).toEqual(['gzip', 'accept-encoding']);
    expect((await small.arrayBuffer()).byteLength).toBeLessThan(500);
  });

  it('are few, whatever strangers ask', async () => {
    await ask('first');
    for (let i = 0; i < 50; i++) await ask(`metric-${i}`);
    expect((await ask('first')).made).toBe(52);
  });
});
