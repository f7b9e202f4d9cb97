/** What is alive, how much comes in, how it fares; then down to a service, a host, a series. */

import { useState } from 'preact/hooks';
import { instant, type Labels, type Sample } from '../api';
import { Chart } from '../chart';
import { percent, quote, seconds, short } from '../format';
import { useAnswer, useLive } from '../hooks';
import { type Place, write } from '../url';

const SPAN_SEC = 900;
/** Known for this long, silent when not heard of for a minute. */
const KNOWN = '30m';
const REFRESH_MS = 10_000;

function matchers({ job, instance }: Place, ...more: string[]): string {
  const parts = [...more];
  if (job) parts.push(`job=${quote(job)}`);
  if (instance) parts.push(`instance=${quote(instance)}`);
  return parts.length ? `{${parts.join(',')}}` : '';
}

function Panel(props: { title: string; query: string; format?: (value: number) => string; empty: string }) {
  const { lines, state, error } = useLive(props.query, SPAN_SEC);
  const open = write({ page: 'explore', queries: [props.query] });
  return (
    <section class="card">
      <h2><a href={open}>{props.title}</a></h2>
      {error ? <p class="error">{error}</p>
        : lines.length ? <Chart lines={lines} label={`${props.title}, the last 15 minutes`} format={props.format} />
        : <p class="empty">{state === 'live' ? props.empty : 'Waiting for the server.'}</p>}
    </section>
  );
}

interface Host {
  labels: Labels;
  load?: number;
  memory?: number;
  series?: number;
  silent: boolean;
}
type Column = 'name' | 'load' | 'memory' | 'series' | 'silent';

const keyOf = ({ job = '', instance = '' }: Labels): string => `${job}\n${instance}`;

async function hosts(place: Place, signal: AbortSignal): Promise<Host[]> {
  const all = matchers(place, '__name__!=""');
  const by = 'by (job, instance)';
  const ask = (query: string) => instant(query, signal);
  const [counts, load, memory] = await Promise.all([
    // Functions that drop the name would give one host the same labels many times.
    ask(`count ${by} (last_over_time(${all}[1m]))`),
    ask(`max ${by} (node_load1${matchers(place)})`),
    ask(`1 - max ${by} (node_memory_MemAvailable_bytes${matchers(place)} / node_memory_MemTotal_bytes)`),
  ]);
  const known = await ask(`count ${by} (last_over_time(${all}[${KNOWN}]))`);
  const values = (samples: Sample[]) => new Map(samples.map(({ metric, value }) => [keyOf(metric), Number(value?.[1])]));
  const [countBy, loadBy, memoryBy] = [counts, load, memory].map(values);
  return known.map(({ metric }) => {
    const key = keyOf(metric);
    const series = countBy?.get(key);
    return { labels: metric, load: loadBy?.get(key), memory: memoryBy?.get(key), series, silent: series === undefined };
  });
}

function heat(value: number | undefined, most: number): Record<string, string> {
  if (value === undefined || !(most > 0)) return {};
  const share = Math.round(Math.min(1, Math.max(0, value / most)) * 40);
  return { background: `color-mix(in srgb, var(--accent) ${share}%, transparent)` };
}

