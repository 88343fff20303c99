// node with_certificate.mjs COMMAND...: runs a command in whose Node processes a new certificate for
// localhost is trusted. Node reads certificates only as it starts.

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {makeCertificate} from './server.mjs';

const folder = await mkdtemp(join(tmpdir(), 'threadstore-graph-'));
try {
  const {cert, key} = await makeCertificate(folder);
  const [command, ...args] = process.argv.slice(2);
  const child = spawn(command, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: cert,
      THREADSTORE_GRAPH_CERT: cert,
      THREADSTORE_GRAPH_KEY: key,
    },
  });
  const [status] = await once(child, 'exit');
  process.exitCode = status ?? 1;
} finally {
  await rm(folder, {recursive: true, force: true});
}
