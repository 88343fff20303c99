// Tokens that are forged, expired, swapped, cut or confused, made of real ones of the provider and
// its real keys, and headers of all shapes: each is refused over both faces, without a detail.

import assert from 'node:assert/strict';
import {createHmac} from 'node:crypto';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import tls from 'node:tls';
import {after, before, describe, test} from 'node:test';

import {EC_API, OTHER_API, RSA_API, rotation, startProvider} from './provider.mjs';
import {authorized, certificates, Code, deploy, issuerOf} from './setup.mjs';
import {base64url, readPart, secondsNow, SigningKey} from './signing_key.mjs';

const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad';

// What an attacker who has some tokens could send, and in part an issuer who errs. Those that are
// forged are [name, token].
async function forgeries(provider, otherProvider) {
  const [rsa, ec] = provider.keys;
  const {access_token: ann, id_token, refresh_token} = await provider.userTokens('ann');
  const batch = await provider.clientToken();
  const annByEc = await provider.userToken('ann', undefined, EC_API);
  const [header, payload, signature] = ann.split('.');
  const claims = readPart(ann, 1);
  const stranger = new SigningKey(rsa.kid, 'RS256');
  const pem = rsa.publicKey.export({type: 'spki', format: 'pem'});
  const flip = (text, at) => {
    const bytes = Buffer.from(text, 'base64url');
    bytes[at] ^= 1;
    return bytes.toString('base64url');
  };
  const hmac = (key) => {
    const input = `${base64url({alg: 'HS256', kid: rsa.kid, typ: 'at+jwt'})}.${payload}`;
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  };
  const unsigned = (alg) => `${base64url({alg, kid: rsa.kid})}.${payload}.`;
  const withHeader = (change) => rsa.sign(claims, {typ: 'at+jwt', ...change});
  const withClaims = (change) => rsa.sign({...claims, ...change}, {typ: 'at+jwt'});
  const fromJson = (text) => rsa.signParts({alg: 'RS256', kid: rsa.kid}, text);
  const json = JSON.stringify(claims);
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const highS = () => {
    const bytes = Buffer.from(annByEc.split('.')[2], 'base64url');
    const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    return bytes.subarray(0, 32).toString('hex') + s.toString(16).padStart(64, '0');
  };

  return {
    // What is left as it was must be believed, or the rest proves nothing.
    genuine: [ann, batch, annByEc, withHeader({}), withClaims({})],
    // ECDSA has two signatures of each text, and RFC 7518 takes both; it says the same.
    malleable: annByEc.replace(/[^.]+$/, Buffer.from(highS(), 'hex').toString('base64url')),
    forged: Object.entries({
      words: 'not a token',
      'three words': 'a.b.c',
      dots: '..',
      'an ID token': id_token,
      'a refresh token': refresh_token,
      'for another API': await provider.userToken('ann', undefined, OTHER_API),
      'of another provider': await otherProvider.userToken('ann'),
      'of another provider that has our name': otherProvider.keys[0].sign(claims),
      'the payload of another token': [header, batch.split('.')[1], signature].join('.'),
      'the signature of another token': [header, payload, batch.split('.')[2]].join('.'),
      'the header of another token': [annByEc.split('.')[0], payload, signature].join('.'),
      'a changed claim': [header, base64url({...claims, sub: 'bob'}), signature].join('.'),
      'more scopes': [header, base64url({...claims, scope: 'Threadstore.Admin'}), signature].join(
        '.',
      ),
      'a later expiry': [header, base64url({...claims, exp: claims.exp + 1}), signature].join('.'),
      'the same claims in another order': [
        header,
        base64url(Object.fromEntries(Object.entries(claims).reverse())),
        signature,
      ].join('.'),
      'a bit of the signature': [header, payload, flip(signature, 100)].join('.'),
      'a bit of the payload': [header, flip(payload, 20), signature].join('.'),
      'no signature': `${header}.${payload}.`,
      'two parts': `${header}.${payload}`,
      'four parts': `${ann}.${signature}`,
      'five parts': `${ann}.${signature}.${signature}`,
      'half a signature': [header, payload, signature.slice(0, signature.length / 2)].join('.'),
      'cut by a byte': ann.slice(0, -1),
      'a byte more': `${ann}A`,
      padding: `${ann}==`,
      'bits left over': ann.slice(0, -1) + String.fromCharCode(ann.charCodeAt(ann.length - 1) ^ 1),
      'the other alphabet of base64': ann.replaceAll('-', '+').replaceAll('_', '/') + '+/',
      'a space inside': `${header}. ${payload}.${signature}`,
      'zeros as an ECDSA signature': annByEc.replace(/[^.]+$/, base64url(Buffer.alloc(64))),
      'an ECDSA signature as DER': (() => {
        const input = annByEc.replace(/\.[^.]+$/, '');
        return `${input}.${base64url(ec.derSignature(input))}`;
      })(),
      'alg none': unsigned('none'),
      'alg None': unsigned('None'),
      'alg none with the signature': `${base64url({alg: 'none'})}.${payload}.${signature}`,
      'no alg': `${base64url({kid: rsa.kid})}.${payload}.${signature}`,
      'HMAC with the public key as PEM': hmac(pem),
      'HMAC with the public key as JWK': hmac(JSON.stringify(rsa.publicJwk)),
      'HMAC with the modulus': hmac(rsa.publicJwk.n),
      'HMAC with nothing': hmac(''),
      'alg PS256': withHeader({alg: 'PS256'}),
      'alg RS512': withHeader({alg: 'RS512'}),
      'alg of the other key': withHeader({alg: 'ES256'}),
      'the other key under this id': ec.sign(claims, {kid: rsa.kid}),
      'a stranger under a known key id': stranger.sign(claims),
      'a stranger with its key in the header': stranger.sign(claims, {jwk: stranger.publicJwk}),
      'a stranger with a URL of keys': stranger.sign(claims, {
        kid: 'elsewhere',
        jku: `${otherProvider.issuer}/jwks`,
      }),
      'a certificate in the header': stranger.sign(claims, {x5c: [base64url('certificate')]}),
      'an unknown key id': withHeader({kid: 'nobody'}),
      'a key id of a path': withHeader({kid: '../../../../dev/null'}),
      'a key id of SQL': withHeader({kid: "' UNION SELECT 'key"}),
      'a key id of a URL': withHeader({kid: `${otherProvider.issuer}/jwks`}),
      'a key id of control characters': withHeader({kid: 'a\u0000b\nc'}),
      'no key id, of two keys': withHeader({kid: undefined}),
      'a key id that is a number': withHeader({kid: 0}),
      'a key id that is a list': withHeader({kid: [rsa.kid]}),
      'critical extensions': withHeader({crit: ['exp'], exp: 1}),
      'an unencoded payload': withHeader({crit: ['b64'], b64: false}),
      'a token in a token': withHeader({cty: 'JWT'}),
      'a logout token': withHeader({typ: 'logout+jwt'}),
      'a proof of possession': withHeader({typ: 'dpop+jwt'}),
      encrypted: withHeader({alg: 'RSA-OAEP', enc: 'A256GCM'}),
      'no issuer': withClaims({iss: undefined}),
      'another issuer': withClaims({iss: otherProvider.issuer}),
      'the issuer and a slash': withClaims({iss: `${provider.issuer}/`}),
      'a list of issuers': withClaims({iss: [provider.issuer]}),
      'no audience': withClaims({aud: undefined}),
      "Graph's audience": withClaims({aud: 'https://graph.microsoft.com'}),
      'the beginning of the audience': withClaims({aud: RSA_API.slice(0, -1)}),
      'audiences in one text': withClaims({aud: `x ${RSA_API}`}),
      'no audiences': withClaims({aud: []}),
      expired: withClaims({exp: secondsNow() - 61}),
      'expired in an exponent': fromJson(json.replace(/"exp":\d+/, '"exp":1e3')),
      'never expires': withClaims({exp: undefined}),
      'expiry as text': withClaims({exp: '4102444800'}),
      'expiry beyond all numbers': fromJson(json.replace(/"exp":\d+/, '"exp":1e999')),
      'not valid yet': withClaims({nbf: secondsNow() + 120}),
      'made in the future': withClaims({iat: secondsNow() + 120}),
      'a personal account': withClaims({tid: PERSONAL_ACCOUNTS}),
      'a personal account in capitals': withClaims({tid: PERSONAL_ACCOUNTS.toUpperCase()}),
      'of nobody': withClaims({sub: undefined}),
      'of a user with a slash': withClaims({sub: 'ann/../bob'}),
      'of a user with a line feed': withClaims({sub: 'ann\nbob'}),
      'of a user with a long id': withClaims({sub: 'a'.repeat(257)}),
      'of a user that is a number': withClaims({sub: 1}),
      'of a device': withClaims({idtyp: 'device'}),
      'a claim that is there twice': fromJson(`${json.slice(0, -1)},"sub":"bob"}`),
      'claims that are a list': fromJson(`[${json}]`),
      'claims that are no JSON': fromJson(json.slice(0, -1)),
      'claims that are not UTF-8': fromJson(
        Buffer.from(`${json.slice(0, -1)},"x":"\xff"}`, 'latin1'),
      ),
      'a byte order mark': fromJson(`\ufeff${json}`),
      'deep claims': fromJson(`{"x":${'['.repeat(1000)}${']'.repeat(1000)},${json.slice(1)}`),
      'long claims': withClaims({padding: 'x'.repeat(13_000)}),
    }),
  };
}

