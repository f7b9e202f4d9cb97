/** The state of a page as the hash of the address, so that links, reload and the back button work. */

import type { Zone } from './format';

export type PageName = 'overview' | 'explore' | 'cardinality' | 'pipeline';
export type View = 'graph' | 'table' | 'heatmap';
export interface Place {
  page: PageName;
  /** What the overview is narrowed to. */
  job: string;
  instance: string;
  queries: string[];
  view: View;
  /** Length of a relative range in seconds; an absolute one has `from` and `to` too. */
  span: number;
  from?: number;
  to?: number;
  zone: Zone;
}

const PAGES: readonly string[] = ['overview', 'explore', 'cardinality', 'pipeline'];
const VIEWS: readonly string[] = ['graph', 'table', 'heatmap'];
const SPAN_SEC = 900;

const number = (text: string | null): number | undefined => {
  const value = Number(text);
  return text && Number.isFinite(value) && value > 0 ? value : undefined;
};

export function read(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const params = new URLSearchParams(search);
  const view = params.get('view') ?? '';
  const from = number(params.get('from'));
  const to = number(params.get('to'));
  const absolute = from !== undefined && to !== undefined && from < to;
  return {
    page: (PAGES.includes(path) ? path : 'overview') as PageName,
    job: params.get('job') ?? '',
    instance: params.get('instance') ?? '',
    queries: params.getAll('q'),
    view: (VIEWS.includes(view) ? view : 'graph') as View,
    span: number(params.get('span')) ?? SPAN_SEC,
    ...(absolute ? { from, to } : {}),
    zone: params.get('zone') === 'utc' ? 'utc' : 'local',
  };
}

export function write(place: Partial<Place> & { page: PageName }): string {
  const params = new URLSearchParams();
  if (place.job) params.set('job', place.job);
  if (place.instance) params.set('instance', place.instance);
  for (const query of place.queries ?? []) params.append('q', query);
  if (place.view && place.view !== 'graph') params.set('view', place.view);
  if (place.span && place.span !== SPAN_SEC) params.set('span', String(place.span));
  if (place.from !== undefined && place.to !== undefined) {
    params.set('from', String(place.from));
    params.set('to', String(place.to));
  }
  if (place.zone === 'utc') params.set('zone', 'utc');
  const search = params.toString();
  return `#/${place.page}${search ? `?${search}` : ''}`;
}
