/** What pages share: live lines, questions asked again and again, the pause. */

import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { range } from './api';
import { addStep, replaceBetween, type Line, stepFor } from './points';
import { LiveQuery, type LiveState } from './stream';

export const Paused = createContext(false);
export const Report = createContext<(key: string, state: LiveState | undefined) => void>(() => undefined);

export interface Live {
  lines: Line[];
  state: LiveState;
  error: string;
  /** What the server has to say about the latest step. */
  notes: string[];
  /** The latest step, in seconds. */
  end: number;
}

/** Steps that are younger than this come by the stream, which waits until they are complete. */
const RECENT_SEC = 20;
/** A step that is complete comes within this. */
const PROMPT_SEC = 2;
let keys = 0;

/** The last `span` seconds of an expression: history first, then each step as it is complete. */
export function useLive(query: string, span: number): Live {
  const paused = useContext(Paused);
  const report = useContext(Report);
  const [live, setLive] = useState<Live>({ lines: [], state: 'connecting', error: '', notes: [], end: Date.now() / 1000 });
  const hold = useRef(paused);
  const show = useRef<() => void>(() => undefined);
  hold.current = paused;
  useEffect(() => {
    if (!paused) show.current();
  }, [paused]);
  useEffect(() => {
    const key = `stream ${keys++}`;
    const abort = new AbortController();
    const lines = new Map<string, Line>();
    const step = stepFor(span);
    let frame = 0;
    let state: LiveState = 'connecting';
    let error = '';
    let notes: string[] = [];
    const recent = Math.floor((Date.now() / 1000 - RECENT_SEC) / step) * step;
    let end = recent;
    // Many steps may come at once; one drawing per frame is enough.
    show.current = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        if (hold.current) return;
        const sorted = [...lines.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        // Copies: what is shown must not change while it is held.
        setLive({ lines: sorted.map((line) => ({ ...line, points: new Map(line.points) })), state, error, notes, end });
      });
    };
    const fill = (from: number, to: number) =>
      range(query, from, to, step, abort.signal).then(({ result }) => {
        replaceBetween(lines, result, from, to);
        show.current();
      }, () => undefined);
    const history = () => void fill(recent - Math.ceil(span / step) * step, recent);
    history();
    const opened = Date.now() / 1000;
    let begun = false;
    const source = new LiveQuery(query, step, recent + step, {
      step: (one) => {
        addStep(lines, one, one.time - span - step);
        // The first step shows that all before it is complete. Where that took time, the history was asked too soon.
        if (!begun && Date.now() / 1000 - Math.max(opened, one.time) > PROMPT_SEC) history();
        begun = true;
        if (one.time >= end) {
          end = one.time;
          notes = one.notes;
        }
        show.current();
      },
      gap: (from, to) => void fill(Math.max(from, to - Math.ceil(span / step) * step), to - step),
      state: (now, detail = '') => {
        state = now;
        error = detail;
        report(key, now);
        show.current();
      },
    });
    return () => {
      source.close();
      abort.abort();
      cancelAnimationFrame(frame);
      report(key, undefined);
    };
  }, [query, span]);
  return live;
}

export interface Answer<T> {
  data?: T;
  error: string;
}

/** Asks now, when `key` changes and each `everyMs` while somebody looks; a pause holds the last answer. */
export function useAnswer<T>(question: (signal: AbortSignal) => Promise<T>, key: string, everyMs = 0): Answer<T> {
  const paused = useContext(Paused);
  const report = useContext(Report);
  const [answer, setAnswer] = useState<Answer<T> & { key: string }>({ error: '', key });
  useEffect(() => {
    if (paused) return undefined;
    const abort = new AbortController();
    const mine = `answer ${keys++}`;
    let timer = 0;
    const run = async () => {
      try {
        const data = await question(abort.signal);
        setAnswer({ data, error: '', key });
        if (everyMs) report(mine, 'live');
      } catch (error) {
        if (abort.signal.aborted) return;
        const text = error instanceof Error ? error.message : String(error);
        setAnswer((before) => ({ data: before.key === key ? before.data : undefined, error: text, key }));
        if (everyMs) report(mine, 'reconnecting');
      }
      if (everyMs && !abort.signal.aborted) timer = window.setTimeout(() => void again(), everyMs);
    };
    const again = async () => {
      if (!document.hidden) return run();
      timer = window.setTimeout(() => void again(), everyMs);
      return undefined;
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      report(mine, undefined);
    };
  }, [key, paused, everyMs]);
  // What was asked before is no answer to this.
  return answer.key === key ? answer : { error: '' };
}
