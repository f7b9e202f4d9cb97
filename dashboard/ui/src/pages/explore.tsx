/** Any queries over any range, as graph, table or heatmap. The address holds all of it. */

import { useMemo, useState } from 'preact/hooks';
import { range, type Series } from '../api';
import { Chart } from '../chart';
import { Editor } from '../editor';
import { csv, dateTime, fromInput, short, toInput } from '../format';
import { Heatmap } from '../heatmap';
import { useAnswer, useLive } from '../hooks';
import { fromSeries, type Line, stepFor, table } from '../points';
import { type Place, type View, write } from '../url';

const SPANS: [string, number][] = [['5 min', 300], ['15 min', 900], ['1 h', 3600], ['3 h', 10800], ['6 h', 21600], ['12 h', 43200], ['1 d', 86400], ['2 d', 172800], ['7 d', 604800], ['30 d', 2592000]];
const VIEWS: [View, string][] = [['graph', 'Graph'], ['table', 'Table'], ['heatmap', 'Heatmap']];
const EXAMPLES = [
  'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))',
  'topk(5, node_load1)',
  'sum by (job) (rate(http_requests_total[1m]))',
  'count by (job) ({__name__!=""})',
];
const HISTORY = 'tidegate.history';
const HISTORY_LENGTH = 50;
/** A browser has six connections to a server; the queries beyond are asked again and again instead. */
const MOST_STREAMS = 4;
const REFRESH_MS = 10_000;
const TABLE_ROWS = 500;

function past(): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(HISTORY) ?? '[]');
    return Array.isArray(list) ? list.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

function remember(query: string): void {
  const list = [query, ...past().filter((other) => other !== query)].slice(0, HISTORY_LENGTH);
  localStorage.setItem(HISTORY, JSON.stringify(list));
}