function HostTable({ rows, place }: { rows: Host[]; place: Place }) {
  const [sort, setSort] = useState<{ by: Column; up: boolean }>({ by: 'load', up: false });
  const value = (host: Host): string | number =>
    sort.by === 'name' ? keyOf(host.labels) : Number(host[sort.by] ?? -1);
  const sorted = [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    return (x < y ? -1 : x > y ? 1 : 0) * (sort.up ? 1 : -1);
  });
  const most = (column: 'load' | 'memory' | 'series') => Math.max(...rows.map((row) => row[column] ?? 0));
  const [load, memory, series] = [most('load'), 1, most('series')];
  const head = (by: Column, text: string) => (
    <th aria-sort={sort.by === by ? (sort.up ? 'ascending' : 'descending') : 'none'}>
      <button class="plain" onClick={() => setSort({ by, up: sort.by === by && !sort.up })}>{text}</button>
    </th>
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Hosts">
      <table>
        <thead>
          <tr>{head('name', 'Host')}{head('load', 'Load')}{head('memory', 'Memory')}{head('series', 'Series')}{head('silent', 'State')}</tr>
        </thead>
        <tbody>
          {sorted.map((host) => (
            <tr key={keyOf(host.labels)} class={host.silent ? 'silent' : ''}>
              <td>
                {host.labels.job && <a href={write({ page: 'overview', job: host.labels.job })}>{host.labels.job}</a>}
                {host.labels.job && host.labels.instance && ' / '}
                {host.labels.instance && <a href={write({ page: 'overview', job: host.labels.job ?? '', instance: host.labels.instance })}>{host.labels.instance}</a>}
                {!host.labels.job && !host.labels.instance && <span class="muted">without job and instance</span>}
              </td>
              <td style={heat(host.load, load)}>{host.load === undefined ? '–' : short(host.load)}</td>
              <td style={heat(host.memory, memory)}>{host.memory === undefined ? '–' : percent(host.memory)}</td>
              <td style={heat(host.series, series)}>{host.series === undefined ? '–' : short(host.series)}</td>
              <td>{host.silent ? 'silent for a minute or more' : 'alive'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {place.instance && <SeriesList place={place} />}
    </div>
  );
}

function SeriesList({ place }: { place: Place }) {
  const all = matchers(place, '__name__!=""');
  const names = useAnswer((signal) => instant(`count by (__name__) (${all})`, signal), all);
  return (
    <ul class="names" aria-label="Metrics of this host">
      {names.data?.map(({ metric }) => (
        <li key={metric.__name__}>
          <a href={write({ page: 'explore', queries: [`${metric.__name__ ?? ''}${matchers(place)}`] })}>{metric.__name__}</a>
        </li>
      ))}
    </ul>
  );
}

export function Overview({ place }: { place: Place }) {
  const at = matchers(place);
  const known = useAnswer((signal) => hosts(place, signal), at, REFRESH_MS);
  const alive = known.data?.filter(({ silent }) => !silent).length ?? 0;
  const silent = (known.data?.length ?? 0) - alive;
  const requests = `rate(http_requests_total${at}[1m])`;
  const failed = `rate(http_requests_total${matchers(place, 'code=~"5.."')}[1m])`;
  const buckets = `rate(http_request_duration_seconds_bucket${at}[1m])`;
  const native = `rate(http_request_duration_seconds${at}[1m])`;
  const quantile = (q: number) =>
    `label_replace(histogram_quantile(${q}, sum by (le) (${buckets})) or histogram_quantile(${q}, sum(${native})), "quantile", "p${q * 100}", "", "")`;
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href={write({ page: 'overview' })}>All services</a>
        {place.job && <> / <a href={write({ page: 'overview', job: place.job })}>{place.job}</a></>}
        {place.instance && <> / <span>{place.instance}</span></>}
      </nav>
      {known.error && <p class="error" role="alert">{known.error}</p>}
      <p class="tiles">
        <span><b>{known.data ? alive : '–'}</b> alive</span>
        <span class={silent ? 'warn' : ''}><b>{known.data ? silent : '–'}</b> silent</span>
      </p>
      <div class="grid">
        <Panel title="Live series" query={`count(last_over_time(${matchers(place, '__name__!=""')}[30s]))`} empty="Nothing came in the last minutes. Push samples to /api/v1/write, or start an agent." />
        <Panel title="Requests per second" query={`sum by (job) (${requests})`} empty="No http_requests_total here." />
        <Panel title="Error rate" query={`sum by (job) (${failed}) / sum by (job) (${requests})`} format={percent} empty="No http_requests_total with a code of 500 or more here." />
        <Panel title="Response time" query={`${quantile(0.5)} or ${quantile(0.99)}`} format={seconds} empty="No distribution http_request_duration_seconds here." />
      </div>
      <section class="card">
        <h2>Hosts</h2>
        {known.data?.length ? <HostTable rows={known.data} place={place} />
          : <p class="empty">{known.data ? 'No host was heard of in the last 30 minutes. Start an agent with: tidegate agent' : 'Asking.'}</p>}
      </section>
    </>
  );
}
