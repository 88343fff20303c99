// Requests that are wrong in every way that was thought of: each gets a 4xx in Graph's form, and
// the server goes on.

import assert from 'node:assert/strict';
import {once} from 'node:events';
import net from 'node:net';
import {after, afterEach, before, describe, test} from 'node:test';
import {gzipSync} from 'node:zlib';

import {startServer} from './server.mjs';

const UNKNOWN_ID = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const THREADS = '/v1.0/groups/team/threads';

let server;
let thread;

before(async () => {
  server = await startServer();
  await server.createGroup('team', {owners: ['ann']});
  thread = `${THREADS}/${(await server.createThread('ann', 'team', 'A thread')).id}`;
});
after(() => server?.stop());

// It answers, and nothing that was refused has been stored.
afterEach(async () => {
  assert.ok(server.isRunning);
  const {value} = await server.expect('GET', THREADS, {user: 'ann'});
  assert.deepEqual(value.map(({topic}) => topic), ['A thread']);
});

function assertRefused({status, headers, json}, expected, message = /./) {
  assert.equal(status, expected, JSON.stringify(json));
  assert.deepEqual(Object.keys(json), ['error']);
  const {code, message: text, innerError} = json.error;
  assert.deepEqual(Object.keys(json.error), ['code', 'message', 'innerError']);
  assert.match(code, /^\w+$/);
  assert.match(text, message);
  assert.match(innerError.date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  assert.match(innerError['request-id'], ID);
  assert.equal(innerError['request-id'], headers['request-id']);
  assert.equal(innerError['client-request-id'], headers['client-request-id']);
}

// As a member of the group; a target may have {thread} for the path of the one that is there.
const request = (method, target, options) =>
  server.request(method, target.replace('{thread}', thread), {user: 'ann', ...options});

const create = (body, headers = {'content-type': 'application/json'}) =>
  request('POST', THREADS, {body, headers});

describe('bodies', () => {
  const cases = [
    ['nothing', '', 400, /no body/],
    ['blanks', ' \n ', 400, /line 2, column 2/],
    ['a word', 'thread', 400, /line 1, column 1/],
    ['a list', '[]', 400, /line 1, column 1/],
    ['null', 'null', 400, /line 1, column 1/],
    ['a string', '"topic"', 400, /line 1, column 1/],
    ['an object that ends early', '{"topic": "T"', 400, /line 1, column 1\d/],
    ['what follows an object', '{"topic": "T"}\n{}', 400, /line 2, column 1/],
    ['a comma too many', '{\n  "topic": "T",\n}', 400, /line 3, column 1/],
    ['single quotes', "{'topic': 'T'}", 400, /line 1, column 2/],
    ['a comment', '{"topic": "T" /* no */}', 400, /line 1, column 15/],
    ['a name without quotes', '{topic: "T"}', 400, /line 1, column 2/],
    ['NaN', '{"topic": NaN}', 400, /line 1, column 11/],
    ['a name twice', '{"topic": "T",\n "topic": "U"}', 400, /line 2, column \d+: .*topic/],
    ['a name twice, once escaped', '{"topic": "T", "\\u0074opic": "U"}', 400, /topic/],
    ['a name twice in a post', '{"topic": "T", "posts": [{"body": {}, "body": {}}]}', 400, /body/],
    ['an unknown member', '{"topic": "T", "colour": "red"}', 400, /line 1, column \d+.*colour/],
    [
      'an unknown member of a post',
      '{"topic": "T", "posts": [{"colour": "red"}]}', 400, /posts\[0\]\.colour/,
    ],
    ['the name of a field, not of a property', '{"topic": "T", "is_locked": true}', 400, /is_locked/],
    ['a name in another case', '{"Topic": "T"}', 400, /Topic/],
    ['a number for a string', '{"topic": 1}', 400, /topic.*string/],
    ['a string for a boolean', '{"topic": "T", "isLocked": "true"}', 400, /isLocked.*boolean|isLocked.*true or false/],
    ['an object for a list', '{"topic": "T", "posts": {}}', 400, /posts.*list/],
    ['a list for an object', '{"topic": "T", "posts": [[]]}', 400, /posts\[0\].*object/],
    ['null in a list', '{"topic": "T", "posts": [null]}', 400, /posts\[0\].*null/],
    ['null in a list of strings', '{"topic": "T", "uniqueSenders": [null]}', 400, /uniqueSenders\[0\].*null/],
    ['no time', '{"topic": "T", "lastDeliveredDateTime": "yesterday"}', 400, /lastDeliveredDateTime/],
    ['a month too many', '{"topic": "T", "lastDeliveredDateTime": "2026-13-01T00:00:00Z"}', 400, /lastDeliveredDateTime/],
    ['a time without zone', '{"topic": "T", "lastDeliveredDateTime": "2026-01-01T00:00:00"}', 400, /lastDeliveredDateTime/],
    ['the year 10000', '{"topic": "T", "lastDeliveredDateTime": "10000-01-01T00:00:00Z"}', 400, /lastDeliveredDateTime/],
    ['a time as a number', '{"topic": "T", "lastDeliveredDateTime": 1e400}', 400, /lastDeliveredDateTime|number/],
    ['no type of body', '{"topic": "T", "posts": [{"body": {"contentType": "rtf"}}]}', 400, /contentType/],
    [
      'no base64',
      '{"topic": "T", "posts": [{"attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "n", "contentBytes": "*"}]}]}',
      400, /contentBytes/,
    ],
    [
      'an attachment of no kind',
      '{"topic": "T", "posts": [{"attachments": [{"name": "n"}]}]}', 400, /@odata\.type/,
    ],
    [
      'an unknown type',
      '{"topic": "T", "posts": [{"attachments": [{"@odata.type": "#microsoft.graph.event"}]}]}',
      400, /event/,
    ],
    ['the type of something else', '{"@odata.type": "#microsoft.graph.post", "topic": "T"}', 400, /post/],
    ['a type that is a number', '{"@odata.type": 1, "topic": "T"}', 400, /@odata\.type/],
    ['U+0000', '{"topic": "a\\u0000b"}', 400, /topic.*U\+0000/],
    ['U+0000 in a name', '{"topic": "T", "a\\u0000b": 1}', 400, /./],
    ['a byte 0', '{"topic": "a\0b"}', 400, /line 1, column 1\d/],
    ['a line break in a string', '{"topic": "a\nb"}', 400, /line 1, column 1\d/],
    ['half a surrogate pair', '{"topic": "\\ud83d"}', 400, /line 1, column/],
    ['the other half', '{"topic": "\\ude00"}', 400, /line 1, column/],
    ['a pair the wrong way round', '{"topic": "\\ude00\\ud83d"}', 400, /line 1, column/],
    ['an unknown escape', '{"topic": "\\x41"}', 400, /line 1, column/],
    ['half an escape', '{"topic": "\\u00"}', 400, /line 1, column/],
    ['Latin-1', Buffer.from('{"topic": "Gr\xfc\xdfe"}', 'latin1'), 400, /./],
    ['a surrogate in UTF-8', Buffer.from('7b22746f706963223a22eda08022 7d'.replace(' ', ''), 'hex'), 400, /./],
    ['an overlong slash', Buffer.from('7b22746f706963223a22c0af227d', 'hex'), 400, /./],
    ['a byte order mark and UTF-16', Buffer.from('\ufeff{"topic": "T"}', 'utf16le'), 400, /./],
    ['10,000 lists', `{"posts": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 400, /./],
    ['10,000 objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 400, /./],
    ['10,000 lists where anything may stand', `{"topic": "T", "posts": [{"extensions": [{"@odata.type": "microsoft.graph.openTypeExtension", "extensionName": "e", "a": ${'['.repeat(10_000)}${']'.repeat(10_000)}}]}]}`, 400, /deep|nest|level/],
    ['10,000 lists in an annotation', `{"topic": "T", "@odata.x": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 400, /deep|nest|level/],
    ['100,000 lists without an end', '['.repeat(100_000), 400, /./],
    ['a topic too long', JSON.stringify({topic: 'x'.repeat(10_000)}), 400, /topic/],
    ['an empty topic', '{"topic": ""}', 400, /topic/],
  ];
  for (const [name, body, status, message] of cases) {
    test(name, async () => assertRefused(await create(body), status, message));
  }

  test('numbers out of range', async () => {
    const group = (body) =>
      server.request('POST', '/v1.0/$batch', {
        body,
        headers: {'content-type': 'application/json'},
      });
    for (const number of ['1e400', '-1e400', '01', '1.', '.5', '+1', '0x10', '1e', '--1']) {
      const {status} = await group(`{"requests": [{"id": ${number}}]}`);
      assert.equal(status, 400, number);
      const answer = await create(`{"topic": "T", "hasAttachments": ${number}}`);
      assertRefused(answer, 400, /line 1, column/);
    }
  });

  test('more than 5 MiB', async () => {
    const answer = await create(JSON.stringify({topic: 'T', preview: 'x'.repeat(6 << 20)}));
    assertRefused(answer, 413);
  });

  test('more than 5 MiB, compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(100 << 20, ' '));
    const headers = {'content-type': 'application/json', 'content-encoding': 'gzip'};
    assertRefused(await create(bomb, headers), 413);
  });

  test('what is not compressed, but said to be', async () => {
    const headers = {'content-type': 'application/json', 'content-encoding': 'gzip'};
    assertRefused(await create('{"topic": "T"}', headers), 400);
    const half = gzipSync('{"topic": "T"}').subarray(0, 20);
    assertRefused(await create(half, headers), 400);
  });
});

describe('types of bodies', () => {
  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/problem+json',
    'application',
    ';',
  ]) {
    test(type, async () => {
      assertRefused(await create('{"topic": "T"}', {'content-type': type}), 415);
    });
  }
  for (const coding of ['deflate', 'br', 'zstd', 'gzip, gzip', 'compress']) {
    test(`encoded as ${coding}`, async () => {
      const headers = {'content-type': 'application/json', 'content-encoding': coding};
      assertRefused(await create('{"topic": "T"}', headers), 415);
    });
  }
});

