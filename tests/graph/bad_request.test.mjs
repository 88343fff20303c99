// Methods, paths, queries and headers that are wrong, and bodies of other requests than creates of
// threads: each is refused.

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';

import {THREADS, UNKNOWN_ID, assertRefused, request, useServer} from './refusals.mjs';

useServer();

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
    [`/v1.0/groups/${'x/'.repeat(3000)}`, 404],
    [`/v1.0/groups/${'x'.repeat(9000)}`, 414],
  ];
  for (const [target, status] of cases) {
    test(target.slice(0, 70), async () => {
      const answer = await request('GET', target);
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
    ['PATCH', '{thread}', '{"preview": "x"}', 400, /preview|nothing/],
    ['POST', '/v1.0/groups/team/members/$ref', '{}', 400, /@odata\.id/],
    ['POST', '/v1.0/groups/team/members/$ref', '{"@odata.id": 1}', 400, /@odata\.id/],
    ['POST', '/v1.0/groups/team/members/$ref', '{"@odata.id": ""}', 400, /@odata\.id/],
    [
      'POST',
      '/v1.0/groups/team/members/$ref',
      '{"@odata.id": "https://x/v1.0/users/"}',
      400,
      /@odata\.id/,
    ],
    [
      'POST',
      '/v1.0/groups/team/members/$ref',
      '{"@odata.id": "https://x/v1.0/devices/d"}',
      400,
      /@odata\.id/,
    ],
    ['DELETE', '/v1.0/groups/team/acceptedSenders/$ref', undefined, 400, /\$id/],
    ['DELETE', '/v1.0/groups/team/acceptedSenders/$ref?$id=x/y', undefined, 400, /\$id/],
    ['POST', '/v1.0/groups', '{"id": "a b"}', 400, /id/],
    ['POST', '/v1.0/groups', '{"id": ".."}', 400, /id/],
    ['POST', '/v1.0/groups', '{"groupTypes": ["DynamicMembership"]}', 400, /groupTypes/],
    ['POST', '/v1.0/groups', '{"members@odata.bind": ["x/y"]}', 400, /members@odata\.bind/],
    ['POST', '/v1.0/$batch', '{}', 400, /requests/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1"}]}', 400, /method/],
    ['POST', '/v1.0/$batch', '{"requests": [{"id": "1", "method": "GET"}]}', 400, /url/],
    [
      'POST',
      '/v1.0/$batch',
      '{"requests": [{"id": "1", "method": "GET", "url": "/me", "headers": []}]}',
      400,
      /headers/,
    ],
    [
      'POST',
      '/v1.0/$batch',
      '{"requests": [{"id": "1", "method": "POST", "url": "/groups", "body": {}}]}',
      400,
      /Content-Type/,
    ],
    [
      'POST',
      '/v1.0/$batch',
      '{"requests": [{"id": "1", "method": "POST", "url": "/groups", "body": "*"}]}',
      400,
      /base64/,
    ],
  ];
  for (const [method, target, body, status, message] of cases) {
    test(`${method} ${target} ${body ?? ''}`.slice(0, 100), async () => {
      const headers = body === undefined ? {} : {'content-type': 'application/json'};
      assertRefused(await request(method, target, {body, headers}), status, message);
    });
  }

  test('the requests of a batch', async () => {
    const {status, json: answer} = await request('POST', '/v1.0/$batch', {
      body: {
        requests: [
          {id: 'method', method: 'BREW', url: '/groups'},
          {id: 'space', method: 'GE T', url: '/groups'},
          {id: 'path', method: 'GET', url: '/coffee'},
          {id: 'escape', method: 'GET', url: '/groups/%'},
          {id: 'line', method: 'GET', url: '/groups/a\r\nHost: evil.example'},
          {id: 'long', method: 'GET', url: `/groups/${'x'.repeat(20_000)}`},
          {
            id: 'body',
            method: 'POST',
            url: THREADS,
            headers: {'Content-Type': 'application/json'},
            body: {topic: 1},
          },
          {
            id: 'type',
            method: 'POST',
            url: THREADS,
            headers: {'Content-Type': 'text/plain'},
            body: {topic: 'T'},
          },
        ],
      },
    });
    assert.equal(status, 200);
    const statuses = Object.fromEntries(answer.responses.map(({id, status}) => [id, status]));
    assert.deepEqual(statuses, {
      method: 405,
      space: 405,
      path: 404,
      escape: 400,
      line: 400,
      long: 400,
      body: 400,
      type: 415,
    });
    for (const {body} of answer.responses) assert.ok(body.error.message);
  });
});
