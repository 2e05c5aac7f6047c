package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// drawPalm draws dark bars at places that belong to the palm, with the noise of the capture.
func drawPalm(palm, capture, side int) *image.Gray {
	r := rand.New(rand.NewPCG(uint64(palm), 1))
	noise := rand.New(rand.NewPCG(uint64(palm), uint64(capture)+2))
	type bar struct{ x, y, angle float64 }
	bars := make([]bar, 30)
	for i := range bars {
		bars[i] = bar{r.Float64(), r.Float64(), r.Float64() * math.Pi}
	}
	m := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			level := 170.0
			for _, b := range bars {
				u, v := (float64(x)/float64(side)-b.x)*128, (float64(y)/float64(side)-b.y)*128
				sin, cos := math.Sincos(b.angle)
				if across, along := u*cos+v*sin, v*cos-u*sin; math.Abs(along) < 30 {
					level -= 40 * math.Exp(-across*across/6)
				}
			}
			m.SetGray(x, y, color.Gray{Y: uint8(max(0, min(250, level+4*noise.NormFloat64())))})
		}
	}
	return m
}

func flip(m *image.Gray) *image.Gray {
	out := image.NewGray(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			out.SetGray(x, y, m.GrayAt(m.Rect.Dx()-1-x, y))
		}
	}
	return out
}

