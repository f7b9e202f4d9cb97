/** What is alive, how much comes in, how it fares; then down to a service, a host, a series. */

import { useMemo, useState } from 'preact/hooks';
import { ApiError, instant, type Labels, range, type Sample } from '../api';
import { Chart } from '../chart';
import { percent, quote, seconds, shortName, short } from '../format';
import { type Live, useAnswer, useLive } from '../hooks';
import type { Line } from '../points';
import { type Place, write } from '../url';

const SPAN_SEC = 900;
const STEP_SEC = 5;
/** Known for this long, silent when not heard of for a minute. */
const KNOWN = '30m';
const KNOWN_SEC = 1800;
const MINUTE_SEC = 60;
const KNOWN_FRESH_MS = 30_000;
const REFRESH_MS = 10_000;
const ROWS = 200;
/** Of what is there when there are too many series to look at all. */
const FEW = '__name__=~"up|node_load1|node_uname_info|target_info|http_requests_total"';
const ALL = '__name__!=""';
/** What OpenTelemetry calls the requests of an HTTP server; Prometheus' clients call them http_requests_total. */
const OTEL = 'http_server_request_duration_seconds';
/** Tells the results of one stream apart; a browser has only few connections to a server. */
const PANEL = 'panel_';

function matchers({ job, instance }: Place, ...more: string[]): string {
  const parts = [...more];
  if (job) parts.push(`job=${quote(job)}`);
  if (instance) parts.push(`instance=${quote(instance)}`);
  return parts.length ? `{${parts.join(',')}}` : '';
}

interface PanelProps {
  title: string;
  /** What it shows, to be explored. */
  query: string;
  live: Live;
  lines: Line[];
  empty: string;
  format?: (value: number) => string;
  href?: (line: Line) => string | undefined;
}

function Panel({ title, query, live, lines, empty, format, href }: PanelProps) {
  const { state, error, end } = live;
  return (
    <section class="card">
      <h2><a href={write({ page: 'explore', queries: [query] })} title="Explore this query">{title}</a></h2>
      {error ? <p class="error">{error}</p>
        : lines.length ? (
          <Chart lines={lines} label={`${title}, the last 15 minutes`} legend="chips" range={[end - SPAN_SEC, end]} step={STEP_SEC}
            format={format} href={href} sync="overview" />
        ) : <p class="empty">{state === 'live' ? empty : 'Waiting for the server.'}</p>}
    </section>
  );
}

/** Several expressions by one stream. */
function usePanels(queries: Record<string, string>): { live: Live; of: (panel: string) => Line[] } {
  const joined = Object.entries(queries).map(([panel, query]) => `label_replace(${query}, "${PANEL}", "${panel}", "", "")`).join(' or ');
  const live = useLive(joined, SPAN_SEC);
  const split = useMemo(() => {
    const found = new Map<string, Line[]>();
    for (const line of live.lines) {
      const { [PANEL]: panel = '', ...metric } = line.metric;
      found.set(panel, [...(found.get(panel) ?? []), { ...line, metric }]);
    }
    return found;
  }, [live.lines]);
  return { live, of: (panel) => split.get(panel) ?? [] };
}

