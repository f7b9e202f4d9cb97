/**
 * The pipeline's own health: the ledger and the partitions, which all processes share, and what this process tells
 * of itself.
 */

import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { ownMetrics, type PipelineState, pipelineState } from '../api';
import { Chart } from '../chart';
import { dateTime, seconds, short, whole } from '../format';
import { useAnswer } from '../hooks';
import { exposition, type Line, type Own } from '../points';

const REFRESH_MS = 5_000;
const SHOWN_SEC = 900;
/** Beyond this a partition does not keep up. */
const LATE_SEC = 15;
const LEDGER_ROWS = 24;

interface Reading { at: number; own: Own[] }

/** Readings since the page was first opened, so that going elsewhere does not lose them. */
let readings: Reading[] = [];

const of = (own: Own[], name: string): Own[] => own.filter((sample) => sample.name === name);
const sum = (own: Own[]): number => own.reduce((total, { value }) => total + value, 0);

/** Per second between two readings; a counter that fell began anew. */
function rates(name: string): Map<number, number> {
  const points = new Map<number, number>();
  readings.forEach((reading, index) => {
    const before = readings[index - 1];
    if (!before) return;
    const grown = sum(of(reading.own, name)) - sum(of(before.own, name));
    if (grown >= 0) points.set(Math.round(reading.at), grown / (reading.at - before.at));
  });
  return points;
}

const line = (name: string, points: Map<number, number>): Line => ({ name, metric: { __name__: name }, points, isDistribution: false });

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return <section class="card"><h2>{title}</h2>{children}</section>;
}

const NO_GATEWAY = 'This process runs no gateway. Those that do tell at their own /metrics.';
const hasGateway = (): boolean => of(readings.at(-1)?.own ?? [], 'tidegate_gateway_records_total').length > 0;

function Ingest() {
  const lines = [
    line('accepted', rates('tidegate_gateway_samples_total')),
    line('refused', rates('tidegate_gateway_rejected_samples_total')),
    line('rolled up', rates('tidegate_rollup_samples_total')),
  ];
  const end = readings.at(-1)?.at ?? Date.now() / 1000;
  if (!hasGateway()) return <Card title="Samples per second"><p class="empty">{NO_GATEWAY}</p></Card>;
  return (
    <Card title="Samples per second">
      {lines[0]?.points.size ? <Chart lines={lines} label="Samples per second, since this page was opened" legend="chips" range={[end - SHOWN_SEC, end]} step={REFRESH_MS / 1000 * 3} />
        : <p class="empty">A rate needs two readings; the second comes in 5 s.</p>}
    </Card>
  );
}

