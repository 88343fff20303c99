// What the tests of wrong requests share: a server that must neither store what it refuses nor end,
// and the form of a refusal.

import assert from 'node:assert/strict';
import {after, afterEach, before} from 'node:test';

import {startServer} from './server.mjs';

export const UNKNOWN_ID = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
export const THREADS = '/v1.0/groups/team/threads';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let server;
let thread;
let stored;

async function storedTopics() {
  const {value} = await server.expect('GET', THREADS, {user: 'ann'});
  return value.map(({topic}) => topic);
}

// A server with one thread, for all tests of a file, none of which may store another.
export function useServer() {
  before(async () => {
    server = await startServer();
    await server.createGroup('team', {owners: ['ann']});
    thread = `${THREADS}/${(await server.createThread('ann', 'team', 'A thread')).id}`;
    stored = await storedTopics();
  });
  after(() => server?.stop());
  afterEach(async () => {
    assert.ok(server.isRunning);
    const before = stored;
    stored = await storedTopics();
    assert.deepEqual(stored, before);
  });
}

export const hostOfServer = () => server.host;

// As a member of the group; a target may have {thread} for the path of the one that is there.
export const request = (method, target, options) =>
  server.request(method, target.replace('{thread}', thread), {user: 'ann', ...options});

export const create = (body, headers = {'content-type': 'application/json'}) =>
  request('POST', THREADS, {body, headers});

// That an answer is an error of this status, in Graph's form, whose message matches.
export function assertRefused({status, headers, json}, expected, message = /./) {
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