function Panels({ place }: { place: Place }) {
  const by = place.job && !place.instance ? 'instance' : 'job';
  const all = matchers(place);
  const counted = (ofPrometheus: string[], ofOtel: string[]) => [
    `sum by (${by}) (rate(http_requests_total${matchers(place, ...ofPrometheus)}[1m]))`,
    `sum by (${by}) (rate(${OTEL}_count${matchers(place, ...ofOtel)}[1m]))`,
    `histogram_count(sum by (${by}) (rate(${OTEL}${matchers(place, ...ofOtel)}[1m])))`,
  ].join(' or ');
  const requests = `(${counted([], [])})`;
  // Services without a failure have a rate of 0.
  const failed = `(${counted(['code=~"5.."'], ['http_response_status_code=~"5.."'])} or 0 * ${requests})`;
  const quantile = (q: number) => {
    const of = ['http_request_duration_seconds', OTEL].flatMap((name) => [
      `histogram_quantile(${q}, sum by (le) (rate(${name}_bucket${all}[1m])))`,
      `histogram_quantile(${q}, sum(rate(${name}${all}[1m])))`,
    ]);
    return `label_replace(${of.join(' or ')}, "quantile", "p${q * 100}", "", "")`;
  };
  const queries = { requests, errors: `${failed} / ${requests}`, times: `${quantile(0.5)} or ${quantile(0.99)}` };
  const { live, of } = usePanels(queries);
  const seriesQuery = `count by (${by}) (last_over_time(${matchers(place, ALL)}[30s]))`;
  const series = useLive(seriesQuery, SPAN_SEC);
  const href = ({ metric }: Line): string | undefined => {
    if (place.instance) return undefined;
    const { job = place.job, instance = '' } = metric;
    return job || instance ? write({ page: 'overview', job, instance }) : undefined;
  };
  const shared = { live, href };
  return (
    <div class="grid panels">
      <Panel {...shared} title="Requests per second" query={queries.requests} lines={of('requests')} empty={`No http_requests_total and no ${OTEL} here.`} />
      <Panel {...shared} title="Error rate" query={queries.errors} lines={of('errors')} format={percent}
        empty="No requests here; those with a code of 5xx would count." />
      <Panel {...shared} title="Response time" query={queries.times} lines={of('times')} format={seconds} href={undefined}
        empty={`No histogram or distribution http_request_duration_seconds or ${OTEL} here.`} />
      <Panel {...shared} title="Live series" query={seriesQuery} live={series} lines={series.lines}
        empty="Nothing came in the last minutes." />
    </div>
  );
}

interface Host {
  labels: Labels;
  load?: number;
  cpu?: number;
  memory?: number;
  requests?: number;
  series?: number;
  /** When it was last heard of, in seconds, to the minute. */
  seen: number;
  silent: boolean;
}
type Column = 'name' | 'load' | 'cpu' | 'memory' | 'requests' | 'series' | 'seen';

const keyOf = ({ job = '', instance = '' }: Labels): string => `${job}\n${instance}`;

let lastKnown: { of: string; at: number; hosts: Map<string, { labels: Labels; seen: number }> } | undefined;

/** Who was heard of in the last half hour, and in which minute last. */
async function known(all: string, signal: AbortSignal) {
  if (lastKnown?.of !== all || Date.now() - lastKnown.at > KNOWN_FRESH_MS) {
    const end = Math.floor(Date.now() / 1000);
    // Functions that drop the name would give one host the same labels many times.
    const query = `count by (job, instance) (last_over_time(${all}[1m]))`;
    const { result } = await range(query, end - KNOWN_SEC, end, MINUTE_SEC, signal);
    const hosts = new Map(result.map(({ metric, values }) => [keyOf(metric), { labels: metric, seen: values?.at(-1)?.[0] ?? 0 }]));
    // Who has pushed nothing yet is about to.
    if (hosts.size === 0) return hosts;
    lastKnown = { of: all, at: Date.now(), hosts };
  }
  return lastKnown.hosts;
}

async function hosts(place: Place, signal: AbortSignal): Promise<Host[]> {
  try {
    return await hostsOf(place, ALL, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 422) return hostsOf(place, FEW, signal);
    throw error;
  }
}

