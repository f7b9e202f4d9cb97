import { describe, expect, it } from 'vitest';
import { cells } from '../src/buckets';
import { csv, fromInput, percent, seconds, seriesName, short, shortName, timeTicks, toInput } from '../src/format';
import { addStep, exposition, fromSeries, replaceBetween, stepFor, table } from '../src/points';
import { SseParser } from '../src/sse';
import { Decoder } from '../src/stream';
import { read, write } from '../src/url';

describe('server-sent events', () => {
  it('come whole from any pieces', () => {
    const text = ': alive\r\nid: 5\r\ndata: a\r\ndata: b\r\n\r\nevent: gap\ndata:{}\n\nretry: 2\n\n';
    for (let size = 1; size < 9; size++) {
      const parser = new SseParser();
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      expect(pieces.flatMap((piece) => parser.push(piece))).toEqual([
        { event: 'message', id: '5', data: 'a\nb' },
        { event: 'gap', id: '5', data: '{}' },
      ]);
      expect(parser.retryMs).toBe(2);
    }
  });
});

describe('a stream', () => {
  const event = (time: number, points: [string, unknown][], series?: object) => JSON.stringify({ time, series, points });
  it('tells the labels of a series once', () => {
    const decoder = new Decoder();
    const histogram = { count: '1', sum: '2' };
    expect(decoder.step(event(5, [['k1', '1'], ['k2', histogram]], { k1: { a: '1' }, k2: { a: '2' } }))).toEqual({
      time: 5,
      notes: [],
      result: [{ metric: { a: '1' }, value: '1' }, { metric: { a: '2' }, histogram }],
    });
    expect(decoder.step(event(10, [['k1', 'NaN']])).result).toEqual([{ metric: { a: '1' }, value: 'NaN' }]);
    expect(decoder.correction(event(5, [['k3', '4']], { k3: { a: '3' } })).result).toEqual([{ metric: { a: '3' }, value: '4' }]);
    const noted = JSON.stringify({ time: 12, points: [], missing_partitions: [3], warnings: ['w'], infos: ['i'] });
    expect(new Decoder().step(noted).notes).toEqual(['w', 'i', expect.stringContaining('Partitions 3 lag')]);
    expect(decoder.step(event(15, [['k1', '2'], ['k3', '3']], { k3: { a: '3' } })).result[0]?.metric).toEqual({ a: '1' });
  });
});

describe('the address', () => {
  it('gives back what was written', () => {
    const place = { ...read(''), page: 'explore' as const, queries: ['a{b="&"}', 'rate(c[1m])'], view: 'table' as const, from: 10, to: 20, zone: 'utc' as const };
    expect(read(write(place))).toEqual(place);
  });
  it('ignores what makes no sense', () => {
    const place = read('#/nowhere?view=x&from=20&to=10&span=-1');
    expect(place).toMatchObject({ page: 'overview', view: 'graph', span: 900 });
    expect(place.from).toBeUndefined();
  });
});

describe('texts', () => {
  it('are short', () => {
    expect([0, 999.6, 12_345, 1.5e9, -2_000, 1e-6].map(short)).toEqual(['0', '1k', '12.3k', '1.5G', '-2k', '1.00e-6']);
    expect(percent(0.0123)).toBe('1.2 %');
    expect(percent(0)).toBe('0 %');
    expect([0, 0.0005, 0.25, 90, 600].map(seconds)).toEqual(['0 s', '500 µs', '250 ms', '90 s', '10 min']);
    expect([shortName({ __name__: 'up', job: 'b', at: 'a' }), shortName({ __name__: 'up' }), shortName({})]).toEqual(['a / b', 'up', 'all']);
    expect(seriesName({ __name__: 'up', job: 'a"b' })).toBe('up{job="a\\"b"}');
    expect(csv([['a,b', 'c"d', 1]])).toBe('"a,b","c""d",1\r\n');
  });
});

describe('times', () => {
  it('are read as they are written, in either zone', () => {
    for (const zone of ['utc', 'local'] as const) expect(fromInput(toInput(1_795_262_596, zone), zone)).toBe(1_795_262_596);
    expect(toInput(1_795_262_596, 'utc')).toBe('2026-11-21T12:03:16');
  });
  it('below an axis tell what differs', () => {
    const noon = 1_795_262_400;
    expect(timeTicks([noon, noon + 5], 'utc')).toEqual(['12:00:00', '12:00:05']);
    expect(timeTicks([noon, noon + 60], 'utc')).toEqual(['12:00', '12:01']);
    expect(timeTicks([noon + 39_600, noon + 43_200], 'utc')).toEqual(['23:00', '00:00\n22 Nov']);
    expect(timeTicks([noon, noon + 86_400], 'utc')).toEqual(['21 Nov', '22 Nov']);
  });
});

