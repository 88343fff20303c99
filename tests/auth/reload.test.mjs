// --auth=token, and an --auth_config that changes while the server runs.

import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {copyFileSync} from 'node:fs';
import {after, before, describe, test} from 'node:test';

import {authorized, Code, deploy} from './setup.mjs';
import {secondsNow} from './signing_key.mjs';
import {TinyIssuer} from './tiny_issuer.mjs';

const ofSecret = (secret, application, permissions) => ({
  sha256: createHash('sha256').update(secret).digest('hex'),
  application,
  permissions,
});
const READER = 'first-secret-of-a-test';
const ADMIN = 's3cr3t/+~=';
const reader = ofSecret(READER, 'reader', 'Group.Read.All');
const admin = ofSecret(ADMIN, 'keeper', ['Threadstore.Admin', 'Group.ReadWrite.All']);

describe('--auth=token', () => {
  let deployment;

  before(async () => {
    // Without TLS, as behind a proxy.
    deployment = await deploy({tokens: [reader]}, {auth: 'token', isPlain: true});
  });
  after(() => deployment?.stop());

  const list = (token) => deployment.grpc('GroupService.ListGroups', token);
  const create = (token, id) =>
    deployment.grpc('GroupService.CreateGroup', token, {group_id: id, group: {display_name: id}});

  test('a shared secret is an application with its permissions', async () => {
    assert.equal((await list(READER)).code, Code.OK);
    assert.equal((await deployment.http('GET', '/v1.0/groups', READER)).status, 200);
    assert.equal((await create(READER, 'a')).code, Code.PERMISSION_DENIED);
    for (const wrong of ['first-secret-of-a-tes', 'First-secret-of-a-test', reader.sha256, ADMIN]) {
      assert.equal((await list(wrong)).code, Code.UNAUTHENTICATED, wrong);
      assert.equal((await deployment.http('GET', '/v1.0/groups', wrong)).status, 401, wrong);
    }
  });

  test('a new secret counts soon, and one that is gone no more', async () => {
    await deployment.reconfigure({tokens: [reader, admin]});
    assert.equal((await create(ADMIN, 'a')).code, Code.OK);
    assert.equal((await list(READER)).code, Code.OK);
    await deployment.reconfigure({tokens: [admin]});
    assert.equal((await list(READER)).code, Code.UNAUTHENTICATED);
    assert.equal((await list(ADMIN)).code, Code.OK);
  });

  test('a watch ends with the secrets it began with, and goes on if its own still counts', async () => {
    await deployment.reconfigure({tokens: [admin, reader]});
    const watch = (token, from) => {
      const request = {parent: 'groups/-', delta_token: from};
      return deployment.client('ThreadService').WatchThreads(request, authorized(token));
    };
    const watches = [watch(READER), watch(ADMIN)];
    const firsts = await Promise.all(watches.map((stream) => deployment.firstMessage(stream)));
    assert.deepEqual(firsts.map(({code}) => code), [Code.OK, Code.OK]);
    const ends = Promise.all(watches.map((stream) => deployment.firstError(stream)));
    await deployment.reconfigure({tokens: [admin]});
    for (const end of await ends) {
      assert.deepEqual([end.code, end.reason], [Code.UNAUTHENTICATED, 'INVALID_CREDENTIALS']);
    }
    const [ofReader, ofAdmin] = firsts.map(({message}) => message.delta_token);
    const again = watch(ADMIN, ofAdmin);
    assert.equal((await deployment.firstMessage(again)).code, Code.OK);
    again.on('error', () => {}).cancel();
    const refused = await deployment.firstMessage(watch(READER, ofReader));
    assert.equal(refused.code, Code.UNAUTHENTICATED);
  });

  test('a file that is wrong changes nothing, and is logged', async () => {
    const wrong = {
      'tokens: [': 'line 1: end of sequence',
      'tokens: []': 'there are no tokens',
      'tokens:\n- {sha256: abc, application: a, permissions: Group.Read.All}\n': 'line 2: sha256',
    };
    for (const [text, rule] of Object.entries(wrong)) {
      const {event, severity, error} = await deployment.reconfigure(text);
      assert.deepEqual([event, severity], ['auth_config not taken', 'error']);
      assert.ok(error.includes(rule), error);
      assert.equal((await list(ADMIN)).code, Code.OK, text);
    }
    const {event} = await deployment.reconfigure({tokens: [admin, reader]});
    assert.equal(event, 'auth_config taken');
    assert.equal((await list(READER)).code, Code.OK);
  });

  test('secrets are not logged', async () => {
    const text = JSON.stringify(await deployment.log());
    for (const secret of [READER, ADMIN, reader.sha256, admin.sha256]) {
      assert.ok(!text.includes(secret), secret);
    }
  });
});

