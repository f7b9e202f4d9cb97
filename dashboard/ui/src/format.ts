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

export function seconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value < 0.001) return `${short(value * 1e6)} µs`;
  if (value < 1) return `${short(value * 1e3)} ms`;
  if (value < 120) return `${short(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} d`;
}

export const percent = (ratio: number): string =>
  Number.isFinite(ratio) ? `${(ratio * 100).toFixed(ratio < 0.1 ? 1 : 0)} %` : '–';

export function seriesName(metric: Labels): string {
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.keys(labels).sort().map((key) => `${key}=${JSON.stringify(labels[key])}`);
  return name + (pairs.length || !name ? `{${pairs.join(', ')}}` : '');
}

/** A matcher's text for a value. */
export const quote = (value: string): string => JSON.stringify(value);

export type Zone = 'local' | 'utc';

export function dateTime(sec: number, zone: Zone): string {
  const timeZone = zone === 'utc' ? 'UTC' : undefined;
  return new Date(sec * 1000).toLocaleString('sv-SE', { timeZone });
}

export function csv(rows: (string | number)[][]): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