describe('methods', () => {
  const cases = [
    ['PUT', '{thread}', 'DELETE, GET, PATCH'],
    ['POST', '{thread}', 'DELETE, GET, PATCH'],
    ['PATCH', THREADS, 'GET, POST'],
    ['DELETE', THREADS, 'GET, POST'],
    ['GET', '{thread}/reply', 'POST'],
    ['PUT', '/v1.0/groups', 'GET, POST'],
    ['GET', '/v1.0/$batch', 'POST'],
    ['PATCH', '/v1.0/$metadata', 'GET'],
    ['PATCH', `/v1.0/groups/team/conversations/${UNKNOWN_ID}`, 'DELETE, GET'],
    ['POST', '{thread}/posts', 'GET'],
    ['POST', `${THREADS}/delta`, 'GET'],
    ['DELETE', '/v1.0/me', 'GET'],
    ['TRACE', '{thread}', 'DELETE, GET, PATCH'],
    ['PROPFIND', '{thread}', 'DELETE, GET, PATCH'],
  ];
  for (const [method, target, allow] of cases) {
    test(`${method} ${target}`, async () => {
      const answer = await request(method, target);
      assertRefused(answer, 405);
      assert.deepEqual(answer.headers.allow.split(', ').sort(), allow.split(', '));
    });
  }
});