function Refused() {
  const own = readings.at(-1)?.own ?? [];
  const all = of(own, 'tidegate_gateway_rejected_samples_total').filter(({ value }) => value > 0).sort((a, b) => b.value - a.value);
  const requests = of(own, 'tidegate_gateway_requests_total').filter(({ labels, value }) => value > 0 && labels.outcome !== 'ok' && labels.outcome !== 'partial');
  if (!hasGateway()) return <Card title="Refused since the start"><p class="empty">{NO_GATEWAY}</p></Card>;
  return (
    <Card title="Refused since the start">
      {all.length + requests.length === 0 ? <p class="empty">Nothing was refused.</p> : (
        <table>
          <thead><tr><th>Reason</th><th>Protocol</th><th>How many</th></tr></thead>
          <tbody>
            {all.map(({ labels, value }) => <tr key={`${labels.reason} ${labels.protocol}`}><td>{labels.reason?.replaceAll('_', ' ')}</td><td>{labels.protocol}</td><td>{whole(value)} {value === 1 ? 'sample' : 'samples'}</td></tr>)}
            {requests.map(({ labels, value }) => <tr key={`request ${labels.outcome} ${labels.protocol}`}><td>{labels.outcome?.replaceAll('_', ' ')}</td><td>{labels.protocol}</td><td>{whole(value)} {value === 1 ? 'request' : 'requests'}</td></tr>)}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function Partitions({ state }: { state?: PipelineState }) {
  const { at, own } = readings.at(-1) ?? { at: Date.now() / 1000, own: [] };
  const lag = new Map(of(own, 'tidegate_rollup_lag_records').map(({ labels, value }) => [labels.partition, value]));
  const behind = (time?: number): string => (time === undefined ? 'none yet' : seconds(Math.max(0, Math.round(at - time))));
  return (
    <Card title="Partitions">
      <div class="scroll" tabIndex={0} role="region" aria-label="Partitions">
        <table>
          <thead><tr><th>Partition</th><th>Lag, records</th><th>Live data behind</th><th>Closes stored until</th></tr></thead>
          <tbody>
            {(state?.partitions ?? []).map(({ partition, watermark, stored }) => {
              const records = lag.get(String(partition));
              const late = watermark === undefined || at - watermark > LATE_SEC;
              return (
                <tr key={partition}>
                  <td>{partition}</td>
                  <td title={records === undefined ? 'Another process has it' : undefined}>{records === undefined ? '–' : short(records)}</td>
                  <td class={late ? 'warn' : ''}>{behind(watermark)}</td>
                  <td>{stored === undefined ? 'none yet' : `${behind(stored)} ago`}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="muted">Live windows come a second after they end. A minute closes 10 s after its end and is stored then.</p>
    </Card>
  );
}

function shipping({ shards, shipped, changed }: PipelineState['hours'][number]): string {
  if (shards === 0) return 'nothing to ship';
  if (shipped === shards) return 'in the archive';
  if (changed > 0) return `${changed} of ${shards} shards to be shipped again`;
  return shipped === 0 ? 'not shipped yet' : `${shipped} of ${shards} shards shipped`;
}

function Ledger({ state }: { state?: PipelineState }) {
  const hours = state?.hours.slice(0, LEDGER_ROWS) ?? [];
  return (
    <Card title="Ledger by hour of the samples">
      {hours.length === 0 ? <p class="empty">{state ? 'Nothing is counted yet; the first minute closes some 70 s after its samples.' : 'Asking.'}</p> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Ledger">
          <table>
            <thead><tr><th>Hour (UTC)</th><th>Counted</th><th>Duplicates</th><th>Unreadable</th><th>Lost by the log</th><th>Archive</th></tr></thead>
            <tbody>
              {hours.map((one) => (
                <tr key={one.hour}>
                  <td>{dateTime(one.hour, 'utc').slice(0, 13)}h</td>
                  <td>{whole(one.counted)}</td>
                  <td>{whole(one.duplicate)}</td>
                  <td class={one.poison ? 'bad' : ''}>{whole(one.poison)}</td>
                  <td class={one.gap ? 'bad' : ''}>{whole(one.gap)}</td>
                  <td>{shipping(one)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p class="muted">Duplicates are batches that came again and were not counted twice. <code>tidegate verify</code> recounts store and archive against this.</p>
    </Card>
  );
}

const ARCHIVE: [string, string][] = [
  ['shipped_objects_total', 'objects shipped since the start'],
  ['shipped_samples_total', 'samples in them'],
  ['due_hours', 'hours of shards due now'],
  ['waiting_hours', 'hours of shards not over yet'],
  ['tier_objects_total', 'days and months built'],
  ['ship_failures_total', 'failures of shipping'],
  ['tier_failures_total', 'failures of building'],
  ['refused_rebuilds_total', 'rebuilds refused'],
];

function Archive() {
  const { at, own } = readings.at(-1) ?? { at: 0, own: [] };
  const value = (name: string): number | undefined => of(own, `tidegate_compactor_${name}`)[0]?.value;
  const ago = (name: string, never: string): string => {
    const time = value(name) ?? 0;
    return time > 0 ? `${seconds(Math.max(0, Math.round(at - time)))} ago` : never;
  };
  if (value('due_hours') === undefined) return <Card title="Archive"><p class="empty">This process runs no compactor; the ledger tells what is shipped.</p></Card>;
  return (
    <Card title="Archive">
      <table>
        <tbody>
          <tr><td>last run</td><td>{ago('last_round_timestamp_seconds', 'none without a failure yet')}</td></tr>
          <tr><td>last hour shipped</td><td>{ago('last_shipped_timestamp_seconds', 'none since the start')}</td></tr>
          {ARCHIVE.map(([name, text]) => {
            const count = value(name) ?? 0;
            const isBad = count > 0 && (name.includes('failures') || name.includes('refused'));
            return <tr key={name}><td>{text}</td><td class={isBad ? 'bad' : ''}>{whole(count)}</td></tr>;
          })}
        </tbody>
      </table>
    </Card>
  );
}

export function Pipeline() {
  const state = useAnswer(pipelineState, 'state', REFRESH_MS);
  const seen = useRef(0);
  const own = useAnswer(async (signal) => {
    const reading = { own: exposition(await ownMetrics(signal)), at: Date.now() / 1000 };
    readings = [...readings, reading].filter(({ at }) => reading.at - at < SHOWN_SEC);
    return seen.current++;
  }, 'own', REFRESH_MS);
  const error = state.error || own.error;
  const latest = (name: string): string => {
    const rate = [...rates(name).values()].at(-1);
    return rate === undefined ? '–' : short(rate);
  };
  const partitions = state.data?.partitions ?? [];
  const marks = partitions.map(({ watermark }) => watermark ?? 0);
  const slowest = marks.length ? (readings.at(-1)?.at ?? Date.now() / 1000) - Math.min(...marks) : NaN;
  return (
    <>
      {error && <p class="error" role="alert">{error}</p>}
      <p class="tiles">
        <span><b>{latest('tidegate_gateway_samples_total')}</b> samples/s accepted</span>
        <span><b>{latest('tidegate_gateway_rejected_samples_total')}</b> samples/s refused</span>
        <span class={slowest > LATE_SEC ? 'warn' : ''}><b>{slowest > 86400 * 365 ? '–' : seconds(Math.max(0, Math.round(slowest)))}</b> behind, slowest partition</span>
      </p>
      <div class="grid">
        <Ingest />
        <Refused />
        <Archive />
      </div>
      <Ledger state={state.data} />
      <Partitions state={state.data} />
    </>
  );
}
