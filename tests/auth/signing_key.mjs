// Keys that sign JSON Web Tokens, made and used with Node's crypto alone: what providers use, and
// what verifies, are other libraries.

import {createSign, generateKeyPairSync, sign} from 'node:crypto';

export const base64url = (value) =>
  Buffer.from(
    typeof value === 'object' && !Buffer.isBuffer(value) ? JSON.stringify(value) : value,
  ).toString('base64url');

// What a token says in a part, 0 for the header and 1 for the claims.
export const readPart = (token, index) =>
  JSON.parse(Buffer.from(token.split('.')[index], 'base64url').toString('utf8'));

export const secondsNow = () => Math.floor(Date.now() / 1000);

export class SigningKey {
  #private;

  // `alg` is RS256 or ES256.
  constructor(kid, alg) {
    const pair =
      alg === 'RS256'
        ? generateKeyPairSync('rsa', {modulusLength: 2048})
        : generateKeyPairSync('ec', {namedCurve: 'P-256'});
    this.kid = kid;
    this.alg = alg;
    this.#private = pair.privateKey;
    this.publicKey = pair.publicKey;
  }

  get publicJwk() {
    const {kid, alg} = this;
    return {...this.publicKey.export({format: 'jwk'}), kid, alg, use: 'sig'};
  }

  get privateJwk() {
    return {...this.publicJwk, ...this.#private.export({format: 'jwk'})};
  }

  // The signature of a JWS over any text.
  signature(input) {
    return sign('sha256', Buffer.from(input), {key: this.#private, dsaEncoding: 'ieee-p1363'});
  }

  // The same as OpenSSL writes it by itself.
  derSignature(input) {
    return createSign('sha256').update(input).sign(this.#private);
  }

  // Parts that are objects are written as JSON; text is signed as it is.
  signParts(header, claims) {
    const input = `${base64url(header)}.${base64url(claims)}`;
    return `${input}.${base64url(this.signature(input))}`;
  }

  // A token; `header` adds to what its header says, or takes away with undefined.
  sign(claims, header = {}) {
    return this.signParts({alg: this.alg, kid: this.kid, typ: 'JWT', ...header}, claims);
  }
}