describe('paths', () => {
  const cases = [
    ['/v1.0', 404],
    ['/v1.0/', 404],
    ['/v2.0/groups', 404],
    ['/V1.0/groups', 404],
    ['/v1.0/v1.0/groups', 404],
    ['/v1.0/Groups/team/threads', 404],
    ['/v1.0/groups/team/thread', 404],
    ['/v1.0/groups/team/threads/x/y/z', 404],
    ['/v1.0/groups/team/calendar', 404],
    ['/v1.0/groups//threads', 400],
    ['//v1.0/groups', 400],
    [`${THREADS}/x`, 400],
    [`${THREADS}/${UNKNOWN_ID}`, 404],
    [`${THREADS}/${UNKNOWN_ID.toUpperCase()}x`, 400],
    [`${THREADS}/('x')`, 400],
    [`${THREADS}('x`, 404],
    [`${THREADS}/%`, 400],
    [`${THREADS}/%4`, 400],
    [`${THREADS}/%zz`, 400],
    [`${THREADS}/%00`, 400],
    [`${THREADS}/%ff`, 400],
    [`${THREADS}/%ed%a0%80`, 400],
    [`${THREADS}/a%2fb`, 400],
    [`${THREADS}/..`, 400],
    [`${THREADS}/%2e%2e`, 400],
    [`/v1.0/groups/${'g'.repeat(200)}/threads`, 400],
    ['/v1.0/groups/t%20m/threads', 400],
    ['/v1.0/$count', 404],
    ['/v1.0/$batch/x', 404],
    ['/v1.0/groups/team/$value', 404],
    ['/v1.0/me/joinedGroups/team', 200],
    [`/v1.0/groups/${'x/'.repeat(3000)}`, 404],
    [`/v1.0/groups/${'x'.repeat(9000)}`, 414],
  ];
  for (const [target, status] of cases) {
    test(target.slice(0, 70), async () => {
      const answer = await request('GET', target);
      if (status === 200) return assert.equal(answer.status, 200);
      assertRefused(answer, status);
    });
  }
});

