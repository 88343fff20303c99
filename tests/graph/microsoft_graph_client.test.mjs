// @microsoft/microsoft-graph-client against a real server. It sends a token over TLS only, so run
// this under with_certificate.mjs.

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';

import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  PageIterator,
  ResponseType,
} from '@microsoft/microsoft-graph-client';

import {startServer, trustedCertificate} from './server.mjs';
import {startThrottle} from './throttle.mjs';

// The client of a user.
function connect(origin, user = 'ann') {
  return Client.init({
    baseUrl: origin,
    customHosts: new Set(['127.0.0.1']),
    authProvider: (done) => done(null, 'a token'),
    fetchOptions: {headers: {'x-threadstore-user': user}},
  });
}

async function readAll(client, firstPage) {
  const items = [];
  const iterator = new PageIterator(client, firstPage, (item) => items.push(item) > 0);
  await iterator.iterate();
  assert.ok(iterator.isComplete());
  return {items, deltaLink: iterator.getDeltaLink()};
}

const newPost = (content) => ({body: {contentType: 'text', content}});

describe('microsoft-graph-client', () => {
  let server;
  let client;

  before(async () => {
    server = await startServer({certificate: trustedCertificate()});
    client = connect(server.origin);
    await server.createGroup('team', {owners: ['ann'], members: ['bob'], mail: 'team@example.com'});
    await server.createGroup('many', {owners: ['ann']});
  });
  after(() => server?.stop());

  test('creates, gets and deletes a thread of a group', async () => {
    const created = await client.api('/groups/team/threads').post({
      topic: 'Lunch',
      posts: [{...newPost('Where?'), newParticipants: [{emailAddress: {address: 'eve@x.org'}}]}],
    });
    assert.equal(created.topic, 'Lunch');
    assert.equal(created['@odata.type'], '#microsoft.graph.conversationThread');
    assert.deepEqual(
      created.toRecipients.map((to) => to.emailAddress.address),
      ['eve@x.org'],
    );

    const thread = client.api(`/groups/team/threads/${created.id}`);
    const got = await thread.get();
    assert.equal(got.preview, 'Where?');
    assert.deepEqual(got.uniqueSenders, ['ann']);
    assert.equal(got.isLocked, false);
    assert.ok(!('toRecipients' in got));

    await thread.delete();
    await assert.rejects(thread.get(), {statusCode: 404});
  });

  test('creates a conversation, and a thread in it', async () => {
    const conversation = await client.api('/groups/team/conversations').post({
      topic: 'Travel',
      threads: [{posts: [newPost('By train')]}],
    });
    assert.equal(conversation.threads.length, 1);
    const path = `/groups/team/conversations/${conversation.id}`;
    const thread = await client.api(`${path}/threads`).post({posts: [newPost('By bus')]});
    assert.equal(thread.topic, 'Travel');

    const threads = await client.api(`${path}/threads`).get();
    assert.deepEqual(
      threads.value.map(({id}) => id).sort(),
      [conversation.threads[0].id, thread.id].sort(),
    );
    const got = await client.api(path).select('topic,uniqueSenders').get();
    assert.equal(got.topic, 'Travel');
    assert.ok(!('preview' in got));

    const listed = await client.api('/groups/team/conversations').filter("topic eq 'Travel'").get();
    assert.deepEqual(
      listed.value.map(({id}) => id),
      [conversation.id],
    );

    await client.api(path).delete();
    await assert.rejects(client.api(path).get(), {statusCode: 404, code: 'ErrorItemNotFound'});
  });

  test('pages to the end of hundreds of threads', async () => {
    await server.createThreads('ann', 'many', 230, (i) => `Topic ${i}`);
    const {items} = await readAll(
      client,
      await client.api('/groups/many/threads').top(7).select('id', 'topic').get(),
    );
    assert.deepEqual(
      items.map(({topic}) => topic).sort(),
      Array.from({length: 230}, (_, i) => `Topic ${i}`).sort(),
    );
  });

  test('asks in what order, how many, which, and with what', async () => {
    await server.createGroup('query', {owners: ['ann']});
    for (const topic of ['Berlin', 'Athens', "Cologne's"]) {
      await server.createThread('ann', 'query', topic);
    }
    const threads = () => client.api('/groups/query/threads');

    const sorted = await threads().orderby('topic desc').get();
    assert.deepEqual(
      sorted.value.map(({topic}) => topic),
      ["Cologne's", 'Berlin', 'Athens'],
    );

    const page = await threads().top(1).skip(1).orderby('topic').count().get();
    assert.deepEqual(
      page.value.map(({topic}) => topic),
      ['Berlin'],
    );
    assert.equal(page['@odata.count'], 3);

    const filtered = await threads().filter("topic eq 'Cologne''s' and isLocked eq false").get();
    assert.deepEqual(
      filtered.value.map(({topic}) => topic),
      ["Cologne's"],
    );

    const found = await threads().search('"about athens"').get();
    assert.deepEqual(
      found.value.map(({topic}) => topic),
      ['Athens'],
    );

    const selected = await threads().select('topic,toRecipients').orderby('topic').top(1).get();
    assert.deepEqual(
      Object.keys(selected.value[0]).filter((name) => !name.startsWith('@')),
      ['toRecipients', 'topic'],
    );

    const expanded = await threads().expand('posts').orderby('topic').get();
    assert.deepEqual(
      expanded.value.map(({posts}) => posts.map(({body}) => body.content)),
      [['About Athens'], ['About Berlin'], ["About Cologne's"]],
    );
    assert.equal(
      await threads()
        .version('beta')
        .top(1)
        .get()
        .then(({value}) => value.length),
      1,
    );
    assert.equal(await client.api('/groups/query/threads/$count').get(), '3');
  });

  test('replies to threads and posts, and forwards', async () => {
    const {id} = await server.createThread('ann', 'team', 'Replies');
    const path = `/groups/team/threads/${id}`;
    await client.api(`${path}/reply`).post({post: newPost('A first reply')});
    const posts = await client.api(`${path}/posts`).get();
    assert.deepEqual(
      posts.value.map(({body, from, sender}) => [
        body.content,
        from.emailAddress.address,
        sender.emailAddress.name,
      ]),
      [
        ['About Replies', 'team@example.com', 'ann'],
        ['A first reply', 'team@example.com', 'ann'],
      ],
    );
    const post = `${path}/posts/${posts.value[1].id}`;
    await connect(server.origin, 'bob')
      .api(`${post}/reply`)
      .post({post: newPost('A second')});
    await client.api(`${post}/forward`).post({
      comment: 'Look',
      toRecipients: [{emailAddress: {address: 'eve@x.org'}}],
    });
    const [last] = await client
      .api(`${path}/posts`)
      .expand('inReplyTo')
      .orderby('createdDateTime desc')
      .top(1)
      .get()
      .then(({value}) => value);
    assert.equal(last.body.content, 'A second');
    assert.equal(last.inReplyTo.id, posts.value[1].id);
    assert.deepEqual((await client.api(path).get()).uniqueSenders, ['ann', 'bob']);
  });

  test('locks a thread, which takes no reply then', async () => {
    const {id} = await server.createThread('ann', 'team', 'Locked');
    const thread = client.api(`/groups/team/threads/${id}`);
    assert.equal((await thread.patch({isLocked: true})).isLocked, true);
    const reply = () =>
      client.api(`/groups/team/threads/${id}/reply`).post({post: newPost('Too late')});
    await assert.rejects(reply, {statusCode: 423, code: 'ErrorThreadLocked'});
    assert.equal((await thread.patch({isLocked: false})).isLocked, false);
    await reply();
  });

  test('attaches files', async () => {
    const contentBytes = Buffer.from('Grüße\0!').toString('base64');
    const file = {
      '@odata.type': '#microsoft.graph.fileAttachment',
      name: 'greeting.txt',
      contentType: 'text/plain',
      contentBytes,
    };
    const {id} = await client.api('/groups/team/threads').post({
      topic: 'Files',
      posts: [{...newPost('Attached'), attachments: [file]}],
    });
    const path = `/groups/team/threads/${id}/posts`;
    const [post] = (await client.api(path).expand('attachments').get()).value;
    assert.equal(post.hasAttachments, true);
    assert.equal(post.attachments[0].contentBytes, contentBytes);

    const attachments = `${path}/${post.id}/attachments`;
    const [listed] = (await client.api(attachments).get()).value;
    assert.equal(listed['@odata.type'], '#microsoft.graph.fileAttachment');
    assert.equal(listed.contentBytes, contentBytes);
    const bytes = await client
      .api(`${attachments}/${listed.id}/$value`)
      .responseType(ResponseType.ARRAYBUFFER)
      .get();
    assert.equal(Buffer.from(bytes).toString('base64'), contentBytes);
  });

  test('extends posts', async () => {
    const {id} = await server.createThread('ann', 'team', 'Extensions');
    const [post] = (await client.api(`/groups/team/threads/${id}/posts`).get()).value;
    const extensions = `/groups/team/threads/${id}/posts/${post.id}/extensions`;
    const created = await client.api(extensions).post({
      '@odata.type': 'microsoft.graph.openTypeExtension',
      extensionName: 'com.example.rating',
      stars: 4,
    });
    assert.equal(created.id, 'microsoft.graph.openTypeExtension.com.example.rating');
    const path = `${extensions}/com.example.rating`;
    assert.equal((await client.api(path).patch({stars: 5})).stars, 5);
    assert.equal((await client.api(`${extensions}/${created.id}`).get()).stars, 5);
    await client.api(path).delete();
    assert.deepEqual((await client.api(extensions).get()).value, []);
  });

  test('tells what was wrong', async () => {
    const unknown = client.api('/groups/team/threads/0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b');
    await assert.rejects(unknown.get(), (error) => {
      assert.equal(error.statusCode, 404);
      assert.equal(error.code, 'ErrorItemNotFound');
      assert.match(error.message, /not found|does not exist|no such/i);
      assert.match(error.requestId, /^[0-9a-f-]{36}$/);
      assert.equal(error.requestId, error.headers.get('request-id'));
      assert.ok(error.date.getTime() > 0);
      return true;
    });
    await assert.rejects(client.api('/groups/team/threads').post({topic: 'T', colour: 'red'}), {
      statusCode: 400,
      code: 'BadRequest',
      message: /colour/,
    });
    await assert.rejects(client.api('/groups/team/threads').filter('topic is good').get(), {
      statusCode: 400,
    });
    await assert.rejects(connect(server.origin, 'eve').api('/groups/team/threads').get(), {
      statusCode: 403,
      code: 'ErrorAccessDenied',
    });
  });

  test('comes back after 429 and 503, and is served once', async () => {
    const throttle = await startThrottle(server, [429, 503]);
    try {
      const throttled = connect(throttle.origin);
      const created = await throttled.api('/groups/team/threads').post({
        topic: 'Throttled',
        posts: [newPost('Once')],
      });
      assert.deepEqual(
        throttle.attempts.map(({refused}) => refused),
        [429, 503, undefined],
      );
      assert.equal(throttle.attempts[2].headers['retry-attempt'], '2');
      const listed = await client.api('/groups/team/threads').filter("topic eq 'Throttled'").get();
      assert.deepEqual(
        listed.value.map(({id}) => id),
        [created.id],
      );
    } finally {
      await throttle.close();
    }
  });

  test('says its token over TLS, and gets its request id back', async () => {
    const throttle = await startThrottle(server, []);
    try {
      const response = await connect(throttle.origin)
        .api('/groups/team')
        .responseType(ResponseType.RAW)
        .get();
      const {headers} = throttle.attempts[0];
      assert.equal(headers.authorization, 'Bearer a token');
      assert.equal(response.headers.get('client-request-id'), headers['client-request-id']);
      assert.notEqual(response.headers.get('request-id'), headers['client-request-id']);
    } finally {
      await throttle.close();
    }
  });

  describe('in batches', () => {
    const step = (id, method, path, body, dependsOn) => ({
      id,
      // Only what comes after the host is taken of it.
      request: new Request(`https://graph.microsoft.com${path}`, {
        method,
        ...(body && {body: JSON.stringify(body), headers: {'Content-Type': 'application/json'}}),
      }),
      ...(dependsOn && {dependsOn}),
    });
    const send = async (steps) => {
      const content = await new BatchRequestContent(steps).getContent();
      return new BatchResponseContent(await client.api('/$batch').post(content));
    };

    test('sends twenty requests', async () => {
      await server.createGroup('batch', {owners: ['ann']});
      const answers = await send(
        Array.from({length: 20}, (_, i) =>
          step(`${i}`, 'POST', '/groups/batch/threads', {topic: `${i}`, posts: [newPost('Hi')]}),
        ),
      );
      for (let i = 0; i < 20; ++i) {
        const answer = answers.getResponseById(`${i}`);
        assert.equal(answer.status, 201);
        assert.equal((await answer.json()).topic, `${i}`);
      }
    });

    test('leaves out what depends on a failure', async () => {
      const {id} = await server.createThread('ann', 'team', 'Chain');
      const reply = {post: newPost('In a chain')};
      const answers = await send([
        step('1', 'POST', `/groups/team/threads/${id}/reply`, reply),
        step('2', 'DELETE', '/groups/team/threads/0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', null, [
          '1',
        ]),
        step('3', 'POST', `/groups/team/threads/${id}/reply`, reply, ['2']),
        step('4', 'GET', `/groups/team/threads/${id}`, null, ['3']),
      ]);
      const statuses = ['1', '2', '3', '4'].map((step) => answers.getResponseById(step).status);
      assert.deepEqual(statuses, [202, 404, 424, 424]);
      const posts = await client.api(`/groups/team/threads/${id}/posts`).get();
      assert.equal(posts.value.length, 2);
    });
  });

  test('says who may post', async () => {
    await server.createGroup('senders', {owners: ['ann'], members: ['bob', 'cy']});
    const senders = client.api('/groups/senders/rejectedSenders/$ref');
    const bob = 'https://graph.microsoft.com/v1.0/users/bob';
    await senders.post({'@odata.id': bob});
    const post = () =>
      connect(server.origin, 'bob')
        .api('/groups/senders/threads')
        .post({topic: 'T', posts: [newPost('Hi')]});
    await assert.rejects(post, {statusCode: 403});
    const listed = await client.api('/groups/senders/rejectedSenders').get();
    assert.deepEqual(
      listed.value.map(({id}) => id),
      ['bob'],
    );
    await client.api('/groups/senders/rejectedSenders/$ref').query({$id: bob}).delete();
    await post();

    await client.api('/groups/senders/acceptedSenders/$ref').post({'@odata.id': bob});
    await post();
    await assert.rejects(
      connect(server.origin, 'cy')
        .api('/groups/senders/threads')
        .post({topic: 'T', posts: [newPost('Hi')]}),
      {statusCode: 403},
    );
  });

  test('says who is in a group, and which groups someone is in', async () => {
    await server.createGroup('people', {owners: ['ann']});
    const dan = 'https://graph.microsoft.com/v1.0/directoryObjects/dan';
    await client.api('/groups/people/members/$ref').post({'@odata.id': dan});
    const ids = async (path) => (await client.api(path).get()).value.map(({id}) => id).sort();
    assert.deepEqual(await ids('/groups/people/members'), ['ann', 'dan']);
    await client.api('/groups/people/owners/$ref').post({'@odata.id': dan});
    assert.deepEqual(await ids('/groups/people/owners'), ['ann', 'dan']);

    const asDan = connect(server.origin, 'dan');
    assert.equal((await asDan.api('/me').get()).id, 'dan');
    for (const path of ['/me/joinedGroups', '/me/memberOf', '/users/dan/joinedGroups']) {
      const groups = (await asDan.api(path).get()).value;
      assert.deepEqual(
        groups.map(({id}) => id),
        ['people'],
        path,
      );
    }
    await asDan.api('/me/joinedGroups/people/threads').post({
      topic: 'Mine',
      posts: [newPost('Hi')],
    });

    await client.api('/groups/people/owners/dan/$ref').delete();
    await client.api('/groups/people/members/dan/$ref').delete();
    assert.deepEqual(await ids('/groups/people/members'), ['ann']);
  });

  test('follows changes', async () => {
    await server.createGroup('delta', {owners: ['ann']});
    await server.createThreads('ann', 'delta', 25, (i) => `Topic ${i}`);
    const first = await client.api('/groups/delta/threads/delta').top(10).get();
    const {items, deltaLink} = await readAll(client, first);
    assert.equal(new Set(items.map(({id}) => id)).size, 25);

    const [locked, deleted] = items;
    await client.api(`/groups/delta/threads/${locked.id}`).patch({isLocked: true});
    await client.api(`/groups/delta/threads/${deleted.id}`).delete();
    const added = await server.createThread('ann', 'delta', 'New');
    const changes = await readAll(client, await client.api(deltaLink).get());
    assert.deepEqual(
      changes.items.map((item) => ['@removed' in item, item.id, item.isLocked]),
      [
        [false, locked.id, true],
        [true, deleted.id, undefined],
        [false, added.id, false],
      ],
    );
    const none = await readAll(client, await client.api(changes.deltaLink).get());
    assert.deepEqual(none.items, []);
  });
});

test('microsoft-graph-client starts over with a token that has expired', async () => {
  const server = await startServer({certificate: trustedCertificate(), flags: ['--max_changes=1']});
  try {
    const client = connect(server.origin);
    await server.createGroup('delta', {owners: ['ann']});
    const {deltaLink} = await readAll(
      client,
      await client.api('/groups/delta/threads/delta').get(),
    );
    const isExpired = async () => {
      await server.createThreads('ann', 'delta', 20, (i) => `Topic ${i}`);
      try {
        await client.api(deltaLink).get();
        return undefined;
      } catch (error) {
        return error;
      }
    };
    let error;
    while (!(error = await isExpired()));
    assert.equal(error.statusCode, 410);
    assert.equal(error.code, 'syncStateNotFound');
    const again = await readAll(client, await client.api(error.headers.get('location')).get());
    assert.ok(again.items.length > 0);
  } finally {
    await server.stop();
  }
});
