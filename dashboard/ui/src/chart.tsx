/** Lines over time: uPlot with our colours, drag to zoom, and a legend that searches and isolates. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { dateTime, short, type Zone } from './format';
import { type Line, table } from './points';

const LEGEND_ROWS = 100;
export const colour = (index: number): string => `hsl(${(index * 137.5 + 205) % 360} 60% 50%)`;

interface Props {
  lines: Line[];
  label: string;
  height?: number;
  zone?: Zone;
  legend?: boolean;
  /** The range shown; else that of the data. */
  range?: [number, number];
  format?: (value: number) => string;
  onZoom?: (from: number, to: number) => void;
}

export function Chart({ lines, label, height = 180, zone = 'local', legend, range, format = short, onZoom }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const shown = useRef(range);
  shown.current = range;
  const [search, setSearch] = useState('');
  const [only, setOnly] = useState('');
  const [cursor, setCursor] = useState<number | null>(null);
  const dark = document.documentElement.dataset.theme;
  const names = lines.map(({ name }) => name).join('\n');

  const data = useMemo(() => table(lines), [lines]);
  useEffect(() => {
    const root = box.current;
    if (!root) return undefined;
    const style = getComputedStyle(document.documentElement);
    const axis = {
      stroke: style.getPropertyValue('--muted'),
      grid: { stroke: style.getPropertyValue('--line'), width: 1 },
      ticks: { show: false },
    };
    const made = new uPlot(
      {
        width: root.clientWidth,
        height,
        tzDate: (sec) => (zone === 'utc' ? uPlot.tzDate(new Date(sec * 1e3), 'Etc/UTC') : new Date(sec * 1e3)),
        legend: { show: false },
        cursor: { drag: { x: Boolean(zoom.current), y: false, setScale: false }, points: { size: 6 } },
        scales: { x: { range: (_, low, high) => shown.current ?? [low, high] } },
        axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => format(tick)) }],
        series: [
          {},
          ...lines.map(({ name }, index) => ({
            label: name,
            stroke: colour(index),
            width: lines.length > 100 ? 1 : 1.5,
            show: !only || only === name,
            points: { show: false },
          })),
        ],
        hooks: {
          setCursor: [(self) => setCursor(self.cursor.idx ?? null)],
          setSelect: [
            (self) => {
              if (self.select.width < 4) return;
              const at = (pixel: number) => Math.round(self.posToVal(pixel, 'x'));
              zoom.current?.(at(self.select.left), at(self.select.left + self.select.width));
            },
          ],
        },
      },
      data as uPlot.AlignedData,
      root,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: root.clientWidth, height }));
    observer.observe(root);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [names, zone, only, height, dark]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);

  const rows = lines
    .map((line, index) => ({ ...line, index, value: lastOrAt(data, index + 1, cursor) }))
    .filter(({ name }) => name.toLowerCase().includes(search.toLowerCase()));
  const time = cursor === null ? undefined : data[0][cursor];
  return (
    <div class="chart">
      <div ref={box} role="img" aria-label={label} />
      {legend && lines.length > 0 && (
        <div class="legend">
          <p>
            <input type="search" placeholder="Search series" aria-label="Search series" value={search}
              onInput={(event) => setSearch(event.currentTarget.value)} />
            <span class="muted">{time === undefined ? `${lines.length} series` : dateTime(time, zone)}</span>
          </p>
          <ul>
            {rows.slice(0, LEGEND_ROWS).map(({ name, index, value }) => (
              <li key={name}>
                <button class="plain" aria-pressed={only === name} onClick={() => setOnly(only === name ? '' : name)}>
                  <i style={{ background: colour(index) }} />
                  <span>{name}</span>
                  <b>{value === null ? '–' : format(value)}</b>
                </button>
              </li>
            ))}
          </ul>
          {rows.length > LEGEND_ROWS && <p class="muted">and {rows.length - LEGEND_ROWS} more; search to see them</p>}
        </div>
      )}
    </div>
  );
}

function lastOrAt(data: (number | null)[][], column: number, at: number | null): number | null {
  return data[column]?.[at ?? (data[0]?.length ?? 0) - 1] ?? null;
}