describe('queries', () => {
  const cases = [
    ['$unknown=1', /\$unknown/],
    ['$apply=groupby((topic))', /\$apply/],
    ['$compute=1', /\$compute/],
    ['$top=', /\$top/],
    ['$top=0x10', /\$top/],
    ['$top=-1', /\$top/],
    ['$top=1.5', /\$top/],
    ['$top=99999999999999999999', /\$top/],
    ['$top=1&$top=2', /\$top/],
    ['$skip=-1', /\$skip/],
    ['$skip=99999999999', /\$skip/],
    ['$count=yes', /\$count/],
    ['$format=atom', /\$format/],
    ['$select=', /\$select/],
    ['$select=,', /\$select/],
    ['$select=colour', /colour/],
    ['$expand=colours', /colours/],
    ['$expand=posts(', /\$expand/],
    ['$expand=posts)', /\$expand/],
    ['$expand=posts($top=1)', /\$top/],
    [`$expand=${'posts($expand='.repeat(50)}posts${')'.repeat(50)}`, /\$expand/],
    ['$filter=', /\$filter/],
    ['$filter=topic', /\$filter/],
    ['$filter=topic eq', /character 9/],
    ["$filter=topic eq 'T", /\$filter/],
    ['$filter=topic eq 1', /\$filter/],
    ["$filter=colour eq 'red'", /colour/],
    [`$filter=${'('.repeat(3000)}`, /\$filter/],
    [`$filter=${'not '.repeat(1000)}isLocked`, /\$filter/],
    ["$filter=topic eq '%00'", /U\+0000/],
    ['$filter=topic eq %ff', /UTF-8/],
    ['$orderby=', /\$orderby/],
    ['$orderby=preview', /\$orderby/],
    ['$orderby=topic up', /\$orderby/],
    ['$search=', /\$search/],
    ['$search=""', /\$search/],
    ['$skiptoken=x', /\$skiptoken/],
    ['$deltatoken=x', /\$deltatoken/],
    ['$id=x', /\$id/],
    ['$top=%', /%/],
  ];
  for (const [query, message] of cases) {
    test(query.slice(0, 70), async () => {
      const target = `${THREADS}?${query.replaceAll(' ', '%20')}`;
      assertRefused(await request('GET', target), 400, message);
    });
  }
});

describe('headers', () => {
  const cases = [
    [{prefer: 'odata.maxpagesize=0'}, 400, /maxpagesize/],
    [{prefer: 'odata.maxpagesize=many'}, 400, /maxpagesize/],
    [{prefer: 'outlook.body-content-type="rtf"'}, 400, /body-content-type/],
    [{'if-match': '1'}, 400, /If-Match/],
    [{'if-match': '"1", "2"'}, 400, /If-Match/],
    [{origin: 'https://evil.example'}, 403, /./],
    [{host: 'evil.example'}, 403, /./],
    [{expect: '200-maybe'}, 417, /./],
    [{'x-threadstore-user': 'x'.repeat(1000)}, 401, /./],
    [{'x-threadstore-user': 'a/b'}, 401, /./],
  ];
  for (const [headers, status, message] of cases) {
    test(JSON.stringify(headers).slice(0, 70), async () => {
      const answer = await request('GET', '{thread}', {headers});
      assertRefused(answer, status, message);
    });
  }

  test('a client-request-id that cannot be repeated', async () => {
    const headers = {'client-request-id': 'x'.repeat(1000)};
    const answer = await request('GET', `${THREADS}/x`, {headers});
    assertRefused(answer, 400);
    assert.equal(answer.headers['client-request-id'], answer.headers['request-id']);
  });
});