function download(rows: (string | number)[][]): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csv(rows)], { type: 'text/csv' }));
  link.download = `tidegate-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

const iso = (sec: number): string => new Date(sec * 1000).toISOString();

function linesCsv(lines: Line[]): (string | number)[][] {
  const [times, ...columns] = table(lines);
  return [['time', ...lines.map(({ name }) => name)], ...times.map((time, row) => [iso(time), ...columns.map((column) => column[row] ?? '')])];
}

function bucketsCsv(series: Series[]): (string | number)[][] {
  const rows = series.flatMap(({ metric, histograms }) => (histograms ?? []).flatMap(([time, { buckets }]) =>
    (buckets ?? []).map(([, low, high, count]) => [iso(time), JSON.stringify(metric), low, high, count])));
  return [['time', 'series', 'from', 'to', 'count'], ...rows];
}

interface ResultProps { query: string; place: Place; go: (change: Partial<Place>) => void }

function LiveResult(props: ResultProps) {
  const { span } = props.place;
  const { lines, state, error, notes, end } = useLive(props.query, span);
  return <Lines {...props} lines={lines} error={error} waiting={state === 'connecting'} notes={notes} range={[end - span, end]} step={stepFor(span)} />;
}

function PastResult(props: ResultProps) {
  const { query, place, go } = props;
  const { from, to, span, view, zone } = place;
  const key = `${query} ${from} ${to} ${span}`;
  const answer = useAnswer(async (signal) => {
    const length = from !== undefined && to !== undefined ? to - from : span;
    const step = stepFor(length);
    // Steps are the same each time, so that what is drawn does not jitter.
    const end = to ?? Math.floor(Date.now() / 1000 / step) * step;
    return { ...(await range(query, end - length, end, step, signal)), step, range: [end - length, end] as [number, number] };
  }, key, from === undefined ? REFRESH_MS : 0);
  const { data, error } = answer;
  const lines = useMemo(() => [...fromSeries(data?.result ?? []).values()], [data]);
  const [guess] = useState(() => Date.now() / 1000);
  const shown = data?.range ?? [from ?? guess - span, to ?? guess];
  if (view === 'heatmap' && !error) {
    if (!data) return <p class="empty">Waiting for the answer.</p>;
    return (
      <>
        <Heatmap series={data.result} label={`Heatmap of ${query}`} range={data.range} step={data.step} zone={zone} onZoom={(first, last) => go({ from: first, to: last })} />
        <Notes notes={data.notes} />
        {data.result.some(({ histograms }) => histograms) && <p><button onClick={() => download(bucketsCsv(data.result))}>Export CSV</button></p>}
      </>
    );
  }
  return <Lines {...props} lines={lines} error={error} waiting={!data} notes={data?.notes ?? []} range={shown} step={data?.step ?? Infinity} />;
}

function Notes({ notes }: { notes: string[] }) {
  return <>{[...new Set(notes)].map((note) => <p key={note} class="note">{note}</p>)}</>;
}

interface LinesProps extends ResultProps { lines: Line[]; error: string; waiting: boolean; notes: string[]; range: [number, number]; step: number }

function Lines({ lines, error, waiting, place, query, go, range: shown, step, notes }: LinesProps) {
  if (error) return <p class="error" role="alert">{error}</p>;
  if (!lines.length) {
    return <p class="empty">{waiting ? 'Waiting for the answer.' : 'No series in this range. Check the name (completion knows all that are there), or take a longer range.'}</p>;
  }
  const drawn = lines.filter(({ isDistribution }) => !isDistribution);
  return (
    <>
      {drawn.length < lines.length && (
        <p class="note">
          {drawn.length ? `${lines.length - drawn.length} of ${lines.length} series are distributions` : 'These are distributions'}, which a line cannot show.{' '}
          <button onClick={() => go({ view: 'heatmap' })}>See the heatmap</button>
          {' '}Or ask for <code>histogram_quantile(0.99, …)</code>.
        </p>
      )}
      {drawn.length > 0 && (place.view === 'table' ? <Table lines={drawn} place={place} />
        : <Chart lines={drawn} label={`Graph of ${query}`} height={Math.max(300, Math.round(innerHeight * (place.queries.length > 1 ? 0.32 : 0.44)))} legend="list" zone={place.zone} range={shown} step={step} onZoom={(from, to) => go({ from, to })} />)}
      <Notes notes={notes} />
      {drawn.length > 0 && <p><button onClick={() => download(linesCsv(drawn))}>Export CSV</button></p>}
    </>
  );
}

function Table({ lines, place }: { lines: Line[]; place: Place }) {
  const [up, setUp] = useState(false);
  const rows = lines.map((line) => {
    const time = Math.max(...line.points.keys());
    return { ...line, time, value: line.points.get(time) ?? NaN };
  }).sort((a, b) => (up ? a.value - b.value : b.value - a.value));
  const labels = [...new Set(lines.flatMap(({ metric }) => Object.keys(metric)))].sort((a, b) => (a === '__name__' ? -1 : b === '__name__' ? 1 : a < b ? -1 : 1));
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Last values">
        <table class="values">
          <thead>
            <tr>
              {labels.map((label) => <th key={label}>{label === '__name__' ? 'metric' : label}</th>)}
              <th aria-sort={up ? 'ascending' : 'descending'}><button class="plain" onClick={() => setUp(!up)}>last value<span aria-hidden="true">{up ? ' ▴' : ' ▾'}</span></button></th>
              <th>at</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, TABLE_ROWS).map(({ name, metric, value, time }) => (
              <tr key={name}>
                {labels.map((label) => <td key={label}>{metric[label]}</td>)}
                <td title={String(value)}><b>{short(value)}</b></td>
                <td>{dateTime(time, place.zone)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > TABLE_ROWS && <p class="muted">and {rows.length - TABLE_ROWS} more; the CSV has all</p>}
    </>
  );
}

function Range({ place, go }: { place: Place; go: (change: Partial<Place>) => void }) {
  const { from, to, span, zone } = place;
  const isAbsolute = from !== undefined && to !== undefined;
  const now = Math.floor(Date.now() / 1000);
  const [first, last] = isAbsolute ? [from, to] : [now - span, now];
  const length = last - first;
  const move = (by: number) => go({ from: Math.round(first + by * length), to: Math.round(last + by * length) });
  const known = SPANS.some(([, one]) => one === span);
  return (
    <>
      <select aria-label="Range" value={isAbsolute ? 'fixed' : String(span)} onChange={(event) => {
        const { value } = event.currentTarget;
        go(value === 'fixed' ? { from: first, to: last } : { span: Number(value), from: undefined, to: undefined });
      }}>
        {SPANS.map(([text, one]) => <option key={one} value={String(one)}>last {text}</option>)}
        {!known && <option value={String(span)}>last {span} s</option>}
        <option value="fixed">from … to</option>
      </select>
      {isAbsolute && (
        <>
          {(['from', 'to'] as const).map((end) => (
            <input key={end} type="datetime-local" step="1" aria-label={end} value={toInput(end === 'from' ? first : last, zone)}
              onChange={(event) => {
                const time = fromInput(event.currentTarget.value, zone);
                const next = { from: first, to: last, [end]: time };
                if (Number.isFinite(time) && next.from < next.to) go(next);
              }} />
          ))}
          <button onClick={() => go({ from: undefined, to: undefined })}>Back to live</button>
        </>
      )}
      <span class="group" role="group" aria-label="Move in time">
        <button aria-label="Earlier" title="Earlier" onClick={() => move(-0.5)}>‹</button>
        <button aria-label="Later" title="Later" disabled={!isAbsolute} onClick={() => move(0.5)}>›</button>
        <button aria-label="Zoom out" title="Zoom out" onClick={() => go({ from: Math.round(first - length / 2), to: Math.min(now, Math.round(last + length / 2)) })}>−</button>
      </span>
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
  const isPast = place.from !== undefined || place.view === 'heatmap';
  const known = past();
  const empty = queries.indexOf('');
  return (
    <>
      <div class="bar" role="group" aria-label="Range and view">
        <Range place={place} go={go} />
        <select aria-label="Time zone" value={place.zone} onChange={(event) => go({ zone: event.currentTarget.value as Place['zone'] })}>
          <option value="local">local time</option>
          <option value="utc">UTC</option>
        </select>
        <span class="group" role="group" aria-label="View">
          {VIEWS.map(([view, text]) => <button key={view} aria-pressed={place.view === view} onClick={() => go({ view })}>{text}</button>)}
        </span>
      </div>
      {queries.map((query, index) => {
        const Result = isPast || index >= MOST_STREAMS ? PastResult : LiveResult;
        return (
          <section class="card" key={index}>
            <div class="query">
              <Editor value={query} label={`Query ${index + 1}`} onRun={(text) => set(index, text.trim())} />
              {queries.length > 1 && <button aria-label={`Remove query ${index + 1}`} title="Remove" onClick={() => go({ queries: queries.filter((_, at) => at !== index) })}>×</button>}
            </div>
            {query ? <Result key={`${query} ${isPast}`} query={query} place={place} go={go} /> : (
              <div class="empty">
                Type an expression, or take one of these:
                <ul class="examples">{EXAMPLES.map((text) => <li key={text}><button class="plain link" onClick={() => set(index, text)}><code>{text}</code></button></li>)}</ul>
              </div>
            )}
          </section>
        );
      })}
      <div class="bar">
        <button onClick={() => go({ queries: [...queries, ''] })}>Add a query</button>
        {known.length > 0 && (
          <select class="history" aria-label="Query history" value=""
            onChange={(event) => {
              const { value } = event.currentTarget;
              event.currentTarget.value = '';
              set(empty < 0 ? queries.length - 1 : empty, value);
            }}>
            <option value="">History ({known.length})</option>
            {known.map((query) => <option key={query} value={query}>{query}</option>)}
          </select>
        )}
      </div>
    </>
  );
}
