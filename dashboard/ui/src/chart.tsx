/** Lines over time: drag to zoom, values at the cursor, and a legend that searches and isolates. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { dateTime, short, shortName, type Zone } from './format';
import { axes, colour, Glide, valueRange, zoned } from './plot';
import { type Line, table } from './points';

const LEGEND_ROWS = 100;
const CHIPS = 6;
/** More lines than these are not moved smoothly. */
const LIGHT_LINES = 60;

interface Props {
  lines: Line[];
  label: string;
  /** What is shown, in seconds. */
  range: [number, number];
  /** Between two points of a line; where more lies between, it breaks. */
  step: number;
  height?: number;
  zone?: Zone;
  /** `chips`: the largest in one row; `list`: all, to search and to isolate. */
  legend: 'chips' | 'list';
  /** Where a line leads to. */
  href?: (line: Line) => string | undefined;
  format?: (value: number) => string;
  /** Charts with the same one have the cursor at the same time. */
  sync?: string;
  onZoom?: (from: number, to: number) => void;
}

export function Chart({ lines, label, range, step, height = 170, zone = 'local', legend, href, format = short, sync, onZoom }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const glide = useRef<Glide | undefined>(undefined);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const [search, setSearch] = useState('');
  const [only, setOnly] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  const colours = useRef(new Map<string, string>());
  const dark = document.documentElement.dataset.theme;
  const names = lines.map(({ name }) => name).join('\n');
  for (const { name } of lines) if (!colours.current.has(name)) colours.current.set(name, colour(colours.current.size));
  const colourOf = (name: string): string => colours.current.get(name) ?? colour(0);
  const isShown = (name: string): boolean => only.size === 0 || only.has(name);

  const data = useMemo(() => table(lines, step), [lines, step]);
  useEffect(() => {
    const root = box.current;
    if (!root) return undefined;
    const moving = new Glide(range);
    glide.current = moving;
    const made = new uPlot(
      {
        width: root.clientWidth,
        height,
        padding: [8, 22, 0, 0],
        tzDate: zoned(zone),
        legend: { show: false },
        cursor: {
          drag: { x: Boolean(zoom.current), y: false, setScale: false },
          points: { size: 6 },
          ...(sync ? { sync: { key: sync } } : {}),
        },
        scales: { x: { range: () => moving.shown }, y: { range: valueRange(legend === 'chips' ? 'zero' : 'near') } },
        axes: axes(zone, format),
        series: [
          {},
          ...lines.map(({ name }) => ({
            label: name,
            stroke: colourOf(name),
            width: lines.length > 100 ? 1 : 1.75,
            show: isShown(name),
            // A line needs two points; one alone would not be seen.
            points: lines.length > 100 ? { show: false } : { show: true, size: 4, filter: alone },
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
      moving.stop();
      observer.disconnect();
      made.destroy();
    };
  }, [names, zone, only, height, dark]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData, false), [data]);
  useEffect(() => {
    if (plot.current) glide.current?.to(plot.current, range, lines.length <= LIGHT_LINES);
  }, [data, range[0], range[1]]);

  const rows = lines.map((line, index) => ({ line, value: lastOrAt(data, index + 1, cursor) }));
  const time = cursor === null ? undefined : data[0][cursor];
  const pick = (name: string, adds: boolean) => {
    const next = new Set(adds ? only : []);
    if (only.has(name)) next.delete(name);
    else next.add(name);
    setOnly(!adds && only.has(name) && only.size === 1 ? new Set() : next);
  };
  return (
    <div class="chart">
      <div class="plot" ref={box} style={{ height: `${height}px` }} role="img" aria-label={label} />
      {legend === 'chips' ? (
        <Chips rows={rows} time={time === undefined ? '' : dateTime(time, zone).slice(11)} format={format} colourOf={colourOf} href={href} />
      ) : (
        <div class="legend">
          <p>
            <input type="search" placeholder="Search series" aria-label="Search series" value={search}
              onInput={(event) => setSearch(event.currentTarget.value)} />
            <span class="muted">{time === undefined ? `${lines.length} series` : dateTime(time, zone)}</span>
            {only.size > 0 && <button onClick={() => setOnly(new Set())}>Show all</button>}
          </p>
          <Rows rows={rows.filter(({ line }) => line.name.toLowerCase().includes(search.toLowerCase()))}
            only={only} pick={pick} format={format} colourOf={colourOf} />
        </div>
      )}
    </div>
  );
}

interface Row { line: Line; value: number | null }

function Rows(props: { rows: Row[]; only: ReadonlySet<string>; pick: (name: string, adds: boolean) => void; format: (value: number) => string; colourOf: (name: string) => string }) {
  const { rows, only, pick, format, colourOf } = props;
  return (
    <>
      <ul>
        {rows.slice(0, LEGEND_ROWS).map(({ line: { name }, value }) => (
          <li key={name} class={only.size && !only.has(name) ? 'off' : ''}>
            <button class="plain" aria-pressed={only.has(name)} title="Click: only this one. Ctrl and click: this one too."
              onClick={(event) => pick(name, event.ctrlKey || event.metaKey)}>
              <i style={{ background: colourOf(name) }} />
              <span>{name}</span>
              <b>{value === null ? '–' : format(value)}</b>
            </button>
          </li>
        ))}
      </ul>
      {rows.length > LEGEND_ROWS && <p class="muted">and {rows.length - LEGEND_ROWS} more; search to see them</p>}
      {rows.length === 0 && <p class="muted">No series has this text.</p>}
    </>
  );
}

function Chips({ rows, time, format, colourOf, href }: { rows: Row[]; time: string; format: (value: number) => string; colourOf: (name: string) => string; href?: (line: Line) => string | undefined }) {
  const largest = [...rows].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity)).slice(0, CHIPS);
  return (
    <ul class="chips">
      {largest.map(({ line, value }) => {
        const to = href?.(line);
        const text = shortName(line.metric);
        return (
          <li key={line.name} title={line.name}>
            <i style={{ background: colourOf(line.name) }} />
            {to ? <a href={to}>{text}</a> : <span>{text}</span>} <b>{value === null ? '–' : format(value)}</b>
          </li>
        );
      })}
      {rows.length > CHIPS && <li class="muted">and {rows.length - CHIPS} more</li>}
      {time && <li class="muted at">{time}</li>}
    </ul>
  );
}

/** Points of a series that have no neighbour. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const found: number[] = [];
  for (let at = 0; at < values.length; at++) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

/** At the cursor, else the latest one; the latest step may still lack it. */
function lastOrAt(data: (number | null)[][], column: number, at: number | null): number | null {
  const values = data[column];
  if (at !== null) return values?.[at] ?? null;
  return values?.at(-1) ?? values?.at(-2) ?? null;
}