// writeSet writes palms with 2 sessions of 2 captures in bands V and I, and
// returns the manifest. Palm 2 is a right hand, stored as a camera sees it.
func writeSet(t *testing.T, palms int) string {
	t.Helper()
	dir := t.TempDir()
	var manifest strings.Builder
	manifest.WriteString(head)
	for p := 1; p <= palms; p++ {
		for c := 1; c <= 4; c++ {
			for i, band := range []string{"V", "I"} {
				m := drawPalm(p+100*i, c, 128+13*i)
				hand := "l"
				if p == 2 {
					m, hand = flip(m), "r"
				}
				name := fmt.Sprintf("%d_%d_%s.png", p, c, band)
				encode := png.Encode
				if i == 1 {
					name, encode = strings.Replace(name, "png", "bmp", 1), bmp.Encode
				}
				var b bytes.Buffer
				if err := encode(&b, m); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&manifest, "%d%s,%d,%s,%d,%d,%s,roi,%s\n", p, hand, p, hand, (c+1)/2, c, band, name)
			}
		}
	}
	path := filepath.Join(dir, "manifest.csv")
	if err := os.WriteFile(path, []byte(manifest.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func samples(t *testing.T, manifest, bands, selector string) []Sample {
	t.Helper()
	rows, err := ReadManifest(manifest)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseBands(bands)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Samples(rows, b, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRunCounts(t *testing.T) {
	manifest := writeSet(t, 3)
	first, second, all := samples(t, manifest, "rgb=V,nir=I", "session=1"), samples(t, manifest, "rgb=V,nir=I", "session=2"), samples(t, manifest, "nir=I", "capture=1-3")
	for name, c := range map[string]struct {
		gallery, probes   []Sample
		enrol             int
		genuine, impostor int
	}{
		"capture against capture": {first, second, 0, 12, 24},
		"best of two":             {first, second, 2, 6, 12},
		"first of two":            {first, second, 1, 6, 12},
		// 9 samples against themselves: every pair once, none with itself.
		"all against all": {all, all, 0, 9, 27},
	} {
		s, err := Run(context.Background(), c.gallery, c.probes, Options{Enrol: c.enrol})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Fused.Genuine) != c.genuine || len(s.Fused.Impostor) != c.impostor {
			t.Errorf("%s: %d genuine, %d impostor; want %d, %d", name, len(s.Fused.Genuine), len(s.Fused.Impostor), c.genuine, c.impostor)
		}
		r := Measure(&s.Fused)
		if r.EER != 0 || r.FNMRZero != 0 {
			t.Errorf("%s: EER %v on palms that anyone can tell apart", name, r.EER)
		}
	}
}

// A right hand comes out as its mirror image, so that it matches the left-handed drawing of the same lines.
func TestRightHandIsMirrored(t *testing.T) {
	manifest := writeSet(t, 2)
	for _, s := range samples(t, manifest, "nir=I", "capture=1") {
		hand, views, err := s.Views()
		if err != nil {
			t.Fatal(err)
		}
		if s.Palm == "2r" != (hand == wire.Right) {
			t.Errorf("palm %s is a %v hand", s.Palm, hand)
		}
		palm := 101
		if hand == wire.Right {
			palm = 102
		}
		want := roiView(drawPalm(palm, 1, 141), wire.Left, wire.NIR)
		if !bytes.Equal(views[0].Pix, want.Pix) {
			t.Errorf("palm %s is not as it was drawn", s.Palm)
		}
	}
}

func TestFailuresToExtract(t *testing.T) {
	good := samples(t, writeSet(t, 2), "nir=I", "session=1")
	black := Sample{Palm: "b", ID: "b", Views: func() (wire.Hand, []wire.View, error) {
		return wire.Left, []wire.View{{Band: wire.NIR, Pix: make([]byte, wire.Side*wire.Side), Mask: make([]byte, wire.MaskBytes)}}, nil
	}}
	handless := Sample{Palm: "h", ID: "h", Views: func() (wire.Hand, []wire.View, error) {
		return 0, nil, fmt.Errorf("nothing there: %w", ErrNoPalm)
	}}
	all := append(good, black, handless)
	s, err := Run(context.Background(), all, all, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReport(Selection{}, s, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if r.Samples != 6 || len(r.Failed) != 2 || r.FTE != 2.0/6 || r.Genuine != 2 {
		t.Errorf("%d samples, failed %v, FTE %v, %d genuine", r.Samples, r.Failed, r.FTE, r.Genuine)
	}
	broken := Sample{Palm: "x", ID: "x", Views: func() (wire.Hand, []wire.View, error) { return 0, nil, errors.New("unreadable") }}
	if _, err := Run(context.Background(), good, []Sample{broken}, Options{}); err == nil || !strings.Contains(err.Error(), "sample x: unreadable") {
		t.Errorf("a broken sample gives error %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Run(stopped, good, good, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped run gives error %v", err)
	}
}

// The gate leaves out the pairs of captures whose lines are too weak, and counts them as failures to extract.
func TestGate(t *testing.T) {
	set := samples(t, writeSet(t, 3), "nir=I", "all")
	hand, views, err := set[0].Views()
	if err != nil {
		t.Fatal(err)
	}
	c, err := matcher.Encode(hand, views)
	if err != nil {
		t.Fatal(err)
	}
	at := math.Nextafter(c.Quality(), 10) // refuses the first, and all that are poorer
	refused := 0
	for i := range set {
		hand, views, err := set[i].Views()
		if err != nil {
			t.Fatal(err)
		}
		if c, err := matcher.Encode(hand, views); err != nil || c.Quality() < at {
			refused++
		}
	}
	s, err := Run(context.Background(), set, set, Options{Gate: at})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReport(Selection{}, s, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	left := 12 - refused
	if refused == 0 || len(r.Gate.Refused) != refused || r.Gate.FTE != float64(refused)/12 || r.Gate.Genuine+r.Gate.Impostor != left*(left-1)/2 || r.Genuine+r.Impostor != 66 {
		t.Errorf("%d refused of 12: %d listed, FTE %v, %d and %d pairs left of %d", refused, len(r.Gate.Refused), r.Gate.FTE, r.Gate.Genuine, r.Gate.Impostor, r.Genuine+r.Impostor)
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page, s); err != nil || !strings.Contains(page.String(), "With the gate") {
		t.Errorf("the page does not show the gate, %v", err)
	}
}

func TestSamplesNeedAllBands(t *testing.T) {
	rows := []Row{{Palm: "1", Session: 1, Capture: 1, Band: "V", Kind: ROI}, {Palm: "1", Session: 1, Capture: 2, Band: "V", Kind: ROI}, {Palm: "1", Session: 1, Capture: 2, Band: "I", Kind: ROI}}
	all, _ := ParseSelector("all")
	s, err := Samples(rows, BandNames{"V", "I"}, all, nil)
	if err != nil || len(s) != 1 || s[0].ID != "1/1/2" {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := Samples(rows, BandNames{"V", "V"}, all, nil); err == nil {
		t.Error("one band stands for both")
	}
	rows[0].Kind = Whole
	if _, err := Samples(rows, BandNames{RGB: "V"}, all, nil); err == nil {
		t.Error("a whole hand was taken without a cropper")
	}
}

func TestBrokenImageIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.png")
	if err := os.WriteFile(path, []byte("not a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, _ := ParseSelector("all")
	s, err := Samples([]Row{{Line: 7, Palm: "1", Band: "I", Kind: ROI, Path: path}}, BandNames{NIR: "I"}, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s[0].Views(); err == nil || !strings.Contains(err.Error(), "row 7") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name row and file", err)
	}
}

func TestReport(t *testing.T) {
	manifest := writeSet(t, 3)
	s, err := Run(context.Background(), samples(t, manifest, "rgb=V,nir=I", "session=1"), samples(t, manifest, "rgb=V,nir=I", "session=2"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReport(Selection{Manifest: "<set>", Bands: "rgb=V,nir=I"}, s, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Genuine, Impostor int
		EER               *float64
		FNMR              map[string]float64
		FNMRZero          *float64 `json:"fnmr_zero"`
		FTE, Seconds      *float64
		Bands             map[string]struct {
			EER  *float64
			FNMR map[string]float64
		}
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Genuine != 12 || back.Impostor != 24 || back.EER == nil || back.FNMRZero == nil || back.FTE == nil || *back.Seconds != 2 ||
		len(back.FNMR) != 4 || len(back.Bands) != 2 || back.Bands["nir"].EER == nil || len(back.Bands["rgb"].FNMR) != 4 {
		t.Errorf("the report lacks something: %s", b.String())
	}
	if d, known := r.Decisions["1e-4"]; !known || d.FMR != 0 || d.FNMR != 0 || d.FMRBounds[1] == 0 {
		t.Errorf("the product's own decision: %+v", d)
	}
	b.Reset()
	if err := r.WriteHTML(&b, s); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	if strings.Count(html, "<svg") != 4 || !strings.Contains(html, "&lt;set&gt;") {
		t.Error("the page lacks a figure, or does not escape what it shows")
	}
	if strings.Count(html, "src=") != strings.Count(html, `src="data:`) {
		t.Error("the page asks for a picture")
	}
	for _, outside := range []string{"href=\"http", "@import", "url(", "<script"} {
		if strings.Contains(html, outside) {
			t.Errorf("the page reaches outside itself: %s", outside)
		}
	}
	b.Reset()
	if err := r.WriteText(&b); err != nil || strings.Count(b.String(), "\n") != 11 {
		t.Errorf("the table, error %v:\n%s", err, b.String())
	}
}

func TestNothingToMeasure(t *testing.T) {
	if _, err := NewReport(Selection{}, &Scores{}, 0); err == nil {
		t.Error("a run without samples has a report")
	}
	one := samples(t, writeSet(t, 1), "nir=I", "all")
	s, err := Run(context.Background(), one, one, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewReport(Selection{}, s, 0); err == nil || !strings.Contains(err.Error(), "0 impostor") {
		t.Errorf("a run without impostors: error %v", err)
	}
}
