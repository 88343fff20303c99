// @pnp/graph against a real server. Its threads hang below conversations only.

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';

import {
  DefaultHeaders,
  DefaultInit,
  GraphCollection,
  GraphInstance,
  Paged,
  graphDelete,
  graphGet,
  graphPatch,
  graphPost,
  graphfi,
} from '@pnp/graph';
import '@pnp/graph/batching.js';
import '@pnp/graph/conversations/index.js';
import {GroupType} from '@pnp/graph/groups/index.js';
import '@pnp/graph/members/index.js';
import '@pnp/graph/users/index.js';
import {
  BrowserFetchWithRetry,
  BufferParse,
  DefaultParse,
  InjectHeaders,
  body,
} from '@pnp/queryable';

import {startServer} from './server.mjs';
import {startThrottle} from './throttle.mjs';

// The client of a user.
function connect(origin, user = 'ann') {
  const base = `${origin}/v1.0`;
  return graphfi(base).using(
    DefaultHeaders(),
    DefaultInit(base),
    BrowserFetchWithRetry(),
    DefaultParse(),
    InjectHeaders({'x-threadstore-user': user}),
  );
}

// What hangs at a path that it has no object for.
const at = (parent, path) => GraphInstance(parent, path);
const listAt = (parent, path) => GraphCollection(parent, path);

async function readAll(collection) {
  const items = [];
  for await (const page of collection) items.push(...page);
  return items;
}

// An error's status, and Graph's error in it.
async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error.isHttpRequestError, error.stack);
    return {status: error.status, ...(await error.response.json()).error};
  }
  throw new assert.AssertionError({message: 'it did not fail'});
}

const newPost = (content) => ({body: {contentType: 'text', content}});
const topicsOf = (items) => items.map(({topic}) => topic);

