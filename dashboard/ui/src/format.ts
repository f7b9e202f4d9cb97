/** Texts for numbers, times and series. */

import type { Labels } from './api';

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three digits and a decimal unit: 12.3k. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace('Infinity', 'Inf');
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(2);
  let unit = 0;
  let scaled = value;
  while (Math.abs(scaled) >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${Number(scaled.toPrecision(3))}${UNITS[unit] ?? ''}`;
}

/** All digits, in groups of three. */
export const whole = (value: number): string => value.toLocaleString('en-US').replaceAll(',', '\u202f');

export function seconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value < 0.001) return value > 0 ? `${short(value * 1e6)} µs` : '0 s';
  if (value < 1) return `${short(value * 1e3)} ms`;
  if (value < 120) return `${short(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} d`;
}

export const percent = (ratio: number): string =>
  Number.isFinite(ratio) ? `${(ratio * 100).toFixed(ratio < 0.1 && ratio !== 0 ? 1 : 0)} %` : '–';

export function seriesName(metric: Labels): string {
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.keys(labels).sort().map((key) => `${key}=${JSON.stringify(labels[key])}`);
  return name + (pairs.length || !name ? `{${pairs.join(', ')}}` : '');
}

/** What tells a series from its neighbours where there is little room. */
export function shortName(metric: Labels): string {
  const { __name__: name, ...labels } = metric;
  const values = Object.keys(labels).sort().map((key) => labels[key]);
  return values.join(' / ') || name || 'all';
}

/** A matcher's text for a value. */
export const quote = (value: string): string => JSON.stringify(value);

export type Zone = 'local' | 'utc';

const timeZone = (zone: Zone): string | undefined => (zone === 'utc' ? 'UTC' : undefined);

export function dateTime(sec: number, zone: Zone): string {
  return new Date(sec * 1000).toLocaleString('sv-SE', { timeZone: timeZone(zone) });
}

/** The value of a `datetime-local` input. */
export const toInput = (sec: number, zone: Zone): string => dateTime(Math.floor(sec), zone).replace(' ', 'T');

/** Its Unix time; NaN when it is none. */
export const fromInput = (text: string, zone: Zone): number => Date.parse(zone === 'utc' ? `${text}Z` : text) / 1000;

/** Texts below a time axis: what differs from tick to tick, and the day where it begins. */
export function timeTicks(ticks: number[], zone: Zone): string[] {
  const step = (ticks[1] ?? 0) - (ticks[0] ?? 0);
  const day = (sec: number) =>
    new Date(sec * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: timeZone(zone) });
  const covers = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0);
  return ticks.map((tick, index) => {
    if (step >= 86400) return day(tick);
    const time = dateTime(tick, zone).slice(11, step < 60 ? 19 : 16);
    const before = ticks[index - 1];
    const isNewDay = before === undefined ? covers >= 43200 : day(before) !== day(tick);
    return isNewDay ? `${time}\n${day(tick)}` : time;
  });
}

export function csv(rows: (string | number)[][]): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
