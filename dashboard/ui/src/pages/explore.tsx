/** Any queries over any range, as graph, table or heatmap. The address holds all of it. */

import { useMemo } from 'preact/hooks';
import { range, type Series } from '../api';
import { Chart } from '../chart';
import { Editor } from '../editor';
import { csv, dateTime } from '../format';
import { Heatmap } from '../heatmap';
import { useAnswer, useLive } from '../hooks';
import { fromSeries, type Line, stepFor, table } from '../points';
import { type Place, type View, write } from '../url';

const SPANS: [string, number][] = [['5 min', 300], ['15 min', 900], ['1 h', 3600], ['6 h', 21600], ['1 d', 86400], ['7 d', 604800]];
const VIEWS: View[] = ['graph', 'table', 'heatmap'];
const HISTORY = 'tidegate.history';
const HISTORY_LENGTH = 50;

export const past = (): string[] => JSON.parse(localStorage.getItem(HISTORY) ?? '[]') as string[];

function remember(query: string): void {
  const list = [query, ...past().filter((other) => other !== query)].slice(0, HISTORY_LENGTH);
  localStorage.setItem(HISTORY, JSON.stringify(list));
}

function download(lines: Line[]): void {
  const [times, ...columns] = table(lines);
  const head = ['time', ...lines.map(({ name }) => name)];
  const rows = times.map((time, row) => [new Date(time * 1000).toISOString(), ...columns.map((column) => column[row] ?? '')]);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csv([head, ...rows])], { type: 'text/csv' }));
  link.download = 'tidegate.csv';
  link.click();
  URL.revokeObjectURL(link.href);
}

const localInput = (sec: number): string => dateTime(sec, 'local').replace(' ', 'T');

interface ResultProps { query: string; place: Place; zoom: (from: number, to: number) => void }

function LiveResult({ query, place, zoom }: ResultProps) {
  const { lines, state, error } = useLive(query, place.span);
  return <Lines lines={lines} error={error} waiting={state !== 'live'} place={place} query={query} zoom={zoom} />;
}

function PastResult({ query, place, zoom }: ResultProps) {
  const to = place.to ?? Math.floor(Date.now() / 1000);
  const from = place.from ?? to - place.span;
  const answer = useAnswer((signal) => range(query, from, to, stepFor(to - from), signal), `${query} ${place.from} ${place.to} ${place.span}`);
  const lines = useMemo(() => [...fromSeries(answer.data ?? []).values()], [answer.data]);
  if (place.view === 'heatmap' && !answer.error) {
    return answer.data ? <Heatmap series={answer.data as Series[]} /> : <p class="empty">Asking.</p>;
  }
  return <Lines lines={lines} error={answer.error} waiting={!answer.data} place={place} query={query} zoom={zoom} range={[from, to]} />;
}

function Lines({ lines, error, waiting, place, query, zoom, range: shown }: ResultProps & { lines: Line[]; error: string; waiting: boolean; range?: [number, number] }) {
  if (error) return <p class="error" role="alert">{error}</p>;
  if (!lines.length) return <p class="empty">{waiting ? 'Waiting for the answer.' : 'No series. Check the name, or take a longer range.'}</p>;
  return (
    <>
      {place.view === 'table' ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Last values">
          <table>
            <thead><tr><th>Series</th><th>Last value</th><th>At</th></tr></thead>
            <tbody>
              {lines.map(({ name, points }) => {
                const [time, value] = [...points].at(-1) ?? [0, NaN];
                return <tr key={name}><td>{name}</td><td>{value}</td><td>{dateTime(time, place.zone)}</td></tr>;
              })}
            </tbody>
          </table>
        </div>
      ) : <Chart lines={lines} label={`Graph of ${query}`} height={300} legend zone={place.zone} range={shown} onZoom={zoom} />}
      <p><button onClick={() => download(lines)}>Export CSV</button></p>
    </>
  );
}

export function Explore({ place }: { place: Place }) {
  const go = (change: Partial<Place>) => { location.hash = write({ ...place, ...change }); };
  const queries = place.queries.length ? place.queries : [''];
  const set = (index: number, text: string) => {
    if (text === queries[index]) return;
    if (text) remember(text);
    go({ queries: queries.map((query, at) => (at === index ? text : query)) });
  };
  const absolute = place.from !== undefined;
  const Result = absolute || place.view === 'heatmap' ? PastResult : LiveResult;
  const known = past();
  return (
    <>
      <div class="bar" role="group" aria-label="Range and view">
        <select aria-label="Range" value={absolute ? '' : String(place.span)} onChange={(event) => go({ span: Number(event.currentTarget.value), from: undefined, to: undefined })}>
          {absolute && <option value="">from … to</option>}
          {SPANS.map(([text, span]) => <option key={span} value={String(span)}>last {text}</option>)}
        </select>
        {(['from', 'to'] as const).map((end) => (
          <input key={end} type="datetime-local" step="1" aria-label={end} value={place[end] === undefined ? '' : localInput(place[end] ?? 0)}
            onChange={(event) => {
              const time = new Date(event.currentTarget.value).getTime() / 1000;
              const now = Math.floor(Date.now() / 1000);
              if (Number.isFinite(time)) go({ from: place.from ?? now - place.span, to: place.to ?? now, [end]: time });
            }} />
        ))}
        <select aria-label="Time zone" value={place.zone} onChange={(event) => go({ zone: event.currentTarget.value as Place['zone'] })}>
          <option value="local">local time</option>
          <option value="utc">UTC</option>
        </select>
        {VIEWS.map((view) => <button key={view} aria-pressed={place.view === view} onClick={() => go({ view })}>{view}</button>)}
      </div>
      {queries.map((query, index) => (
        <section class="card" key={index}>
          <div class="query">
            <Editor value={query} label={`Query ${index + 1}`} onRun={(text) => set(index, text.trim())} />
            {queries.length > 1 && <button aria-label={`Remove query ${index + 1}`} onClick={() => go({ queries: queries.filter((_, at) => at !== index) })}>×</button>}
          </div>
          {query ? <Result key={query} query={query} place={place} zoom={(from, to) => go({ from, to })} />
            : <p class="empty">Type an expression, for example sum by (job) (rate(http_requests_total[1m])).</p>}
        </section>
      ))}
      <div class="bar">
        <button onClick={() => go({ queries: [...queries, ''] })}>Add a query</button>
        {known.length > 0 && (
          <select aria-label="Query history" value="" onChange={(event) => set(queries.length - 1, event.currentTarget.value)}>
            <option value="">history</option>
            {known.map((query) => <option key={query} value={query}>{query}</option>)}
          </select>
        )}
      </div>
    </>
  );
}