async function hostsOf(place: Place, among: string, signal: AbortSignal): Promise<Host[]> {
  const all = matchers(place, among);
  const by = 'by (job, instance)';
  const ask = (query: string) => instant(query, signal);
  const hosts = await known(all, signal);
  const of = matchers(place);
  const [counts, load, cpu, memory, requests] = await Promise.all([
    ask(`count ${by} (last_over_time(${all}[1m]))`),
    ask(`max ${by} (node_load1${of})`),
    ask(`1 - avg ${by} (rate(node_cpu_seconds_total${matchers(place, 'mode="idle"')}[1m]))`),
    ask(`1 - max ${by} (node_memory_MemAvailable_bytes${of} / node_memory_MemTotal_bytes)`),
    ask(`sum ${by} (rate(http_requests_total${of}[1m]))`),
  ]);
  for (const { metric } of counts) hosts.set(keyOf(metric), { labels: metric, seen: Date.now() / 1000 });
  const values = (samples: Sample[]) => new Map(samples.map(({ metric, value }) => [keyOf(metric), Number(value?.[1])]));
  const [countBy, loadBy, cpuBy, memoryBy, requestsBy] = [counts, load, cpu, memory, requests].map(values);
  return [...hosts].map(([key, { labels, seen }]) => {
    const series = countBy?.get(key);
    const silent = series === undefined;
    // What a silent host said last is not how it is.
    const now = (by?: Map<string, number>) => (silent ? undefined : by?.get(key));
    return { labels, load: now(loadBy), cpu: now(cpuBy), memory: now(memoryBy), requests: now(requestsBy), series, seen, silent };
  });
}

function heat(value: number | undefined, most: number): Record<string, string> {
  if (value === undefined || !(most > 0)) return {};
  const share = Math.round(Math.min(1, Math.max(0, value / most)) * 45);
  return { background: `color-mix(in srgb, var(--heat) ${share}%, transparent)` };
}

const COLUMNS: [Column, string][] = [['name', 'Host'], ['seen', 'State'], ['load', 'Load'], ['cpu', 'CPU'], ['memory', 'Memory'], ['requests', 'Requests/s'], ['series', 'Series']];

