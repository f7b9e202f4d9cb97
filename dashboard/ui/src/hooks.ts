/** What pages share: live lines, questions asked again and again, the pause. */

import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { range } from './api';
import { addStep, fromSeries, type Line, stepFor } from './points';
import { LiveQuery, type LiveState } from './stream';

export const Paused = createContext(false);
export const Report = createContext<(key: string, state: LiveState | undefined) => void>(() => undefined);

interface Live {
  lines: Line[];
  state: LiveState;
  error: string;
}

const HISTORY_SEC = 3_500;

/** The last `span` seconds of an expression: history first, then each step as it is complete. */
export function useLive(query: string, span: number): Live {
  const paused = useContext(Paused);
  const report = useContext(Report);
  const [live, setLive] = useState<Live>({ lines: [], state: 'connecting', error: '' });
  const hold = useRef(paused);
  const show = useRef<() => void>(() => undefined);
  hold.current = paused;
  useEffect(() => {
    if (!paused) show.current();
  }, [paused]);
  useEffect(() => {
    const key = `${query} ${span} ${Math.random()}`;
    const abort = new AbortController();
    let lines = new Map<string, Line>();
    let frame = 0;
    let state: LiveState = 'connecting';
    let error = '';
    // Many steps may come at once; one drawing per frame is enough.
    show.current = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        if (!hold.current) setLive({ lines: [...lines.values()].map((line) => ({ ...line })), state, error });
      });
    };
    const now = Math.floor(Date.now() / 5000) * 5;
    const start = now - Math.min(span, HISTORY_SEC);
    const older = span > HISTORY_SEC ? range(query, now - span, start, stepFor(span), abort.signal) : Promise.resolve([]);
    older
      .then((series) => {
        const streamed = lines;
        lines = fromSeries(series);
        for (const [name, line] of streamed) {
          const known = lines.get(name);
          if (known) line.points.forEach((value, time) => known.points.set(time, value));
          else lines.set(name, line);
        }
        show.current();
      })
      .catch(() => undefined);
    const source = new LiveQuery(query, start, {
      step: (step) => {
        addStep(lines, step, step.time - span);
        show.current();
      },
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

/** Asks now, when `key` changes and each `everyMs`; a pause holds the last answer. */
export function useAnswer<T>(question: (signal: AbortSignal) => Promise<T>, key: string, everyMs = 0): Answer<T> {
  const paused = useContext(Paused);
  const [answer, setAnswer] = useState<Answer<T>>({ error: '' });
  useEffect(() => {
    if (paused) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const run = async () => {
      try {
        setAnswer({ data: await question(abort.signal), error: '' });
      } catch (error) {
        if (abort.signal.aborted) return;
        setAnswer((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) }));
      }
      if (everyMs && !abort.signal.aborted) timer = window.setTimeout(() => void run(), everyMs);
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, paused, everyMs]);
  return answer;
}
