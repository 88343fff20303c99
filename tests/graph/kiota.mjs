// How @microsoft/msgraph-sdk is used here. The part of it that knows the paths of groups is not
// published, so requests are put together as its generated code does.

import {HttpMethod, RequestInformation} from '@microsoft/kiota-abstractions';
import {GraphRequestAdapter, createGraphServiceClient} from '@microsoft/msgraph-sdk';
import {PageIterator} from '@microsoft/msgraph-sdk-core';
import * as models from '@microsoft/msgraph-sdk/models/index.js';
import * as odata from '@microsoft/msgraph-sdk/models/oDataErrors/index.js';

export const errors = {XXX: odata.createODataErrorFromDiscriminatorValue};

const OPTIONS =
  '{?%24count,%24expand,%24filter,%24id,%24orderby,%24search,%24select,%24skip,%24top}';

// Generated code has these with each action.
export const serializeReply = (writer, reply) =>
  writer.writeObjectValue('Post', reply.post, models.serializePost);
export const serializeForward = (writer, forward) => {
  writer.writeStringValue('Comment', forward.comment);
  writer.writeCollectionOfObjectValues(
    'ToRecipients',
    forward.toRecipients,
    models.serializeRecipient,
  );
};
export const createDeltaOf =
  (createItem) =>
  () =>
  (page = {}) => ({
    ...models.deserializeIntoBaseDeltaFunctionResponse(page),
    value: (node) => (page.value = node.getCollectionOfObjectValues(createItem)),
  });

// A user's client.
export class Connection {
  constructor(origin, {user = 'ann', httpClient} = {}) {
    const authentication = {
      async authenticateRequest(request) {
        request.headers.add('x-threadstore-user', user);
      },
    };
    this.adapter = new GraphRequestAdapter(authentication, undefined, undefined, httpClient);
    this.adapter.baseUrl = `${origin}/v1.0`;
    this.client = createGraphServiceClient(this.adapter);
  }

  // `path` has names in braces, whose values are in `keys`; `query` has options without `$`;
  // `body` is [what is sent, its serializer].
  request(method, path, {keys = {}, query = {}, body} = {}) {
    const request = new RequestInformation(method, `{+baseurl}${path}${OPTIONS}`, {
      baseurl: this.adapter.baseUrl,
      ...keys,
    });
    for (const [name, value] of Object.entries(query)) {
      request.queryParameters[`%24${name}`] = value;
    }
    request.headers.add('Accept', 'application/json');
    if (body) request.setContentFromParsable(this.adapter, 'application/json', ...body);
    return request;
  }

  // The answer as what `create` makes.
  send(create, method, path, options) {
    return this.adapter.send(this.request(method, path, options), create, errors);
  }

  get(create, path, options) {
    return this.send(create, HttpMethod.GET, path, options);
  }

  // For answers without a body.
  run(method, path, options) {
    return this.adapter.sendNoResponseContent(this.request(method, path, options), errors);
  }

  // The answer to a link.
  follow(create, link) {
    return this.adapter.send(new RequestInformation(HttpMethod.GET, link), create, errors);
  }

  async readAll(create, firstPage) {
    const items = [];
    const take = (item) => items.push(item) > 0;
    const iterator = new PageIterator(this.adapter, firstPage, take, create, errors);
    await iterator.iterate();
    return {items, deltaLink: iterator.getOdataDeltaLink()};
  }
}
