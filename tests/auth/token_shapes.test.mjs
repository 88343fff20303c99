// Tokens as Entra ID and Kubernetes make them
// (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference,
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/), and shared secrets.

import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {after, before, describe, test} from 'node:test';

import {Code, createGroup, deploy} from './setup.mjs';
import {TinyIssuer} from './tiny_issuer.mjs';

const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad';
const API = '6e74172b-be56-4843-9ff4-e66a39bb12e3';
const ANN = '690222be-ff1a-4d56-abd1-7e4f7d38e474';
const BOB = '2d1c1dd4-5f9b-4d3a-8a6e-1f0b1a5c9e77';
const CLIENT = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const SERVICE_PRINCIPAL = 'a1b2c3d4-0000-4d56-abd1-7e4f7d38e474';
const TEAM = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

const CLUSTER = 'https://kubernetes.default.svc.cluster.local';
const GRANTED_NAMESPACE = 'mail';

const version2 = {
  aud: API,
  iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  aio: 'AWQAm/8XAAAA',
  tid: TENANT,
  uti: 'qbVbJ3n1aEu3',
  ver: '2.0',
};
const version1 = {
  aud: `api://${API}`,
  iss: `https://sts.windows.net/${TENANT}/`,
  acr: '1',
  amr: ['pwd', 'mfa'],
  tid: TENANT,
  uti: 'xyz',
  ver: '1.0',
};
const userOf2 = {
  ...version2,
  azp: CLIENT,
  azpacr: '0',
  name: 'Ann Lee',
  oid: ANN,
  preferred_username: 'ann@contoso.com',
  scp: 'Group-Conversation.ReadWrite.All Group.Read.All',
  sub: 'pairwise-of-ann',
};
const userOf1 = {
  ...version1,
  appid: CLIENT,
  appidacr: '0',
  family_name: 'Lee',
  name: 'Ann Lee',
  oid: ANN,
  scp: 'Group-Conversation.ReadWrite.All Group.Read.All',
  sub: 'pairwise-of-ann',
  unique_name: 'ann@contoso.com',
  upn: 'ann@contoso.com',
};
const applicationOf2 = {
  ...version2,
  azp: CLIENT,
  azpacr: '1',
  oid: SERVICE_PRINCIPAL,
  roles: ['Threadstore.Admin', 'Group-Conversation.ReadWrite.All', 'Group.Read.All'],
  sub: SERVICE_PRINCIPAL,
};
const applicationOf1 = {
  ...version1,
  appid: CLIENT,
  appidacr: '1',
  idtyp: 'app',
  oid: SERVICE_PRINCIPAL,
  roles: applicationOf2.roles,
  sub: SERVICE_PRINCIPAL,
};