test('a body of a GET is not looked at', async () => {
  const answer = await request('GET', '{thread}', {body: '{"no JSON'});
  assert.equal(answer.status, 200);
});

describe('actions and references', () => {
  const cases = [
    ['POST', '{thread}/reply', '', 400, /no body/],
    ['POST', '{thread}/reply', '{"post": []}', 400, /post/],
    ['POST', '{thread}/reply', '{"post": {}, "Post": {}}', 400, /[Pp]ost/],
    ['POST', '{thread}/reply', '{"post": {"body": {}}, "body": {}}', 400, /body|post/],
    ['PATCH', '{thread}', '{}', 400, /./],
    ['PATCH', '{thread}', '{"isLocked": null}', 400, /isLocked|nothing/],
    ['PATCH', '{thread}', '{"preview": "x"}', 400, /preview/],
    ['POST', '/v1.0/groups/team/members/$ref', '{}', 400, /@odata\.id/],
    ['POST', '/v1.0/groups/team/members/$ref', '{"@odata.id": 1}', 400, /@odata\.id/],
    ['POST', '/v1.0/groups/team/members/$ref', '{"@odata.id": ""}', 400, /@odata\.id/],
    ['POST', '/v1.0/groups/team/members/$ref', '{"@odata.id": "https://x/v1.0/users/"}', 400, /@odata\.id/],
    ['POST', '/v1.0/groups/team/members/$ref', '{"@odata.id": "https://x/v1.0/devices/d"}', 400, /@odata\.id/],
    ['DELETE', '/v1.0/groups/team/acceptedSenders/$ref', undefined, 400, /\$id/],
    ['DELETE', '/v1.0/groups/team/acceptedSenders/$ref?$id=x/y', undefined, 400, /\$id/],
    ['POST', '/v1.0/groups', '{"id": "a b"}', 400, /id/],
    ['POST', '/v1.0/groups', '{"id": ".."}', 400, /id/],
    ['POST', '/v1.0/groups', '{"groupTypes": ["DynamicMembership"]}', 400, /groupTypes/],
    ['POST', '/v1.0/groups', '{"members@odata.bind": ["x/y"]}', 400, /members@odata\.bind/],
    ['POST', '/v1.0/$batch', '{}', 400, /requests/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1"}]}', 400, /method/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1", "method": "GET"}]}', 400, /url/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1", "method": "GET", "url": "/me", "headers": []}]}', 400, /headers/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1", "method": "POST", "url": "/groups", "body": {}}]}', 400, /Content-Type/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1", "method": "POST", "url": "/groups", "body": "*"}]}', 400, /base64/],
  ];
  for (const [method, target, body, status, message] of cases) {
    test(`${method} ${target} ${body ?? ''}`.slice(0, 100), async () => {
      const headers = body === undefined ? {} : {'content-type': 'application/json'};
      assertRefused(await request(method, target, {body, headers}), status, message);
    });
  }

  test('the requests of a batch', async () => {
    const {status, json: answer} = await server.request('POST', '/v1.0/$batch', {
      user: 'ann',
      body: {
        requests: [
          {id: 'method', method: 'BREW', url: '/groups'},
          {id: 'space', method: 'GE T', url: '/groups'},
          {id: 'path', method: 'GET', url: '/coffee'},
          {id: 'escape', method: 'GET', url: '/groups/%'},
          {id: 'line', method: 'GET', url: '/groups/a\r\nHost: evil.example'},
          {id: 'long', method: 'GET', url: `/groups/${'x'.repeat(20_000)}`},
          {id: 'body', method: 'POST', url: THREADS, headers: {'Content-Type': 'application/json'}, body: {topic: 1}},
          {id: 'type', method: 'POST', url: THREADS, headers: {'Content-Type': 'text/plain'}, body: {topic: 'T'}},
        ],
      },
    });
    assert.equal(status, 200);
    const statuses = Object.fromEntries(answer.responses.map(({id, status}) => [id, status]));
    assert.deepEqual(statuses, {
      method: 405, space: 405, path: 404, escape: 400, line: 400, long: 400, body: 400, type: 415,
    });
    for (const {body} of answer.responses) assert.ok(body.error.message);
  });
});

