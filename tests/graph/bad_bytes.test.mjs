// What Node's own client does not send: broken HTTP, and requests that two servers in a row could
// take apart differently. Each is refused.

import {once} from 'node:events';
import net from 'node:net';
import {test} from 'node:test';

import {THREADS, assertRefused, hostOfServer, useServer} from './refusals.mjs';

const HOST = 'Host: 127.0.0.1';
const JSON_TYPE = 'Content-Type: application/json';

const head = (...lines) => [...lines, '', ''].join('\r\n');
const get = (target, ...fields) => head(`GET ${target} HTTP/1.1`, HOST, ...fields);
const post = (fields, body) => head(`POST ${THREADS} HTTP/1.1`, HOST, JSON_TYPE, ...fields) + body;

useServer();

// Everything that the server sends until it closes the connection.
async function talk(text) {
  const [host, port] = hostOfServer().split(':');
  const socket = net.connect(Number(port), host);
  let answer = '';
  socket.setEncoding('latin1').on('data', (data) => (answer += data));
  socket.on('error', () => {}); // It may close while this still sends.
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return answer;
}

function parse(answer) {
  const [head, body] = answer.split('\r\n\r\n');
  const [line, ...fields] = head.split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => [field.split(':')[0].toLowerCase(), field.replace(/^.*?: */, '')]),
  );
  return {status: Number(line.split(' ')[1]), headers, json: JSON.parse(body)};
}

const CASES = [
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['no target', 'GET\r\n\r\n', 400],
  ['TLS', '\x16\x03\x01\0\x8f\x01\0\0\x8b\x03\x03\r\n\r\n', 400],
  ['HTTP/2', head('GET / HTTP/2.0', HOST), 505],
  ['an unknown version', head('GET / HTTP/9.9', HOST), 505],
  ['another scheme', get('ftp://127.0.0.1/v1.0/groups'), 400],
  ['a tunnel', head('CONNECT 127.0.0.1:443 HTTP/1.1', HOST), 400],
  ['a control character in the target', get('/v1.0/gr\x01oups'), 400],
  ['no Host', head('GET /v1.0/groups HTTP/1.1'), 400],
  ['two Hosts', get('/v1.0/groups', HOST), 400],
  ['a space before a colon', get('/v1.0/groups', 'Accept : */*'), 400],
  ['a field without a colon', get('/v1.0/groups', 'Accept'), 400],
  ['a folded field', get('/v1.0/groups', 'Accept: a', ' b'), 400],
  ['a byte 0 in a field', get('/v1.0/groups', 'Accept: a\0b'), 400],
  ['fields too long', get('/v1.0/groups', `A: ${'x'.repeat(40_000)}`), 431],
  ['fields too many', get('/v1.0/groups', ...Array(500).fill('A: b')), 431],
  ['a target too long', get(`/${'x'.repeat(20_000)}`), 414],
  ['two lengths', post(['Content-Length: 2', 'Content-Length: 3'], '{}'), 400],
  ['a length twice in one field', post(['Content-Length: 2, 3'], '{}'), 400],
  [
    'a length and chunks',
    post(['Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    400,
  ],
  ['a length that is none', post(['Content-Length: +2'], '{}'), 400],
  ['a negative length', post(['Content-Length: -1'], ''), 400],
  ['a length of 1 GiB', post(['Content-Length: 1073741824'], ''), 413],
  ['a length beyond all numbers', post([`Content-Length: ${'9'.repeat(30)}`], ''), 400],
  ['an unknown transfer coding', post(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'), 400],
  ['chunks that do not end the coding', post(['Transfer-Encoding: chunked, gzip'], ''), 400],
  ['chunks of no length', post(['Transfer-Encoding: chunked'], 'xyz\r\n{}\r\n0\r\n\r\n'), 400],
  [
    'a chunk longer than it says',
    post(['Transfer-Encoding: chunked'], '1\r\n{}\r\n0\r\n\r\n'),
    400,
  ],
  ['a chunk of 4 GiB', post(['Transfer-Encoding: chunked'], 'ffffffff\r\n'), 413],
  [
    'a chunk beyond all numbers',
    post(['Transfer-Encoding: chunked'], `${'f'.repeat(20)}\r\n`),
    400,
  ],
];

for (const [name, text, status] of CASES) {
  test(name, async () => assertRefused(parse(await talk(text)), status));
}
