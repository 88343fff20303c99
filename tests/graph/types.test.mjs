// The answers of all golden files have Microsoft's types: TypeScript compiles them.

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';

import ts from 'typescript';

import {replay} from './golden.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

// By what a context ends with.
const TYPES = {
  attachments: 'Attachment',
  conversations: 'Conversation',
  directoryObjects: 'DirectoryObject',
  extensions: 'Extension',
  groups: 'Group',
  posts: 'Post',
  threads: 'Thread',
  users: 'User',
};

function typeOf({file, answer}) {
  const context = answer.json['@odata.context'].replace(/\([^')]*\)(?=\/\$entity$|$)/, '');
  const [, collection, entity] = /[#/](\w+)(\/\$entity)?$/.exec(context);
  const type = TYPES[collection];
  assert.ok(type, `no type for ${context}`);
  if (entity) return type;
  return `${file.includes('_delta') ? 'Changes' : 'Page'}<${type}>`;
}

test('answers have the types of microsoft-graph-types', async () => {
  const answers = (await replay()).filter(({answer}) => answer?.json?.['@odata.context']);
  assert.ok(answers.length > 50, `there are ${answers.length} answers`);
  const lines = [`import type * as types from '${join(HERE, 'graph_types.js')}';`];
  for (const result of answers) {
    const type = typeOf(result).replaceAll(/[A-Z]\w+/g, 'types.$&');
    const name = `answer${result.file.slice(0, 3)}`;
    lines.push(`export const ${name}: ${type} = ${JSON.stringify(result.answer.json, null, 2)};`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'threadstore-graph-'));
  const path = join(folder, 'answers.ts');
  await writeFile(path, `${lines.join('\n\n')}\n`);
  try {
    const program = ts.createProgram([path], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      noEmit: true,
      strict: true,
      target: ts.ScriptTarget.ES2022,
      types: [],
    });
    const diagnostics = ts.getPreEmitDiagnostics(program);
    const text = ts.formatDiagnostics(diagnostics, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => folder,
      getNewLine: () => '\n',
    });
    assert.equal(text, '');
  } finally {
    await rm(folder, {recursive: true});
  }
});