describe('what is not a token of an issuer', () => {
  let provider;
  let otherProvider;
  let deployment;
  let tokens;

  before(async () => {
    provider = await startProvider();
    otherProvider = await startProvider(rotation('other'));
    deployment = await deploy({issuers: [issuerOf(provider, [RSA_API, EC_API])]});
    tokens = await forgeries(provider, otherProvider);
  });
  after(async () => {
    await deployment?.stop();
    await provider?.stop();
    await otherProvider?.stop();
  });

  const listGroups = (token) => deployment.grpc('GroupService.ListGroups', token);

  async function areBelieved(genuine) {
    for (const token of genuine) {
      assert.equal((await listGroups(token)).code, Code.OK, token);
      assert.equal((await deployment.http('GET', '/v1.0/groups', token)).status, 200, token);
    }
  }

  test('is refused with one text, whatever is wrong', async () => {
    await areBelieved([...tokens.genuine, tokens.malleable]);
    assert.ok(tokens.forged.length >= 80, `${tokens.forged.length}`);
    const message = 'the bearer token is not valid';
    for (const [name, token] of tokens.forged) {
      const refusal = await listGroups(token);
      assert.deepEqual(
        refusal,
        {code: Code.UNAUTHENTICATED, message, reason: 'INVALID_CREDENTIALS', hasRetryInfo: false},
        name,
      );
      const {status, headers, json} = await deployment.http('GET', '/v1.0/groups', token);
      assert.equal(status, 401, name);
      assert.equal(headers['www-authenticate'], 'Bearer realm="threadstore"', name);
      assert.equal(json.error.code, 'InvalidAuthenticationToken', name);
      assert.equal(json.error.message, message, name);
    }
    await areBelieved(tokens.genuine);
    assert.ok(deployment.server.isRunning);
  });

  // {name: values of the header Authorization}, of a token that is good.
  const badHeaders = (token) => ({
    'twice the same': [`Bearer ${token}`, `Bearer ${token}`],
    'a good and a bad one': [`Bearer ${token}`, 'Bearer x'],
    'a bad and a good one': ['Bearer x', `Bearer ${token}`],
    'Basic and Bearer': ['Basic YTpi', `Bearer ${token}`],
    Basic: [`Basic ${token}`],
    'no scheme': [token],
    'no token': ['Bearer'],
    'only a space': ['Bearer '],
    'two tokens': [`Bearer ${token} ${token}`],
    'a list': [`Bearer ${token}, Bearer ${token}`],
    'a colon': [`Bearer: ${token}`],
    quotes: [`Bearer "${token}"`],
    'a parameter': [`Bearer token=${token}`],
    DPoP: [`DPoP ${token}`],
    Negotiate: ['Negotiate abcd'],
  });

  test('a good token in a bad header is refused', async () => {
    const [token] = tokens.genuine;
    for (const [name, values] of Object.entries(badHeaders(token))) {
      // Node's HTTP/2 does not send two.
      if (values.length === 1) {
        const {code, reason} = await listGroups(values);
        assert.equal(code, Code.UNAUTHENTICATED, name);
        assert.equal(reason, 'INVALID_CREDENTIALS', name);
      }
      const headers = {authorization: values.length === 1 ? values[0] : values};
      const {status} = await deployment.http('GET', '/v1.0/groups', undefined, {headers});
      assert.equal(status, 401, name);
    }
  });

  test('the scheme may be written in any way', async () => {
    const [token] = tokens.genuine;
    for (const value of [`bearer ${token}`, `BEARER ${token}`, `bEaReR   ${token}`]) {
      assert.equal((await listGroups([value])).code, Code.OK, value);
      const headers = {authorization: value};
      const {status} = await deployment.http('GET', '/v1.0/groups', undefined, {headers});
      assert.equal(status, 200, value);
    }
  });

  test('a token is only taken from the header', async () => {
    const [token] = tokens.genuine;
    const places = [
      [`/v1.0/groups?access_token=${token}`],
      [`/v1.0/groups?authorization=Bearer%20${token}`],
      ['/v1.0/groups', {cookie: `access_token=${token}; authorization=Bearer ${token}`}],
      ['/v1.0/groups', {'proxy-authorization': `Bearer ${token}`}],
      ['/v1.0/groups', {'x-forwarded-authorization': `Bearer ${token}`}],
      ['/v1.0/groups', {'x-threadstore-face-authorization-bin': `Bearer ${token}`}],
    ];
    for (const [target, headers] of places) {
      const {status} = await deployment.http('GET', target, undefined, {headers});
      assert.equal(status, 401, target);
    }
    for (const name of ['x-threadstore-face-authorization-bin', 'proxy-authorization']) {
      const metadata = authorized();
      const value = `Bearer ${token}`;
      metadata.set(name, name.endsWith('-bin') ? Buffer.from(value) : value);
      metadata.set('x-threadstore-face-secret', 'guess');
      const error = await new Promise((resolve) => {
        deployment.client('GroupService').ListGroups({}, metadata, resolve);
      });
      assert.equal(error?.code, Code.UNAUTHENTICATED, name);
    }
  });

  test('all of a batch is by one token', async () => {
    const [ann, batch] = tokens.genuine;
    const part = (token) => ({
      id: '1',
      method: 'GET',
      url: '/groups',
      ...(token && {headers: {Authorization: `Bearer ${token}`}}),
    });
    const send = (token, request) =>
      deployment.http('POST', '/v1.0/$batch', token, {body: {requests: [request]}});
    for (const request of [part(), part(ann)]) {
      const answer = await send(undefined, request);
      const statuses = answer.json.responses?.map(({status}) => status) ?? [answer.status];
      assert.ok(
        statuses.every((status) => status === 401 || status === 400),
        answer.text,
      );
    }
    assert.equal((await send(ann, part(batch))).status, 400, 'of another');
    assert.equal((await send(ann, part(ann))).json.responses[0].status, 200, 'the same again');
    assert.equal((await send(ann, part())).json.responses[0].status, 200);
  });

  test('bytes that are no text are refused, and the server goes on', async () => {
    const {hostname, port} = new URL(deployment.server.origin);
    for (const value of [
      'Bearer \xff\xfe',
      'Bearer a\x00b',
      'B\xe9arer x',
      'Bearer \xc3\xa9.b.c',
    ]) {
      const socket = tls.connect({host: hostname, port, ca: readFileSync(certificates.ca)});
      await once(socket, 'secureConnect');
      const head = `GET /v1.0/groups HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${value}\r\n`;
      socket.end(Buffer.from(`${head}Connection: close\r\n\r\n`, 'latin1'));
      const answer = Buffer.concat(await socket.toArray()).toString('latin1');
      assert.match(answer, /^HTTP\/1\.1 40[01] /, JSON.stringify(value));
    }
    await areBelieved(tokens.genuine.slice(0, 1));
  });

  test('nothing of them is logged', async () => {
    const text = JSON.stringify(await deployment.log());
    for (const [name, token] of tokens.forged) {
      const parts = token.split('.').filter((part) => part.length > 20);
      assert.ok(!parts.some((part) => text.includes(part)), name);
    }
  });
});
