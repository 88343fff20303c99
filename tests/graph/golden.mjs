// Requests and answers as they go over the wire. Each file in golden/ has a comment, a request, a
// line `=>`, and the answer that it gets; in order of their names they are sent to one server.
//
//   node golden.mjs --update      writes down what is answered now. Read the difference.
//
// What differs from run to run is masked. The id of a thread that is first seen in 031_*.http is
// {{thread@031}} there and in every other file, also in requests; {{thread@031-2}} is the second
// such. A request may also say {{nextLink}} and {{deltaLink}} for the path and query of the last
// one seen, and {{etag:thread@031}} for the last etag of something. Times, entity tags and request
// ids are numbered in each answer of their own: equal ones have the same number.
//
// The body `< FILE` is the file's bytes. A request with Content-Encoding: gzip is compressed.

import {readFile, readdir, writeFile} from 'node:fs/promises';
import {STATUS_CODES} from 'node:http';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';

import {startServer} from './server.mjs';

const FOLDER = new URL('./golden/', import.meta.url);

const SHOWN_HEADERS = [
  'Allow',
  'Client-Request-Id',
  'Content-Disposition',
  'Content-Type',
  'ETag',
  'Location',
  'OData-EntityId',
  'OData-Version',
  'Preference-Applied',
  'Request-Id',
  'Retry-After',
  'WWW-Authenticate',
];

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?/g;
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;

