// What happens to calls when the provider changes its keys, or cannot be reached.

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';
import {setTimeout as wait} from 'node:timers/promises';

import {RSA_API, rotation, startProvider} from './provider.mjs';
import {authorized, Code, createGroup, deploy, issuerOf} from './setup.mjs';
import {readPart, SigningKey} from './signing_key.mjs';

// Fetches for the sake of unknown keys that need not wait for one another.
const BURST = 3;

describe('keys', () => {
  let provider;
  let deployment;

  const configuration = () => ({issuers: [issuerOf(provider, [RSA_API])]});
  const list = (token, of = deployment) => of.grpc('GroupService.ListGroups', token);

  before(async () => {
    provider = await startProvider();
    deployment = await deploy(configuration());
    await createGroup(deployment, await provider.clientToken(), 'g');
  });
  after(async () => {
    await deployment?.stop();
    await provider?.stop();
  });

  test('the first call with a new key waits for it and succeeds', async () => {
    const before = provider.keyRequests;
    provider.useKeys(rotation('second'));
    const {code, message} = await list(await provider.clientToken());
    assert.equal(code, Code.OK, message);
    assert.equal(provider.keyRequests, before + 1);
  });

  test('so does whatever begins at that moment', async () => {
    const before = provider.keyRequests;
    provider.useKeys(rotation('third'));
    // Each with a token of its own: none is helped by what is remembered of another.
    const tokens = await Promise.all(Array.from({length: 20}, () => provider.clientToken()));
    const [forWatch, forImport, ...others] = tokens;
    const watch = deployment
      .client('ThreadService')
      .WatchThreads({parent: 'groups/g'}, authorized(forWatch));
    const watched = deployment.firstMessage(watch);
    const imports = deployment.client('AdminService').ImportThreads(authorized(forImport));
    const imported = deployment.firstMessage(imports);
    imports.write({
      records: [{group: {name: 'groups/imported', id: 'imported', display_name: 'I'}}],
    });
    imports.end();
    const calls = others.map((token, i) =>
      i % 2 === 0 ? list(token) : deployment.http('GET', '/v1.0/groups', token),
    );
    for (const answer of await Promise.all(calls)) {
      assert.ok(answer.code === Code.OK || answer.status === 200, JSON.stringify(answer));
    }
    assert.equal((await watched).code, Code.OK);
    watch.on('error', () => {}).cancel();
    const {code, message} = await imported;
    assert.equal(code, Code.OK, message);
    assert.equal(message.acknowledged_count, 1);
    assert.equal(provider.keyRequests, before + 1, 'one fetch is for all');
  });

  test('what a withdrawn key has signed is not believed any more', async () => {
    const token = await provider.clientToken();
    assert.equal((await list(token)).code, Code.OK);
    provider.useKeys(rotation('fourth'));
    assert.equal((await list(token)).code, Code.OK, 'nobody has told the server yet');
    assert.equal((await list(await provider.clientToken())).code, Code.OK);
    assert.equal((await list(token)).code, Code.UNAUTHENTICATED);
    assert.equal((await deployment.http('GET', '/v1.0/groups', token)).status, 401);
  });

  test('while the provider is down, the last good keys count', async () => {
    const other = await deploy(configuration());
    try {
      const known = await provider.clientToken();
      const notSeen = await provider.clientToken();
      const ofNewKey = new SigningKey('new', 'RS256').sign(readPart(known, 1));
      assert.equal((await list(known, other)).code, Code.OK);
      await provider.stop();
      for (const token of [known, notSeen]) {
        assert.equal((await list(token, other)).code, Code.OK);
        assert.equal((await other.http('GET', '/v1.0/groups', token)).status, 200);
      }
      assert.equal((await list(ofNewKey, other)).code, Code.UNAUTHENTICATED);
      assert.equal((await list(known, other)).code, Code.OK, 'though keys could not be fetched');
      await other.awaitLog(({event}) => event === 'issuer keys not fetched');
      await provider.start();
      provider.useKeys(rotation('after it was down'));
      assert.equal((await list(await provider.clientToken(), other)).code, Code.OK);
    } finally {
      await other.stop();
    }
  });

  test('a server that starts while the provider is down recovers by itself', async () => {
    const token = await provider.clientToken();
    await provider.stop();
    const other = await deploy(configuration());
    try {
      const refused = await list(token, other);
      assert.equal(refused.code, Code.UNAVAILABLE, refused.message);
      assert.equal(refused.reason, 'ISSUER_UNAVAILABLE');
      assert.ok(refused.hasRetryInfo);
      let answer = await other.http('GET', '/v1.0/groups', token);
      assert.equal(answer.status, 503);
      assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
      await provider.start();
      while (answer.status === 503) {
        await wait(Number(answer.headers['retry-after']) * 1000);
        answer = await other.http('GET', '/v1.0/groups', token);
      }
      assert.equal(answer.status, 200);
      assert.equal((await list(token, other)).code, Code.OK);
    } finally {
      await other.stop();
    }
  });

  test('tokens of unknown keys cost the provider a bounded number of requests', async () => {
    const other = await deploy(configuration());
    try {
      const before = provider.keyRequests;
      const claims = readPart(await provider.clientToken(), 1);
      const key = new SigningKey('nobody', 'ES256');
      const calls = Array.from({length: 300}, (_, i) => {
        const token = key.sign(claims, {kid: `nobody ${i}`});
        return i % 2 === 0 ? list(token, other) : other.http('GET', '/v1.0/groups', token);
      });
      for (const answer of await Promise.all(calls)) {
        assert.ok(answer.code === Code.UNAUTHENTICATED || answer.status === 401);
      }
      const asked = provider.keyRequests - before;
      assert.ok(asked >= 1 && asked <= BURST, `${asked}`);
      assert.equal((await list(await provider.clientToken(), other)).code, Code.OK);
    } finally {
      await other.stop();
    }
  });

  test('a large request does not wait, and may come again when the key is there', async () => {
    const large = 'x'.repeat(100_000);
    const other = await deploy(configuration());
    try {
      assert.equal((await list(await provider.clientToken(), other)).code, Code.OK);
      const calls = {
        creates: (token) =>
          other.grpc('GroupService.CreateGroup', token, {group: {display_name: large}}),
        exports: (token) =>
          other.firstMessage(
            other.client('AdminService').ExportThreads({parent: large}, authorized(token)),
          ),
      };
      for (const [name, call] of Object.entries(calls)) {
        provider.useKeys(rotation(name));
        const token = await provider.clientToken();
        const refused = await call(token);
        assert.equal(refused.code, Code.UNAVAILABLE, `${name}: ${refused.message}`);
        assert.equal(refused.reason, 'ISSUER_UNAVAILABLE');
        assert.ok(refused.hasRetryInfo);
        assert.equal((await list(token, other)).code, Code.OK);
        assert.equal((await call(token)).code, Code.INVALID_ARGUMENT);
      }
    } finally {
      await other.stop();
    }
  });
});
