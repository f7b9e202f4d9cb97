/** The health of this process' part of the pipeline, from its own metrics. */

import { useRef } from 'preact/hooks';
import { ownMetrics } from '../api';
import { seconds, short } from '../format';
import { useAnswer } from '../hooks';
import { exposition, type Own } from '../points';

const REFRESH_MS = 5_000;

interface Reading {
  at: number;
  own: Own[];
  before?: { at: number; own: Own[] };
}

const of = (own: Own[], name: string): Own[] => own.filter((sample) => sample.name === name);
const sum = (own: Own[]): number => own.reduce((total, { value }) => total + value, 0);
const labelled = ({ labels }: Own): string => Object.values(labels).join(' / ') || 'all';

export function Pipeline() {
  const last = useRef<{ at: number; own: Own[] } | undefined>(undefined);
  const { data, error } = useAnswer<Reading>(async (signal) => {
    const own = exposition(await ownMetrics(signal));
    const now = { at: Date.now() / 1000, own };
    const reading = { ...now, before: last.current };
    last.current = now;
    return reading;
  }, '', REFRESH_MS);
  if (!data) return error ? <p class="error" role="alert">{error}</p> : <p class="empty">Asking.</p>;
  const { own, before, at } = data;
  const rate = (name: string): string =>
    before ? short(Math.max(0, sum(of(own, name)) - sum(of(before.own, name))) / (at - before.at)) : '–';
  const lag = of(own, 'tidegate_rollup_lag_records').sort((a, b) => Number(a.labels.partition) - Number(b.labels.partition));
  const refused = of(own, 'tidegate_gateway_rejected_samples_total').sort((a, b) => b.value - a.value);
  const watermark = (partition = ''): number | undefined =>
    of(own, 'tidegate_rollup_watermark_seconds').find(({ labels }) => labels.partition === partition)?.value;
  const archive = own.filter(({ name }) => /^tidegate_compactor_.*(objects|failures|hours|run|samples)/.test(name) && !name.includes('bucket'));
  return (
    <>
      {error && <p class="error" role="alert">{error}</p>}
      <p class="tiles">
        <span><b>{rate('tidegate_gateway_samples_total')}</b> samples/s accepted</span>
        <span><b>{rate('tidegate_gateway_rejected_samples_total')}</b> samples/s refused</span>
        <span><b>{rate('tidegate_rollup_samples_total')}</b> samples/s rolled up</span>
      </p>
      <div class="grid">
        <section class="card">
          <h2>Refused since the start</h2>
          {refused.length ? <table><tbody>{refused.map((one) => <tr key={labelled(one)}><td>{labelled(one)}</td><td>{short(one.value)}</td></tr>)}</tbody></table>
            : <p class="empty">Nothing was refused.</p>}
        </section>
        <section class="card">
          <h2>Partitions</h2>
          {lag.length ? (
            <table>
              <thead><tr><th>Partition</th><th>Lag in records</th><th>Watermark behind</th></tr></thead>
              <tbody>
                {lag.map((one) => {
                  const mark = watermark(one.labels.partition);
                  return <tr key={labelled(one)}><td>{labelled(one)}</td><td>{short(one.value)}</td><td>{mark ? seconds(Math.max(0, at - mark)) : '–'}</td></tr>;
                })}
              </tbody>
            </table>
          ) : <p class="empty">This process runs no rollup; look at the process that does.</p>}
        </section>
        <section class="card">
          <h2>Archive</h2>
          {archive.length ? <table><tbody>{archive.map((one) => <tr key={one.name + labelled(one)}><td>{one.name.replace('tidegate_compactor_', '').replaceAll('_', ' ')}</td><td>{short(one.value)}</td></tr>)}</tbody></table>
            : <p class="empty">This process runs no compactor.</p>}
        </section>
      </div>
    </>
  );
}
