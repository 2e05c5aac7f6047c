package eval

import (
	"flag"
	"math"
	"testing"

	"volar/liveness"
	"volar/wire"
)

var (
	lifeManifest = flag.String("life.manifest", "", "manifest of the set that TestCropsOfTheLiving measures")
	lifeBands    = flag.String("life.bands", "", "its bands, as palmsim eval --bands")
	lifeThird    = flag.String("life.third", "", "what it calls the near-infrared band of 940 nm, where it has one")
)

// accepted counts, check by check, the samples whose value is within the
// limits of living palms.
type accepted struct {
	ran, within [64]int
	failed      int // no values at all
}

func (a *accepted) add(e *liveness.Evidence) {
	values, err := liveness.MeasureCrops(e)
	if err != nil {
		a.failed++
		return
	}
	for i, v := range values {
		if l := liveness.Fitted.Checks[i]; !math.IsNaN(v) {
			a.ran[i]++
			if v >= l.Min && v <= l.Max {
				a.within[i]++
			}
		}
	}
}

// evidence is what two views, and perhaps a third, tell of life.
func evidence(views, third []wire.View) *liveness.Evidence {
	e := new(liveness.Evidence)
	for _, v := range views {
		if v.Band == wire.RGB {
			e.RGB, e.RGBMask = v.Pix, v.Mask
		} else {
			e.NIR, e.NIRMask = v.Pix, v.Mask
		}
	}
	if len(third) == 1 {
		p := wire.NewProof()
		for i := range p.NIR940 {
			k := 2*(i/wire.Side940)*wire.Side + 2*(i%wire.Side940)
			pix := third[0].Pix
			p.NIR940[i] = byte((int(pix[k]) + int(pix[k+1]) + int(pix[k+wire.Side]) + int(pix[k+wire.Side+1]) + 2) / 4)
		}
		e.Proof = &p
	}
	return e
}

// TestCropsOfTheLiving asks how real the limits of synthetic palms are: each
// check that can run on crops alone accepts a real set as often as synthetic
// palms, within two points. It needs a manifest, and no set lies in the repository:
//
//	go test ./eval -run CropsOfTheLiving -v -life.manifest=…/manifest.csv -life.bands=rgb=WHT,nir=850 [-life.third=940]
func TestCropsOfTheLiving(t *testing.T) {
	if *lifeManifest == "" {
		t.Skip("no manifest of a real set: see -life.manifest")
	}
	bands, err := ParseBands(*lifeBands)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ReadManifest(*lifeManifest)
	if err != nil {
		t.Fatal(err)
	}
	real := livingOf(t, rows, bands)
	drawn := drawnLiving(t, 100)
	if real.failed+drawn.failed > 0 {
		t.Errorf("%d real and %d synthetic samples give no values", real.failed, drawn.failed)
	}
	for i, c := range liveness.Checks {
		if !c.Crops || real.ran[i] == 0 {
			continue
		}
		a := 100 * float64(real.within[i]) / float64(real.ran[i])
		if drawn.ran[i] == 0 {
			t.Logf("%-14s real %6.2f %% of %d; synthetic crops lack a band for it", c.Name, a, real.ran[i])
			continue
		}
		b := 100 * float64(drawn.within[i]) / float64(drawn.ran[i])
		t.Logf("%-14s real %6.2f %% of %d, synthetic %6.2f %% of %d", c.Name, a, real.ran[i], b, drawn.ran[i])
		if math.Abs(a-b) > 2 {
			t.Errorf("%s: accepts %.2f %% of the real and %.2f %% of the synthetic", c.Name, a, b)
		}
	}
}

func livingOf(t *testing.T, rows []Row, bands BandNames) (a accepted) {
	set, err := Samples(rows, bands, everything(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	third := map[string]Sample{}
	if *lifeThird != "" {
		more, err := Samples(rows, BandNames{NIR: *lifeThird}, everything(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range more {
			third[s.ID] = s
		}
	}
	for _, s := range set {
		_, views, err := s.Views()
		if err != nil {
			t.Fatal(err)
		}
		var also []wire.View
		if o, ok := third[s.ID]; ok {
			if _, also, err = o.Views(); err != nil {
				t.Fatal(err)
			}
		}
		a.add(evidence(views, also))
	}
	return a
}

func drawnLiving(t *testing.T, people int) (a accepted) {
	set, err := NewSynthetic(1).Samples(people, SyntheticBands, everything(t), wire.Left)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range set {
		if _, views, err := s.Views(); err == nil {
			a.add(evidence(views, nil))
		}
	}
	return a
}
