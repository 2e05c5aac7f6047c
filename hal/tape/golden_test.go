package tape

import (
	"bytes"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"volar/hal"
	"volar/sim/palm"
)

var update = flag.Bool("update", false, "make the golden tape anew")

const golden = "../../testdata/tapes/wave.mcap"

// The golden tape was written by an earlier version, perhaps on another
// architecture: it still reads, and its items still give its bytes.
func TestGolden(t *testing.T) {
	if *update {
		makeGolden(t)
	}
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	w, err := Create(&again, r.Meta(), r.Calibration())
	if err != nil {
		t.Fatal(err)
	}
	var lights []hal.Light
	for {
		item, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Shot != nil {
			lights = append(lights, item.Shot.Light)
		}
		if err := add(w, item); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(lights) != 4 || lights[3] != hal.NIR940 || !r.Meta().Synthetic {
		t.Errorf("lights %v, %+v", lights, r.Meta())
	}
	if !bytes.Equal(again.Bytes(), b) {
		t.Error("the items of the golden tape give other bytes: a tape is no longer what it was")
	}
}

func makeGolden(t *testing.T) {
	rig := palm.DefaultRig()
	cal := rig.Calibration
	for _, c := range []*hal.Intrinsics{&cal.NIR, &cal.RGB} {
		c.Width, c.Height, c.Fx, c.Fy, c.Cx, c.Cy = c.Width/8, c.Height/8, c.Fx/8, c.Fy/8, c.Cx/8, c.Cy/8
	}
	var b bytes.Buffer
	w, err := Create(&b, Meta{Board: "sim", Unit: "golden", Firmware: "test", Synthetic: true}, &cal)
	if err != nil {
		t.Fatal(err)
	}
	const left = 1 // as wire numbers the hands
	wave := &palm.Wave{Anatomy: palm.New(1, 0, left), Pose: palm.Guided(rand.New(rand.NewPCG(1, 1))), Seed: 1}
	list := []Item{{Event: &Event{At: time.Second, Name: EventNear, Fields: map[string]string{"id": "1", "purpose": "identify", "person": "0", "kind": "genuine"}}}}
	camera := palm.NewRenderer(rig)
	for i, l := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940} {
		s := camera.Shoot(wave, l, time.Second+time.Duration(i)*33*time.Millisecond, uint32(i+1))
		s.RGB, s.NIR = eighth(s.RGB), eighth(s.NIR)
		list = append(list, Item{Shot: &s})
	}
	list = append(list, Item{Decision: &Decision{At: 2 * time.Second, Wave: 1, Purpose: "identify", Status: "refused"}},
		Item{Event: &Event{At: 2 * time.Second, Name: EventGone}})
	for _, i := range list {
		if err := add(w, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// eighth keeps every eighth pixel of every eighth row.
func eighth(f hal.Frame) hal.Frame {
	n := f.Format.BytesPerPixel()
	var pix []byte
	for y := 0; y < f.Height; y += 8 {
		for x := 0; x < f.Width; x += 8 {
			pix = append(pix, f.Pix[y*f.Stride+x*n:][:n]...)
		}
	}
	f.Width, f.Height, f.Stride, f.Pix = f.Width/8, f.Height/8, f.Width/8*n, pix
	return f
}
