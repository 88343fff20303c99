// A server of its own for a test, on free ports, with an empty store.

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

// Starts a server with `flags`. Returns the origin of its HTTP face, and what stops it: that fails
// if the server does not end well.
export async function startServer(...flags) {
  const folder = await mkdtemp(join(tmpdir(), 'threadstore-graph-'));
  const process = spawn(
    globalThis.process.env.THREADSTORE_SERVER,
    [
      'serve',
      '--listen=127.0.0.1:0',
      '--http_listen=127.0.0.1:0',
      `--store=sqlite:${join(folder, 'threadstore.db')}`,
      ...flags,
    ],
    {stdio: ['ignore', 'pipe', 'pipe']},
  );
  let log = '';
  process.stderr.on('data', (data) => (log += data));
  const exited = once(process, 'exit');
  const line = await Promise.race([
    once(createInterface({input: process.stdout}), 'line').then(([text]) => text),
    exited.then(() => ''),
  ]);
  const address = /\bhttp=(\S+)/.exec(line)?.[1];
  if (address === undefined) {
    process.kill('SIGKILL');
    throw new Error(`the server did not start: ${line}\n${log}`);
  }
  return {
    origin: `http://${address}`,
    async stop() {
      process.kill('SIGTERM');
      const [code, signal] = await exited;
      await rm(folder, {recursive: true});
      if (code !== 0) throw new Error(`the server ended with ${code ?? signal}\n${log}`);
    },
  };
}
