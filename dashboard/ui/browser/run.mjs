// Drives the page of a real server in Chromium. TIDEGATE_BIN is the server; SHOTS a folder for screenshots, if wanted.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { Pusher, Server } from './server.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LONG = 90_000;
/** What else the machine does makes a load slow now and then, but not each of many. */
const [FEWEST_LOADS, MOST_LOADS, LOADED_WITHIN_MS] = [5, 20, 1_000];
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

const folder = await mkdtemp(join(tmpdir(), 'tidegate-dashboard-'));
const server = await Server.on(folder);
let pusher;
let browser;
let page;

const shot = (name, fullPage = false) => process.env.SHOTS && page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage });
const at = (hash) => page.goto(`${server.base}/#/${hash}`);
const explore = (queries, more = '') => at(`explore?${queries.map((query) => `q=${encodeURIComponent(query)}`).join('&')}${more}`);
const state = (name) => page.locator(`.state.${name}`).waitFor({ timeout: LONG });
const chart = () => page.locator('.chart canvas').first().waitFor({ timeout: LONG });

/** What is drawn, as the CSV has it: rows of cells, without the head. */
async function exported() {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export CSV' }).first().click()]);
  const [head, ...rows] = readFileSync(await download.path(), 'utf8').trimEnd().split('\r\n');
  return { head, rows: rows.map((row) => row.split(',')) };
}

async function until(what, condition) {
  const end = Date.now() + LONG;
  for (;;) {
    const found = await condition();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await sleep(500);
  }
}

/** The times between the frames that the page draws in a while. */
async function frameGaps(lengthMs) {
  const times = await page.evaluate((length) => new Promise((resolve) => {
    const times = [];
    const frame = (now) => { times.push(now); if (now - times[0] < length) requestAnimationFrame(frame); else resolve(times); };
    requestAnimationFrame(frame);
  }), lengthMs);
  const gaps = times.slice(1).map((time, n) => time - times[n]).sort((a, b) => a - b);
  return { p50: gaps[gaps.length >> 1], p99: gaps[Math.floor(gaps.length * 0.99)], longest: gaps.at(-1) };
}

/** A chart is made anew when its series change. */
const plotBox = (where) => until('a chart', () => page.locator(`${where} .u-over`).first().boundingBox());

async function isAccessible(where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes[0].html]), [], where);
}

