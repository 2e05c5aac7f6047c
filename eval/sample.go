package eval

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"volar/wire"
)

// ErrNoPalm means that no palm could be cut out of a sample, which counts as
// a failure to extract and not as a failure of the run.
var ErrNoPalm = errors.New("no palm found")

// A Cropper cuts the palm out of one picture of a whole hand: height rows of
// width pixels of 1 or 3 bytes. The view's band follows the channels, the hand is the one
// that the picture shows.
type Cropper func(pix []byte, width, height, channels int) (wire.Hand, wire.View, error)

// A Sample is one capture of one palm, in the bands that are measured.
type Sample struct {
	Palm string // what tells genuine from impostor pairs
	ID   string // unique among samples; a sample is never compared with itself
	// Views reads the sample when its turn comes. An error that is
	// ErrNoPalm counts as a failure to extract; any other ends the run.
	Views func() (wire.Hand, []wire.View, error)
	// Traits are the groups of the sample, once Views has been called; nil
	// where nothing is known.
	Traits func() []Trait
	// Shown says that a report may show the sample's picture: no real person's.
	Shown bool
}

// traits are those of a sample, where any are known.
func (s *Sample) traits() []Trait {
	if s.Traits == nil {
		return nil
	}
	return s.Traits()
}

// BandNames says what a set calls each band; empty where a band is not measured.
type BandNames struct{ RGB, NIR string }

// ParseBands reads `rgb=NAME,nir=NAME`, or one of the two.
func ParseBands(text string) (BandNames, error) {
	var b BandNames
	for part := range strings.SplitSeq(text, ",") {
		band, name, _ := strings.Cut(part, "=")
		var to *string
		switch band {
		case "rgb":
			to = &b.RGB
		case "nir":
			to = &b.NIR
		}
		if to == nil || *to != "" || name == "" {
			return BandNames{}, fmt.Errorf("eval: bands %q: want rgb=NAME,nir=NAME or one of them", text)
		}
		*to = name
	}
	return b, nil
}

// of is the band that a set's name stands for, 0 for none.
func (b BandNames) of(name string) wire.Band {
	switch name {
	case b.RGB:
		return wire.RGB
	case b.NIR:
		return wire.NIR
	}
	return 0
}

// Samples groups a manifest's rows into samples: the rows of one palm,
// session and capture whose bands are measured. Where both bands are, a capture that
// lacks one is left out, so that every score rests on the same bands. They come in the order
// of palm, session and capture. crop may be nil where no row shows a whole hand.
func Samples(rows []Row, bands BandNames, pick Selector, crop Cropper) ([]Sample, error) {
	if bands.RGB == bands.NIR {
		return nil, fmt.Errorf("eval: white light and near infrared are both band %q", bands.RGB)
	}
	type key struct {
		palm             string
		session, capture int
	}
	groups := map[key][]Row{}
	for _, row := range rows {
		if !pick.Picks(&row) || bands.of(row.Band) == 0 {
			continue
		}
		if row.Kind == Whole && crop == nil {
			return nil, fmt.Errorf("eval: row %d: %s shows a whole hand, and there is nothing here to cut the palm out", row.Line, row.Path)
		}
		k := key{row.Palm, row.Session, row.Capture}
		groups[k] = append(groups[k], row)
	}
	want := 0
	for _, name := range []string{bands.RGB, bands.NIR} {
		if name != "" {
			want++
		}
	}
	keys := make([]key, 0, len(groups))
	for k, group := range groups {
		if len(group) == want {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if c := strings.Compare(a.palm, b.palm); c != 0 {
			return c
		}
		if a.session != b.session {
			return a.session - b.session
		}
		return a.capture - b.capture
	})
	samples := make([]Sample, 0, len(keys))
	for _, k := range keys {
		group := groups[k]
		samples = append(samples, Sample{
			Palm:  k.palm,
			ID:    fmt.Sprintf("%s/%d/%d", k.palm, k.session, k.capture),
			Views: func() (wire.Hand, []wire.View, error) { return readViews(group, bands, crop) },
		})
	}
	return samples, nil
}

// readViews reads the images of one sample.
func readViews(group []Row, bands BandNames, crop Cropper) (wire.Hand, []wire.View, error) {
	hand := wire.Left
	views := make([]wire.View, 0, len(group))
	for i := range group {
		row := &group[i]
		picture, err := readPicture(row.Path)
		if err != nil {
			return 0, nil, fmt.Errorf("eval: row %d: read image %s: %w", row.Line, row.Path, err)
		}
		band := bands.of(row.Band)
		if row.Kind == ROI {
			if row.Hand != 0 {
				hand = row.Hand
			}
			views = append(views, roiView(picture, row.Hand, band))
			continue
		}
		pix, width, height := rawPixels(picture, band.Channels())
		found, view, err := crop(pix, width, height, band.Channels())
		if err != nil {
			return 0, nil, fmt.Errorf("eval: row %d: image %s: %w: %w", row.Line, row.Path, ErrNoPalm, err)
		}
		view.Band = band
		hand = found
		views = append(views, view)
	}
	slices.SortFunc(views, func(a, b wire.View) int { return int(a.Band) - int(b.Band) })
	return hand, views, nil
}
