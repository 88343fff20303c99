// Real servers for the tests that are written in JavaScript, and what every test does with one.

import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {createWriteStream} from 'node:fs';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {promisify} from 'node:util';

const run = promisify(execFile);

function requireSetting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

// Without the settings of servers that this process may have in its environment.
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('THREADSTORE_')),
  );
}

// Writes cert.pem and key.pem of a certificate for this machine's loopback names into `folder`.
export async function makeCertificate(folder) {
  const certificate = {cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem')};
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    certificate.key,
    '-out',
    certificate.cert,
  ]);
  return certificate;
}

// The certificate that with_certificate.mjs has made Node trust.
export function trustedCertificate() {
  return {
    cert: requireSetting('THREADSTORE_GRAPH_CERT'),
    key: requireSetting('THREADSTORE_GRAPH_KEY'),
  };
}

// A running threadstored with a store of its own.
class Server {
  #process;
  #folder;

  // `addresses` are those of the ready line; each is HOST:PORT.
  constructor(process, folder, addresses, certificate) {
    this.#process = process;
    this.#folder = folder;
    this.host = addresses.http;
    this.grpcHost = addresses.grpc;
    this.certificate = certificate;
    this.origin = `${certificate ? 'https' : 'http'}://${this.host}`;
    this.logPath = join(folder, 'server.log');
  }

  // Ends the server, which must end well, and removes what it stored.
  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await ended;
    }
    const {exitCode, signalCode} = this.#process;
    const log = await readFile(this.logPath, 'utf8');
    await rm(this.#folder, {recursive: true, force: true});
    if (exitCode !== 0) throw new Error(`the server ended with ${exitCode ?? signalCode}:\n${log}`);
  }

  get isRunning() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  // One request exactly as it is told: nothing is normalized, nothing followed. `body` is text,
  // bytes, or an object that is sent as JSON; without `user` the caller is an application. Resolves
  // to {status, headers, text, json}; json is undefined if the answer is none.
  async request(method, target, {body, headers = {}, user} = {}) {
    const isObject = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
    const bytes = isObject ? JSON.stringify(body) : body;
    const {request} = this.certificate ? https : http;
    // Not a URL with options: Debian's Node 18 then leaves out the path over TLS.
    const {hostname, port} = new URL(this.origin);
    const call = request({
      hostname,
      port,
      method,
      path: target,
      // A proxy between would hide how the server treats connections.
      agent: false,
      ca: this.certificate && (await readFile(this.certificate.ca ?? this.certificate.cert)),
      headers: {
        ...(isObject && {'content-type': 'application/json'}),
        ...(bytes !== undefined && {'content-length': Buffer.byteLength(bytes)}),
        ...(user !== undefined && {'x-threadstore-user': user}),
        ...headers,
      },
    });
    call.end(bytes);
    const [response] = await once(call, 'response');
    const chunks = await response.toArray();
    const text = Buffer.concat(chunks).toString('utf8');
    const isJson = response.headers['content-type']?.startsWith('application/json');
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      json: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  // The same, for requests that are only made to prepare something: fails unless they succeed, and
  // resolves to the answer's JSON.
  async expect(method, target, options) {
    const answer = await this.request(method, target, options);
    if (answer.status >= 300) {
      throw new Error(`${method} ${target} was answered ${answer.status}: ${answer.text}`);
    }
    return answer.json;
  }

  // Makes a group as an application; `owners` and `members` are ids of users.
  createGroup(id, {owners = [], members = [], ...properties} = {}) {
    const links = (users) => users.map((user) => `${this.origin}/v1.0/users/${user}`);
    return this.expect('POST', '/v1.0/groups', {
      body: {
        id,
        displayName: `Group ${id}`,
        mailEnabled: true,
        mailNickname: id,
        securityEnabled: false,
        groupTypes: ['Unified'],
        'owners@odata.bind': links(owners),
        'members@odata.bind': links(members),
        ...properties,
      },
    });
  }

  // Makes a thread with one post as a user, and resolves to it.
  createThread(user, group, topic, post = {}) {
    return this.expect('POST', `/v1.0/groups/${group}/threads`, {
      user,
      body: {topic, posts: [{body: {contentType: 'text', content: `About ${topic}`}, ...post}]},
    });
  }

  // Makes as many threads as a user, named by `topicOf` of 0, 1, 2..., a full batch at a time.
  async createThreads(user, group, count, topicOf) {
    const perBatch = 20;
    for (let first = 0; first < count; first += perBatch) {
      const size = Math.min(perBatch, count - first);
      const requests = Array.from({length: size}, (_, i) => ({
        id: `${i}`,
        method: 'POST',
        url: `/groups/${group}/threads`,
        headers: {'Content-Type': 'application/json'},
        body: {topic: topicOf(first + i), posts: [{body: {content: 'One of many'}}]},
      }));
      const {responses} = await this.expect('POST', '/v1.0/$batch', {user, body: {requests}});
      const failed = responses.find(({status}) => status !== 201);
      if (failed) throw new Error(`a thread was not made: ${JSON.stringify(failed)}`);
    }
  }
}

// Starts a server; resolves once it serves. With a certificate, of files `cert` and `key`, it speaks
// TLS; `ca` is the file of whom to trust, if the certificate does not vouch for itself.
export async function startServer({flags = [], certificate} = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'threadstore-graph-'));
  const program = requireSetting('THREADSTORE_SERVER');
  const tls = certificate ? [`--tls_cert=${certificate.cert}`, `--tls_key=${certificate.key}`] : [];
  const log = createWriteStream(join(folder, 'server.log'));
  await once(log, 'open');
  // Ends with this process, also if that is killed and cannot clean up.
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig=KILL',
      program,
      'serve',
      '--listen=127.0.0.1:0',
      '--http_listen=127.0.0.1:0',
      `--store=sqlite:${join(folder, 'store.db')}`,
      ...tls,
      ...flags,
    ],
    {stdio: ['ignore', 'pipe', log], env: cleanEnvironment()},
  );
  let line = '';
  for await (line of createInterface({input: child.stdout})) break;
  const ready = /^ready grpc=(\S+) http=(\S+)/.exec(line);
  if (!ready) {
    child.kill('SIGKILL');
    const text = await readFile(join(folder, 'server.log'), 'utf8');
    throw new Error(`no ready line but '${line}':\n${text}`);
  }
  return new Server(child, folder, {grpc: ready[1], http: ready[2]}, certificate);
}
