// The page /docs in a browser: it shows the API, and creates a thread, with nothing from elsewhere.

import assert from 'node:assert/strict';
import {mkdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {after, before, test} from 'node:test';

import {chromium} from 'playwright-core';

import {startServer} from './server.mjs';

const seed = JSON.parse(
  await readFile(new URL('../testdata/create_thread_request.json', import.meta.url), 'utf8'),
);

let server;
let browser;

before(async () => {
  server = await startServer({flags: ['--http_docs']});
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// A page that notes what it asks others for, and what goes wrong in it.
async function openPage(path) {
  const page = await browser.newPage({viewport: {width: 1280, height: 1600}});
  const problems = [];
  page.on('request', (request) => {
    const {origin, protocol} = new URL(request.url());
    if (origin !== server.origin && protocol !== 'data:') problems.push(`asks ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(server.origin + path);
  return {page, problems};
}

// Opens an operation of the page, fills in its group, sends the request and waits for its answer.
async function tryOperation(page, path, check = async () => {}) {
  const operation = page.locator('.opblock.is-open', {has: page.locator(`[data-path="${path}"]`)});
  await operation.waitFor();
  await operation.locator('tr[data-param-name="groupId"] input').fill('demo');
  await check(operation);
  // Not click(), which waits for the button to stand still: a busy machine draws too seldom to tell.
  await operation.getByRole('button', {name: 'Execute'}).dispatchEvent('click');
  const answer = operation.locator('.live-responses-table .response').first();
  await answer.waitFor();
  return answer.innerText();
}

test('the page creates the thread of its first example, and lists it', async () => {
  const group = await fetch(`${server.origin}/v1.0/groups`, {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({id: 'demo', displayName: 'Demo'}),
  });
  assert.equal(group.status, 201, await group.text());
  const path = '/groups/{groupId}/threads';

  const {page, problems} = await openPage('/docs#/threads/threads.create');
  const created = await tryOperation(page, path, async (operation) => {
    assert.deepEqual(JSON.parse(await operation.locator('textarea').first().inputValue()), seed);
  });
  assert.match(created, /^201\b/);
  const folder = process.env.THREADSTORE_SCREENSHOTS;
  await mkdir(folder, {recursive: true});
  await page.screenshot({path: join(folder, 'docs.png')});
  assert.deepEqual(problems, []);

  const {page: listing, problems: others} = await openPage('/docs#/threads/threads.list');
  const listed = await tryOperation(listing, path);
  assert.match(listed, /^200\b/);
  assert.ok(listed.includes(seed.topic), listed);
  assert.deepEqual(others, []);
});
