package benchui

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"volar/cmd/internal/replay"
)

// Limits of a report of 'palmsim replay --json'.
const (
	maxRunLine  = 1 << 20
	maxRunWaves = 100_000
)

// pass is one run of a firmware over tapes, as its report has it.
type pass struct {
	name  string
	order []waveKey
	waves map[waveKey]runWave
}

type waveKey struct {
	tape string
	wave int
}

type runWave struct {
	Tape string `json:"tape"`
	replay.Wave
	Steps []replay.Step `json:"steps"`
}

func openPass(path string) (*pass, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer f.Close()
	p, err := readPass(f)
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w: it has to be what 'palmsim replay --json FILE' wrote", path, err)
	}
	p.name = filepath.Base(path)
	return p, nil
}

func readPass(r io.Reader) (*pass, error) {
	p := &pass{waves: map[waveKey]runWave{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRunLine)
	for n := 1; lines.Scan(); n++ {
		var l struct {
			Wave *runWave `json:"wave"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if l.Wave == nil {
			continue
		}
		k := waveKey{l.Wave.Tape, l.Wave.Wave.Wave}
		if _, twice := p.waves[k]; twice || len(p.order) == maxRunWaves {
			return nil, fmt.Errorf("line %d: wave %d of %s is there twice, or there are more than %d", n, k.wave, k.tape, maxRunWaves)
		}
		p.order, p.waves[k] = append(p.order, k), *l.Wave
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p.order) == 0 {
		return nil, fmt.Errorf("there is no wave in it")
	}
	return p, nil
}

// cell is one thing that both runs say of a wave.
type cell struct {
	What    string `json:"what"`
	A       string `json:"a"`
	B       string `json:"b"`
	Differs bool   `json:"differs"`
}

// sideBySide is a wave in both runs.
type sideBySide struct {
	Tape    string `json:"tape"`
	Wave    int    `json:"wave"`
	Who     string `json:"who"`
	Cells   []cell `json:"cells"`
	Differs bool   `json:"differs"`
}

// compare sets two runs side by side, in the order of the first; waves of the
// second alone come last.
func compare(a, b *pass) []sideBySide {
	keys := slices.Clone(a.order)
	for _, k := range b.order {
		if _, both := a.waves[k]; !both {
			keys = append(keys, k)
		}
	}
	var list []sideBySide
	for _, k := range keys {
		wa, inA := a.waves[k]
		wb, inB := b.waves[k]
		w := wa
		if !inA {
			w = wb
		}
		s := sideBySide{Tape: k.tape, Wave: k.wave, Who: fmt.Sprintf("%s %s %s", w.Purpose, w.Kind, w.Note), Cells: cells(&wa, &wb)}
		s.Differs = !inA || !inB || slices.ContainsFunc(s.Cells, func(c cell) bool { return c.Differs })
		list = append(list, s)
	}
	return list
}

// cells are the outcome and every step of a wave in both runs.
func cells(a, b *runWave) []cell {
	list := []cell{differ("outcome", a.Outcome, b.Outcome), differ("bursts", fmt.Sprint(a.Bursts), fmt.Sprint(b.Bursts))}
	for _, p := range replay.Pairs(a.Steps, b.Steps) {
		name := p.Stage
		if p.Burst > 0 {
			name = fmt.Sprintf("%s %d", name, p.Burst)
		}
		list = append(list, differ(name, p.Was.Said(), p.Is.Said()))
		if p.Was == nil || p.Is == nil {
			continue // what was measured in one run alone is no news
		}
		for _, v := range p.Fields() {
			list = append(list, differ(name+", "+v, value(p.Was.Values, v), value(p.Is.Values, v)))
		}
	}
	return list
}

func value(values map[string]replay.Number, name string) string {
	v, there := values[name]
	if !there {
		return ""
	}
	return fmt.Sprintf("%.6g", float64(v))
}

func differ(what, a, b string) cell { return cell{what, a, b, a != b} }
