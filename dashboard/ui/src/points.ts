/** Points of several series on one common time axis, as the charts want them. */

import type { Labels, Series } from './api';
import { seriesName } from './format';
import type { Step } from './stream';

export interface Line {
  name: string;
  metric: Labels;
  points: Map<number, number>;
  /** Its values are distributions, which a line cannot show. */
  isDistribution: boolean;
}

const newLine = (metric: Labels, name: string): Line => ({ name, metric, points: new Map(), isDistribution: false });

export function fromSeries(series: Series[]): Map<string, Line> {
  const lines = new Map<string, Line>();
  for (const { metric, values, histograms } of series) {
    const name = seriesName(metric);
    const points = new Map(values?.map(([time, value]) => [time, Number(value)]));
    lines.set(name, { name, metric, points, isDistribution: !values?.length && Boolean(histograms?.length) });
  }
  return lines;
}

/** Puts a live step in the place of what was there at its time, and forgets what is older than `oldest`. */
export function addStep(lines: Map<string, Line>, step: Step, oldest: number): void {
  for (const { points } of lines.values()) points.delete(step.time);
  for (const { metric, value } of step.result) {
    const name = seriesName(metric);
    const line = lines.get(name) ?? newLine(metric, name);
    line.isDistribution = value === undefined;
    if (value !== undefined) line.points.set(step.time, Number(value));
    lines.set(name, line);
  }
  for (const [name, { points, isDistribution }] of lines) {
    for (const time of points.keys()) if (time < oldest) points.delete(time);
    if (points.size === 0 && !isDistribution) lines.delete(name);
  }
}

/** Puts the points of an answer in the place of what was there at its times. */
export function replaceBetween(lines: Map<string, Line>, series: Series[], from: number, to: number): void {
  for (const { points } of lines.values()) {
    for (const time of points.keys()) if (time >= from && time <= to) points.delete(time);
  }
  for (const [name, older] of fromSeries(series)) {
    const line = lines.get(name);
    if (!line) lines.set(name, older);
    else for (const [time, value] of older.points) if (!line.points.has(time)) line.points.set(time, value);
  }
}

/**
 * Ascending times, then each line's value or null at each of them. Where no line has anything for longer than a
 * step, there is a time with nothing, so that a break is drawn as one.
 */
export function table(lines: Line[], stepSec = Infinity): [number[], ...(number | null)[][]] {
  const known = [...new Set(lines.flatMap(({ points }) => [...points.keys()]))].sort((a, b) => a - b);
  const times: number[] = [];
  for (const time of known) {
    const last = times.at(-1);
    if (last !== undefined && time - last > 1.5 * stepSec) times.push(last + stepSec);
    times.push(time);
  }
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
