// node with_authority.mjs COMMAND...: runs a command in whose Node processes a new authority is
// trusted, and a certificate of it for this machine's loopback names can be used. Node reads
// authorities only as it starts.

import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';

const run = promisify(execFile);

// Writes ca.pem, and cert.pem and key.pem of a certificate that it vouches for.
async function makeAuthority(folder) {
  const path = (name) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=Test authority'],
    ...['-keyout', path('ca.key'), '-out', path('ca.pem')],
  ]);
  await run('openssl', [
    ...['req', ...newKey, '-subj', '/CN=localhost'],
    ...['-keyout', path('key.pem'), '-out', path('request.pem')],
  ]);
  await writeFile(path('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await run('openssl', [
    ...['x509', '-req', '-in', path('request.pem'), '-days', '1', '-extfile', path('names')],
    ...['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-out', path('cert.pem')],
  ]);
}

const folder = await mkdtemp(join(tmpdir(), 'threadstore-auth-'));
try {
  await makeAuthority(folder);
  const [command, ...args] = process.argv.slice(2);
  const child = spawn(command, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
      THREADSTORE_AUTH_CERTIFICATES: folder,
    },
  });
  const [status] = await once(child, 'exit');
  process.exitCode = status ?? 1;
} finally {
  await rm(folder, {recursive: true, force: true});
}
