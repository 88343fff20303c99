// A server that tells callers apart by tokens, and a caller of both of its faces.

import {Buffer} from 'node:buffer';
import {EventEmitter, once} from 'node:events';
import {mkdtempSync, rmSync, watch, writeFileSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';

import * as grpc from '@grpc/grpc-js';
import {loadSync} from '@grpc/proto-loader';

import {startServer} from '../graph/server.mjs';

const folder = process.env.THREADSTORE_AUTH_CERTIFICATES;
if (!folder) throw new Error('run this under with_authority.mjs');

// Files of a certificate for localhost and of the authority that vouches for it.
export const certificates = {
  ca: join(folder, 'ca.pem'),
  cert: join(folder, 'cert.pem'),
  key: join(folder, 'key.pem'),
};

const authority = await readFile(certificates.ca);

export const {status: Code} = grpc;

const {threadstore} = grpc.loadPackageDefinition(
  loadSync(
    ['admin', 'conversation', 'group', 'post', 'thread'].map(
      (name) => `threadstore/v1/${name}_service.proto`,
    ),
    {
      includeDirs: process.env.THREADSTORE_PROTO_DIRS.split(':'),
      keepCase: true,
      enums: String,
      longs: Number,
      arrays: true,
    },
  ),
);

// The metadata of a call with a token, or with all of some values of `authorization`.
export function authorized(token) {
  const metadata = new grpc.Metadata();
  for (const value of Array.isArray(token) ? token : token ? [`Bearer ${token}`] : []) {
    metadata.add('authorization', value);
  }
  return metadata;
}

// What an error says: {code, message, reason, hasRetryInfo}. Reasons are words that stand in the
// details as they are.
function refusalOf(error) {
  const [details] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const text = Buffer.from(details ?? '').toString('latin1');
  return {
    code: error.code,
    message: error.details,
    reason: /INVALID_CREDENTIALS|MISSING_PERMISSION|ISSUER_UNAVAILABLE|NOT_A_MEMBER/.exec(
      text,
    )?.[0],
    hasRetryInfo: text.includes('google.rpc.RetryInfo'),
  };
}

// A server, called by both faces. Calls resolve to an answer or to a refusal, and never reject.
class Deployment {
  #clients = new Map();
  #configPath;

  constructor(server, configPath) {
    this.server = server;
    this.#configPath = configPath;
  }

  // `service` is such as ThreadService.
  client(service) {
    if (!this.#clients.has(service)) {
      const Client = threadstore.v1[service];
      const credentials = this.server.certificate
        ? grpc.credentials.createSsl(authority)
        : grpc.credentials.createInsecure();
      this.#clients.set(service, new Client(this.server.grpcHost, credentials));
    }
    return this.#clients.get(service);
  }

  // A unary call of such as ThreadService.GetThread: {code: OK, response}, or the refusal.
  grpc(method, token, request = {}) {
    const [service, name] = method.split('.');
    return new Promise((resolve) => {
      this.client(service)[name](request, authorized(token), (error, response) => {
        resolve(error ? refusalOf(error) : {code: Code.OK, response});
      });
    });
  }

  // The first message of a stream, or the refusal.
  async firstMessage(stream) {
    try {
      const [message] = await once(stream, 'data');
      return {code: Code.OK, message};
    } catch (error) {
      return refusalOf(error);
    }
  }

  // How a stream ends that does not end well.
  async firstError(stream) {
    stream.resume();
    const [error] = await once(stream, 'error');
    return refusalOf(error);
  }

  // A request with a token: {status, headers, json}.
  http(method, target, token, {headers, ...options} = {}) {
    return this.server.request(method, target, {
      ...options,
      headers: {...(token && {authorization: `Bearer ${token}`}), ...headers},
    });
  }

  async log() {
    const lines = (await readFile(this.server.logPath, 'utf8')).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  // Resolves to the line of the log that is the `count`th of those that match, once it is there.
  async awaitLog(matches, count = 1) {
    const written = new EventEmitter();
    const watcher = watch(this.server.logPath, () => written.emit('more'));
    try {
      for (;;) {
        const more = once(written, 'more');
        const line = (await this.log()).filter(matches)[count - 1];
        if (line) return line;
        await more;
      }
    } finally {
      watcher.close();
    }
  }

  // Changes the configuration; resolves to the line of the log that says what came of it.
  async reconfigure(config) {
    const isAboutIt = ({event}) => /^auth_config (not )?taken$/.test(event);
    const before = (await this.log()).filter(isAboutIt).length;
    writeConfig(this.#configPath, config);
    return this.awaitLog(isAboutIt, before + 1);
  }

  async stop() {
    for (const client of this.#clients.values()) client.close();
    await this.server.stop();
    rmSync(dirname(this.#configPath), {recursive: true});
  }
}

// JSON is YAML. Text is written as it is.
function writeConfig(path, config) {
  writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config));
}

// A server with --auth=`auth` and a configuration; over TLS unless asked otherwise.
export async function deploy(config, {auth = 'jwt', isPlain = false} = {}) {
  const path = join(mkdtempSync(join(tmpdir(), 'threadstore-auth-')), 'auth.yaml');
  writeConfig(path, config);
  const server = await startServer({
    certificate: isPlain ? undefined : certificates,
    flags: [`--auth=${auth}`, `--auth_config=${path}`],
  });
  return new Deployment(server, path);
}

// How the server is told of an OidcProvider.
export const issuerOf = (provider, audiences) => ({
  issuer: provider.issuer,
  audiences,
  jwks: `${provider.issuer}/jwks`,
  jwks_ca: certificates.ca,
});

// By an application that may.
export async function createGroup(deployment, token, id) {
  const {code, message} = await deployment.grpc('GroupService.CreateGroup', token, {
    group_id: id,
    group: {display_name: `Group ${id}`},
  });
  if (code !== Code.OK) throw new Error(`no group: ${message}`);
}