// What Node's own client does not send.
describe('bytes', () => {
  // Everything that the server sends until it closes the connection.
  async function talk(bytes) {
    const [host, port] = server.host.split(':');
    const socket = net.connect(Number(port), host);
    let text = '';
    socket.setEncoding('latin1').on('data', (data) => (text += data));
    socket.on('error', () => {}); // It may close while this still sends.
    socket.write(bytes);
    await once(socket, 'close');
    return text;
  }

  function parse(text) {
    const [head, body] = text.split('\r\n\r\n');
    const [line, ...fields] = head.split('\r\n');
    const headers = Object.fromEntries(
      fields.map((field) => [field.split(':')[0].toLowerCase(), field.replace(/^.*?: */, '')]),
    );
    return {status: Number(line.split(' ')[1]), headers, json: JSON.parse(body)};
  }

  const HOST = 'Host: 127.0.0.1\r\n';
  const JSON_TYPE = 'Content-Type: application/json\r\n';
  const cases = [
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['no target', 'GET\r\n\r\n', 400],
    ['HTTP/2 without being asked', 'GET / HTTP/2.0\r\n\r\n', 505],
    ['an unknown version', `GET / HTTP/9.9\r\n${HOST}\r\n`, 505],
    ['no Host', 'GET /v1.0/groups HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', `GET /v1.0/groups HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
    ['a space before a colon', `GET /v1.0/groups HTTP/1.1\r\n${HOST}Accept : */*\r\n\r\n`, 400],
    ['a field without a colon', `GET /v1.0/groups HTTP/1.1\r\n${HOST}Accept\r\n\r\n`, 400],
    ['a folded field', `GET /v1.0/groups HTTP/1.1\r\n${HOST}Accept: a\r\n b\r\n\r\n`, 400],
    ['a byte 0 in a field', `GET /v1.0/groups HTTP/1.1\r\n${HOST}Accept: a\0b\r\n\r\n`, 400],
    ['a control character in the target', `GET /v1.0/gr\x01oups HTTP/1.1\r\n${HOST}\r\n`, 400],
    [
      'two lengths',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      400,
    ],
    [
      'a length and chunks',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'a length that is none',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: +2\r\n\r\n{}`,
      400,
    ],
    [
      'a negative length',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: -1\r\n\r\n`,
      400,
    ],
    [
      'a length of 1 GiB',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 1073741824\r\n\r\n`,
      413,
    ],
    [
      'a length beyond all numbers',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 99999999999999999999999\r\n\r\n`,
      400,
    ],
    [
      'an unknown transfer coding',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'chunks of no length',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n`,
      400,
    ],
    [
      'chunks that are longer than they say',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`,
      400,
    ],
    [
      'a chunk beyond all numbers',
      `POST ${THREADS} HTTP/1.1\r\n${HOST}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
      400,
    ],
    ['fields too long', `GET /v1.0/groups HTTP/1.1\r\n${HOST}A: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    ['fields too many', `GET /v1.0/groups HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(500)}\r\n`, 431],
    ['a target too long', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, 414],
    ['another scheme', `GET ftp://127.0.0.1/v1.0/groups HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['a tunnel', `CONNECT 127.0.0.1:443 HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['TLS on a port without', Buffer.from('160301008f0100008b0303', 'hex'), 400],
  ];
  for (const [name, bytes, status] of cases) {
    test(name, async () => {
      const end = Buffer.isBuffer(bytes) ? Buffer.from('\r\n\r\n') : '';
      const answer = parse(await talk(Buffer.concat([Buffer.from(bytes, 'latin1'), Buffer.from(end)])));
      const accepted = status === 400 ? [400, 405, 501] : [status];
      assert.ok(accepted.includes(answer.status), `${answer.status}`);
      assertRefused(answer, answer.status);
    });
  }
});