// What is in a collection or behind a property.
const KINDS = {
  attachments: 'attachment',
  conversationId: 'conversation',
  conversations: 'conversation',
  conversationThreadId: 'thread',
  groups: 'group',
  inReplyTo: 'post',
  posts: 'post',
  threads: 'thread',
};
const IN_PATH = /(attachments|conversations|groups|posts|threads)(?:\/|\(')([0-9a-f-]{36})/g;

const isObject = (value) => typeof value === 'object' && value !== null;

// What has been seen so far, of all files.
class Memory {
  #names = new Map(); // Of ids.
  #ids = new Map(); // Of names.
  #etags = new Map(); // Of names.
  #links = new Map();

  nameOf(id) {
    return this.#names.get(id);
  }

  // Gives an id a name, if it has none.
  learn(id, kind, file) {
    if (kind === undefined || this.#names.has(id)) return;
    const first = `${kind}@${file.slice(0, 3)}`;
    let name = first;
    for (let i = 2; this.#ids.has(name); ++i) name = `${first}-${i}`;
    this.#names.set(id, name);
    this.#ids.set(name, id);
  }

  learnEtag(id, etag) {
    this.#etags.set(this.#names.get(id) ?? id, etag);
  }

  learnLink(name, url) {
    const {pathname, search} = new URL(url);
    this.#links.set(name, pathname + search);
  }

  // A request's text with values for masks.
  unmask(text) {
    return text.replace(/\{\{(etag:)?([^}]+)\}\}/g, (mask, etag, name) => {
      const found = etag ? this.#etags.get(name) : (this.#ids.get(name) ?? this.#links.get(name));
      if (found === undefined) throw new Error(`${mask} has not been seen`);
      return found;
    });
  }
}

// Masks one answer.
class Masker {
  #memory;
  #file;
  #request;
  #origin;
  #numbers = new Map();

  // `request` is the text of the file's: what stands in it is not masked.
  constructor(memory, file, request, origin) {
    this.#memory = memory;
    this.#file = file;
    this.#request = request;
    this.#origin = origin;
  }

  // Looks for ids, etags and links, before anything is masked.
  learn(value, kind) {
    if (typeof value === 'string') {
      for (const [, collection, id] of value.matchAll(IN_PATH)) {
        if (id.match(UUID)) this.#learnId(id, KINDS[collection]);
      }
    } else if (Array.isArray(value)) {
      for (const item of value) this.learn(item, kind);
    } else if (isObject(value)) {
      this.#learnObject(value, kind);
    }
  }

  #learnObject(object, kind) {
    const context = object['@odata.context'];
    if (context) {
      const collection = context
        .replace(/\/\$entity$/, '')
        .replace(/\([^')]*\)$/, '')
        .replace(/.*[#/]/, '');
      kind = KINDS[collection];
    }
    if (typeof object.id === 'string' && object.id.match(UUID)) this.#learnId(object.id, kind);
    for (const [name, value] of Object.entries(object)) {
      if (name === '@odata.etag') this.#memory.learnEtag(object.id, value);
      if (/^@odata\.(next|delta)Link$/.test(name)) this.#memory.learnLink(name.slice(7), value);
      if (/^conversation(Thread)?Id$/.test(name)) this.#learnId(value, KINDS[name]);
      this.learn(value, name === 'value' ? kind : KINDS[name]);
    }
  }

  #learnId(id, kind) {
    if (!this.#request.includes(id)) this.#memory.learn(id, kind, this.#file);
  }

  mask(value, name) {
    if (Array.isArray(value)) return value.map((item) => this.mask(item, name));
    if (isObject(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [key, this.mask(member, key)]),
      );
    }
    return typeof value === 'string' ? this.maskText(value, name) : value;
  }

  // `name` is that of the member or header.
  maskText(text, name = '') {
    if (/request-id$/i.test(name)) {
      return this.#request.includes(text) ? text : this.#number('request-id', text);
    }
    if (/^(@odata\.)?etag$/i.test(name)) return text.replace(/"(.*)"/, this.#tag.bind(this));
    if (name === 'changeKey') return this.#number('tag', text);
    return text
      .replaceAll(this.#origin, 'http://HOST')
      .replaceAll(/(\$(?:skip|delta)token=)[^&]+/g, '$1{{token}}')
      .replaceAll(UUID, (id) => this.#maskId(id))
      .replaceAll(TIME, (time) => this.#maskTime(time));
  }

  #tag(_, tag) {
    return `"${this.#number('tag', tag)}"`;
  }

  #maskId(id) {
    if (this.#request.includes(id)) return id;
    const name = this.#memory.nameOf(id);
    return name ? `{{${name}}}` : this.#number('uuid', id);
  }

  #maskTime(time) {
    const isNow = Math.abs(Date.parse(time) - Date.now()) < 2 * DAY_MILLISECONDS;
    return isNow && !this.#request.includes(time) ? this.#number('time', time) : time;
  }

  // A mask with the number that the value has among those of its kind.
  #number(kind, value) {
    const seen = this.#numbers.get(kind) ?? [];
    this.#numbers.set(kind, seen);
    if (!seen.includes(value)) seen.push(value);
    return `{{${kind}-${seen.indexOf(value) + 1}}}`;
  }
}

// Takes a file apart: {comment, request, answer}, each as text.
function parseFile(text) {
  const [, comment, rest] = /^((?:#.*\n)*)\n*([^]*)$/.exec(text);
  const [request, answer = ''] = rest.split(/^=>\n/m);
  return {comment, request: request.trimEnd(), answer: answer.trim()};
}

async function send(server, request) {
  const [head, ...bodies] = request.split(/\n\n/);
  const [line, ...fields] = head.split('\n');
  const [, method, target] = /^(\S+) (.*)$/.exec(line);
  const headers = Object.fromEntries(
    fields.map((field) => [field.slice(0, field.indexOf(':')), /:\s*(.*)/.exec(field)[1]]),
  );
  let body = bodies.length > 0 ? bodies.join('\n\n') : undefined;
  const [, file] = /^< (.*)$/.exec(body ?? '') ?? [];
  if (file) body = await readFile(new URL(file, FOLDER));
  if (headers['Content-Encoding'] === 'gzip') body = gzipSync(body);
  return server.request(method, target, {body, headers});
}

function describe(answer, masker) {
  const named = SHOWN_HEADERS.map((name) => [name, answer.headers[name.toLowerCase()]]);
  const shown = named.filter(([, value]) => value !== undefined);
  for (const [, value] of shown) masker.learn(value);
  masker.learn(answer.json);
  const lines = [`${answer.status} ${STATUS_CODES[answer.status]}`];
  for (const [name, value] of shown)
    lines.push(`${name}: ${masker.maskText(value, name)}`.trimEnd());
  const body = answer.json
    ? JSON.stringify(masker.mask(answer.json), null, 2)
    : masker.maskText(answer.text);
  return [lines.join('\n'), body].filter((part) => part !== '').join('\n\n');
}

// Sends every file's request, and resolves to a list of {file, url, comment, request, expected,
// actual, answer}: expected and actual are the answers that the file has and that came, masked;
// answer is what came as Server.request has it.
export async function replay() {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.http')).sort();
  const server = await startServer();
  try {
    const memory = new Memory();
    const results = [];
    for (const file of files) {
      const url = new URL(file, FOLDER);
      const {comment, request, answer} = parseFile(await readFile(url, 'utf8'));
      const masker = new Masker(memory, file, request, server.origin);
      const result = {file, url, comment, request, expected: answer};
      results.push(result);
      try {
        result.answer = await send(server, memory.unmask(request));
        result.actual = describe(result.answer, masker);
      } catch (error) {
        result.actual = `${error}`;
      }
    }
    return results;
  } finally {
    await server.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] !== '--update') throw new Error('usage: node golden.mjs --update');
  for (const {file, url, comment, request, expected, actual} of await replay()) {
    if (actual === expected) continue;
    console.log(`${expected ? 'changed' : 'new'}: ${file}`);
    await writeFile(url, `${comment}\n${request}\n\n=>\n\n${actual}\n`);
  }
}
