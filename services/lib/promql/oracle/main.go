// The oracle answers queries with Prometheus' own engine over its own storage,
// so that the crate's answers can be compared with them.
//
// Standard input holds one case a line, standard output one line of answers a
// case. Floats travel as text, since JSON knows neither NaN nor infinities;
// the text "stale" is the stale marker.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/teststorage"
)

// number is a float as text.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatFloat(float64(n), 'g', -1, 64))
}

func (n *number) UnmarshalJSON(bytes []byte) error {
	var text string
	if err := json.Unmarshal(bytes, &text); err != nil {
		return err
	}
	if text == "stale" {
		*n = number(math.Float64frombits(value.StaleNaN))
		return nil
	}
	parsed, err := strconv.ParseFloat(text, 64)
	*n = number(parsed)
	return err
}

type testCase struct {
	Series  []series `json:"series"`
	Queries []query  `json:"queries"`
}

type query struct {
	Expr    string `json:"expr"`
	StartMs int64  `json:"start_ms"`
	EndMs   int64  `json:"end_ms"`
	StepMs  int64  `json:"step_ms"`
}

type series struct {
	Labels map[string]string `json:"labels"`
	Points []point           `json:"points"`
}

type point struct {
	TimeMs    int64      `json:"t"`
	Float     *number    `json:"f,omitempty"`
	Histogram *nativeHis `json:"h,omitempty"`
}

// nativeHis holds its populated buckets as (index, count).
type nativeHis struct {
	Schema        int32    `json:"schema"`
	ZeroThreshold number   `json:"zero_threshold"`
	ZeroCount     number   `json:"zero_count"`
	Count         number   `json:"count"`
	Sum           number   `json:"sum"`
	Positive      []bucket `json:"positive"`
	Negative      []bucket `json:"negative"`
	Bounds        []number `json:"bounds"`
	Gauge         bool     `json:"gauge"`
}

type bucket struct {
	Index int32  `json:"i"`
	Count number `json:"n"`
}

