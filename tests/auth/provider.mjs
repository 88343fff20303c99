// oidc-provider as somebody would run it, with TLS, for clients and for users.

import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import https from 'node:https';
import {text} from 'node:stream/consumers';

import Provider from 'oidc-provider';

import {certificates} from './setup.mjs';
import {SigningKey} from './signing_key.mjs';

// The API that tokens are for, under two names, whose tokens are signed in different ways; and
// another API.
export const RSA_API = 'api://threadstore';
export const EC_API = 'https://threadstore.example/api';
export const OTHER_API = 'https://other.example/api';

export const ALL_SCOPES =
  'Group-Conversation.Read.All Group-Conversation.ReadWrite.All Group.Read.All ' +
  'Group.ReadWrite.All Threadstore.Admin';

const CLIENTS = {
  // Calls for itself.
  batch: {grant_types: ['client_credentials'], response_types: [], redirect_uris: []},
  // Calls for users.
  mail: {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['https://mail.example/callback'],
  },
};
const CLIENT_SECRET = 'secret of a client in a test';

export const USERS = {
  ann: {name: 'Ann Lee', email: 'ann@example.com'},
  bob: {name: 'Bob Roe', email: 'bob@example.com'},
};

export const rotation = (name) => [
  new SigningKey(`${name}-rsa`, 'RS256'),
  new SigningKey(`${name}-ec`, 'ES256'),
];

class OidcProvider {
  #server;
  #port = 0;
  #handler;
  // How often the keys were asked for.
  keyRequests = 0;

  // Listens, on the same port as before if it did. `keys` is the set that it publishes.
  async start(keys = this.keys) {
    this.#server = https.createServer(
      {
        cert: readFileSync(certificates.cert),
        key: readFileSync(certificates.key),
      },
      (request, response) => {
        if (request.url === '/jwks') ++this.keyRequests;
        this.#handler(request, response);
      },
    );
    // A connection that is closed for its age may just be used again.
    this.#server.keepAliveTimeout = 0;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
    // Not localhost, which a machine without /etc/hosts does not know.
    this.issuer = `https://127.0.0.1:${this.#port}`;
    this.useKeys(keys);
  }

  async stop() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  // Signs with these keys, and publishes no others.
  useKeys(keys) {
    this.keys = keys;
    const provider = new Provider(this.issuer, {
      clients: Object.entries(CLIENTS).map(([id, client]) => ({
        client_id: id,
        client_secret: CLIENT_SECRET,
        id_token_signed_response_alg: 'RS256',
        ...client,
      })),
      cookies: {keys: ['of a test']},
      jwks: {keys: keys.map((key) => key.privateJwk)},
      findAccount: (_, id) => ({accountId: id, claims: () => ({sub: id, ...USERS[id]})}),
      extraTokenClaims: (_, token) => USERS[token.accountId],
      features: {
        clientCredentials: {enabled: true},
        devInteractions: {enabled: false},
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, resource) => ({
            scope: ALL_SCOPES,
            audience: resource,
            accessTokenFormat: 'jwt',
            jwt: {sign: {alg: resource === EC_API ? 'ES256' : 'RS256'}},
          }),
          useGrantedResource: () => true,
        },
      },
      interactions: {url: (_, {uid}) => `/interaction/${uid}`},
    });
    const callback = provider.callback();
    this.#handler = (request, response) => {
      if (!request.url.startsWith('/interaction/')) return callback(request, response);
      this.#signIn(provider, request, response).catch((error) => response.destroy(error));
    };
  }

  // What the user would do in a page: sign in, and consent.
  async #signIn(provider, request, response) {
    const {params} = await provider.interactionDetails(request, response);
    const accountId = params.login_hint;
    const grant = new provider.Grant({accountId, clientId: params.client_id});
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(params.resource, ALL_SCOPES);
    await provider.interactionFinished(request, response, {
      login: {accountId},
      consent: {grantId: await grant.save()},
    });
  }

  async #requestTokens(client, parameters) {
    const response = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers: {authorization: `Basic ${btoa(`${client}:${encodeURIComponent(CLIENT_SECRET)}`)}`},
      body: new URLSearchParams(parameters),
    });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  }

  // An access token for the client itself.
  async clientToken(scope = ALL_SCOPES, resource = RSA_API) {
    const parameters = {grant_type: 'client_credentials', scope, resource};
    return (await this.#requestTokens('batch', parameters)).access_token;
  }

  // {access_token, id_token, refresh_token} for a user, by the authorization code flow with PKCE.
  async userTokens(user, scope = ALL_SCOPES, resource = RSA_API) {
    const verifier = randomBytes(32).toString('base64url');
    const [redirect_uri] = CLIENTS.mail.redirect_uris;
    let url = `${this.issuer}/auth?${new URLSearchParams({
      client_id: 'mail',
      response_type: 'code',
      redirect_uri,
      resource,
      scope: `openid offline_access ${scope}`,
      prompt: 'consent',
      login_hint: user,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })}`;
    const cookies = new Map();
    while (!url.startsWith(redirect_uri)) {
      // The fetch() of Debian's Node does not tell cookies apart.
      const request = https.get(url, {
        headers: {cookie: [...cookies].map((pair) => pair.join('=')).join('; ')},
      });
      const [response] = await once(request, 'response');
      const {location, 'set-cookie': setCookies = []} = response.headers;
      assert.ok(location, `${url} led nowhere: ${response.statusCode} ${await text(response)}`);
      response.resume();
      for (const cookie of setCookies) {
        const [name, ...value] = cookie.split(';')[0].split('=');
        cookies.set(name, value.join('='));
      }
      url = new URL(location, url).href;
    }
    const code = new URL(url).searchParams.get('code');
    assert.ok(code, url);
    return this.#requestTokens('mail', {
      grant_type: 'authorization_code',
      code,
      redirect_uri,
      code_verifier: verifier,
    });
  }

  async userToken(...parameters) {
    return (await this.userTokens(...parameters)).access_token;
  }
}

export async function startProvider(keys = rotation('first')) {
  const provider = new OidcProvider();
  await provider.start(keys);
  return provider;
}
