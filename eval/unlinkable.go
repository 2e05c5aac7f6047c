package eval

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"

	"volar/enclave/vault/matcher"
)

// TenantKey is the key of the matcher's scheme of a tenant of a measurement: the
// SHA-256 of its name. Keys that protect anybody are random.
func TenantKey(name string) [32]byte { return sha256.Sum256([]byte("volar/eval/" + name)) }

// Unlinkability says how well codes of one palm in two tenants' schemes can
// be told from codes of two palms.
type Unlinkability struct {
	Keys    int `json:"key_pairs"`
	Mated   int `json:"mated"`
	Unmated int `json:"unmated"`
	// Templates is for somebody who has both templates and neither key.
	Templates Linkage `json:"templates"`
	// KeysKnown is for somebody who has both keys too and compares the codes as the product would.
	KeysKnown Linkage `json:"keys_known"`
}

// A Linkage is D_sys of one score, from 0 (nothing is learnt) to 1 (always told
// apart), and the means of the score.
type Linkage struct {
	DSys        float64 `json:"d_sys"`
	MatedMean   float64 `json:"mated_mean"`
	UnmatedMean float64 `json:"unmated_mean"`
}

// MeasureUnlinkability codes the gallery in one tenant's scheme and the probes in
// another's, for so many pairs of tenants, and scores all mated pairs and
// as many that are not. Samples that cannot be encoded take no part.
func MeasureUnlinkability(ctx context.Context, gallery, probes []Sample, keys int, o Options) (*Unlinkability, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	u := &Unlinkability{Keys: keys}
	var templates, known Distances
	for n := range keys {
		r := &crossing{
			run: run{options: o, failed: map[string]bool{}, poor: map[string]bool{}},
			a:   matcher.NewScheme(TenantKey(fmt.Sprintf("a%d", n))),
			b:   matcher.NewScheme(TenantKey(fmt.Sprintf("b%d", n))),
		}
		r.stage = fmt.Sprintf(" of tenants %d of %d", n+1, keys)
		if err := r.enrol(ctx, gallery); err != nil {
			return nil, err
		}
		if err := r.cross(ctx, probes, uint64(n)); err != nil {
			return nil, err
		}
		templates.join(r.templates)
		known.join(r.known)
	}
	u.Mated, u.Unmated = len(known.Genuine), len(known.Impostor)
	if u.Mated == 0 || u.Unmated == 0 {
		return nil, errors.New("eval: no mated or no other pairs: nothing to measure")
	}
	u.Templates, u.KeysKnown = linkageOf(templates), linkageOf(known)
	return u, nil
}

// A crossing is one pair of tenants.
type crossing struct {
	run
	a, b  *matcher.Scheme
	stage string

	enrolled []crossed

	lock             sync.Mutex // guards what follows
	templates, known Distances
}

// A crossed is one sample in the first tenant's scheme.
type crossed struct {
	sample   *Sample
	capture  *matcher.Capture
	template []byte
}

func (r *crossing) enrol(ctx context.Context, gallery []Sample) error {
	all := make([]crossed, len(gallery))
	err := r.each(ctx, "gallery"+r.stage, len(gallery), func(i int) (err error) {
		all[i] = crossed{sample: &gallery[i]}
		all[i].capture, all[i].template, err = encodeIn(r.a, &gallery[i])
		return err
	})
	for _, c := range all {
		if c.capture != nil {
			r.enrolled = append(r.enrolled, c)
		}
	}
	return err
}

// cross scores each probe against every mated code and against as many others.
func (r *crossing) cross(ctx context.Context, probes []Sample, seed uint64) error {
	return r.each(ctx, "probes"+r.stage, len(probes), func(i int) error {
		s := &probes[i]
		c, template, err := encodeIn(r.b, s)
		if err != nil || c == nil {
			return err
		}
		defer c.Wipe()
		p := matcher.NewProbe(c)
		defer p.Wipe()
		var templates, known Distances
		score := func(with *crossed, mated bool) {
			known.add(p.Compare(with.capture).Fused, mated)
			templates.add(hamming(template, with.template), mated)
		}
		var strangers []*crossed
		mates := 0
		for n := range r.enrolled {
			with := &r.enrolled[n]
			switch {
			case with.sample.ID == s.ID:
			case with.sample.Palm == s.Palm:
				score(with, true)
				mates++
			default:
				strangers = append(strangers, with)
			}
		}
		draw := rand.New(rand.NewPCG(seed, uint64(i)))
		for range min(mates, len(strangers)) {
			score(strangers[draw.IntN(len(strangers))], false)
		}
		r.lock.Lock()
		defer r.lock.Unlock()
		r.templates.join(templates)
		r.known.join(known)
		return nil
	})
}

// encodeIn codes a sample in a scheme; no capture where it cannot be.
func encodeIn(scheme *matcher.Scheme, s *Sample) (*matcher.Capture, []byte, error) {
	hand, views, err := s.Views()
	var c *matcher.Capture
	if err == nil {
		c, err = scheme.Encode(hand, views)
	}
	if errors.Is(err, ErrNoPalm) || errors.Is(err, matcher.ErrUnusable) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("eval: sample %s: %w", s.ID, err)
	}
	template, err := c.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	stored, err := scheme.Scatter(template)
	return c, stored, err
}

// hamming is the share of bits in which two templates differ.
func hamming(a, b []byte) float64 {
	n := min(len(a), len(b))
	differ := 0
	for i := range n {
		differ += bits.OnesCount8(a[i] ^ b[i])
	}
	return float64(differ) / float64(8*max(n, 1))
}

// linkageOf computes D_sys with both kinds of pair equally likely
// (Gomez-Barrero, Galbally, Rathgeb and Busch, "General framework to evaluate
// unlinkability in biometric template protection systems", 2018, equations 4 to 7),
// its densities being histograms of linkageBins bins.
func linkageOf(d Distances) Linkage {
	low, high := d.Genuine[0], d.Genuine[0]
	for _, s := range [][]float64{d.Genuine, d.Impostor} {
		for _, v := range s {
			low, high = min(low, v), max(high, v)
		}
	}
	const linkageBins = 50
	share := func(scores []float64) (h [linkageBins]float64, mean float64) {
		for _, v := range scores {
			h[min(int(linkageBins*(v-low)/max(high-low, 1e-12)), linkageBins-1)] += 1 / float64(len(scores))
			mean += v / float64(len(scores))
		}
		return h, mean
	}
	var l Linkage
	mated, mean := share(d.Genuine)
	l.MatedMean = mean
	unmated, mean := share(d.Impostor)
	l.UnmatedMean = mean
	for i, p := range mated {
		if p > unmated[i] {
			l.DSys += p * (2*p/(p+unmated[i]) - 1) // 2 LR/(1+LR) - 1, LR = p/unmated
		}
	}
	return l
}

// WriteJSON writes the measurement as one object.
func (u *Unlinkability) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(u)
}

// WriteText writes it as lines to read.
func (u *Unlinkability) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%d mated and %d other pairs across tenants, %d pairs of keys
D_sys is 0 where nothing links a palm's codes at two tenants, 1 where everything does.
both templates, no key      D_sys %.4f   mean score mated %.4f, others %.4f
both templates, both keys   D_sys %.4f   mean score mated %.4f, others %.4f
`, u.Mated, u.Unmated, u.Keys, u.Templates.DSys, u.Templates.MatedMean, u.Templates.UnmatedMean,
		u.KeysKnown.DSys, u.KeysKnown.MatedMean, u.KeysKnown.UnmatedMean)
	return err
}