describe('pnp/graph', () => {
  let server;
  let client;
  let team;

  before(async () => {
    server = await startServer();
    client = connect(server.origin);
    await server.createGroup('team', {owners: ['ann'], members: ['bob'], mail: 'team@example.com'});
    team = client.groups.getById('team');
  });
  after(() => server?.stop());

  // A thread, with what it hangs at.
  async function createThread(topic, post = {}) {
    const {id, conversationId} = await server.createThread('ann', 'team', topic, post);
    const thread = (as = client) =>
      as.groups.getById('team').conversations.getById(conversationId).threads.getById(id);
    return {id, conversationId, thread};
  }

  test('creates a group', async () => {
    const group = await client.groups.add('A new group', 'new', GroupType.Office365, {
      description: 'Made by a client',
    });
    assert.deepEqual(group.groupTypes, ['Unified']);
    const got = await client.groups.getById(group.id)();
    assert.equal(got.displayName, 'A new group');
    assert.equal(got.mailNickname, 'new');
    await client.groups.getById(group.id).update({displayName: 'A renamed group'});
    assert.equal((await client.groups.getById(group.id)()).displayName, 'A renamed group');
    await client.groups.getById(group.id).delete();
  });

  test('creates a conversation, and a thread in it', async () => {
    const conversation = await team.conversations.add({
      topic: 'Travel',
      threads: [{posts: [newPost('By train')]}],
    });
    const path = team.conversations.getById(conversation.id);
    const thread = await path.threads.add({posts: [newPost('By bus')]});
    assert.equal(thread.topic, 'Travel');
    const threads = await path.threads();
    assert.deepEqual(
      threads.map(({id}) => id).sort(),
      [conversation.threads[0].id, thread.id].sort(),
    );
    const got = await path.threads.getById(thread.id)();
    assert.equal(got.preview, 'By bus');
    assert.ok(!('toRecipients' in got));
    assert.deepEqual(
      // An object keeps what it was told to select.
      await team.conversations
        .getById(conversation.id)
        .select('topic')()
        .then(({topic, preview}) => ({topic, preview})),
      {topic: 'Travel', preview: undefined},
    );
    const listed = await team.conversations.filter("topic eq 'Travel'")();
    assert.deepEqual(
      listed.map(({id}) => id),
      [conversation.id],
    );

    await path.threads.getById(thread.id).delete();
    assert.equal((await failureOf(path.threads.getById(thread.id)())).status, 404);
    await path.delete();
    assert.equal((await failureOf(path())).status, 404);
  });

  test('creates a thread of a group', async () => {
    const thread = await graphPost(
      listAt(team, 'threads'),
      body({
        topic: 'Lunch',
        posts: [{...newPost('Where?'), newParticipants: [{emailAddress: {address: 'eve@x.org'}}]}],
      }),
    );
    assert.deepEqual(
      thread.toRecipients.map((to) => to.emailAddress.address),
      ['eve@x.org'],
    );
    assert.equal((await graphGet(at(team, `threads/${thread.id}`))).topic, 'Lunch');
  });

  test('pages to the end of hundreds of threads', async () => {
    await server.createGroup('many', {owners: ['ann']});
    await server.createThreads('ann', 'many', 230, (i) => `Topic ${i}`);
    const many = client.groups.getById('many');
    const expected = Array.from({length: 230}, (_, i) => `Topic ${i}`).sort();
    const threads = await readAll(listAt(many, 'threads').top(7).select('id', 'topic'));
    assert.deepEqual(topicsOf(threads).sort(), expected);
    const conversations = await readAll(many.conversations.top(30));
    assert.deepEqual(topicsOf(conversations).sort(), expected);
  });

  test('asks in what order, how many, which, and with what', async () => {
    await server.createGroup('query', {owners: ['ann']});
    for (const topic of ['Berlin', 'Athens', "Cologne's & more"]) {
      await server.createThread('ann', 'query', topic);
    }
    const group = client.groups.getById('query');
    const threads = () => listAt(group, 'threads');
    assert.deepEqual(topicsOf(await threads().orderBy('topic', false)()), [
      "Cologne's & more",
      'Berlin',
      'Athens',
    ]);
    assert.deepEqual(topicsOf(await threads().top(1).skip(1).orderBy('topic')()), ['Berlin']);
    assert.deepEqual(
      topicsOf(await threads().filter("topic eq 'Cologne''s & more' and isLocked eq false")()),
      ["Cologne's & more"],
    );
    assert.deepEqual(
      topicsOf(await threads().filter("uniqueSenders/any(s:s eq 'ann')").orderBy('topic')()),
      ['Athens', 'Berlin', "Cologne's & more"],
    );
    assert.deepEqual(topicsOf(await threads().search('"about athens"')()), ['Athens']);
    const expanded = await threads().expand('posts').orderBy('topic')();
    assert.deepEqual(
      expanded.map(({posts}) => posts.map(({body}) => body.content)),
      [['About Athens'], ['About Berlin'], ["About Cologne's & more"]],
    );
    const counted = threads().top(1).using(Paged(true));
    counted.query.set('$count', 'true');
    assert.equal((await counted()).count, 3);
  });

  test('replies to threads and posts, and forwards', async () => {
    const {thread} = await createThread('Replies');
    await thread().reply(newPost('A first reply'));
    const posts = await thread().posts();
    assert.deepEqual(
      posts.map(({body, from}) => [body.content, from.emailAddress.address]),
      [
        ['About Replies', 'team@example.com'],
        ['A first reply', 'team@example.com'],
      ],
    );
    const post = (as) => thread(as).posts.getById(posts[1].id);
    await post(connect(server.origin, 'bob')).reply(newPost('A second'));
    await post(client).forward({
      comment: 'Look',
      toRecipients: [{emailAddress: {address: 'eve@x.org'}}],
    });
    const [last] = await thread()
      .posts.expand('inReplyTo')
      .orderBy('createdDateTime', false)
      .top(1)();
    assert.equal(last.body.content, 'A second');
    assert.equal(last.sender.emailAddress.name, 'bob');
    assert.equal(last.inReplyTo.id, posts[1].id);
  });

  test('locks a thread, which takes no reply then', async () => {
    const {thread} = await createThread('Locked');
    assert.equal((await graphPatch(thread(), body({isLocked: true}))).isLocked, true);
    const {status, code} = await failureOf(thread().reply(newPost('Late')));
    assert.deepEqual({status, code}, {status: 423, code: 'ErrorThreadLocked'});
    assert.equal((await graphPatch(thread(), body({isLocked: false}))).isLocked, false);
    await thread().reply(newPost('In time'));
  });

  test('attaches files', async () => {
    const content = Buffer.from('Grüße\0!');
    const {thread} = await createThread('Files');
    await thread().reply({
      ...newPost('Attached'),
      attachments: [
        {
          '@odata.type': '#microsoft.graph.fileAttachment',
          name: 'greeting.txt',
          contentType: 'text/plain',
          contentBytes: content.toString('base64'),
        },
      ],
    });
    const post = (await thread().posts.expand('attachments')())[1];
    assert.equal(post.hasAttachments, true);
    assert.equal(post.attachments[0].contentBytes, content.toString('base64'));
    const attachments = listAt(thread().posts.getById(post.id), 'attachments');
    const [listed] = await attachments();
    assert.equal(listed.contentBytes, content.toString('base64'));
    const bytes = await at(attachments, `${listed.id}/$value`).using(BufferParse())();
    assert.ok(content.equals(Buffer.from(bytes)));
  });

  test('extends posts', async () => {
    const {thread} = await createThread('Extensions');
    const [{id}] = await thread().posts();
    const extensions = () => listAt(thread().posts.getById(id), 'extensions');
    const created = await graphPost(
      extensions(),
      body({
        '@odata.type': 'microsoft.graph.openTypeExtension',
        extensionName: 'com.example.rating',
        stars: 4,
      }),
    );
    assert.equal(created.stars, 4);
    const extension = () => at(extensions(), 'com.example.rating');
    assert.equal((await graphPatch(extension(), body({stars: 5}))).stars, 5);
    assert.equal((await extension()()).stars, 5);
    await graphDelete(extension());
    assert.deepEqual(await extensions()(), []);
  });

  test('tells what was wrong', async () => {
    const unknown = team.conversations.getById('0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b');
    const notFound = await failureOf(unknown());
    assert.equal(notFound.status, 404);
    assert.equal(notFound.code, 'ErrorItemNotFound');
    assert.ok(notFound.message);
    assert.match(notFound.innerError['request-id'], /^[0-9a-f-]{36}$/);
    await assert.rejects(unknown(), /ErrorItemNotFound/);

    const wrong = await failureOf(team.conversations.add({topic: 'T', colour: 'red'}));
    assert.equal(wrong.status, 400);
    assert.match(wrong.message, /colour/);

    // What it has methods for, and Graph has not.
    assert.equal((await failureOf(unknown.update({topic: 'T'}))).status, 405);
    const {thread} = await createThread('Posts');
    assert.equal((await failureOf(thread().posts.add(newPost('Hi')))).status, 405);
  });

  test('comes back after 429 and 503, and is served once', async () => {
    const throttle = await startThrottle(server, [429, 503]);
    try {
      const conversation = await connect(throttle.origin)
        .groups.getById('team')
        .conversations.add({topic: 'Throttled', threads: [{posts: [newPost('Once')]}]});
      assert.deepEqual(
        throttle.attempts.map(({refused}) => refused),
        [429, 503, undefined],
      );
      const listed = await team.conversations.filter("topic eq 'Throttled'")();
      assert.deepEqual(
        listed.map(({id}) => id),
        [conversation.id],
      );
    } finally {
      await throttle.close();
    }
  });

  describe('in batches', () => {
    test('sends twenty requests', async () => {
      await server.createGroup('batch', {owners: ['ann']});
      const [batched, execute] = client.batched();
      const conversations = () => batched.groups.getById('batch').conversations;
      const answers = Array.from({length: 20}, (_, i) =>
        conversations().add({topic: `Topic ${i}`, threads: [{posts: [newPost('Hi')]}]}),
      );
      await execute();
      assert.deepEqual(
        topicsOf(await Promise.all(answers)),
        Array.from({length: 20}, (_, i) => `Topic ${i}`),
      );
    });

    test('tells which request failed', async () => {
      const {thread} = await createThread('In a batch');
      const [batched, execute] = client.batched();
      const got = thread(batched)();
      const missing = failureOf(
        batched.groups
          .getById('team')
          .conversations.getById('0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b')(),
      );
      const reply = thread(batched).reply(newPost('In a batch'));
      await execute();
      assert.equal((await got).topic, 'In a batch');
      assert.equal((await missing).status, 404);
      await reply;
      assert.equal((await thread().posts()).length, 2);
    });

    // It has no way to say what depends on what.
    test('leaves out what depends on a failure', async () => {
      const {id, thread} = await createThread('Chain');
      const url = `/groups/team/threads/${id}`;
      const reply = {
        method: 'POST',
        url: `${url}/reply`,
        headers: {'Content-Type': 'application/json'},
        body: {post: newPost('In a chain')},
      };
      const {responses} = await graphPost(
        GraphInstance([client.groups, `${server.origin}/v1.0`], '$batch'),
        body({
          requests: [
            {id: '1', ...reply},
            {id: '2', method: 'DELETE', url: `${url}x`, dependsOn: ['1']},
            {id: '3', ...reply, dependsOn: ['2']},
            {id: '4', method: 'GET', url, dependsOn: ['3']},
          ],
        }),
      );
      const statuses = Object.fromEntries(responses.map(({id, status}) => [id, status]));
      assert.deepEqual(statuses, {1: 202, 2: 400, 3: 424, 4: 424});
      assert.equal((await thread().posts()).length, 2);
    });
  });

  test('says who may post', async () => {
    await server.createGroup('senders', {owners: ['ann'], members: ['bob', 'cy']});
    const group = client.groups.getById('senders');
    const bob = 'https://graph.microsoft.com/v1.0/users/bob';
    const post = (user) =>
      connect(server.origin, user)
        .groups.getById('senders')
        .conversations.add({topic: 'T', threads: [{posts: [newPost('Hi')]}]});

    await group.rejectedSenders.add(bob);
    assert.deepEqual(
      (await group.rejectedSenders()).map(({id}) => id),
      ['bob'],
    );
    assert.equal((await failureOf(post('bob'))).status, 403);
    await group.rejectedSenders.remove(bob);
    await post('bob');

    await group.acceptedSenders.add(bob);
    await post('bob');
    assert.equal((await failureOf(post('cy'))).status, 403);
    await group.acceptedSenders.remove(bob);
    await post('cy');
  });

  test('says who is in a group, and which groups someone is in', async () => {
    await server.createGroup('people', {owners: ['ann']});
    const group = client.groups.getById('people');
    const dan = 'https://graph.microsoft.com/v1.0/users/dan';
    await group.members.add(dan);
    await group.owners.add(dan);
    const ids = async (collection) => (await collection()).map(({id}) => id).sort();
    assert.deepEqual(await ids(group.members), ['ann', 'dan']);
    assert.deepEqual(await ids(group.owners), ['ann', 'dan']);

    const asDan = connect(server.origin, 'dan');
    assert.equal((await asDan.me()).id, 'dan');
    assert.deepEqual(await ids(asDan.me.memberOf), ['people']);
    assert.deepEqual(await ids(listAt(asDan.me, 'joinedGroups')), ['people']);
    assert.deepEqual(await ids(listAt(asDan.users.getById('dan'), 'joinedGroups')), ['people']);

    await group.owners.getById('dan').remove();
    await group.members.getById('dan').remove();
    assert.deepEqual(await ids(group.members), ['ann']);
  });

  test('follows changes', async () => {
    await server.createGroup('delta', {owners: ['ann']});
    await server.createThreads('ann', 'delta', 25, (i) => `Topic ${i}`);
    const group = client.groups.getById('delta');
    const follow = async (collection) => {
      const items = [];
      let page = await collection.using(Paged())();
      items.push(...page.value);
      while (page.hasNext) {
        page = await GraphCollection([collection, page.nextLink]).using(Paged())();
        items.push(...page.value);
      }
      return {items, next: GraphCollection([collection, page.deltaLink])};
    };
    const first = await follow(listAt(group, 'threads/delta').top(10));
    assert.equal(new Set(first.items.map(({id}) => id)).size, 25);

    const [locked, deleted] = first.items;
    await graphPatch(at(group, `threads/${locked.id}`), body({isLocked: true}));
    await graphDelete(at(group, `threads/${deleted.id}`));
    const changes = await follow(first.next);
    assert.deepEqual(
      changes.items.map((item) => ['@removed' in item, item.id, item.isLocked]),
      [
        [false, locked.id, true],
        [true, deleted.id, undefined],
      ],
    );
    assert.deepEqual((await follow(changes.next)).items, []);
  });
});

test('pnp/graph starts over with a token that has expired', async () => {
  const server = await startServer({flags: ['--max_changes=1']});
  try {
    const client = connect(server.origin);
    await server.createGroup('delta', {owners: ['ann']});
    const changes = listAt(client.groups.getById('delta'), 'threads/delta');
    const {deltaLink} = await GraphCollection(changes).using(Paged())();
    let expired;
    while (!expired) {
      await server.createThreads('ann', 'delta', 20, (i) => `Topic ${i}`);
      await GraphCollection([changes, deltaLink])().catch((error) => (expired = error));
    }
    assert.equal(expired.status, 410);
    assert.match(expired.message, /syncStateNotFound/);
    const again = GraphCollection([changes, expired.response.headers.get('location')]);
    assert.ok((await again()).length > 0);
  } finally {
    await server.stop();
  }
});
