// @microsoft/msgraph-sdk against a real server.

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';

import {HttpMethod} from '@microsoft/kiota-abstractions';
import {HttpClient, MiddlewareFactory} from '@microsoft/kiota-http-fetchlibrary';
import {BatchRequestContent} from '@microsoft/msgraph-sdk-core';
import * as models from '@microsoft/msgraph-sdk/models/index.js';

import {Connection, createDeltaOf, errors, serializeForward, serializeReply} from './kiota.mjs';
import {startServer} from './server.mjs';
import {startThrottle} from './throttle.mjs';

const createThread = models.createConversationThreadFromDiscriminatorValue;
const createThreads = models.createConversationThreadCollectionResponseFromDiscriminatorValue;
const createPosts = models.createPostCollectionResponseFromDiscriminatorValue;
const createChanges = createDeltaOf(createThread);

const newPost = (content) => ({body: {contentType: 'text', content}});
const topicsOf = ({value}) => value.map(({topic}) => topic);

describe('msgraph-sdk', () => {
  let server;
  let ann;

  before(async () => {
    server = await startServer();
    ann = new Connection(server.origin);
    await server.createGroup('team', {owners: ['ann'], members: ['bob'], mail: 'team@example.com'});
  });
  after(() => server?.stop());

  test('creates, gets and deletes a thread of a group', async () => {
    const created = await ann.send(createThread, HttpMethod.POST, '/groups/{group}/threads', {
      keys: {group: 'team'},
      body: [
        {
          topic: 'Lunch',
          posts: [
            {...newPost('Where?'), newParticipants: [{emailAddress: {address: 'eve@x.org'}}]},
          ],
        },
        models.serializeConversationThread,
      ],
    });
    assert.equal(created.topic, 'Lunch');
    assert.equal(created.toRecipients[0].emailAddress.address, 'eve@x.org');
    assert.ok(created.lastDeliveredDateTime.getTime() > 0);

    const keys = {group: 'team', thread: created.id};
    const got = await ann.get(createThread, '/groups/{group}/threads/{thread}', {keys});
    assert.equal(got.preview, 'Where?');
    assert.deepEqual(got.uniqueSenders, ['ann']);
    assert.equal(got.toRecipients, undefined);

    await ann.run(HttpMethod.DELETE, '/groups/{group}/threads/{thread}', {keys});
    await assert.rejects(ann.get(createThread, '/groups/{group}/threads/{thread}', {keys}), {
      responseStatusCode: 404,
    });
  });

  test('sends back what it has read', async () => {
    const {id} = await server.createThread('ann', 'team', 'Echo', {
      newParticipants: [{emailAddress: {name: 'Eve', address: 'eve@x.org'}}],
    });
    const keys = {group: 'team', thread: id};
    const query = {select: ['*', 'toRecipients', 'ccRecipients'], expand: ['posts']};
    const read = await ann.get(createThread, '/groups/{group}/threads/{thread}', {keys, query});
    const copy = await ann.send(createThread, HttpMethod.POST, '/groups/{group}/threads', {
      keys,
      body: [read, models.serializeConversationThread],
    });
    assert.notEqual(copy.id, id);
    assert.equal(copy.preview, 'About Echo');
    assert.equal(copy.toRecipients[0].emailAddress.name, 'Eve');
  });

  test('creates a conversation, and a thread in it', async () => {
    const createConversation = models.createConversationFromDiscriminatorValue;
    const conversation = await ann.send(
      createConversation,
      HttpMethod.POST,
      '/groups/{group}/conversations',
      {
        keys: {group: 'team'},
        body: [
          {topic: 'Travel', threads: [{posts: [newPost('By train')]}]},
          models.serializeConversation,
        ],
      },
    );
    const keys = {group: 'team', conversation: conversation.id};
    const path = '/groups/{group}/conversations/{conversation}';
    const thread = await ann.send(createThread, HttpMethod.POST, `${path}/threads`, {
      keys,
      body: [{posts: [newPost('By bus')]}, models.serializeConversationThread],
    });
    const {value} = await ann.get(createThreads, `${path}/threads`, {keys});
    assert.deepEqual(
      value.map(({id}) => id).sort(),
      [conversation.threads[0].id, thread.id].sort(),
    );
    const got = await ann.get(createConversation, path, {keys, query: {select: ['topic']}});
    assert.equal(got.topic, 'Travel');
    assert.equal(got.preview, undefined);
    const listed = await ann.get(
      models.createConversationCollectionResponseFromDiscriminatorValue,
      '/groups/{group}/conversations',
      {keys, query: {filter: "topic eq 'Travel'", count: true}},
    );
    assert.deepEqual(
      listed.value.map(({id}) => id),
      [conversation.id],
    );
    assert.equal(listed.odataCount, 1);
    await ann.run(HttpMethod.DELETE, path, {keys});
    await assert.rejects(ann.get(createConversation, path, {keys}), {responseStatusCode: 404});
  });

  test('pages to the end of hundreds of threads', async () => {
    await server.createGroup('many', {owners: ['ann']});
    await server.createThreads('ann', 'many', 230, (i) => `Topic ${i}`);
    const first = await ann.get(createThreads, '/groups/{group}/threads', {
      keys: {group: 'many'},
      query: {top: 7, select: ['id', 'topic']},
    });
    const {items} = await ann.readAll(createThreads, first);
    assert.deepEqual(
      items.map(({topic}) => topic).sort(),
      Array.from({length: 230}, (_, i) => `Topic ${i}`).sort(),
    );
  });

  test('asks in what order, how many, which, and with what', async () => {
    await server.createGroup('query', {owners: ['ann']});
    for (const topic of ['Berlin', 'Athens', "Cologne's & more"]) {
      await server.createThread('ann', 'query', topic);
    }
    const list = (query) =>
      ann.get(createThreads, '/groups/{group}/threads', {keys: {group: 'query'}, query});
    assert.deepEqual(topicsOf(await list({orderby: ['topic desc']})), [
      "Cologne's & more",
      'Berlin',
      'Athens',
    ]);
    const page = await list({top: 1, skip: 1, orderby: ['topic'], count: true});
    assert.deepEqual(topicsOf(page), ['Berlin']);
    assert.equal(page.odataCount, 3);
    assert.deepEqual(
      topicsOf(await list({filter: "topic eq 'Cologne''s & more' and not isLocked"})),
      ["Cologne's & more"],
    );
    assert.deepEqual(topicsOf(await list({search: '"about athens"'})), ['Athens']);
    const expanded = await list({expand: ['posts($expand=attachments)'], orderby: ['topic']});
    assert.deepEqual(
      expanded.value.map(({posts}) => posts.map(({body}) => body.content)),
      [['About Athens'], ['About Berlin'], ["About Cologne's & more"]],
    );
    const selected = await list({select: ['id', 'toRecipients'], top: 1});
    assert.deepEqual(selected.value[0].toRecipients, []);
    assert.equal(selected.value[0].topic, undefined);
  });

  test('replies to threads and posts, and forwards', async () => {
    const {id} = await server.createThread('ann', 'team', 'Replies');
    const keys = {group: 'team', thread: id};
    const path = '/groups/{group}/threads/{thread}';
    await ann.run(HttpMethod.POST, `${path}/reply`, {
      keys,
      body: [{post: newPost('A first reply')}, serializeReply],
    });
    const posts = await ann.get(createPosts, `${path}/posts`, {keys});
    assert.deepEqual(
      posts.value.map(({body}) => body.content),
      ['About Replies', 'A first reply'],
    );
    assert.equal(posts.value[1].from.emailAddress.address, 'team@example.com');
    const ofPost = {...keys, post: posts.value[1].id};
    await new Connection(server.origin, {user: 'bob'}).run(
      HttpMethod.POST,
      `${path}/posts/{post}/reply`,
      {keys: ofPost, body: [{post: newPost('A second')}, serializeReply]},
    );
    await ann.run(HttpMethod.POST, `${path}/posts/{post}/microsoft.graph.forward`, {
      keys: ofPost,
      body: [
        {comment: 'Look', toRecipients: [{emailAddress: {address: 'eve@x.org'}}]},
        serializeForward,
      ],
    });
    const last = await ann.get(createPosts, `${path}/posts`, {
      keys,
      query: {expand: ['inReplyTo'], orderby: ['createdDateTime desc'], top: 1},
    });
    assert.equal(last.value[0].body.content, 'A second');
    assert.equal(last.value[0].sender.emailAddress.name, 'bob');
    assert.equal(last.value[0].inReplyTo.id, posts.value[1].id);
  });

  test('locks a thread, which takes no reply then', async () => {
    const {id} = await server.createThread('ann', 'team', 'Locked');
    const keys = {group: 'team', thread: id};
    const path = '/groups/{group}/threads/{thread}';
    const lock = (isLocked) =>
      ann.send(createThread, HttpMethod.PATCH, path, {
        keys,
        body: [{isLocked}, models.serializeConversationThread],
      });
    const reply = () =>
      ann.run(HttpMethod.POST, `${path}/reply`, {
        keys,
        body: [{post: newPost('Late')}, serializeReply],
      });
    assert.equal((await lock(true)).isLocked, true);
    await assert.rejects(reply, (error) => {
      assert.equal(error.responseStatusCode, 423);
      assert.equal(error.errorEscaped.code, 'ErrorThreadLocked');
      return true;
    });
    assert.equal((await lock(false)).isLocked, false);
    await reply();
  });

  // It loses the content of files that it sends within posts.
  test('reads attached files', async () => {
    const content = Buffer.from('Grüße\0!');
    const {id} = await server.createThread('ann', 'team', 'Files', {
      attachments: [
        {
          '@odata.type': '#microsoft.graph.fileAttachment',
          name: 'greeting.txt',
          contentType: 'text/plain',
          contentBytes: content.toString('base64'),
        },
      ],
    });
    const keys = {group: 'team', thread: id};
    const path = '/groups/{group}/threads/{thread}/posts';
    const query = {expand: ['attachments']};
    const [post] = (await ann.get(createPosts, path, {keys, query})).value;
    assert.ok(content.equals(Buffer.from(post.attachments[0].contentBytes)));
    const attachments = await ann.get(
      models.createAttachmentCollectionResponseFromDiscriminatorValue,
      `${path}/{post}/attachments`,
      {keys: {...keys, post: post.id}},
    );
    const [listed] = attachments.value;
    assert.equal(listed.odataType, '#microsoft.graph.fileAttachment');
    assert.ok(content.equals(Buffer.from(listed.contentBytes)));
    const bytes = await ann.adapter.sendPrimitive(
      ann.request(HttpMethod.GET, `${path}/{post}/attachments/{attachment}/$value`, {
        keys: {...keys, post: post.id, attachment: listed.id},
      }),
      'ArrayBuffer',
      errors,
    );
    assert.ok(content.equals(Buffer.from(bytes)));
  });

  test('extends posts', async () => {
    const {id} = await server.createThread('ann', 'team', 'Extensions');
    const keys = {group: 'team', thread: id};
    const posts = '/groups/{group}/threads/{thread}/posts';
    keys.post = (await ann.get(createPosts, posts, {keys})).value[0].id;
    const path = `${posts}/{post}/extensions`;
    const createExtension = models.createExtensionFromDiscriminatorValue;
    const created = await ann.send(createExtension, HttpMethod.POST, path, {
      keys,
      body: [
        {
          odataType: '#microsoft.graph.openTypeExtension',
          extensionName: 'com.example.rating',
          additionalData: {stars: 4},
        },
        models.serializeOpenTypeExtension,
      ],
    });
    assert.equal(created.extensionName, 'com.example.rating');
    assert.equal(created.additionalData.stars, 4);
    keys.extension = created.id;
    const got = await ann.get(createExtension, `${path}/{extension}`, {keys});
    assert.equal(got.additionalData.stars, 4);
    await ann.run(HttpMethod.DELETE, `${path}/{extension}`, {keys});
    const left = await ann.get(
      models.createExtensionCollectionResponseFromDiscriminatorValue,
      path,
      {keys},
    );
    assert.deepEqual(left.value, []);
  });

  test('tells what was wrong', async () => {
    const keys = {group: 'team', thread: '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'};
    await assert.rejects(
      ann.get(createThread, '/groups/{group}/threads/{thread}', {keys}),
      (error) => {
        assert.equal(error.responseStatusCode, 404);
        assert.equal(error.errorEscaped.code, 'ErrorItemNotFound');
        assert.equal(error.message, error.errorEscaped.message);
        const {innerError} = error.errorEscaped;
        assert.match(innerError.requestId, /^[0-9a-f-]{36}$/);
        assert.equal(innerError.clientRequestId, innerError.requestId);
        assert.ok(innerError.date.getTime() > 0);
        return true;
      },
    );
    await assert.rejects(
      ann.send(createThread, HttpMethod.POST, '/groups/{group}/threads', {
        keys,
        body: [{topic: 'T', additionalData: {colour: 'red'}}, models.serializeConversationThread],
      }),
      {responseStatusCode: 400, message: /colour/},
    );
    // What an id of Graph's own looks like.
    await assert.rejects(
      ann.get(createThread, '/groups/{group}/threads/{thread}', {
        keys: {group: 'team', thread: 'AAQkAGI_-x/y+z=='},
      }),
      (error) => {
        assert.equal(error.responseStatusCode, 400);
        assert.equal(error.errorEscaped.code, 'ErrorInvalidIdMalformed');
        return true;
      },
    );
  });

  test('comes back after 429 and 503, and is served once', async () => {
    const throttle = await startThrottle(server, [429, 503]);
    try {
      const created = await new Connection(throttle.origin).send(
        createThread,
        HttpMethod.POST,
        '/groups/{group}/threads',
        {
          keys: {group: 'team'},
          body: [
            {topic: 'Throttled', posts: [newPost('Once')]},
            models.serializeConversationThread,
          ],
        },
      );
      assert.deepEqual(
        throttle.attempts.map(({refused}) => refused),
        [429, 503, undefined],
      );
      const listed = await ann.get(createThreads, '/groups/{group}/threads', {
        keys: {group: 'team'},
        query: {filter: "topic eq 'Throttled'"},
      });
      assert.deepEqual(
        listed.value.map(({id}) => id),
        [created.id],
      );
    } finally {
      await throttle.close();
    }
  });

  test('compresses what it sends', async () => {
    const throttle = await startThrottle(server, []);
    try {
      const middlewares = MiddlewareFactory.getPerformanceMiddlewares();
      const httpClient = new HttpClient(undefined, ...middlewares);
      const created = await new Connection(throttle.origin, {httpClient}).send(
        createThread,
        HttpMethod.POST,
        '/groups/{group}/threads',
        {
          keys: {group: 'team'},
          body: [
            {topic: 'Compressed', posts: [newPost('a'.repeat(100_000))]},
            models.serializeConversationThread,
          ],
        },
      );
      assert.equal(created.topic, 'Compressed');
      assert.deepEqual(
        throttle.attempts.map(({headers}) => headers['content-encoding']),
        ['gzip'],
      );
    } finally {
      await throttle.close();
    }
  });

  // Of the answers in a batch it can read the statuses only, and bodies go as base64 and without
  // their type.
  describe('in batches', () => {
    const send = async (steps) => {
      const batch = new BatchRequestContent(ann.adapter, errors);
      for (const [id, request, dependsOn] of steps) {
        const item = batch.addBatchRequest(request, id);
        if (dependsOn) item.dependsOn = [dependsOn];
      }
      return Object.fromEntries(await (await batch.postAsync()).getResponsesStatusCodes());
    };

    test('sends twenty requests', async () => {
      await server.createGroup('batch', {owners: ['ann']});
      const keys = {group: 'batch'};
      const statuses = await send(
        Array.from({length: 20}, (_, i) => [
          `${i}`,
          ann.request(HttpMethod.POST, '/groups/{group}/threads', {
            keys,
            body: [
              {topic: `Topic ${i}`, posts: [newPost('Hi')]},
              models.serializeConversationThread,
            ],
          }),
        ]),
      );
      assert.deepEqual(Object.values(statuses), Array(20).fill(201));
      const {value} = await ann.get(createThreads, '/groups/{group}/threads', {keys});
      assert.equal(value.length, 20);
    });

    test('leaves out what depends on a failure', async () => {
      const {id} = await server.createThread('ann', 'team', 'Chain');
      const keys = {group: 'team', thread: id, unknown: '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'};
      const reply = () =>
        ann.request(HttpMethod.POST, '/groups/{group}/threads/{thread}/reply', {
          keys,
          body: [{post: newPost('In a chain')}, serializeReply],
        });
      const statuses = await send([
        ['1', reply()],
        ['2', ann.request(HttpMethod.DELETE, '/groups/{group}/threads/{unknown}', {keys}), '1'],
        ['3', reply(), '2'],
        ['4', ann.request(HttpMethod.GET, '/groups/{group}/threads/{thread}', {keys}), '3'],
      ]);
      assert.deepEqual(statuses, {1: 202, 2: 404, 3: 424, 4: 424});
      const path = '/groups/{group}/threads/{thread}/posts';
      assert.equal((await ann.get(createPosts, path, {keys})).value.length, 2);
    });
  });

  test('says who may post, and who is in a group', async () => {
    await server.createGroup('people', {owners: ['ann'], members: ['bob']});
    const keys = {group: 'people', user: 'dan'};
    const reference = (user) => [
      {odataId: `https://graph.microsoft.com/v1.0/users/${user}`},
      models.serializeReferenceCreate,
    ];
    const ids = async (path, connection = ann) => {
      const create = models.createDirectoryObjectCollectionResponseFromDiscriminatorValue;
      const {value} = await connection.get(create, path, {keys});
      return value.map(({id}) => id).sort();
    };
    await ann.run(HttpMethod.POST, '/groups/{group}/members/$ref', {keys, body: reference('dan')});
    await ann.run(HttpMethod.POST, '/groups/{group}/owners/$ref', {keys, body: reference('dan')});
    assert.deepEqual(await ids('/groups/{group}/members'), ['ann', 'bob', 'dan']);
    assert.deepEqual(await ids('/groups/{group}/owners'), ['ann', 'dan']);

    const dan = new Connection(server.origin, {user: 'dan'});
    const me = await dan.get(models.createUserFromDiscriminatorValue, '/me');
    assert.equal(me.id, 'dan');
    for (const path of ['/me/joinedGroups', '/me/memberOf', '/users/{user}/joinedGroups']) {
      assert.deepEqual(await ids(path, dan), ['people'], path);
    }
    await ann.run(HttpMethod.DELETE, '/groups/{group}/owners/{user}/$ref', {keys});
    await ann.run(HttpMethod.DELETE, '/groups/{group}/members/{user}/$ref', {keys});
    assert.deepEqual(await ids('/groups/{group}/members'), ['ann', 'bob']);

    await ann.run(HttpMethod.POST, '/groups/{group}/rejectedSenders/$ref', {
      keys,
      body: reference('bob'),
    });
    assert.deepEqual(await ids('/groups/{group}/rejectedSenders'), ['bob']);
    const post = () =>
      new Connection(server.origin, {user: 'bob'}).send(
        createThread,
        HttpMethod.POST,
        '/groups/{group}/threads',
        {
          keys,
          body: [{topic: 'T', posts: [newPost('Hi')]}, models.serializeConversationThread],
        },
      );
    await assert.rejects(post, {responseStatusCode: 403});
    await ann.run(HttpMethod.DELETE, '/groups/{group}/rejectedSenders/$ref', {
      keys,
      query: {id: 'https://graph.microsoft.com/v1.0/users/bob'},
    });
    await post();
  });

  test('follows changes', async () => {
    await server.createGroup('delta', {owners: ['ann']});
    await server.createThreads('ann', 'delta', 25, (i) => `Topic ${i}`);
    const keys = {group: 'delta'};
    const first = await ann.get(createChanges, '/groups/{group}/threads/delta()', {
      keys,
      query: {top: 10},
    });
    const {items, deltaLink} = await ann.readAll(createChanges, first);
    assert.equal(new Set(items.map(({id}) => id)).size, 25);

    const [locked, deleted] = items;
    await server.request('PATCH', `/v1.0/groups/delta/threads/${locked.id}`, {
      user: 'ann',
      body: {isLocked: true},
    });
    await server.request('DELETE', `/v1.0/groups/delta/threads/${deleted.id}`, {user: 'ann'});
    const follow = async (link) =>
      ann.readAll(createChanges, await ann.follow(createChanges, link));
    const changes = await follow(deltaLink);
    assert.deepEqual(
      changes.items.map((item) => ['@removed' in (item.additionalData ?? {}), item.id]),
      [
        [false, locked.id],
        [true, deleted.id],
      ],
    );
    assert.deepEqual((await follow(changes.deltaLink)).items, []);
  });
});

test('msgraph-sdk starts over with a token that has expired', async () => {
  const server = await startServer({flags: ['--max_changes=1']});
  try {
    const ann = new Connection(server.origin);
    await server.createGroup('delta', {owners: ['ann']});
    const {odataDeltaLink} = await ann.get(createChanges, '/groups/{group}/threads/delta()', {
      keys: {group: 'delta'},
    });
    let expired;
    while (!expired) {
      await server.createThreads('ann', 'delta', 20, (i) => `Topic ${i}`);
      await ann.follow(createChanges, odataDeltaLink).catch((error) => (expired = error));
    }
    assert.equal(expired.responseStatusCode, 410);
    assert.equal(expired.errorEscaped.code, 'syncStateNotFound');
    const [location] = expired.responseHeaders.location;
    assert.ok((await ann.follow(createChanges, location)).value.length > 0);
  } finally {
    await server.stop();
  }
});