describe('a heatmap', () => {
  it('adds up the buckets of all native histograms', () => {
    const one = { count: '3', sum: '1', buckets: [[0, '1', '2', '1'], [0, '2', '4', '2']] as [number, string, string, string][] };
    const found = cells([{ metric: { a: '1' }, histograms: [[5, one]] }, { metric: { a: '2' }, histograms: [[5, one], [10, one]] }]);
    expect(found).toMatchObject({ times: [5, 10], bounds: [1, 2, 4], most: 4 });
    expect(found.columns[0]).toEqual({ time: 5, buckets: [{ low: 0, high: 1, count: 2 }, { low: 1, high: 2, count: 4 }] });
  });
  it('takes classic buckets apart, whatever their order', () => {
    const bucket = (le: string, value: string) => ({ metric: { le }, values: [[5, value]] as [number, string][] });
    const found = cells([bucket('+Inf', '9'), bucket('0.5', '2'), bucket('1', '5')]);
    expect(found.bounds).toEqual([0, 0.5, 1, 2]);
    expect(found.columns[0]?.buckets.map(({ low, high, count }) => [low, high, count])).toEqual([[0, 1, 2], [1, 2, 3], [2, 3, 4]]);
    expect(cells([{ metric: { a: '1' }, values: [[5, '1']] }]).bounds).toEqual([]);
  });
});

describe('points', () => {
  it('share one axis, with holes where a line has none', () => {
    const lines = fromSeries([
      { metric: { a: '1' }, values: [[5, '1'], [10, 'NaN']] },
      { metric: { a: '2' }, values: [[15, '3']] },
    ]);
    addStep(lines, { time: 20, result: [{ metric: { a: '2' }, value: '4' }], notes: [] }, 10);
    expect(table([...lines.values()])).toEqual([[10, 15, 20], [null, null, null], [null, 3, 4]]);
    // A correction says what there is at its time, and that the rest is not.
    addStep(lines, { time: 20, result: [{ metric: { a: '1' }, value: '5' }], notes: [] }, 10);
    expect(table([...lines.values()])).toEqual([[10, 15, 20], [null, null, 5], [null, 3, null]]);
  });
  it('break where nothing came, and do not where a step is long', () => {
    const lines = [...fromSeries([{ metric: {}, values: [[5, '1'], [10, '1'], [30, '2']] }]).values()];
    expect(table(lines, 5)).toEqual([[5, 10, 15, 30], [1, 1, null, 2]]);
    expect(table(lines, 20)).toEqual([[5, 10, 30], [1, 1, 2]]);
  });
  it('of distributions are none, and said to be', () => {
    const lines = fromSeries([{ metric: { a: '1' }, histograms: [[5, { count: '1', sum: '2' }]] }]);
    expect(lines.get('{a="1"}')).toMatchObject({ isDistribution: true, points: new Map() });
    addStep(lines, { time: 10, result: [{ metric: { a: '2' }, histogram: { count: '1', sum: '2' } }], notes: [] }, 0);
    expect([...lines.values()].map(({ isDistribution }) => isDistribution)).toEqual([true, true]);
  });
  it('that are older take the place of what was there, but not of live ones', () => {
    const lines = fromSeries([{ metric: {}, values: [[5, '0'], [10, '2']] }, { metric: { b: '1' }, values: [[5, '3'], [10, '4']] }]);
    replaceBetween(lines, [{ metric: {}, values: [[5, '1'], [10, '9']] }, { metric: { a: '1' }, values: [[5, '7']] }], 0, 5);
    expect([...(lines.get('{}')?.points ?? [])]).toEqual([[10, 2], [5, 1]]);
    expect(lines.get('{a="1"}')?.points.get(5)).toBe(7);
    expect([...(lines.get('{b="1"}')?.points ?? [])]).toEqual([[10, 4]]);
  });
  it('are as many as can be seen', () => {
    expect([300, 900, 86_400].map((span) => stepFor(span))).toEqual([5, 5, 220]);
  });
  it('are read from an exposition', () => {
    expect(exposition('# HELP a\na_total{x="1",y="\\"q\\""} 2\nb 3.5 17\n')).toEqual([
      { name: 'a_total', labels: { x: '1', y: '"q"' }, value: 2 },
      { name: 'b', labels: {}, value: 3.5 },
    ]);
  });
});
