/** Points of several series on one common time axis, as the charts want them. */

import type { Labels, Series } from './api';
import { seriesName } from './format';
import type { Step } from './stream';

export interface Line {
  name: string;
  metric: Labels;
  points: Map<number, number>;
}

export function fromSeries(series: Series[]): Map<string, Line> {
  const lines = new Map<string, Line>();
  for (const { metric, values } of series) {
    const name = seriesName(metric);
    lines.set(name, { name, metric, points: new Map(values?.map(([time, value]) => [time, Number(value)])) });
  }
  return lines;
}

/** Puts a live step in the place of what was there at its time, and forgets what is older than `oldest`. */
export function addStep(lines: Map<string, Line>, step: Step, oldest: number): void {
  for (const { points } of lines.values()) points.delete(step.time);
  for (const { metric, value } of step.result) {
    if (value === undefined) continue;
    const name = seriesName(metric);
    const line = lines.get(name) ?? { name, metric, points: new Map<number, number>() };
    line.points.set(step.time, Number(value));
    lines.set(name, line);
  }
  for (const [name, { points }] of lines) {
    for (const time of points.keys()) if (time < oldest) points.delete(time);
    if (points.size === 0) lines.delete(name);
  }
}

/** Ascending times, then each line's value or null at each of them. */
export function table(lines: Line[]): [number[], ...(number | null)[][]] {
  const times = [...new Set(lines.flatMap(({ points }) => [...points.keys()]))].sort((a, b) => a - b);
  const column = ({ points }: Line) =>
    times.map((time) => {
      const value = points.get(time);
      return value === undefined || !Number.isFinite(value) ? null : value;
    });
  return [times, ...lines.map(column)];
}

/** A step that gives about as many points as can be seen; a multiple of the 5 s windows. */
export function stepFor(spanSec: number, points = 400): number {
  return Math.max(5, Math.ceil(spanSec / points / 5) * 5);
}

export interface Own {
  name: string;
  labels: Labels;
  value: number;
}

/** The samples of a text in the Prometheus or OpenMetrics format. */
export function exposition(text: string): Own[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) return [];
    const labels: Labels = {};
    for (const [, key = '', value = ''] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[key] = value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
    }
    return [{ name: match[1] ?? '', labels, value: Number(match[3]) }];
  });
}
