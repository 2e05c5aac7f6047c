package firmware

import (
	"math"

	"volar/firmware/quality"
	"volar/liveness"
)

// Finding is what one stage measured of one burst or look, in numbers. It is
// for benches that compare firmware with firmware: scores teach whoever tries
// to pass, so a device in service asks for none, and Trace has none.
type Finding struct {
	Stage  string        // StageGuide, StageVision, StageQuality or StageLiveness
	Burst  int           // of the wave, counted from 1; 0 before the first
	Palm   *quality.Palm // StageGuide and StageVision: where the palm was seen in the near-infrared picture
	Values []FindingValue
}

// FindingValue is one measure and what is allowed of it.
type FindingValue struct {
	Name     string
	Value    float64
	Min, Max float64 // NaN where nothing is demanded
	Ran      bool    // Value was measured
	Pass     bool
}

// find tells of a stage's numbers where somebody asks for them.
func (r *runner) find(stage string, palm *quality.Palm, values func() []FindingValue) {
	if r.cfg.Findings != nil {
		r.cfg.Findings(Finding{Stage: stage, Burst: r.bursts, Palm: palm, Values: values()})
	}
}

// free is a measure without limits.
func free(name string, v float64) FindingValue {
	return FindingValue{Name: name, Value: v, Min: math.NaN(), Max: math.NaN(), Ran: true, Pass: true}
}

// poseFound is how vision saw the palm.
func poseFound(p *rectified) []FindingValue {
	return []FindingValue{
		free("hand", float64(p.hand)), free("distance", p.distance), free("tilt", p.tilt), free("pace", p.pace), free("relief", p.relief),
		free("sureness", p.place.Sure),
	}
}

func qualityFound(q *quality.Report) (list []FindingValue) {
	seen := map[quality.Kind]bool{}
	for _, v := range q.Values {
		f := free(v.Kind.String(), v.Value)
		if seen[v.Kind] { // near infrared comes first
			f.Name += " in colour"
		}
		seen[v.Kind] = true
		if v.Limits.Good > v.Limits.Min {
			f.Min = v.Limits.Min
		}
		if v.Limits.Max > v.Limits.GoodMax {
			f.Max = v.Limits.Max
		}
		f.Pass = v.Pass()
		list = append(list, f)
	}
	return list
}

func livenessFound(v *liveness.Verdict) (list []FindingValue) {
	for _, c := range v.Results {
		list = append(list, FindingValue{Name: c.Name, Value: c.Value, Min: c.Min, Max: c.Max, Ran: c.Ran, Pass: c.Pass()})
	}
	likest := v.Likest()
	unlike := FindingValue{Name: "unlike known attacks", Value: likest.Value - likest.Min, Max: math.NaN(), Ran: likest.Ran, Pass: likest.Pass()}
	return append(list, unlike, FindingValue{Name: "score", Value: v.Score, Max: math.NaN(), Ran: !math.IsInf(v.Score, 0), Pass: v.Score >= 0})
}
