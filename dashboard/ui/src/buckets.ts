/** The buckets of distributions, native or classic, as cells of a heatmap. */

import type { Series } from './api';

export interface Cells {
  times: number[];
  /** All bounds of buckets, ascending. */
  bounds: number[];
  columns: { time: number; buckets: { low: number; high: number; count: number }[] }[];
  most: number;
}

interface Bucket { low: number; high: number; count: number }

/** Rows that are high enough to be seen. */
const MOST_ROWS = 24;

/** Buckets of all series added up; `low` and `high` are places among the bounds. */
export function cells(series: Series[]): Cells {
  const columns = new Map<number, Map<string, Bucket>>();
  const add = (time: number, low: number, high: number, count: number) => {
    if (!(count > 0)) return;
    const column = columns.get(time) ?? new Map<string, Bucket>();
    columns.set(time, column);
    const key = `${low} ${high}`;
    const before = column.get(key)?.count ?? 0;
    column.set(key, { low, high, count: before + count });
  };
  const native = series.flatMap(({ histograms }) => (histograms ?? []).flatMap(([time, { buckets }]) =>
    (buckets ?? []).map(([, low, high, count]): Cell => [time, Number(low), Number(high), Number(count)])));
  for (const [time, low, high, count] of regular(native)) add(time, low, high, count);
  for (const [time, low, high, count] of classic(series)) add(time, low, high, count);

  // The first and the last bucket of classic ones have no end; they are drawn as if they had.
  const all = [...columns.values()].flatMap((column) => [...column.values()]);
  const finite = all.flatMap(({ low, high }) => [low, high]).filter(Number.isFinite);
  const top = finite.reduce((most, one) => Math.max(most, one), 0) * 2 || 1;
  const end = (value: number) => (value === Infinity ? top : value);
  const bounds = [...new Set(all.flatMap(({ low, high }) => [low, end(high)]).filter(Number.isFinite))].sort((a, b) => a - b);
  const place = new Map(bounds.map((bound, index) => [bound, index]));
  const at = (value: number) => place.get(end(value)) ?? 0;
  return {
    times: [...columns.keys()].sort((a, b) => a - b),
    bounds,
    columns: [...columns].map(([time, column]) => ({
      time,
      buckets: [...column.values()].map(({ low, high, count }) => ({ low: at(low), high: at(high), count })),
    })),
    most: all.reduce((most, { count }) => Math.max(most, count), 0),
  };
}

type Cell = [time: number, low: number, high: number, count: number];

/**
 * Native buckets are fine, and where nothing fell there is none: they are gathered into rows of equal height, each
 * by the same factor above the one below. Those of values of 0 and less stay as they are.
 */
function regular(all: Cell[]): Cell[] {
  const positive = all.filter(([, low]) => low > 0);
  if (!positive.length) return all;
  const least = Math.log2(positive.reduce((least, [, low]) => Math.min(least, low), Infinity));
  const most = Math.log2(positive.reduce((most, [, , high]) => Math.max(most, high), 0));
  // No row is lower than the finest bucket.
  const finest = positive.reduce((width, [, low, high]) => Math.min(width, Math.log2(high / low)), Infinity);
  const perOctave = 2 ** Math.floor(Math.log2(Math.min(MOST_ROWS / (most - least), 1.001 / finest)));
  const bound = (row: number) => 2 ** (row / perOctave);
  return all.flatMap((cell): Cell[] => {
    const [time, low, high, count] = cell;
    if (!(low > 0)) return [cell];
    const [from, to] = [Math.log2(low) * perOctave, Math.log2(high) * perOctave];
    // A bucket that is wider than a row goes to all of its rows, in parts.
    if (to - from < 1.001) {
      const row = Math.floor((from + to) / 2);
      return [[time, bound(row), bound(row + 1), count]];
    }
    const rows = Array.from({ length: Math.ceil(to - 0.001) - Math.floor(from + 0.001) }, (_, n) => Math.floor(from + 0.001) + n);
    return rows.map((row) => [time, bound(row), bound(row + 1), count / rows.length]);
  });
}

/** What lies between the cumulative buckets of each classic histogram: time, low, high, count. */
function classic(series: Series[]): Cell[] {
  const groups = new Map<string, Map<number, [number, number][]>>();
  for (const { metric, values } of series) {
    const { le, ...rest } = metric;
    if (le === undefined || !values) continue;
    const key = JSON.stringify(Object.entries(rest).sort());
    const group = groups.get(key) ?? new Map<number, [number, number][]>();
    groups.set(key, group);
    const bound = le === '+Inf' ? Infinity : Number(le);
    for (const [time, value] of values) group.set(time, [...(group.get(time) ?? []), [bound, Number(value)]]);
  }
  return [...groups.values()].flatMap((group) =>
    [...group].flatMap(([time, bounds]) => {
      bounds.sort(([a], [b]) => a - b);
      return bounds.map(([high, value], index): Cell => {
        const [low, below] = bounds[index - 1] ?? [Math.min(0, high), 0];
        return [time, low, high, value - below];
      });
    }),
  );
}