const scenarios = {
  async 'the first load is small, asks nobody else, and is quick'() {
    const cdp = await browser.newCDPSession(page);
    await cdp.send('Network.enable');
    await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
    const asked = new Map();
    cdp.on('Network.requestWillBeSent', ({ requestId, request }) => asked.set(requestId, { url: request.url, bytes: 0 }));
    cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      // What the page before asked for ends here, too.
      if (asked.has(requestId)) asked.get(requestId).bytes = encodedDataLength;
    });
    const files = () => [...asked.values()].filter(({ url }) => url.startsWith('http') && !url.includes('/api/'));
    const loads = [];
    for (let n = 0; n < FEWEST_LOADS || (n < MOST_LOADS && Math.min(...loads) >= LOADED_WITHIN_MS); n++) {
      asked.clear();
      await page.goto('about:blank');
      await page.goto(server.base);
      await page.getByRole('link', { name: 'Explore' }).waitFor();
      const painted = () => page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
      loads.push(await until('the first paint', painted));
      const kinds = files().map(({ url }) => /\.(js|css)$/.exec(url)?.[1] ?? new URL(url).pathname);
      assert.deepEqual(kinds.sort(), ['/', 'css', 'js']);
      await until('all of its files', () => files().every(({ bytes }) => bytes > 0));
      const bytes = files().reduce((sum, file) => sum + file.bytes, 0);
      assert.ok(bytes > 10_000 && bytes <= 400_000, `${bytes} bytes`);
    }
    await cdp.detach();
    const best = Math.min(...loads);
    assert.ok(best < LOADED_WITHIN_MS, `the quickest of ${loads.length} loads took ${best} ms`);
    return `painted after ${loads.map((ms) => ms.toFixed(0)).join(', ')} ms`;
  },

  async 'an empty server says what to do'() {
    await page.getByText('Nothing was pushed in the last 30 minutes').waitFor({ timeout: LONG });
    await shot('empty');
    await isAccessible('empty');
    pusher = new Pusher(server);
    // A host that was heard of two minutes ago, and samples that are refused.
    const metrics = [
      { name: 'node_load1', value: 1, timestamp: Date.now() - 150_000, tags: { job: 'demo', instance: 'gone' } },
      { name: 'node_load1', value: 1, timestamp: 1, tags: { job: 'demo', instance: 'old' } },
    ];
    assert.ok(await server.post('/metrics', { metrics }));
  },

  async 'the overview tells what is alive, silent, and at zero'() {
    await page.reload();
    const row = (host) => page.getByRole('row', { name: new RegExp(`^${host} `) });
    await row('host-0').waitFor({ timeout: LONG });
    await row('gone').waitFor({ timeout: LONG });
    await until('the requests of a host that has none', async () => (await row('host-0').innerText()).split(/\s+/).at(-2) === '0');
    assert.match(await row('host-0').innerText(), /alive\s+0\s/);
    assert.match(await row('gone').innerText(), /silent \d+ min\s+–\s+–/);
    const background = (host) => row(host).locator('td').first().evaluate((cell) => getComputedStyle(cell).backgroundImage);
    assert.notEqual(await background('gone'), await background('host-0'));
    const firstHost = () => page.locator('.hosts tbody tr').first().innerText();
    assert.match(await firstHost(), /^host-4/, 'the most loaded is first');
    await page.getByRole('button', { name: 'Host', exact: true }).click();
    assert.match(await firstHost(), /^gone/);
    await until('rates', async () => (await page.locator('.chips').count()) >= 4);
    await page.locator('.chips').getByText('p99').waitFor();
  },

  async 'nothing serious for axe, in dark and in light'() {
    for (const theme of ['light', 'dark']) {
      await page.evaluate((name) => { localStorage.setItem('tidegate.theme', name); }, theme);
      for (const where of ['overview', 'overview?job=demo&instance=host-1', 'explore?q=node_load1', 'explore?q=node_load1&view=table', 'explore?q=sum(', 'cardinality', 'pipeline']) {
        await at(where);
        await page.reload();
        await page.waitForLoadState('domcontentloaded');
        await page.locator('main .card').first().waitFor({ timeout: LONG });
        await sleep(1_000);
        await isAccessible(`${theme} ${where}`);
        await shot(`${where.replaceAll(/[^a-z0-9]+/g, '-')}-${theme}`, true);
      }
    }
  },

  async 'drill-down: service, host, series'() {
    await at('overview');
    await page.getByRole('cell').getByRole('link', { name: 'demo', exact: true }).first().click();
    await page.getByRole('navigation', { name: 'Where you are' }).getByText('demo').waitFor({ timeout: LONG });
    await page.getByRole('cell').getByRole('link', { name: 'host-1', exact: true }).click({ timeout: LONG });
    await page.getByRole('link', { name: 'many', exact: true }).click({ timeout: LONG });
    await page.getByText('100 series').waitFor({ timeout: LONG });
    assert.match(page.url(), /explore\?q=many%7Bjob%3D%22demo%22%2Cinstance%3D%22host-1%22%7D/);
  },

  async 'deep links, the zone, zoom, and the way back'() {
    const to = Math.floor(Date.now() / 1_000);
    await explore(['node_load1', 'count(many)'], `&from=${to - 60}&to=${to}&zone=utc`);
    await chart();
    // At a full minute the field leaves the seconds out.
    const shown = await page.getByLabel('to', { exact: true }).inputValue();
    assert.equal(Date.parse(`${shown}Z`), to * 1_000);
    await until('both charts', async () => (await page.locator('.chart').count()) === 2);
    await state('still');
    const box = await plotBox('.chart');
    await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await until('the range is shorter', () => page.url().includes('from=') && !page.url().includes(`from=${to - 60}&`));
    const [, from, end] = /from=(\d+)&to=(\d+)/.exec(page.url());
    assert.ok(Math.abs(Number(from) - (to - 45)) <= 3 && Math.abs(Number(end) - (to - 15)) <= 3, page.url());
    await page.goBack();
    await until('the range is as it was', () => page.url().includes(`from=${to - 60}&to=${to}`));
    await page.getByRole('button', { name: 'Table' }).click();
    await page.getByRole('columnheader', { name: 'instance' }).waitFor({ timeout: LONG });
    await page.goBack();
    await chart();
    await page.getByRole('button', { name: 'Back to live' }).click();
    await state('live');
  },

  async 'the legend searches, isolates, and has the values at the cursor'() {
    await explore(['many']);
    await page.getByText('500 series').waitFor({ timeout: LONG });
    const rows = page.locator('.legend li');
    await page.getByLabel('Search series').fill('n="75"');
    await until('one row is left', async () => (await rows.count()) === 1);
    await rows.getByRole('button').click();
    assert.equal(await rows.getByRole('button').getAttribute('aria-pressed'), 'true');
    await page.getByLabel('Search series').fill('');
    await until('the others are faint', async () => (await page.locator('.legend li.off').count()) === 99);
    await page.getByRole('button', { name: 'Show all' }).click();
    assert.equal(await page.locator('.legend li.off').count(), 0);
    const box = await plotBox('.chart');
    await page.mouse.move(box.x + box.width - 3, box.y + 50);
    await page.locator('.legend p').getByText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/).waitFor();
    assert.match(await rows.first().locator('b').innerText(), /^-?[\d.]+$/);
    await page.mouse.move(0, 0);
  },

  async 'completion and history'() {
    await at('explore');
    const editor = page.locator('.cm-content').first();
    await editor.click();
    await editor.pressSequentially('node_lo', { delay: 50 });
    await page.locator('.cm-tooltip-autocomplete').getByText('node_load1').waitFor({ timeout: LONG });
    await sleep(300);
    await editor.press('Enter');
    await until('it is completed', async () => (await editor.innerText()).trim() === 'node_load1');
    await editor.press('Enter');
    await chart();
    assert.match(page.url(), /q=node_load1/);
    await page.getByRole('button', { name: 'Add a query' }).click();
    await page.locator('.cm-content').nth(1).fill('count(many)');
    await page.locator('.cm-content').nth(1).press('Enter');
    await until('both are there', () => page.url().includes('q=node_load1&q=count%28many%29'));
    await at('explore');
    const history = page.getByLabel('Query history');
    const known = await history.locator('option').allInnerTexts();
    assert.deepEqual(known.slice(1, 3), ['count(many)', 'node_load1']);
    await history.selectOption('node_load1');
    await until('it is asked again', () => page.url().includes('q=node_load1'));
    await chart();
  },

  async 'a heatmap of distributions'() {
    const query = 'sum(rate(http_server_request_duration_seconds[1m]))';
    await explore([query]);
    await page.getByRole('button', { name: 'See the heatmap' }).click({ timeout: LONG });
    const canvas = page.locator('figure canvas').first();
    await canvas.waitFor({ timeout: LONG });
    // Far from the axes: from nothing to full colour.
    const shades = await until('shades of colour', async () => {
      const found = await canvas.evaluate((element) => {
        const { width, height } = element;
        const { data } = element.getContext('2d').getImageData(Math.round(width * 0.9), 0, 1, height);
        return new Set(Array.from({ length: height }, (_, y) => data.slice(y * 4, y * 4 + 4).join(' '))).size;
      });
      return found > 6 && found;
    });
    const box = await plotBox('figure');
    const caption = page.locator('figcaption');
    let moves = 0;
    await until('the bucket at the cursor', async () => {
      // A chart that was made anew knows of the mouse when it moves again, and not every bucket has something in it.
      const [right, down] = [0.95 - (moves % 4) * 0.03, 0.3 + (moves % 5) * 0.1];
      moves += 1;
      await page.mouse.move(box.x + box.width * right, box.y + box.height * down);
      return /: [\d.]+k? from [\d.]+ to [\d.]+$/.test(await caption.innerText());
    });
    await page.mouse.move(0, 0);
    const { head, rows } = await exported();
    assert.equal(head, 'time,series,from,to,count');
    assert.ok(rows.length > 10);
    await shot('heatmap');
    return `${shades} shades`;
  },

  async 'live points arrive, and a pause loses none'() {
    await explore(['sum_over_time(beat[5s])'], '&span=300');
    await chart();
    await state('live');
    const last = async () => Date.parse((await exported()).rows.at(-1)[0]) / 1_000;
    const first = await last();
    await until('a newer point', async () => (await last()) > first);
    const late = Date.now() / 1_000 - (await last());
    await page.getByRole('button', { name: 'Pause' }).click();
    await state('paused');
    const held = await last();
    await sleep(12_000);
    assert.equal(await last(), held, 'what is shown stands still');
    await page.getByRole('button', { name: 'Go on' }).click();
    await until('newer points', async () => (await last()) > held + 10);
    isWhole(await exported());
    return `the newest point was ${late.toFixed(1)} s old`;
  },

  async 'a tab that nobody sees gives its connection back, and has no gap after'() {
    const streams = async () => Number(/^tidegate_query_streams (\d+)$/m.exec(await (await fetch(`${server.base}/metrics`)).text())[1]);
    const look = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    assert.equal(await streams(), 1);
    await look(true);
    await until('no stream is open', async () => (await streams()) === 0);
    const seen = Date.now() / 1_000;
    await look(false);
    await until('the newest points', async () => Date.parse((await exported()).rows.at(-1)[0]) / 1_000 > seen);
    // What the history did not have yet when it was asked comes with the stream.
    await until('no gap', async () => isWhole(await exported(), false));
  },

  async 'a restart of the server is survived with no gap'() {
    const before = Date.now() / 1_000;
    await server.kill();
    await state('reconnecting');
    await sleep(7_000);
    await server.start();
    await state('live');
    const whole = await until('the points since then', async () => {
      const { rows } = await exported();
      return Date.parse(rows.at(-1)[0]) / 1_000 > before + 30 && isWhole({ rows }, false) && rows.length;
    });
    return `${whole} points as they were pushed`;
  },

  async '500 series are drawn smoothly'() {
    await explore(['many'], '&span=300');
    await page.getByText('500 series').waitFor({ timeout: LONG });
    const live = await frameGaps(12_000);
    await page.getByRole('button', { name: 'Pause' }).click();
    await state('paused');
    const still = await frameGaps(5_000);
    await page.getByRole('button', { name: 'Go on' }).click();
    // A frame of the screen, or what the machine has time for where nothing is drawn.
    assert.ok(live.p50 < 2 * Math.max(still.p50, 17), `${live.p50} ms between frames, ${still.p50} while paused`);
    const { p50, p99, longest } = live;
    return `frames p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${longest.toFixed(0)} ms; paused p50 ${still.p50.toFixed(0)} ms`;
  },

  async 'cardinality leads to its series'() {
    await at('cardinality');
    await page.getByRole('row', { name: /^many 500$/ }).waitFor({ timeout: LONG });
    await page.getByLabel('Only series of this selector').fill('{instance="host-1",n!=""}');
    await page.getByLabel('Only series of this selector').press('Enter');
    await page.getByRole('row', { name: /^many 100$/ }).waitFor({ timeout: LONG });
    await page.getByRole('link', { name: 'instance=host-1' }).click();
    await page.getByRole('cell', { name: 'many', exact: true }).waitFor({ timeout: LONG });
  },

  async 'the pipeline: refused samples, partitions, the ledger, the archive'() {
    // The second server counts from its own start.
    await server.post('/metrics', { metrics: [{ name: 'x', value: 1, timestamp: 1 }] });
    await at('pipeline');
    await page.getByRole('row', { name: /^too old json 1 sample$/ }).waitFor({ timeout: LONG });
    await until('12 partitions', async () => (await page.getByRole('region', { name: 'Partitions' }).getByRole('row').count()) === 13);
    await page.getByRole('region', { name: 'Ledger' }).getByRole('row', { name: /h [\d\u202f]+ \d/ }).first().waitFor({ timeout: LONG });
    await page.getByRole('row', { name: /^last run .*ago$/ }).waitFor({ timeout: LONG });
    await page.getByText('accepted', { exact: true }).waitFor({ timeout: LONG });
    await shot('pipeline', true);
  },

  async 'a phone'() {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const where of ['overview', 'explore?q=node_load1', 'cardinality', 'pipeline']) {
      await at(where);
      await page.locator('main .card').first().waitFor({ timeout: LONG });
      await sleep(1_500);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} is too wide`);
      await isAccessible(`${where} on a phone`);
      await shot(`phone-${where.slice(0, 5)}`, true);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  },

  async 'keys'() {
    await at('overview');
    await page.locator('main .card').first().waitFor({ timeout: LONG });
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('2');
    await until('explore', () => page.url().includes('#/explore'));
    await page.keyboard.press('p');
    await state('paused');
    await page.keyboard.press('p');
  },

  async 'a server that wants a token asks for it'() {
    const wanted = (headers) => headers.authorization === 'Bearer secret';
    await page.route('**/api/v1/**', (route) => (wanted(route.request().headers()) ? route.continue() : route.fulfill({ status: 401, body: '{}' })));
    await explore(['node_load1']);
    await page.reload();
    await page.getByLabel('Bearer token').fill('secret');
    await page.getByRole('button', { name: 'Use it in this tab' }).click();
    await chart();
    await state('live');
    await page.unroute('**/api/v1/**');
  },
};

/** Every step of 5 s is there, with what was pushed in it. */
function isWhole({ rows }, complains = true) {
  // The first steps may lie before what was pushed at all.
  const pushed = (time) => pusher.sum(time - 5, time);
  const points = rows.map(([time, value]) => ({ time: Date.parse(time) / 1_000, value })).filter(({ time }) => pushed(time) !== undefined);
  const steps = Array.from({ length: points.length && (points.at(-1).time - points[0].time) / 5 }, (_, n) => points[0].time + n * 5);
  const gaps = steps.filter((step) => pushed(step) !== undefined && !points.some(({ time }) => time === step));
  const wrong = points.filter(({ time, value }) => Number(value) !== pushed(time));
  if (complains) assert.deepEqual([points.length > 3, gaps, wrong], [true, [], []]);
  return points.length > 3 && gaps.length + wrong.length === 0;
}

try {
  await server.start();
  browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags, viewport: { width: 1440, height: 900 }, colorScheme: 'light',
  });
  page = await browser.newPage();
  page.setDefaultTimeout(LONG);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  const isOurs = (url) => url.startsWith(`${server.base}/`) || /^(data|blob|about):/.test(url);
  browser.on('request', (request) => { if (!isOurs(request.url())) errors.push(`asked another server: ${request.url()}`); });
  for (const [name, run] of Object.entries(scenarios)) {
    const began = performance.now();
    try {
      const figure = await run();
      console.log(`ok   ${name}${figure ? `: ${figure}` : ''} (${((performance.now() - began) / 1_000).toFixed(0)} s)`);
    } catch (error) {
      console.log(`FAIL ${name}`);
      await shot('failed');
      throw error;
    }
  }
  assert.deepEqual(errors, []);
  console.log('all passed');
} finally {
  pusher?.stop();
  await browser?.close();
  await server.kill();
  await rm(folder, { recursive: true, force: true });
}
