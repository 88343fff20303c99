// A proxy that throttles, as Graph does: what clients do then can be seen without driving a server
// to its limits.

import {once} from 'node:events';
import {readFile} from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';

// Stands in front of a server, and speaks TLS if it does. Refuses the first requests with the
// statuses in `refusals`, one after the other, and passes on all others. Resolves to
// {origin, attempts, close}: `attempts` is what has come, as {method, url, headers, refused}.
export async function startThrottle(server, refusals) {
  const tls = server.certificate && {
    cert: await readFile(server.certificate.cert),
    key: await readFile(server.certificate.key),
  };
  const left = [...refusals];
  const attempts = [];
  const handle = (incoming, outgoing) => {
    const refused = left.shift();
    attempts.push({method: incoming.method, url: incoming.url, headers: incoming.headers, refused});
    if (refused !== undefined) {
      incoming.resume();
      const error = {code: 'ApplicationThrottled', message: 'Come back later.'};
      outgoing.writeHead(refused, {'Retry-After': '1', 'Content-Type': 'application/json'});
      outgoing.end(JSON.stringify({error}));
      return;
    }
    const {request} = tls ? https : http;
    const onward = request(`${server.origin}${incoming.url}`, {
      method: incoming.method,
      headers: {...incoming.headers, host: server.host},
      ca: tls?.cert,
    });
    onward.on('response', (response) => {
      outgoing.writeHead(response.statusCode, response.headers);
      response.pipe(outgoing);
    });
    onward.on('error', (error) => outgoing.destroy(error));
    incoming.pipe(onward);
  };
  const listener = tls ? https.createServer(tls, handle) : http.createServer(handle);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${listener.address().port}`,
    attempts,
    async close() {
      listener.closeAllConnections();
      listener.close();
      await once(listener, 'close');
    },
  };
}
