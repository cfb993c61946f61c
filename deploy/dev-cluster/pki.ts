import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './shell.ts';

/** One certificate: who it speaks for, and under which names it serves. */
interface Identity {
  readonly name: string;
  readonly commonName: string;
  readonly organization?: string;
  /** `IP:10.0.0.1,DNS:localhost`, absent for clients. */
  readonly serves?: string;
  readonly authority?: Authority;
}

/**
 * etcd trusts a CA of its own, so that no Kubernetes identity can open the database; so does the aggregation
 * layer, which takes whoever it trusts at their word about who the user is.
 */
const AUTHORITIES = ['ca', 'etcd-ca', 'front-proxy-ca'] as const;
type Authority = (typeof AUTHORITIES)[number];

const VALID_DAYS = '365';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', VALID_DAYS];

/** Keys and certificates of one cluster, made by openssl: one identity a component, as kubeadm does. */
export class Pki {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  certificate(name: string): string {
    return join(this.directory, `${name}.crt`);
  }

  key(name: string): string {
    return join(this.directory, `${name}.key`);
  }

  /** The authorities and the key pair that signs service account tokens. */
  async create(): Promise<void> {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    // Without a file of its own openssl would add the distribution's extensions, CA:TRUE among them.
    writeFileSync(join(this.directory, 'openssl.cnf'), '[req]\ndistinguished_name = name\n[name]\n');
    await Promise.all([...AUTHORITIES.map(async (name) => await this.#authority(name)), this.#serviceAccountKeys()]);
  }

  async issue(identity: Identity): Promise<void> {
    const { name, commonName, organization, serves, authority = 'ca' } = identity;
    await this.#request(name, `${organization === undefined ? '' : `/O=${organization}`}/CN=${commonName}`, [
      '-CA', this.certificate(authority), '-CAkey', this.key(authority),
      '-addext', 'basicConstraints=critical,CA:FALSE',
      '-addext', 'keyUsage=critical,digitalSignature',
      '-addext', `extendedKeyUsage=${serves === undefined ? '' : 'serverAuth,'}clientAuth`,
      ...(serves === undefined ? [] : ['-addext', `subjectAltName=${serves}`]),
    ]); // prettier-ignore
  }

  /** A kubeconfig that carries its keys, so that it can be copied. */
  kubeconfig(name: string, server: string, to: string): void {
    const base64 = (path: string): string => readFileSync(path).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'dev-cluster', cluster: { server, 'certificate-authority-data': base64(this.certificate('ca')) } }],
      users: [{ name, user: { 'client-certificate-data': base64(this.certificate(name)), 'client-key-data': base64(this.key(name)) } }],
      contexts: [{ name: 'dev-cluster', context: { cluster: 'dev-cluster', user: name } }],
      'current-context': 'dev-cluster',
    };
    // YAML is a superset of JSON; the keys inside make it a secret.
    writeFileSync(to, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  }

  async #authority(name: Authority): Promise<void> {
    const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,digitalSignature'];
    await this.#request(name, `/CN=longhaul-dev-cluster-${name}`, extensions);
  }

  async #request(name: string, subject: string, args: readonly string[]): Promise<void> {
    const config = join(this.directory, 'openssl.cnf');
    const files = ['-keyout', this.key(name), '-out', this.certificate(name)];
    await run('openssl', ['req', '-x509', '-config', config, ...NEW_KEY, '-subj', subject, ...files, ...args]);
  }

  async #serviceAccountKeys(): Promise<void> {
    const key = this.key('service-account');
    await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-out', key]);
    await run('openssl', ['pkey', '-in', key, '-pubout', '-out', join(this.directory, 'service-account.pub')]);
  }
}
