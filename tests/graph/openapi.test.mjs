// The OpenAPI document, read by validators that others wrote.

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import test from 'node:test';

import redocly from '@redocly/openapi-core';
import {Validator} from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';

const path = process.env.THREADSTORE_OPENAPI;

test('is an OpenAPI 3.1 document by its JSON Schema', async () => {
  const validator = new Validator();
  const result = await validator.validate(JSON.parse(await readFile(path, 'utf8')));
  assert.deepEqual(result.errors ?? [], []);
  assert.equal(validator.version, '3.1');
});

test('passes the recommended rules of Redocly', async () => {
  const config = await redocly.createConfig({
    extends: ['recommended-strict'],
    rules: {
      'operation-operationId-unique': 'error',
      'operation-description': 'off',
      // In OData a name may stand where a key may: `threads/delta` beside `threads/{threadId}`.
      'no-ambiguous-paths': 'off',
    },
  });
  const problems = await redocly.lint({ref: path, config});
  assert.deepEqual(
    problems.map(({ruleId, message, location}) => `${ruleId} ${location[0]?.pointer} ${message}`),
    [],
  );
});

// Redocly does not look at examples whose schemas refer to themselves, as those of posts do.
test('has examples of bodies that are what their schemas say', async () => {
  const document = JSON.parse(await readFile(path, 'utf8'));
  // Discriminators are OpenAPI's.
  const ajv = new Ajv2020({strict: false, validateFormats: false});
  ajv.addSchema(document, 'openapi');
  for (const [name, body] of Object.entries(document.components.requestBodies)) {
    const validate = ajv.compile({
      $ref: `openapi#/components/requestBodies/${name}/content/application~1json/schema`,
    });
    for (const {value} of Object.values(body.content['application/json'].examples)) {
      assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}`);
    }
  }
});
