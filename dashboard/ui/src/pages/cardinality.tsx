/** Which metrics and labels make many series. */

import { cardinality, type Counted } from '../api';
import { quote, short } from '../format';
import { useAnswer } from '../hooks';
import { write } from '../url';

const TOP = 20;
const REFRESH_MS = 30_000;

function List({ title, rows, link }: { title: string; rows: Counted[]; link?: (name: string) => string }) {
  const most = rows[0]?.value ?? 1;
  return (
    <section class="card">
      <h2>{title}</h2>
      {rows.length === 0 && <p class="empty">Nothing is indexed yet.</p>}
      <table>
        <tbody>
          {rows.map(({ name, value }) => (
            <tr key={name} style={{ background: `linear-gradient(to right, var(--soft) ${(value / most) * 100}%, transparent 0)` }}>
              <td>{link ? <a href={link(name)}>{name}</a> : name}</td>
              <td>{short(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function CardinalityPage() {
  const { data, error } = useAnswer((signal) => cardinality(TOP, signal), '', REFRESH_MS);
  if (error) return <p class="error" role="alert">{error}</p>;
  if (!data) return <p class="empty">Asking.</p>;
  const explore = (query: string) => write({ page: 'explore', queries: [query], view: 'table' });
  return (
    <>
      <p class="tiles">
        <span><b>{short(data.headStats.numSeries)}</b> series</span>
        <span><b>{short(data.headStats.numLabelPairs)}</b> label pairs</span>
      </p>
      <div class="grid">
        <List title="Series by metric" rows={data.seriesCountByMetricName} link={(name) => explore(`count({__name__=${quote(name)}})`)} />
        <List title="Values by label" rows={data.labelValueCountByLabelName} />
        <List title="Bytes of values by label" rows={data.memoryInBytesByLabelName} />
        <List title="Series by label pair" rows={data.seriesCountByLabelValuePair} />
      </div>
    </>
  );
}