describe('tokens', () => {
  let entra;
  let cluster;
  let deployment;

  before(async () => {
    entra = new TinyIssuer();
    cluster = new TinyIssuer('ES256');
    deployment = await deploy({
      issuers: [
        {
          issuer: version2.iss,
          aliases: [version1.iss],
          audiences: [version2.aud, version1.aud],
          jwks: entra.jwks,
        },
        {issuer: CLUSTER, audiences: ['threadstore'], jwks: cluster.jwks},
      ],
      tokens: [
        {
          sha256: createHash('sha256').update('a.secret.with.dots').digest('hex'),
          application: 'reporter',
          permissions: 'Group.Read.All',
        },
      ],
      grants: [
        {
          principal: `application:system:serviceaccount:${GRANTED_NAMESPACE}:*`,
          permissions: ['Threadstore.Admin', 'Group-Conversation.ReadWrite.All'],
        },
        {principal: 'application:system:serviceaccount:*:reader', permissions: 'Group.Read.All'},
      ],
    });
    await createGroup(deployment, entra.token(applicationOf2), TEAM);
  });
  after(async () => {
    await deployment?.stop();
    entra?.remove();
    cluster?.remove();
  });

  const succeed = async (method, token, request) => {
    const answer = await deployment.grpc(method, token, request);
    assert.equal(answer.code, Code.OK, `${method}: ${answer.message}`);
    return answer.response;
  };

  for (const [version, user, application] of [
    ['2.0', userOf2, applicationOf2],
    ['1.0', userOf1, applicationOf1],
  ]) {
    test(`of users of Entra ID, version ${version}`, async () => {
      const ann = entra.token(user);
      const me = await succeed('GroupService.GetUser', ann, {name: 'me'});
      assert.equal(me.id, ANN);
      assert.equal(me.display_name, 'Ann Lee');
      assert.equal(me.mail, 'ann@contoso.com');
      const {json} = await deployment.http('GET', '/v1.0/me', ann);
      assert.deepEqual([json.id, json.displayName], [ANN, 'Ann Lee']);
      const {code, reason} = await deployment.grpc('ThreadService.ListThreads', ann, {
        parent: `groups/${TEAM}`,
      });
      assert.equal(code, Code.PERMISSION_DENIED);
      assert.equal(reason, 'NOT_A_MEMBER');
    });

    test(`of applications of Entra ID, version ${version}`, async () => {
      const app = entra.token(application);
      const thread = await succeed('ThreadService.CreateThread', app, {
        parent: `groups/${TEAM}`,
        thread: {topic: `By an application, ${version}`},
      });
      assert.equal(thread.topic, `By an application, ${version}`);
      assert.equal((await deployment.http('GET', '/v1.0/groups', app)).status, 200);
      assert.equal((await deployment.http('GET', '/v1.0/me', app)).status, 400, 'it is no user');
    });
  }

  test('roles are for applications, scopes for users', async () => {
    const roles = ['Group.ReadWrite.All', 'Threadstore.Admin'];
    const ann = entra.token({...userOf2, scp: undefined, roles});
    const {code, reason} = await deployment.grpc('GroupService.ListGroups', ann);
    assert.equal(code, Code.PERMISSION_DENIED);
    assert.equal(reason, 'MISSING_PERMISSION');
  });

  test('of users whose object id is their subject, as in Azure AD B2C', async () => {
    const {azp, scp} = userOf2;
    const ofUser = {...version2, azp, oid: BOB, sub: BOB, tfp: 'B2C_1_signin'};
    for (const scopes of [{scp}, {scope: `openid ${scp}`}]) {
      const bob = entra.token({...ofUser, ...scopes, roles: ['Threadstore.Admin']});
      const me = await succeed('GroupService.GetUser', bob, {name: 'me'});
      assert.equal(me.id, BOB);
      const {reason} = await deployment.grpc('ThreadService.ListThreads', bob, {
        parent: `groups/${TEAM}`,
      });
      assert.equal(reason, 'NOT_A_MEMBER');
      const answer = await deployment.http('GET', `/v1.0/groups/${TEAM}/threads`, bob);
      assert.equal(answer.status, 403, answer.text);
    }
  });

  test('users are in the groups that their tokens name', async () => {
    const ann = entra.token({...userOf2, groups: [TEAM, 'a group elsewhere', 'none/at.all']});
    const parent = `me/joinedGroups/${TEAM}`;
    const thread = await succeed('ThreadService.CreateThread', ann, {
      parent,
      thread: {topic: 'By a claim', posts: [{body: {content: 'Hello'}}]},
    });
    assert.deepEqual(thread.unique_senders, ['Ann Lee']);
    const reply = await succeed('ThreadService.ReplyToThread', ann, {
      name: thread.name,
      post: {body: {content: 'Once more'}},
    });
    assert.deepEqual(reply.sender.email_address, {name: 'Ann Lee', address: 'ann@contoso.com'});
    const target = `/v1.0/groups/${TEAM}/threads/${thread.id}/reply`;
    const posted = await deployment.http('POST', target, ann, {
      body: {post: {body: {contentType: 'text', content: 'By HTTP'}}},
    });
    assert.equal(posted.status, 202, posted.text);
    const joined = await succeed('GroupService.ListJoinedGroups', ann, {parent: 'me'});
    assert.deepEqual(
      joined.groups.map(({id}) => id),
      [TEAM],
    );
    const {json} = await deployment.http('GET', '/v1.0/me/joinedGroups', ann);
    assert.deepEqual(
      json.value.map(({id}) => id),
      [TEAM],
    );
    const {members} = await succeed('GroupService.ListMembers', ann, {parent: `groups/${TEAM}`});
    assert.ok(!members.some(({id}) => id === ANN), 'the claim makes no member');
    const managing = entra.token({
      ...userOf2,
      groups: [TEAM],
      scp: 'Group.ReadWrite.All',
    });
    const added = await deployment.grpc('GroupService.AddMember', managing, {
      parent: `groups/${TEAM}`,
      member: {id: BOB},
    });
    assert.equal(added.code, Code.PERMISSION_DENIED, 'nor an owner');
  });

  test('with more groups than a token holds, members decide', async () => {
    const overage = {
      _claim_names: {groups: 'src1'},
      _claim_sources: {src1: {endpoint: `https://graph.microsoft.com/v1.0/users/${BOB}`}},
    };
    const bob = entra.token({...userOf2, ...overage, oid: BOB, name: 'Bob Roe'});
    const request = {parent: `groups/${TEAM}`};
    const refused = await deployment.grpc('ThreadService.ListThreads', bob, request);
    assert.equal(refused.reason, 'NOT_A_MEMBER');
    await succeed('GroupService.AddMember', entra.token(applicationOf2), {
      parent: `groups/${TEAM}`,
      member: {id: BOB},
    });
    await succeed('ThreadService.ListThreads', bob, request);
    const thread = await succeed('ThreadService.CreateThread', bob, {
      ...request,
      thread: {topic: 'By a member', posts: [{body: {content: 'Hello'}}]},
    });
    assert.deepEqual(thread.unique_senders, ['Bob Roe'], 'the store does not have his name');
  });

  test('200 groups, the most that a token holds, go through both faces', async () => {
    const others = Array.from({length: 199}, (_, i) => `${TEAM.slice(0, -3)}${i + 100}`);
    const ann = entra.token({...userOf2, groups: [...others, TEAM]});
    await succeed('ThreadService.ListThreads', ann, {parent: `groups/${TEAM}`});
    const {status} = await deployment.http('GET', `/v1.0/groups/${TEAM}/threads`, ann);
    assert.equal(status, 200);
  });

  test('of personal accounts are refused', async () => {
    const guest = entra.token({...userOf2, tid: PERSONAL_ACCOUNTS});
    assert.equal((await deployment.http('GET', '/v1.0/me', guest)).status, 401);
  });

  test('for Graph itself are refused', async () => {
    const graph = entra.token({...userOf1, aud: '00000003-0000-0000-c000-000000000000'});
    assert.equal((await deployment.http('GET', '/v1.0/me', graph)).status, 401);
  });

  test('of service accounts of Kubernetes have what is granted', async () => {
    const account = (namespace, name, claims) =>
      cluster.token(
        {
          aud: ['threadstore'],
          iss: CLUSTER,
          jti: '1b2f',
          'kubernetes.io': {
            namespace,
            node: {name: 'node-1', uid: '5d5c'},
            pod: {name: 'sender-7d9f', uid: '9f1c'},
            serviceaccount: {name, uid: '14ee3fa4'},
          },
          sub: `system:serviceaccount:${namespace}:${name}`,
          ...claims,
        },
        {typ: undefined},
      );
    const sender = account(GRANTED_NAMESPACE, 'sender');
    await succeed('GroupService.CreateGroup', sender, {
      group_id: 'k8s',
      group: {display_name: 'K'},
    });
    await succeed('ThreadService.CreateThread', sender, {
      parent: 'groups/k8s',
      thread: {topic: 'From a pod'},
    });
    const reader = account('elsewhere', 'reader');
    await succeed('ThreadService.ListThreads', reader, {parent: 'groups/k8s'});
    const writing = {parent: 'groups/k8s', thread: {topic: 'No'}};
    const refused = await deployment.grpc('ThreadService.CreateThread', reader, writing);
    assert.equal(refused.reason, 'MISSING_PERMISSION');
    const stranger = account('elsewhere', 'sender');
    assert.equal((await deployment.http('GET', '/v1.0/groups', stranger)).status, 403);
    const forTheCluster = account(GRANTED_NAMESPACE, 'sender', {aud: [CLUSTER]});
    assert.equal((await deployment.http('GET', '/v1.0/groups', forTheCluster)).status, 401);
  });

  test('that are shared secrets are taken beside those of issuers', async () => {
    const {status} = await deployment.http('GET', '/v1.0/groups', 'a.secret.with.dots');
    assert.equal(status, 200);
  });
});
