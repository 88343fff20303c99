// The CSDL document, read by the tools of OData's own committee.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import test from 'node:test';
import {promisify} from 'node:util';

import Ajv from 'ajv';
import {xml2json} from 'odata-csdl';
import {csdl2openapi} from 'odata-openapi';

const path = process.env.THREADSTORE_CSDL;
const packageFolder = dirname(dirname(createRequire(import.meta.url).resolve('odata-csdl')));
const run = promisify(execFile);

async function readCsdl() {
  const messages = [];
  const csdl = xml2json(await readFile(path, 'utf8'), {strict: true, messages});
  assert.deepEqual(messages, []);
  return csdl;
}

test('is CSDL by the XML Schema of OASIS', async () => {
  // The catalog has the schema that the outer one imports by its namespace.
  const env = {...process.env, XML_CATALOG_FILES: join(packageFolder, 'catalog.xml')};
  const schema = join(packageFolder, 'schemas', 'edmx.xsd');
  await run('xmllint', ['--noout', '--nonet', '--schema', schema, path], {env});
});

test('is CSDL by the JSON Schema of OASIS, after conversion', async () => {
  const schema = JSON.parse(await readFile(join(packageFolder, 'schemas', 'csdl.schema.json')));
  const validate = new Ajv({allErrors: true, strict: false, validateFormats: false}).compile(schema);
  validate(await readCsdl());
  assert.deepEqual(validate.errors ?? [], []);
});

test('leads clients to the paths of threads', async () => {
  const messages = [];
  const {paths} = csdl2openapi(await readCsdl(), {messages, maxLevels: 4});
  assert.deepEqual(messages, []);
  for (const expected of [
    '/groups/{id}/threads/{id_1}/posts/{id_2}/attachments/{id_3}',
    '/groups/{id}/conversations/{id_1}/threads',
    '/groups/{id}/threads/{id_1}/microsoft.graph.reply',
    '/groups/{id}/threads/microsoft.graph.delta()',
    '/me/joinedGroups/{id_1}/threads',
    '/users/{id}/joinedGroups',
  ]) {
    assert.ok(expected in paths, `${expected} is not among ${Object.keys(paths).join(' ')}`);
  }
});
