/** A live result: connects, and connects again after the last event it had, until it is closed. */

import { ask, type Histogram, type Labels } from './api';
import { SseParser, type ServerEvent } from './sse';

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'failed';
export interface Step {
  /** Unix time in seconds. */
  time: number;
  result: { metric: Labels; value?: string; histogram?: Histogram }[];
  /** What the server has to say about the step. */
  notes: string[];
}
/** What the server sends for a step: labels of the series that are new to this connection, and points by their keys. */
interface StepEvent {
  time: number;
  series?: Record<string, Labels>;
  points: [key: string, value: string | Histogram][];
  missing_partitions?: number[];
  warnings?: string[];
  infos?: string[];
}
export interface Listener {
  step: (step: Step) => void;
  state: (state: LiveState, detail?: string) => void;
  /** Steps from one time to before another, in seconds, will not come. */
  gap: (fromSec: number, toSec: number) => void;
}

const LONGEST_PAUSE_MS = 8_000;
/** The server sends a comment each 5 s; a connection that is silent for much longer is dead. */
const SILENCE_MS = 20_000;
/** A browser has few connections to a server: a tab that nobody sees gives its own back after this. */
const HIDDEN_MS = 15_000;

/** Puts the labels back to the points of one connection's events. */
export class Decoder {
  private series = new Map<string, Labels>();

  step(data: string): Step {
    const { time, series, points, missing_partitions: missing, warnings, infos } = JSON.parse(data) as StepEvent;
    for (const [key, labels] of Object.entries(series ?? {})) this.series.set(key, labels);
    const metric = (key: string) => this.series.get(key) ?? {};
    const result = points.map(([key, point]) =>
      typeof point === 'string' ? { metric: metric(key), value: point } : { metric: metric(key), histogram: point },
    );
    // A step tells again what the one before it did not have, so no more needs to be kept.
    this.series = new Map(points.map(([key]) => [key, metric(key)]));
    const notes = [...(warnings ?? []), ...(infos ?? [])];
    if (missing?.length) notes.push(`Partitions ${missing.join(', ')} lag behind: series may be missing until they are there.`);
    return { time, result, notes };
  }

  /** Has all its labels itself. */
  correction(data: string): Step {
    return new Decoder().step(data);
  }
}

export class LiveQuery {
  private readonly abort = new AbortController();
  private lastId = '';
  private decoder = new Decoder();
  /** The server's wish: how long to wait before the next connection. */
  private retryMs = 500;

  constructor(
    private readonly query: string,
    private readonly stepSec: number,
    private readonly startSec: number,
    private readonly listener: Listener,
  ) {
    void this.run();
  }

  close(): void {
    this.abort.abort();
  }

  private async run(): Promise<void> {
    let failures = 0;
    this.listener.state('connecting');
    while (!this.abort.signal.aborted) {
      await this.seen();
      try {
        if (!(await this.connect(() => (failures = 0)))) return;
      } catch {
        // Whatever broke the connection, the cure is a new one.
      }
      if (this.abort.signal.aborted) return;
      if (document.hidden) continue;
      this.listener.state('reconnecting');
      const pause = Math.min(LONGEST_PAUSE_MS, this.retryMs * 2 ** failures++);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Waits until somebody sees the tab; what comes meanwhile is asked for then. */
  private seen(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (document.hidden && !this.abort.signal.aborted) return;
        document.removeEventListener('visibilitychange', look);
        resolve();
      };
      document.addEventListener('visibilitychange', look);
      this.abort.signal.addEventListener('abort', look);
      look();
    });
  }

  /** Reads one connection to its end; false if another one would not help. */
  private async connect(opened: () => void): Promise<boolean> {
    const params = new URLSearchParams({ query: this.query, step: String(this.stepSec) });
    if (!this.lastId) params.set('start', String(this.startSec));
    const headers: HeadersInit = this.lastId ? { 'Last-Event-ID': this.lastId } : {};
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    this.abort.signal.addEventListener('abort', stop);
    let timer = setTimeout(stop, SILENCE_MS);
    let hidden = 0;
    const look = () => {
      clearTimeout(hidden);
      if (document.hidden) hidden = window.setTimeout(stop, HIDDEN_MS);
    };
    document.addEventListener('visibilitychange', look);
    try {
      const response = await ask(`/api/v1/stream?${params}`, { headers, signal: attempt.signal });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        const body = (await response.json().catch(() => null)) as { error?: string } | null;
        this.listener.state('failed', body?.error ?? `answer ${response.status}`);
        return false;
      }
      if (!response.ok || !response.body) return true;
      opened();
      this.listener.state('live');
      const parser = new SseParser();
      this.decoder = new Decoder();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return true;
        clearTimeout(timer);
        timer = setTimeout(stop, SILENCE_MS);
        for (const event of parser.push(value)) if (!this.take(event)) return false;
        this.retryMs = parser.retryMs ?? this.retryMs;
      }
    } finally {
      clearTimeout(timer);
      clearTimeout(hidden);
      document.removeEventListener('visibilitychange', look);
      this.abort.signal.removeEventListener('abort', stop);
    }
  }

  private take({ event, id, data }: ServerEvent): boolean {
    if (this.abort.signal.aborted) return false;
    if (event === 'message') this.listener.step(this.decoder.step(data));
    if (event === 'correction') this.listener.step(this.decoder.correction(data));
    if (event === 'gap') {
      const { from, to } = JSON.parse(data) as { from: number; to: number };
      this.listener.gap(from, to);
    }
    if (event === 'failure') {
      this.listener.state('failed', (JSON.parse(data) as { error?: string }).error);
      return false;
    }
    // At the end: what could not be taken is asked for again.
    if (id) this.lastId = id;
    return true;
  }
}