function HostTable({ rows }: { rows: Host[] }) {
  const [sort, setSort] = useState<{ by: Column; up: boolean }>({ by: 'load', up: false });
  const [search, setSearch] = useState('');
  const value = (host: Host): string | number => {
    if (sort.by === 'name') return keyOf(host.labels);
    if (sort.by === 'seen') return host.silent ? -host.seen : -Infinity;
    return host[sort.by] ?? -1;
  };
  const found = rows.filter(({ labels }) => keyOf(labels).toLowerCase().includes(search.toLowerCase()));
  const sorted = found.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === y) return keyOf(a.labels) < keyOf(b.labels) ? -1 : 1;
    return (x < y ? -1 : 1) * (sort.up ? 1 : -1);
  });
  const most = (column: 'load' | 'requests') => Math.max(...rows.map((row) => row[column] ?? 0));
  const [load, requests] = [most('load'), most('requests')];
  const number = (shown: number | undefined, scale: number, format: (value: number) => string = short) =>
    <td style={heat(shown, scale)}>{shown === undefined ? '–' : format(shown)}</td>;
  return (
    <>
      {rows.length > 10 && (
        <p><input type="search" placeholder="Search hosts" aria-label="Search hosts" value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></p>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label="Hosts">
        <table class="hosts">
          <thead>
            <tr>
              {COLUMNS.map(([by, text]) => (
                <th key={by} aria-sort={sort.by === by ? (sort.up ? 'ascending' : 'descending') : 'none'}>
                  <button class="plain" onClick={() => setSort({ by, up: sort.by === by ? !sort.up : by === 'name' })}>
                    {text}<span aria-hidden="true">{sort.by === by ? (sort.up ? ' ▴' : ' ▾') : ''}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, ROWS).map((host) => (
              <tr key={keyOf(host.labels)} class={host.silent ? 'silent' : ''}>
                <td><HostName labels={host.labels} /></td>
                <td><span class="mark">{host.silent ? `silent ${seconds(Math.round(Date.now() / 1000 - host.seen))}` : 'alive'}</span></td>
                {number(host.load, load)}
                {number(host.cpu, 1, percent)}
                {number(host.memory, 1, percent)}
                {number(host.requests, requests)}
                {number(host.series, 0)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > ROWS && <p class="muted">and {sorted.length - ROWS} more; search to see them</p>}
      {sorted.length === 0 && <p class="empty">No host has this text.</p>}
    </>
  );
}

function HostName({ labels: { job = '', instance = '' } }: { labels: Labels }) {
  if (!job && !instance) return <span class="muted">without job and instance</span>;
  return (
    <>
      {instance && <a href={write({ page: 'overview', job, instance })}>{instance}</a>}{' '}
      {job && <a class={instance ? 'aside' : ''} href={write({ page: 'overview', job })}>{job}</a>}
    </>
  );
}

function SeriesList({ place }: { place: Place }) {
  const [search, setSearch] = useState('');
  const all = matchers(place, ALL);
  const names = useAnswer((signal) => instant(`count by (__name__) (last_over_time(${all}[${KNOWN}]))`, signal), all);
  const found = (names.data ?? []).filter(({ metric }) => (metric.__name__ ?? '').includes(search)).sort((a, b) => (shortName(a.metric) < shortName(b.metric) ? -1 : 1));
  return (
    <section class="card">
      <h2>Metrics of {place.instance}</h2>
      <p><input type="search" placeholder="Search metrics" aria-label="Search metrics" value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></p>
      {names.error && <p class="error">{names.error}</p>}
      <ul class="names">
        {found.map(({ metric, value }) => (
          <li key={metric.__name__}>
            <a href={write({ page: 'explore', queries: [`${metric.__name__ ?? ''}${matchers(place)}`] })}>{metric.__name__}</a>
            {Number(value?.[1]) > 1 && <span class="muted"> {value?.[1]} series</span>}
          </li>
        ))}
      </ul>
      {names.data && found.length === 0 && <p class="empty">{search ? 'No metric has this text.' : 'No metric in the last 30 minutes.'}</p>}
    </section>
  );
}

function Nothing() {
  return (
    <section class="card">
      <h2>Nothing was pushed in the last 30 minutes</h2>
      <p>Start an agent on a host: <code>tidegate agent</code></p>
      <p>Or let Prometheus write to <code>{location.origin}/api/v1/write</code>, an OpenTelemetry collector to <code>{location.origin}/v1/metrics</code>.</p>
      <p>Or push a value by hand:</p>
      <pre tabIndex={0}>{`curl ${location.origin}/metrics -H 'Content-Type: application/json' \\\n  -d '{"metrics":[{"name":"answer","value":42,"tags":{"job":"demo","instance":"me"}}]}'`}</pre>
    </section>
  );
}

export function Overview({ place }: { place: Place }) {
  const known = useAnswer((signal) => hosts(place, signal), matchers(place), REFRESH_MS);
  const alive = known.data?.filter(({ silent }) => !silent).length ?? 0;
  const silent = (known.data?.length ?? 0) - alive;
  const isEmpty = known.data?.length === 0 && !place.job && !place.instance;
  const jobs = new Set(known.data?.map(({ labels }) => labels.job).filter(Boolean)).size;
  return (
    <>
      <div class="head">
        <nav class="crumbs" aria-label="Where you are">
          {place.job || place.instance ? <a href={write({ page: 'overview' })}>All services</a> : <span>All services</span>}
          {place.job && <> / {place.instance ? <a href={write({ page: 'overview', job: place.job })}>{place.job}</a> : <span>{place.job}</span>}</>}
          {place.instance && <> / <span>{place.instance}</span></>}
        </nav>
        <p class="tiles">
          {!place.job && !place.instance && <span><b>{known.data ? jobs : '–'}</b> {jobs === 1 ? 'service' : 'services'}</span>}
          <span><b>{known.data ? alive : '–'}</b> {alive === 1 ? 'host' : 'hosts'} alive</span>
          <span class={silent ? 'warn' : 'muted'}><b>{known.data ? silent : '–'}</b> silent</span>
        </p>
      </div>
      {known.error && <p class="error" role="alert">{known.error}</p>}
      {isEmpty ? <Nothing /> : (
        <>
          <Panels key={matchers(place)} place={place} />
          {!place.instance || silent ? (
            <section class="card">
              <h2>Hosts</h2>
              {known.data?.length ? <HostTable rows={known.data} />
                : <p class="empty">{known.data ? 'No host was heard of in the last 30 minutes.' : 'Asking.'}</p>}
            </section>
          ) : null}
          {place.instance && <SeriesList place={place} />}
        </>
      )}
    </>
  );
}
