/** What all charts have in common: colours, axes, the time that glides. */

import uPlot from 'uplot';
import { timeTicks, type Zone } from './format';

const COLOURS = ['#3b87c8', '#d97b29', '#3d9e5f', '#b552c4', '#d04a45', '#1d9c9c', '#8873d6', '#a38a1c', '#d4568f', '#6f8f35', '#76859b', '#b0754a'];

export const colour = (index: number): string => COLOURS[index] ?? `hsl(${(index * 137.5 + 205) % 360} 50% 52%)`;

export const styled = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name);

export function axes(zone: Zone, format: (value: number) => string): uPlot.Axis[] {
  const look = { stroke: styled('--muted'), font: '12px system-ui, sans-serif', grid: { stroke: styled('--line'), width: 1 }, ticks: { show: false } };
  return [
    { ...look, size: (_, texts) => (texts?.some((text) => text?.includes('\n')) ? 42 : 26), space: 72, values: (_, ticks) => timeTicks(ticks, zone) },
    { ...look, size: 60, space: 32, values: (_, ticks) => valueTicks(ticks, format) },
  ];
}

/** With all digits where the short texts would be the same. */
function valueTicks(ticks: number[], format: (value: number) => string): string[] {
  const texts = ticks.map(format);
  return new Set(texts).size === texts.length ? texts : ticks.map((tick) => String(Number(tick.toPrecision(8))));
}

export const zoned = (zone: Zone) => (sec: number): Date =>
  zone === 'utc' ? uPlot.tzDate(new Date(sec * 1e3), 'Etc/UTC') : new Date(sec * 1e3);

/** From 0 on; or only where values are not far from it. */
export const valueRange = (from: 'zero' | 'near') => (_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax => {
  if (low === null || high === null) return [0, 1];
  if (low >= 0 && (from === 'zero' || low <= high * 0.7)) return [0, high > 0 ? high * 1.08 : 1];
  return uPlot.rangeNum(low, high, 0.12, true);
};

const GLIDE_MS = 600;

/** Moves the shown range to its new place; at once where it is another one, or the user wants no movement. */
export class Glide {
  private frame = 0;
  shown: [number, number];

  constructor(range: [number, number]) {
    this.shown = range;
  }

  to(plot: uPlot, range: [number, number], isLight: boolean): void {
    cancelAnimationFrame(this.frame);
    const [from, begin] = [this.shown, performance.now()];
    const way = range[1] - from[1];
    const isShift = Math.abs(range[1] - range[0] - (from[1] - from[0])) < 1 && way > 0 && way < (range[1] - range[0]) / 4;
    const set = ([min, max]: [number, number]) => {
      this.shown = [min, max];
      plot.setScale('x', { min, max });
    };
    if (!isLight || !isShift || document.hidden || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      set(range);
      return;
    }
    const move = () => {
      const part = Math.min(1, (performance.now() - begin) / GLIDE_MS);
      const left = way * (1 - part) ** 2;
      set([range[0] - left, range[1] - left]);
      if (part < 1) this.frame = requestAnimationFrame(move);
    };
    this.frame = requestAnimationFrame(move);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
  }
}
