import { describe, expect, it } from 'vitest';
import { csv, percent, seriesName, short } from '../src/format';
import { addStep, exposition, fromSeries, stepFor, table } from '../src/points';
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
      result: [{ metric: { a: '1' }, value: '1' }, { metric: { a: '2' }, histogram }],
    });
    expect(decoder.step(event(10, [['k1', 'NaN']])).result).toEqual([{ metric: { a: '1' }, value: 'NaN' }]);
    expect(decoder.correction(event(5, [['k3', '4']], { k3: { a: '3' } })).result).toEqual([{ metric: { a: '3' }, value: '4' }]);
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
    expect(seriesName({ __name__: 'up', job: 'a"b' })).toBe('up{job="a\\"b"}');
    expect(csv([['a,b', 'c"d', 1]])).toBe('"a,b","c""d",1\r\n');
  });
});

describe('points', () => {
  it('share one axis, with holes where a line has none', () => {
    const lines = fromSeries([
      { metric: { a: '1' }, values: [[5, '1'], [10, 'NaN']] },
      { metric: { a: '2' }, values: [[15, '3']] },
    ]);
    addStep(lines, { time: 20, result: [{ metric: { a: '2' }, value: '4' }] }, 10);
    expect(table([...lines.values()])).toEqual([[10, 15, 20], [null, null, null], [null, 3, 4]]);
    // A correction says what there is at its time, and that the rest is not.
    addStep(lines, { time: 20, result: [{ metric: { a: '1' }, value: '5' }] }, 10);
    expect(table([...lines.values()])).toEqual([[10, 15, 20], [null, null, 5], [null, 3, null]]);
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
