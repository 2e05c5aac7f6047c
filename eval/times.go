package eval

import (
	"slices"
	"time"
)

// Times are how long the matcher took over single steps.
type Times struct{ encode, probe, compare durations }

type durations []time.Duration

func (d *durations) add(t time.Duration) { *d = append(*d, t) }

func (t *Times) join(more *Times) {
	t.encode = append(t.encode, more.encode...)
	t.probe = append(t.probe, more.probe...)
	t.compare = append(t.compare, more.compare...)
}

// quantile is that of the durations in milliseconds, 0 where there are none.
func (d durations) quantile(share float64) float64 {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return float64(sorted[int(share*float64(len(sorted)-1))]) / float64(time.Millisecond)
}

// TimeReport are medians in milliseconds on one core, as loaded as the machine was.
type TimeReport struct {
	Encode  float64 `json:"encode_ms"`  // a capture from its views
	Probe   float64 `json:"probe_ms"`   // a capture made ready to be compared
	Compare float64 `json:"compare_ms"` // with one capture
}

func (t *Times) report() TimeReport {
	return TimeReport{t.encode.quantile(0.5), t.probe.quantile(0.5), t.compare.quantile(0.5)}
}
