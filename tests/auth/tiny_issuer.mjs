// An issuer of tokens in any shape, whose keys lie in a file.

import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {secondsNow, SigningKey} from './signing_key.mjs';

export class TinyIssuer {
  #folder = mkdtempSync(join(tmpdir(), 'threadstore-issuer-'));
  #key;

  constructor(alg = 'RS256') {
    this.#key = new SigningKey('tiny', alg);
    this.jwks = join(this.#folder, 'jwks.json');
    writeFileSync(this.jwks, JSON.stringify({keys: [this.#key.publicJwk]}));
  }

  // A token that is valid now; `claims` say the rest.
  token(claims, header) {
    const now = secondsNow();
    return this.#key.sign({iat: now, nbf: now, exp: now + 3600, ...claims}, header);
  }

  remove() {
    rmSync(this.#folder, {recursive: true});
  }
}
