// schema_errors.mjs TOOLS SCHEMA...: prints what is wrong with the document on standard input, as a
// list of JSON, by the first of these JSON schemas; the others are those that it refers to.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';

const [tools, ...files] = process.argv.slice(2);
const require = createRequire(`${tools}/`);
const Ajv = require('ajv').default;

const ajv = new Ajv({ strict: false, allErrors: true });
require('ajv-formats').default(ajv);
require('ajv-formats-draft2019')(ajv);
const [schema, ...others] = files.map((file) => JSON.parse(readFileSync(file)));
// CycloneDX's refer to each other by the names of their files, whatever their own addresses are.
others.forEach((other, i) => {
  ajv.addSchema(other, new URL(basename(files[i + 1]), schema.$id).href);
});
const validate = ajv.compile(schema);
validate(JSON.parse(readFileSync(0)));
console.log(JSON.stringify((validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`)));
