/** Names of pods behind headless Services, as a cluster's DNS gives them: the development cluster has none. */
import { createSocket } from 'node:dgram';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';

const PORT = 53;
const HEADER_BYTES = 12;
const TYPE_A = 1;
const NO_SUCH_NAME = 3;
const TTL_SECONDS = 1;
/** Answer, recursion available. */
const FLAGS = 0x81_80;

interface Slice {
  readonly endpoints?: readonly { readonly hostname?: string; readonly addresses: readonly string[] }[] | null;
}

export interface Names extends AsyncDisposable {
  /** For `podTemplate` of a profile. */
  readonly podTemplate: object;
}

/** @param address of this machine as pods reach it */
export async function serveNames(client: KubeClient, address: string): Promise<Names> {
  const domain = `${client.namespace}.svc.cluster.local`;
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    const answered = (ips: readonly string[] | null): void => {
      socket.send(answer(query.subarray(0, end), ips, type), from.port, from.address);
    };
    const [host, service, ...rest] = name.split('.');
    if (host === undefined || service === undefined || rest.join('.') !== domain) return answered(null);
    addressesOf(client, service, host).then(answered, () => answered(null));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(PORT, address, resolve);
  });
  return {
    podTemplate: {
      spec: { dnsPolicy: 'None', dnsConfig: { nameservers: [address], searches: [domain], options: [{ name: 'ndots', value: '5' }] } },
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Null: there is no such pod (yet). */
async function addressesOf(client: KubeClient, service: string, host: string): Promise<readonly string[] | null> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${client.namespace}/endpointslices`;
  const query = { labelSelector: `kubernetes.io/service-name=${service}` };
  const { items } = await client.request<{ items: readonly Slice[] }>('GET', path, { query });
  const found = items.flatMap(({ endpoints }) =>
    (endpoints ?? []).filter(({ hostname }) => hostname === host).flatMap(({ addresses }) => addresses),
  );
  return found.length > 0 ? found : null;
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answer(question: Buffer, ips: readonly string[] | null, type: number): Buffer {
  const shown = type === TYPE_A ? (ips ?? []) : [];
  const head = Buffer.from(question);
  head.writeUInt16BE(FLAGS + (ips === null ? NO_SUCH_NAME : 0), 2);
  // One question, so many answers, nothing besides: a client's EDNS record is left out.
  for (const [index, count] of [1, shown.length, 0, 0].entries()) head.writeUInt16BE(count, 4 + index * 2);
  const records = shown.map((ip) => {
    const record = Buffer.alloc(16);
    // The name is that of the question.
    record.writeUInt16BE(0xc0_00 + HEADER_BYTES, 0);
    record.writeUInt16BE(TYPE_A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(TTL_SECONDS, 6);
    record.writeUInt16BE(4, 10);
    record.set(ip.split('.').map(Number), 12);
    return record;
  });
  return Buffer.concat([head, ...records]);
}