// answer of one query. Kind is "error" when there is none.
type answer struct {
	Kind     string   `json:"kind"`
	Text     string   `json:"text,omitempty"`
	Series   []series `json:"series,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Infos    []string `json:"infos,omitempty"`
}

func main() {
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  time.Minute,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   parser.NewParser(parser.Options{}),
	})
	output := bufio.NewWriter(os.Stdout)
	decoder := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	encoder := json.NewEncoder(output)
	for decoder.More() {
		var c testCase
		if err := decoder.Decode(&c); err != nil {
			log.Fatalf("reading a case: %v", err)
		}
		answers, err := solve(engine, c)
		if err != nil {
			log.Fatalf("solving a case: %v", err)
		}
		if err := errors.Join(encoder.Encode(answers), output.Flush()); err != nil {
			log.Fatalf("writing answers: %v", err)
		}
	}
}

func solve(engine *promql.Engine, c testCase) (answers []answer, err error) {
	storage, err := teststorage.NewWithError()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, storage.Close()) }()
	for _, s := range c.Series {
		if err := load(storage, s); err != nil {
			return nil, fmt.Errorf("loading %v: %w", s.Labels, err)
		}
	}
	for _, q := range c.Queries {
		answers = append(answers, ask(engine, storage, q))
	}
	return answers, nil
}

func load(storage *teststorage.TestStorage, s series) error {
	appender := storage.Appender(context.Background())
	name := labels.FromMap(s.Labels)
	for _, p := range s.Points {
		var err error
		if p.Histogram != nil {
			_, err = appender.AppendHistogram(0, name, p.TimeMs, nil, p.Histogram.toPrometheus())
		} else {
			_, err = appender.Append(0, name, p.TimeMs, float64(*p.Float))
		}
		if err != nil {
			return errors.Join(err, appender.Rollback())
		}
	}
	return appender.Commit()
}

func ask(engine *promql.Engine, storage *teststorage.TestStorage, q query) answer {
	ctx := context.Background()
	start, end := time.UnixMilli(q.StartMs), time.UnixMilli(q.EndMs)
	var prepared promql.Query
	var err error
	if q.StepMs == 0 {
		prepared, err = engine.NewInstantQuery(ctx, storage, nil, q.Expr, start)
	} else {
		step := time.Duration(q.StepMs) * time.Millisecond
		prepared, err = engine.NewRangeQuery(ctx, storage, nil, q.Expr, start, end, step)
	}
	if err != nil {
		return answer{Kind: "error", Text: err.Error()}
	}
	defer prepared.Close()
	result := prepared.Exec(ctx)
	if result.Err != nil {
		return answer{Kind: "error", Text: result.Err.Error()}
	}
	a := shown(result.Value)
	a.Warnings, a.Infos = kinds(result.Warnings)
	return a
}

// kinds of annotations, without the particulars of the query.
func kinds(found annotations.Annotations) (warnings, infos []string) {
	return found.AsStrings("", 0, 0)
}

func shown(v parser.Value) answer {
	switch v := v.(type) {
	case promql.Scalar:
		points := []point{floatPoint(v.T, v.V)}
		return answer{Kind: "scalar", Series: []series{{Points: points}}}
	case promql.String:
		return answer{Kind: "string", Text: v.V}
	case promql.Vector:
		a := answer{Kind: "vector"}
		for _, sample := range v {
			p := floatPoint(sample.T, sample.F)
			if sample.H != nil {
				p = histogramPoint(sample.T, sample.H)
			}
			a.Series = append(a.Series, series{Labels: sample.Metric.Map(), Points: []point{p}})
		}
		return a
	case promql.Matrix:
		a := answer{Kind: "matrix"}
		for _, s := range v {
			var points []point
			for _, p := range s.Floats {
				points = append(points, floatPoint(p.T, p.F))
			}
			for _, p := range s.Histograms {
				points = append(points, histogramPoint(p.T, p.H))
			}
			a.Series = append(a.Series, series{Labels: s.Metric.Map(), Points: points})
		}
		return a
	}
	return answer{Kind: "error", Text: "unknown type of value"}
}

func floatPoint(timeMs int64, f float64) point {
	n := number(f)
	return point{TimeMs: timeMs, Float: &n}
}

func histogramPoint(timeMs int64, h *histogram.FloatHistogram) point {
	native := &nativeHis{
		Schema:        h.Schema,
		ZeroThreshold: number(h.ZeroThreshold),
		ZeroCount:     number(h.ZeroCount),
		Count:         number(h.Count),
		Sum:           number(h.Sum),
		Positive:      buckets(h.PositiveBucketIterator()),
		Negative:      buckets(h.NegativeBucketIterator()),
	}
	for _, bound := range h.CustomValues {
		native.Bounds = append(native.Bounds, number(bound))
	}
	return point{TimeMs: timeMs, Histogram: native}
}

func buckets(iterator histogram.BucketIterator[float64]) (found []bucket) {
	for iterator.Next() {
		if at := iterator.At(); at.Count != 0 {
			found = append(found, bucket{Index: at.Index, Count: number(at.Count)})
		}
	}
	return found
}

func (n *nativeHis) toPrometheus() *histogram.FloatHistogram {
	h := &histogram.FloatHistogram{
		Schema:        n.Schema,
		ZeroThreshold: float64(n.ZeroThreshold),
		ZeroCount:     float64(n.ZeroCount),
		Count:         float64(n.Count),
		Sum:           float64(n.Sum),
	}
	h.PositiveSpans, h.PositiveBuckets = spans(n.Positive)
	h.NegativeSpans, h.NegativeBuckets = spans(n.Negative)
	for _, bound := range n.Bounds {
		h.CustomValues = append(h.CustomValues, float64(bound))
	}
	if n.Gauge {
		h.CounterResetHint = histogram.GaugeType
	}
	return h
}

// spans puts neighbouring buckets into runs.
func spans(buckets []bucket) (runs []histogram.Span, counts []float64) {
	var next int32
	for i, b := range buckets {
		if i == 0 || b.Index != next {
			runs = append(runs, histogram.Span{Offset: b.Index - next})
		}
		runs[len(runs)-1].Length++
		next = b.Index + 1
		counts = append(counts, float64(b.Count))
	}
	return runs, counts
}
