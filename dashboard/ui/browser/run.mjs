// Drives the page of a real server in Chromium. TIDEGATE_BIN is the server; SHOTS a folder for screenshots, if wanted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LONG = 60_000;
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

const freePort = () => new Promise((resolve) => {
  const socket = createServer().listen(0, '127.0.0.1', () => {
    const { port } = socket.address();
    socket.close(() => resolve(port));
  });
});
const folder = await mkdtemp(join(tmpdir(), 'tidegate-dashboard-'));
const [http, grpc] = [await freePort(), await freePort()];
const base = `http://127.0.0.1:${http}`;
let server;
async function start() {
  server = spawn(process.env.TIDEGATE_BIN, ['all', '--data-dir', join(folder, 'data'),
    '--set', `http.listen=127.0.0.1:${http}`, '--set', `grpc.listen=127.0.0.1:${grpc}`], { stdio: 'ignore' });
  for (let tries = 0; tries < 300; tries++) {
    if (await fetch(`${base}/readyz`).then((answer) => answer.ok, () => false)) return;
    await sleep(200);
  }
  throw new Error('the server is not ready');
}
async function stop() {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await ended;
}
async function push(metrics) {
  const headers = { 'Content-Type': 'application/json' };
  await fetch(`${base}/metrics`, { method: 'POST', headers, body: JSON.stringify({ metrics }) }).catch(() => undefined);
}

let browser;
let pushing;
try {
  await start();
  const tick = () => push(Array.from({ length: 500 }, (_, n) =>
    ({ name: 'many', value: Math.sin(Date.now() / 20_000 + n) + n / 50, tags: { job: 'demo', instance: `host-${n % 5}`, n: String(n) } })));
  await tick();
  pushing = setInterval(tick, 1_000);
  browser = await chromium.launchPersistentContext(join(folder, 'profile'), { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  const shot = (name) => process.env.SHOTS && page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
  const begin = performance.now();
  await page.goto(base);
  await page.getByRole('link', { name: 'Explore' }).waitFor();
  const loaded = performance.now() - begin;
  console.log(`first load: ${loaded.toFixed(0)} ms`);
  assert.ok(loaded < 10_000);

  await page.getByRole('cell', { name: 'demo / host-1' }).waitFor({ timeout: LONG });
  await page.locator('.chart canvas').first().waitFor({ timeout: LONG });
  for (const theme of ['light', 'dark']) {
    await page.evaluate((name) => { localStorage.setItem('tidegate.theme', name); }, theme);
    await page.reload();
    await page.locator('.chart canvas').first().waitFor({ timeout: LONG });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    await shot(theme);
    assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes[0].html]), []);
  }
  await page.getByRole('link', { name: 'host-1', exact: true }).first().click();
  await page.getByRole('link', { name: 'many', exact: true }).click({ timeout: LONG });
  await page.getByText('100 series').waitFor({ timeout: LONG });
  console.log('drill-down: ok');

  await page.goto(`${base}/#/explore?q=many&span=300`);
  await page.getByText('500 series').waitFor({ timeout: LONG });
  const frames = await page.evaluate(() => new Promise((resolve) => {
    const times = [];
    const frame = (now) => { times.push(now); if (now - times[0] < 12_000) requestAnimationFrame(frame); else resolve(times); };
    requestAnimationFrame(frame);
  }));
  const gaps = frames.slice(1).map((time, n) => time - frames[n]).sort((a, b) => a - b);
  console.log(`500 series live: frames p50 ${gaps[gaps.length >> 1].toFixed(0)} ms, p99 ${gaps[Math.floor(gaps.length * 0.99)].toFixed(0)} ms, longest ${gaps.at(-1).toFixed(0)} ms`);
  await shot('explore');
  await stop();
  await page.locator('.state.reconnecting').waitFor({ timeout: LONG });
  await start();
  await page.locator('.state.live').waitFor({ timeout: LONG });
  console.log('restart: reconnected');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${base}/#/overview`);
  await page.locator('.chart canvas').first().waitFor({ timeout: LONG });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the phone view is too wide');
  await shot('phone');
  assert.deepEqual(errors, []);
  console.log('all passed');
} finally {
  clearInterval(pushing);
  await browser?.close();
  await stop();
  await rm(folder, { recursive: true, force: true });
}
