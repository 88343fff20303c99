// Every answer is the one that was written down for it: see golden.mjs.

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import test from 'node:test';

import {replay} from './golden.mjs';

const results = await replay();

for (const {file, expected, actual} of results) {
  test(file, () => assert.equal(actual, expected));
}

test('the answers to the seed have its properties, in its order', async () => {
  const testdata = new URL('../testdata/', import.meta.url);
  const seed = JSON.parse(await readFile(new URL('create_thread_response.json', testdata), 'utf8'));
  const answers = results.filter(({file}) => /_seed_/.test(file));
  assert.equal(answers.length, 3);
  for (const {actual} of answers) {
    const answer = JSON.parse(actual.slice(actual.indexOf('\n\n')));
    assert.deepEqual(
      Object.keys(answer).filter((name) => name in seed),
      Object.keys(seed),
    );
    // The id is the server's, and the same time is told in UTC.
    const {id, lastDeliveredDateTime} = answer;
    assert.deepEqual({...answer, ...seed, id, lastDeliveredDateTime}, answer);
    assert.equal(Date.parse(lastDeliveredDateTime), Date.parse(seed.lastDeliveredDateTime));
  }
});
