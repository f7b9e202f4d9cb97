/** Distributions over time: buckets from bottom to top, darker where more fell in. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type Cells, cells } from './buckets';
import type { Series } from './api';
import { dateTime, short, type Zone } from './format';
import { axes, styled, zoned } from './plot';

const HEIGHT = 320;

interface Props {
  series: Series[];
  label: string;
  range: [number, number];
  step: number;
  zone: Zone;
  onZoom: (from: number, to: number) => void;
}

export function Heatmap({ series, label, range, step, zone, onZoom }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const found = useMemo(() => cells(series), [series]);
  const [at, setAt] = useState('');
  const dark = document.documentElement.dataset.theme;
  useEffect(() => {
    const root = box.current;
    if (!root || !found.bounds.length) return undefined;
    const bound = (value: number): string => {
      const known = found.bounds[value];
      return known === undefined ? '' : short(known);
    };
    const [xAxis = {}, yAxis = {}] = axes(zone, bound);
    const made = new uPlot(
      {
        width: root.clientWidth,
        height: HEIGHT,
        padding: [8, 22, 0, 0],
        tzDate: zoned(zone),
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false } },
        scales: { x: { range: () => range }, y: { range: () => [0, found.bounds.length - 1] } },
        // Whole numbers: each is the bound of a bucket.
        axes: [{ ...xAxis, grid: { show: false } }, { ...yAxis, space: 24, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], grid: { show: false } }],
        series: [{}, { show: true, paths: () => null, points: { show: false } }],
        hooks: {
          draw: [(self) => draw(self, found, step)],
          setCursor: [(self) => setAt(under(self, found, step, zone))],
          setSelect: [
            (self) => {
              if (self.select.width < 4) return;
              const time = (pixel: number) => Math.round(self.posToVal(pixel, 'x'));
              zoom.current(time(self.select.left), time(self.select.left + self.select.width));
            },
          ],
        },
      },
      [found.times, found.times.map(() => 0)],
      root,
    );
    const observer = new ResizeObserver(() => made.setSize({ width: root.clientWidth, height: HEIGHT }));
    observer.observe(root);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [found, range[0], range[1], step, zone, dark]);
  if (!found.bounds.length) {
    return <p class="empty">No distribution in this result. A heatmap needs native histograms, or classic ones by le: <code>sum by (le) (rate(NAME_bucket[1m]))</code>.</p>;
  }
  return (
    <figure>
      <div class="plot" ref={box} style={{ height: `${HEIGHT}px` }} role="img" aria-label={label} />
      <figcaption class="muted">{at || `${found.times.length} steps, buckets from ${short(found.bounds[0] ?? 0)} to ${short(found.bounds.at(-1) ?? 0)}; the strongest colour is ${short(found.most)}`}</figcaption>
    </figure>
  );
}

function draw(plot: uPlot, { columns, most }: Cells, step: number): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = styled('--accent');
  for (const { time, buckets } of columns) {
    // A point tells of the step before it.
    const left = Math.round(plot.valToPos(time - step, 'x', true));
    const width = Math.max(1, Math.round(plot.valToPos(time, 'x', true)) - left);
    for (const { low, high, count } of buckets) {
      const top = Math.round(plot.valToPos(high, 'y', true));
      ctx.globalAlpha = 0.06 + 0.94 * Math.sqrt(count / most);
      ctx.fillRect(left, top, width, Math.max(1, Math.round(plot.valToPos(low, 'y', true)) - top));
    }
  }
  ctx.restore();
}

function under(plot: uPlot, { columns, bounds }: Cells, step: number, zone: Zone): string {
  const { left = -1, top = -1 } = plot.cursor;
  if (left < 0 || top < 0) return '';
  const [time, place] = [plot.posToVal(left, 'x'), plot.posToVal(top, 'y')];
  const column = columns.find((one) => time > one.time - step && time <= one.time);
  const bucket = column?.buckets.find(({ low, high }) => place >= low && place < high);
  if (!column || !bucket) return dateTime(time, zone);
  return `${dateTime(column.time, zone)}: ${short(bucket.count)} from ${short(bounds[bucket.low] ?? NaN)} to ${short(bounds[bucket.high] ?? NaN)}`;
}
