package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"volar/eval"
	"volar/wire"
)

// evalSet is what the command line of palmsim eval names.
type evalSet struct {
	gallery, probes []eval.Sample
	people          *eval.Synthetic // fillers, and the set where there is no manifest
}

// check finds what does not go together.
func (f *evalFlags) check() error {
	switch {
	case f.what.Enrol < 0 || f.workers < 0 || f.what.Synthetic < 0 || f.gallerySize < 0 || f.unlink < 0:
		return errors.New("eval: --enrol, --workers, --synthetic, --gallery-size and --unlinkable must not be negative")
	case (f.what.Manifest == "") == (f.what.Synthetic == 0):
		return errors.New("eval: one of --manifest and --synthetic is needed")
	case f.what.Manifest != "" && f.what.Bands == "":
		return errors.New("eval: --manifest needs --bands, what the set calls each band: rgb=NAME,nir=NAME")
	case f.unlink > 0 && (f.identify || f.what.Tenant != "" || f.html != ""):
		return errors.New("eval: --unlinkable measures between tenants of its own and writes no page: leave --identify, --tenant and --html away")
	case f.identify != (f.gallerySize > 0):
		return errors.New("eval: --identify and --gallery-size need each other")
	}
	return nil
}

// read reads what the command line names.
func (f *evalFlags) read() (*evalSet, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if f.what.Bands == "" {
		f.what.Bands = fmt.Sprintf("rgb=%s,nir=%s", eval.SyntheticBands.RGB, eval.SyntheticBands.NIR)
	}
	bands, err := eval.ParseBands(f.what.Bands)
	if err != nil {
		return nil, err
	}
	probeBands := bands
	if f.what.ProbeBands != "" {
		if probeBands, err = eval.ParseBands(f.what.ProbeBands); err != nil {
			return nil, err
		}
	}
	enrolled, err := eval.ParseSelector(f.what.Gallery)
	if err != nil {
		return nil, err
	}
	presented, err := eval.ParseSelector(f.what.Probe)
	if err != nil {
		return nil, err
	}
	set := &evalSet{people: eval.NewSynthetic(f.what.Seed)}
	pick := f.picker(set.people)
	if set.gallery, err = pick(bands, enrolled); err != nil {
		return nil, err
	}
	if set.probes, err = pick(probeBands, presented); err != nil {
		return nil, err
	}
	return set, f.degrade(set, probeBands)
}

// picker gives the samples of the manifest or of the synthetic people.
func (f *evalFlags) picker(people *eval.Synthetic) func(eval.BandNames, eval.Selector) ([]eval.Sample, error) {
	if f.what.Synthetic > 0 {
		hands := []wire.Hand{wire.Left, wire.Right}
		if f.identify {
			hands = hands[:1] // hands are never compared across sides, and fillers are left ones
		}
		return func(b eval.BandNames, s eval.Selector) ([]eval.Sample, error) {
			return people.Samples(f.what.Synthetic, b, s, hands...)
		}
	}
	rows, err := eval.ReadManifest(f.what.Manifest)
	return func(b eval.BandNames, s eval.Selector) ([]eval.Sample, error) {
		if err != nil {
			return nil, err
		}
		return eval.Samples(rows, b, s, cropHand)
	}
}

func (f *evalFlags) degrade(set *evalSet, bands eval.BandNames) error {
	switch f.what.Degrade {
	case "":
		return nil
	case "phone":
		if bands.NIR != "" {
			return errors.New("eval: --degrade phone: a phone has no near infrared; name one band by --probe-bands rgb=NAME")
		}
		set.probes = eval.Phone(set.probes, f.what.Seed)
		return nil
	}
	return fmt.Errorf("eval: --degrade %q: want phone", f.what.Degrade)
}

// search looks for each probe among the fillers.
func (f *evalFlags) search(ctx context.Context, set *evalSet, o eval.Options) (*eval.Searches, error) {
	folder := f.cache
	if folder == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("eval: %w; name a folder by --cache", err)
		}
		folder = filepath.Join(base, "volar")
	}
	fillers, err := eval.OpenFillers(folder, set.people, o.Scheme)
	if err != nil {
		return nil, err
	}
	defer fillers.Close()
	// The people of a synthetic set are the first of their seed: fillers are those behind them.
	return eval.Identify(ctx, set.gallery, set.probes, fillers, f.what.Synthetic, f.gallerySize, o)
}
