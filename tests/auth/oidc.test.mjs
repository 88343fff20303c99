// Tokens of a real OpenID provider, over both faces.

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';

import {Client} from '@microsoft/microsoft-graph-client';

import {startServer} from '../graph/server.mjs';
import {EC_API, OTHER_API, RSA_API, startProvider} from './provider.mjs';
import {Code, deploy, issuerOf} from './setup.mjs';
import {readPart} from './signing_key.mjs';

describe('oidc-provider', () => {
  let provider;
  let deployment;

  before(async () => {
    provider = await startProvider();
    deployment = await deploy({issuers: [issuerOf(provider, [RSA_API, EC_API])]});
  });
  after(async () => {
    await deployment?.stop();
    await provider?.stop();
  });

  for (const api of [RSA_API, EC_API]) {
    const alg = api === EC_API ? 'ES256' : 'RS256';

    test(`an application keeps groups for users, by gRPC (${alg})`, async () => {
      const group = `grpc-${alg}`;
      const batch = await provider.clientToken('Threadstore.Admin Group.Read.All', api);
      assert.equal(readPart(batch, 0).alg, alg);
      assert.equal(readPart(batch, 0).typ, 'at+jwt');
      const succeed = async (method, token, request) => {
        const answer = await deployment.grpc(method, token, request);
        assert.equal(answer.code, Code.OK, `${method}: ${answer.message}`);
        return answer.response;
      };
      await succeed('GroupService.CreateGroup', batch, {
        group_id: group,
        group: {display_name: 'G'},
      });
      await succeed('GroupService.AddMember', batch, {
        parent: `groups/${group}`,
        member: {id: 'ann'},
      });
      const ann = await provider.userToken('ann', 'Group-Conversation.ReadWrite.All', api);
      const thread = await succeed('ThreadService.CreateThread', ann, {
        parent: `me/joinedGroups/${group}`,
        thread: {topic: 'Lunch', posts: [{body: {content: 'Where?'}}]},
      });
      assert.deepEqual(thread.unique_senders, ['Ann Lee'], 'the name is that of the token');
      const {threads} = await succeed('ThreadService.ListThreads', ann, {
        parent: `groups/${group}`,
      });
      assert.deepEqual(
        threads.map(({topic}) => topic),
        ['Lunch'],
      );
      const me = await succeed('GroupService.GetUser', ann, {name: 'me'});
      assert.equal(me.id, 'ann');
      assert.equal(me.display_name, 'Ann Lee');
      assert.equal(me.mail, 'ann@example.com');
      const bob = await provider.userToken('bob', 'Group-Conversation.ReadWrite.All', api);
      const refused = await deployment.grpc('ThreadService.GetThread', bob, {name: thread.name});
      assert.equal(refused.code, Code.PERMISSION_DENIED, 'he is not a member');
    });

    test(`the same by HTTP (${alg})`, async () => {
      const group = `http-${alg}`;
      const batch = await provider.clientToken('Threadstore.Admin Group.Read.All', api);
      const ann = await provider.userToken('ann', 'Group-Conversation.ReadWrite.All', api);
      const call = async (method, path, token, body) => {
        const response = await fetch(`${deployment.server.origin}/v1.0${path}`, {
          method,
          headers: {authorization: `Bearer ${token}`, 'content-type': 'application/json'},
          body: body && JSON.stringify(body),
        });
        const text = await response.text();
        assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
        return text && JSON.parse(text);
      };
      await call('POST', '/groups', batch, {
        id: group,
        displayName: 'G',
        mailEnabled: true,
        mailNickname: group,
        securityEnabled: false,
        groupTypes: ['Unified'],
      });
      await call('POST', `/groups/${group}/members/$ref`, batch, {
        '@odata.id': `${deployment.server.origin}/v1.0/users/ann`,
      });
      const thread = await call('POST', `/me/joinedGroups/${group}/threads`, ann, {
        topic: 'Lunch',
        posts: [{body: {contentType: 'text', content: 'Where?'}}],
      });
      assert.deepEqual(thread.uniqueSenders, ['Ann Lee']);
      const {value} = await call('GET', `/groups/${group}/threads`, ann);
      assert.deepEqual(
        value.map(({topic}) => topic),
        ['Lunch'],
      );
      const me = await call('GET', '/me', ann);
      assert.equal(me.id, 'ann');
      assert.equal(me.displayName, 'Ann Lee');
      assert.equal(me.mail, 'ann@example.com');
    });
  }

  test('what scopes do not cover is refused', async () => {
    const reader = await provider.userToken('ann', 'Group-Conversation.Read.All');
    const request = {parent: 'groups/grpc-RS256', thread: {topic: 'No'}};
    const refused = await deployment.grpc('ThreadService.CreateThread', reader, request);
    assert.equal(refused.code, Code.PERMISSION_DENIED);
    assert.equal(refused.reason, 'MISSING_PERMISSION');
    assert.match(refused.message, /Group-Conversation\.ReadWrite\.All/);
    const answer = await deployment.http('POST', '/v1.0/groups/grpc-RS256/threads', reader, {
      body: {topic: 'No'},
    });
    assert.equal(answer.status, 403);
    assert.equal(answer.json.error.code, 'ErrorAccessDenied');

    const writer = await provider.clientToken('Group.ReadWrite.All');
    const group = {group_id: 'no', group: {display_name: 'No'}};
    const created = await deployment.grpc('GroupService.CreateGroup', writer, group);
    assert.equal(created.code, Code.PERMISSION_DENIED, 'applications need Threadstore.Admin');
    const nobody = await provider.userToken('ann', '');
    const got = await deployment.http('GET', '/v1.0/groups/grpc-RS256/threads', nobody);
    assert.equal(got.status, 403);
  });

  test('what is not an access token for this API is refused', async () => {
    const {id_token, refresh_token} = await provider.userTokens('ann');
    const strangers = {
      'an ID token': id_token,
      'a refresh token': refresh_token,
      "another API's": await provider.clientToken('Group.Read.All', OTHER_API),
      'no token': undefined,
    };
    for (const [name, token] of Object.entries(strangers)) {
      const {code, reason} = await deployment.grpc('GroupService.GetUser', token, {name: 'me'});
      assert.equal(code, Code.UNAUTHENTICATED, name);
      assert.equal(reason, 'INVALID_CREDENTIALS', name);
      const answer = await deployment.http('GET', '/v1.0/me', token);
      assert.equal(answer.status, 401, name);
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="threadstore"', name);
      assert.equal(answer.json.error.code, 'InvalidAuthenticationToken', name);
    }
  });

  test('x-threadstore-user is not believed', async () => {
    const ann = await provider.userToken('ann');
    const headers = {'x-threadstore-user': 'bob'};
    assert.equal((await deployment.http('GET', '/v1.0/me', undefined, {headers})).status, 401);
    assert.equal((await deployment.http('GET', '/v1.0/me', ann, {headers})).status, 401);
  });

  test('a single issuer needs flags only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'threadstore-auth-'));
    const jwks = join(folder, 'jwks.json');
    await writeFile(jwks, await (await fetch(`${provider.issuer}/jwks`)).text());
    const flags = ['--auth=jwt', `--jwt_issuer=${provider.issuer}`, `--jwt_audience=${RSA_API}`];
    const server = await startServer({flags: [...flags, `--jwks=${jwks}`]});
    const getMe = (token) =>
      server.request('GET', '/v1.0/me', {headers: {authorization: `Bearer ${token}`}});
    try {
      assert.equal((await getMe(await provider.userToken('ann'))).json.id, 'ann');
      const elsewhere = await provider.userToken('ann', 'Group.Read.All', EC_API);
      assert.equal((await getMe(elsewhere)).status, 401);
    } finally {
      await server.stop();
      await rm(folder, {recursive: true});
    }
  });

  test('@microsoft/microsoft-graph-client sends such tokens', async () => {
    const client = Client.init({
      baseUrl: deployment.server.origin,
      customHosts: new Set(['127.0.0.1']),
      authProvider: (done) => provider.userToken('ann').then((token) => done(null, token), done),
    });
    const me = await client.api('/me').get();
    assert.equal(me.displayName, 'Ann Lee');
    const created = await client.api('/groups/http-RS256/threads').post({
      topic: 'Sent by the client',
      posts: [{body: {contentType: 'text', content: 'Hello'}}],
    });
    assert.deepEqual(created.uniqueSenders, ['Ann Lee']);
    const {value} = await client.api('/me/joinedGroups').get();
    assert.ok(value.some(({id}) => id === 'http-RS256'));
  });

  test('no token is logged', async () => {
    const token = await provider.clientToken('Group.Read.All', OTHER_API);
    await deployment.grpc('GroupService.GetUser', token, {name: 'me'});
    const text = JSON.stringify(await deployment.log());
    assert.ok(text.includes('token refused'), text);
    assert.ok(!token.split('.').some((part) => text.includes(part)));
    assert.ok(!/Ann|example\.com/.test(text), 'nor whose it is');
  });
});
