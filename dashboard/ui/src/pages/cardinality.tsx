/** Which metrics and labels make many series. */

import { useState } from 'preact/hooks';
import { cardinality, type Counted, tenants } from '../api';
import { quote, short } from '../format';
import { useAnswer } from '../hooks';
import { write } from '../url';

const TOP = 20;
const REFRESH_MS = 30_000;

function List({ title, text, rows, link }: { title: string; text: string; rows: Counted[]; link?: (name: string) => string }) {
  const most = rows[0]?.value ?? 1;
  return (
    <section class="card">
      <h2>{title}</h2>
      <p class="muted">{text}</p>
      {rows.length === 0 ? <p class="empty">Nothing is indexed yet.</p> : (
        <table class="bars">
          <tbody>
            {rows.map(({ name, value }) => (
              <tr key={name} style={{ background: `linear-gradient(to right, var(--soft) ${(value / most) * 100}%, transparent 0)` }}>
                <td>{link ? <a href={link(name)}>{name}</a> : name}</td>
                <td>{short(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const explore = (query: string) => write({ page: 'explore', queries: [query], view: 'table' });

/** `label=value`, as the server writes it; label names have no `=`. */
function ofPair(pair: string): string {
  const at = pair.indexOf('=');
  return explore(`count by (__name__) ({${pair.slice(0, at)}=${quote(pair.slice(at + 1))}})`);
}

export function CardinalityPage() {
  const [match, setMatch] = useState('');
  const { data, error } = useAnswer((signal) => cardinality(TOP, match, signal), match, REFRESH_MS);
  const others = useAnswer(tenants, 'tenants').data ?? [];
  const label = (name: string) => explore(`count by (${name}) ({${name}!=""})`);
  return (
    <>
      <div class="head">
        <p class="tiles">
          <span><b>{data ? short(data.headStats.numSeries) : '–'}</b> series</span>
          <span><b>{data ? short(data.headStats.numLabelPairs) : '–'}</b> label pairs</span>
        </p>
        <input type="search" class="wide" placeholder='Only series of a selector: {job="checkout"}' aria-label="Only series of this selector" value={match}
          onChange={(event) => setMatch(event.currentTarget.value.trim())} />
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      {!data && !error && <p class="empty">Asking.</p>}
      {data && (
        <div class="grid two">
          <List title="Series by metric" text="A metric with many series has labels with many values." rows={data.seriesCountByMetricName}
            link={(name) => explore(`count by (job) ({__name__=${quote(name)}})`)} />
          <List title="Series by label and value" text="Who sends them." rows={data.seriesCountByLabelValuePair} link={ofPair} />
          <List title="Values by label" text="A label that grows without end, such as a request's id, is a mistake." rows={data.labelValueCountByLabelName} link={label} />
          <List title="Bytes of values by label" text="Text of the different values, each once." rows={data.memoryInBytesByLabelName} />
          {others.length > 1 && <List title="Series by tenant" text="Of all tenants, not of the selector." rows={others.map(({ name, series }) => ({ name, value: series }))} />}
        </div>
      )}
    </>
  );
}
