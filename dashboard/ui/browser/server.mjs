// A real server on a data folder of its own, and what is pushed to it.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const freePort = () => new Promise((resolve) => {
  const socket = createServer().listen(0, '127.0.0.1', () => {
    const { port } = socket.address();
    socket.close(() => resolve(port));
  });
});

export class Server {
  static async on(folder) {
    const server = new Server();
    const [http, grpc] = [await freePort(), await freePort()];
    server.base = `http://127.0.0.1:${http}`;
    server.args = ['all', '--data-dir', join(folder, 'data'), '--set', `http.listen=127.0.0.1:${http}`, '--set', `grpc.listen=127.0.0.1:${grpc}`,
      '--set', 'agent.enabled=false'];
    return server;
  }

  async start() {
    this.process = spawn(process.env.TIDEGATE_BIN, this.args, { stdio: 'ignore' });
    for (let tries = 0; tries < 600; tries++) {
      if (await fetch(`${this.base}/readyz`).then((answer) => answer.ok, () => false)) return;
      await sleep(200);
    }
    throw new Error('the server is not ready');
  }

  async kill() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  /** True when it is on disk. */
  post(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    return fetch(`${this.base}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }).then((answer) => answer.ok, () => false);
  }
}

/** Pushes once a second, and again what the server did not take. */
export class Pusher {
  /** What `beat` has, by second. */
  beats = new Map();
  waiting = [];

  constructor(server) {
    this.server = server;
    this.timer = setInterval(() => void this.tick(), 1_000);
  }

  stop() {
    clearInterval(this.timer);
  }

  async tick() {
    const now = Date.now();
    const second = Math.floor(now / 1_000);
    if (!this.beats.has(second)) {
      this.beats.set(second, second % 1_000);
      // In the middle of a second, so that none is on the edge of a step.
      this.waiting.push({ name: 'beat', value: second % 1_000, timestamp: second * 1_000 + 500, tags: { job: 'demo', instance: 'host-0' } });
    }
    void this.server.post('/metrics', { metrics: demo(now) });
    void this.server.post('/v1/metrics', distribution(now));
    const batch = this.waiting.splice(0);
    if (!(await this.server.post('/metrics', { metrics: batch }))) this.waiting.unshift(...batch);
  }

  /** The sum of the beats after one time and up to another, in seconds; none where the machine left no time for one. */
  sum(after, until) {
    const seconds = [...this.beats.keys()];
    if (!(seconds[0] <= after && until <= seconds.at(-1) + 1)) return undefined;
    let sum;
    for (let second = after; second < until; second++) {
      if (this.beats.has(second)) sum = (sum ?? 0) + this.beats.get(second);
    }
    return sum;
  }
}

/** 500 series of five hosts, one of which does nothing; and their requests. */
function demo(now) {
  const host = (n) => ({ job: 'demo', instance: `host-${n}` });
  const many = Array.from({ length: 500 }, (_, n) => ({ name: 'many', value: Math.sin(now / 20_000 + n) + n / 50, tags: { ...host(n % 5), n: String(n) } }));
  const hosts = Array.from({ length: 5 }, (_, n) => [
    { name: 'node_load1', value: n, tags: host(n) },
    { name: 'http_requests_total', value: (now / 1_000) * n, tags: { ...host(n), code: '200' } },
    { name: 'http_requests_total', value: (now / 50_000) * n, tags: { ...host(n), code: '500' } },
  ]);
  return [...many, ...hosts.flat()];
}

/** The last second's response times, as an exponential histogram of deltas. */
function distribution(now) {
  const counts = Array.from({ length: 16 }, (_, n) => Math.round(200 * Math.exp(-((n - 7) ** 2) / 8)));
  const nano = (ms) => String(BigInt(ms) * 1_000_000n);
  const point = {
    startTimeUnixNano: nano(now - 1_000), timeUnixNano: nano(now), count: String(counts.reduce((a, b) => a + b)), sum: 100, scale: 1, zeroCount: '0',
    positive: { offset: -12, bucketCounts: counts.map(String) }, negative: { offset: 0, bucketCounts: [] },
  };
  const attribute = (key, value) => ({ key, value: { stringValue: value } });
  const attributes = [attribute('service.name', 'demo'), attribute('service.instance.id', 'host-1')];
  const metrics = [{ name: 'http.server.request.duration', unit: 's', exponentialHistogram: { aggregationTemporality: 1, dataPoints: [point] } }];
  return { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
}
