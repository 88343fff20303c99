// Every answer is the one that was written down for it: see golden.mjs.

import assert from 'node:assert/strict';
import test from 'node:test';

import {replay} from './golden.mjs';

for (const {file, expected, actual} of await replay()) {
  test(file, () => assert.equal(actual, expected));
}
