// Bodies that are wrong in every way that was thought of: each is refused, by its place in it and
// by its name.

import {describe, test} from 'node:test';
import {gzipSync} from 'node:zlib';

import {assertRefused, create, useServer} from './refusals.mjs';

const LISTS = '['.repeat(10_000) + ']'.repeat(10_000);

const attaching = (attachment) => `{"topic": "T", "posts": [{"attachments": [${attachment}]}]}`;

useServer();

describe('bodies', () => {
  const cases = [
    ['nothing', '', 400, /no body/],
    ['blanks', ' \n ', 400, /line 2, column 2/],
    ['a word', 'thread', 400, /line 1, column 1/],
    ['a list', '[]', 400, /line 1, column 1/],
    ['null', 'null', 400, /line 1, column 1/],
    ['a string', '"topic"', 400, /line 1, column 1/],
    ['an object that ends early', '{"topic": "T"', 400, /line 1, column 1\d/],
    ['what follows an object', '{"topic": "T"}\n{}', 400, /line 2, column 1/],
    ['a comma too many', '{\n  "topic": "T",\n}', 400, /line 3, column 1/],
    ['single quotes', "{'topic': 'T'}", 400, /line 1, column 2/],
    ['a comment', '{"topic": "T" /* no */}', 400, /line 1, column 15/],
    ['a name without quotes', '{topic: "T"}', 400, /line 1, column 2/],
    ['NaN', '{"topic": NaN}', 400, /line 1, column 11/],
    ['a name twice', '{"topic": "T",\n "topic": "U"}', 400, /line 2, column \d+: .*topic/],
    ['a name twice, once escaped', '{"topic": "T", "\\u0074opic": "U"}', 400, /topic/],
    ['a name twice in a post', '{"topic": "T", "posts": [{"body": {}, "body": {}}]}', 400, /body/],
    ['an unknown member', '{"topic": "T", "colour": "red"}', 400, /line 1, column \d+.*colour/],
    [
      'an unknown member of a post',
      '{"topic": "T", "posts": [{"colour": "red"}]}',
      400,
      /posts\[0\]\.colour/,
    ],
    [
      'the name of a field, not of a property',
      '{"topic": "T", "is_locked": true}',
      400,
      /is_locked/,
    ],
    ['a name in another case', '{"Topic": "T"}', 400, /Topic/],
    ['a number for a string', '{"topic": 1}', 400, /topic.*string/],
    [
      'a string for a boolean',
      '{"topic": "T", "isLocked": "true"}',
      400,
      /isLocked.*boolean|isLocked.*true or false/,
    ],
    ['an object for a list', '{"topic": "T", "posts": {}}', 400, /posts.*list/],
    ['a list for an object', '{"topic": "T", "posts": [[]]}', 400, /posts\[0\].*object/],
    ['null in a list', '{"topic": "T", "posts": [null]}', 400, /posts\[0\].*null/],
    [
      'null in a list of strings',
      '{"topic": "T", "uniqueSenders": [null]}',
      400,
      /uniqueSenders\[0\].*null/,
    ],
    [
      'no time',
      '{"topic": "T", "lastDeliveredDateTime": "yesterday"}',
      400,
      /lastDeliveredDateTime/,
    ],
    [
      'a month too many',
      '{"topic": "T", "lastDeliveredDateTime": "2026-13-01T00:00:00Z"}',
      400,
      /lastDeliveredDateTime/,
    ],
    [
      'a time without zone',
      '{"topic": "T", "lastDeliveredDateTime": "2026-01-01T00:00:00"}',
      400,
      /lastDeliveredDateTime/,
    ],
    [
      'the year 10000',
      '{"topic": "T", "lastDeliveredDateTime": "10000-01-01T00:00:00Z"}',
      400,
      /lastDeliveredDateTime/,
    ],
    [
      'a time as a number',
      '{"topic": "T", "lastDeliveredDateTime": 1e400}',
      400,
      /lastDeliveredDateTime|number/,
    ],
    [
      'no type of body',
      '{"topic": "T", "posts": [{"body": {"contentType": "rtf"}}]}',
      400,
      /contentType/,
    ],
    [
      'no base64',
      attaching(
        '{"@odata.type": "#microsoft.graph.fileAttachment", "name": "n", "contentBytes": "*"}',
      ),
      400,
      /contentBytes/,
    ],
    ['an attachment of no kind', attaching('{"name": "n"}'), 400, /@odata\.type/],
    ['an unknown type', attaching('{"@odata.type": "#microsoft.graph.event"}'), 400, /event/],
    [
      'the type of something else',
      '{"@odata.type": "#microsoft.graph.post", "topic": "T"}',
      400,
      /post/,
    ],
    ['a type that is a number', '{"@odata.type": 1, "topic": "T"}', 400, /@odata\.type/],
    ['U+0000', '{"topic": "a\\u0000b"}', 400, /topic.*U\+0000/],
    [
      'U+0000 where anything may stand',
      '{"topic": "T", "posts": [{"extensions": [{"extensionName": "e", "a": "a\\u0000b"}]}]}',
      400,
      /U\+0000/,
    ],
    ['U+0000 in a name', '{"topic": "T", "a\\u0000b": 1}', 400, /./],
    ['a byte 0', '{"topic": "a\0b"}', 400, /line 1, column 1\d/],
    ['a line break in a string', '{"topic": "a\nb"}', 400, /line 1, column 1\d/],
    ['half a surrogate pair', '{"topic": "\\ud83d"}', 400, /line 1, column/],
    ['the other half', '{"topic": "\\ude00"}', 400, /line 1, column/],
    ['a pair the wrong way round', '{"topic": "\\ude00\\ud83d"}', 400, /line 1, column/],
    ['an unknown escape', '{"topic": "\\x41"}', 400, /line 1, column/],
    ['half an escape', '{"topic": "\\u00"}', 400, /line 1, column/],
    ['Latin-1', Buffer.from('{"topic": "Gr\xfc\xdfe"}', 'latin1'), 400, /./],
    [
      'a surrogate in UTF-8',
      Buffer.from('7b22746f706963223a22eda08022 7d'.replace(' ', ''), 'hex'),
      400,
      /./,
    ],
    ['an overlong slash', Buffer.from('7b22746f706963223a22c0af227d', 'hex'), 400, /./],
    ['a byte order mark and UTF-16', Buffer.from('\ufeff{"topic": "T"}', 'utf16le'), 400, /./],
    ['10,000 lists', `{"posts": ${LISTS}}`, 400, /./],
    ['10,000 objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 400, /./],
    [
      '10,000 lists where anything may stand',
      `{"topic": "T", "posts": [{"extensions": [{"extensionName": "e", "a": ${LISTS}}]}]}`,
      400,
      /deep|nest|level/,
    ],
    [
      '10,000 lists in an annotation',
      `{"topic": "T", "@odata.x": ${LISTS}}`,
      400,
      /deep|nest|level/,
    ],
    ['100,000 lists without an end', '['.repeat(100_000), 400, /./],
    ['a topic too long', JSON.stringify({topic: 'x'.repeat(10_000)}), 400, /topic/],
    ['an empty topic', '{"topic": ""}', 400, /topic/],
  ];
  for (const [name, body, status, message] of cases) {
    test(name, async () => assertRefused(await create(body), status, message));
  }

  for (const number of ['1e400', '-1e400', '01', '1.', '.5', '+1', '0x10', '1e', '--1', '- 1']) {
    test(`${number} as a number`, async () => {
      assertRefused(
        await create(`{"topic": "T", "hasAttachments": ${number}}`),
        400,
        /line 1, column/,
      );
    });
  }

  test('more than 5 MiB', async () => {
    const answer = await create(JSON.stringify({topic: 'T', preview: 'x'.repeat(6 << 20)}));
    assertRefused(answer, 413);
  });

  test('more than 5 MiB, compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(100 << 20, ' '));
    const headers = {'content-type': 'application/json', 'content-encoding': 'gzip'};
    assertRefused(await create(bomb, headers), 413);
  });

  test('what is not compressed, but said to be', async () => {
    const headers = {'content-type': 'application/json', 'content-encoding': 'gzip'};
    assertRefused(await create('{"topic": "T"}', headers), 400);
    const half = gzipSync('{"topic": "T"}').subarray(0, 20);
    assertRefused(await create(half, headers), 400);
  });
});

describe('types of bodies', () => {
  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/problem+json',
    'application',
    ';',
  ]) {
    test(type, async () => {
      assertRefused(await create('{"topic": "T"}', {'content-type': type}), 415);
    });
  }
  for (const coding of ['deflate', 'br', 'zstd', 'gzip, gzip', 'compress']) {
    test(`encoded as ${coding}`, async () => {
      const headers = {'content-type': 'application/json', 'content-encoding': coding};
      assertRefused(await create('{"topic": "T"}', headers), 415);
    });
  }
});
