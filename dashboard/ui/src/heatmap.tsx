/** A native histogram over time: buckets from bottom to top, darker where more fell in. */

import { useEffect, useRef } from 'preact/hooks';
import type { Series } from './api';
import { short } from './format';

export function Heatmap({ series }: { series: Series[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const points = series.flatMap(({ histograms }) => histograms ?? []);
  const bounds = [...new Set(points.flatMap(([, { buckets }]) => (buckets ?? []).map(([, low]) => Number(low))))].sort((a, b) => a - b);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return;
    const times = [...new Set(points.map(([time]) => time))].sort((a, b) => a - b);
    const cells = new Map<string, number>();
    for (const [time, { buckets }] of points) {
      for (const [, low, , count] of buckets ?? []) {
        const key = `${times.indexOf(time)} ${bounds.indexOf(Number(low))}`;
        cells.set(key, (cells.get(key) ?? 0) + Number(count));
      }
    }
    element.width = element.clientWidth * devicePixelRatio;
    element.height = element.clientHeight * devicePixelRatio;
    const [width, height] = [element.width / times.length, element.height / bounds.length];
    const most = [...cells.values()].reduce((a, b) => Math.max(a, b), 0);
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--accent');
    for (const [key, count] of cells) {
      const [x = 0, y = 0] = key.split(' ').map(Number);
      context.globalAlpha = 0.1 + 0.9 * Math.sqrt(count / most);
      context.fillRect(x * width, element.height - (y + 1) * height, Math.ceil(width), Math.ceil(height));
    }
  }, [series]);
  if (!points.length) return <p class="empty">No distributions in this result. A heatmap needs native histograms.</p>;
  return (
    <figure>
      <canvas ref={canvas} class="heatmap" role="img" aria-label="Heatmap of the distribution over time" />
      <figcaption class="muted">From {short(bounds[0] ?? 0)} to {short(bounds.at(-1) ?? 0)}</figcaption>
    </figure>
  );
}