test('issuers and grants come and go while the server runs', async () => {
  const first = new TinyIssuer();
  const second = new TinyIssuer('ES256');
  const issuer = (name, {jwks}) => ({
    issuer: name,
    audiences: 'threadstore',
    jwks,
    prefix: `${name}:`,
  });
  const token = (name, by) =>
    by.token({iss: name, aud: 'threadstore', sub: 'ann', scp: 'Group.Read.All'});
  const deployment = await deploy({issuers: [issuer('one', first)]});
  const getMe = (name, by) => deployment.http('GET', '/v1.0/me', token(name, by));
  try {
    assert.equal((await getMe('one', first)).json.id, 'one:ann');
    assert.equal((await getMe('two', second)).status, 401);
    await deployment.reconfigure({issuers: [issuer('one', first), issuer('two', second)]});
    assert.equal((await getMe('two', second)).json.id, 'two:ann');
    assert.equal((await getMe('two', first)).status, 401, 'each has its own keys');
    const createGroup = (more = {}) =>
      deployment.grpc('GroupService.CreateGroup', token('two', second), {
        group: {display_name: 'G'},
        ...more,
      });
    assert.equal((await createGroup()).code, Code.PERMISSION_DENIED);
    const grants = [{principal: 'user:two:*', permissions: 'Group.ReadWrite.All'}];
    await deployment.reconfigure({issuers: [issuer('two', second)], grants});
    assert.equal((await createGroup()).code, Code.OK);
    assert.equal(
      (await createGroup({group_id: 'of-the-directory'})).code,
      Code.PERMISSION_DENIED,
      'the tokens of others may name such a group, so that it is not for the first one to own',
    );
    assert.equal((await getMe('one', first)).status, 401);
    const withoutGroups = {...issuer('two', second), claims: {groups: []}};
    await deployment.reconfigure({issuers: [withoutGroups, issuer('one', first)], grants});
    const refused = await createGroup({group_id: 'of-the-directory'});
    assert.equal(refused.reason, 'MISSING_PERMISSION', 'so may the tokens of another issuer');
    await deployment.reconfigure({issuers: [withoutGroups], grants});
    assert.equal((await createGroup({group_id: 'of-nobody'})).code, Code.OK);
  } finally {
    await deployment.stop();
    first.remove();
    second.remove();
  }
});

test('what names keys that are still to come is taken once they are there', async () => {
  const issuer = new TinyIssuer();
  const revoked = 'a-secret-that-was-stolen';
  const configuration = (jwks, secret) => ({
    issuers: [{issuer: 'tiny', audiences: 'threadstore', jwks}],
    tokens: [ofSecret(secret, 'reader', 'Group.Read.All')],
  });
  const deployment = await deploy(configuration(issuer.jwks, revoked));
  const list = (token) => deployment.grpc('GroupService.ListGroups', token);
  try {
    const jwks = `${issuer.jwks}.new`;
    const {event, error} = await deployment.reconfigure(configuration(jwks, READER));
    assert.equal(event, 'auth_config not taken');
    assert.match(error, /the jwks of tiny/);
    assert.equal((await list(revoked)).code, Code.OK, 'what was read before goes on to count');
    copyFileSync(issuer.jwks, jwks);
    await deployment.awaitLog((line) => line.event === 'auth_config taken');
    assert.equal((await list(revoked)).code, Code.UNAUTHENTICATED);
    assert.equal((await list(READER)).code, Code.OK);
  } finally {
    await deployment.stop();
    issuer.remove();
  }
});

test('a watch ends well when its token expires, and others do not', {timeout: 60_000}, async () => {
  const issuer = new TinyIssuer();
  const deployment = await deploy({
    issuers: [{issuer: 'tiny', audiences: 'threadstore', jwks: issuer.jwks}],
  });
  const watch = (claims) => {
    const token = issuer.token({
      iss: 'tiny',
      aud: 'threadstore',
      sub: 'reader',
      idtyp: 'app',
      appid: 'reader',
      roles: ['Group.Read.All'],
      ...claims,
    });
    return deployment
      .client('ThreadService')
      .WatchThreads({parent: 'groups/-'}, authorized(token));
  };
  try {
    const almost = {iat: 0, nbf: 0, exp: secondsNow() - 50}; // Of a minute that clocks may differ.
    const [ending, staying] = [watch(almost), watch()];
    let stays = true;
    staying.on('end', () => (stays = false)).on('error', () => (stays = false));
    const ended = once(ending, 'status');
    const firsts = await Promise.all([ending, staying].map((s) => deployment.firstMessage(s)));
    assert.deepEqual(firsts.map(({code}) => code), [Code.OK, Code.OK]);
    ending.resume();
    const [status] = await ended;
    assert.equal(status.code, Code.OK);
    assert.ok(stays);
    const again = await deployment.firstMessage(watch(almost));
    assert.equal(again.code, Code.UNAUTHENTICATED);
    staying.cancel();
  } finally {
    await deployment.stop();
    issuer.remove();
  }
});
