/** The Prometheus HTTP API, with the bearer token of this tab if there is one. */

export type Labels = Record<string, string>;
/** Boundary rule, low, high, count; see the format of native histograms. */
export type Bucket = [number, string, string, string];
export interface Histogram {
  count: string;
  sum: string;
  buckets?: Bucket[];
}
export interface Sample {
  metric: Labels;
  value?: [number, string];
  histogram?: [number, Histogram];
}
export interface Series {
  metric: Labels;
  values?: [number, string][];
  histograms?: [number, Histogram][];
}
export interface Counted {
  name: string;
  value: number;
}
export interface Cardinality {
  headStats: { numSeries: number; numLabelPairs: number };
  seriesCountByMetricName: Counted[];
  labelValueCountByLabelName: Counted[];
  memoryInBytesByLabelName: Counted[];
  seriesCountByLabelValuePair: Counted[];
}

/** Of all tenants; times in seconds. */
export interface PipelineState {
  partitions: { partition: number; watermark?: number; stored?: number; position?: number }[];
  /** The latest first. */
  hours: {
    hour: number;
    counted: number;
    duplicate: number;
    poison: number;
    gap: number;
    shards: number;
    shipped: number;
    changed: number;
  }[];
}
/** An answer, and what the server has to say about it. */
export interface Noted<T> {
  result: T;
  notes: string[];
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = 'tidegate.token';
let onUnauthorized: () => void = () => undefined;

export function whenUnauthorized(then: () => void): void {
  onUnauthorized = then;
}

export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

/** fetch with the token; an answer 401 asks the user for one. */
export async function ask(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.set('Authorization', `Bearer ${token}`);
  const response = await fetch(input, { ...init, headers });
  if (response.status === 401) onUnauthorized();
  return response;
}

async function get<T>(path: string, params: Record<string, string>, signal?: AbortSignal): Promise<T> {
  return (await getNoted<T>(path, params, signal)).result;
}

async function getNoted<T>(path: string, params: Record<string, string>, signal?: AbortSignal): Promise<Noted<T>> {
  let response: Response;
  try {
    response = await ask(`/api/v1/${path}?${new URLSearchParams(params)}`, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server does not answer. Is it running?');
  }
  const body = (await response.json().catch(() => null)) as
    | { status: string; data: T; error?: string; warnings?: string[]; infos?: string[] }
    | null;
  if (body?.status !== 'success') throw new ApiError(response.status, body?.error ?? `answer ${response.status}`);
  return { result: body.data, notes: [...(body.warnings ?? []), ...(body.infos ?? [])] };
}

export async function instant(query: string, signal?: AbortSignal): Promise<Sample[]> {
  const data = await get<{ resultType: string; result: Sample[] | [number, string] }>('query', { query }, signal);
  if (data.resultType === 'vector') return data.result as Sample[];
  return data.resultType === 'scalar' ? [{ metric: {}, value: data.result as [number, string] }] : [];
}

export async function range(
  query: string,
  start: number,
  end: number,
  step: number,
  signal?: AbortSignal,
): Promise<Noted<Series[]>> {
  const params = { query, start: String(start), end: String(end), step: String(step) };
  const { result, notes } = await getNoted<{ result: Series[] }>('query_range', params, signal);
  return { result: result.result, notes };
}

/** Of the series of a selector, or of all. */
export const cardinality = (limit: number, match: string, signal?: AbortSignal): Promise<Cardinality> =>
  get('status/tsdb', { limit: String(limit), ...(match ? { 'match[]': match } : {}) }, signal);

export const pipelineState = (signal?: AbortSignal): Promise<PipelineState> => get('status/pipeline', {}, signal);

/** Who is not an administrator is told of no other tenants. */
export const tenants = (signal?: AbortSignal): Promise<{ name: string; series: number }[]> =>
  get<{ name: string; series: number }[]>('status/tenants', {}, signal).catch(() => []);

export async function ownMetrics(signal?: AbortSignal): Promise<string> {
  const response = await ask('/metrics', { signal });
  if (!response.ok) throw new ApiError(response.status, `/metrics answers ${response.status}`);
  return response.text();
}
