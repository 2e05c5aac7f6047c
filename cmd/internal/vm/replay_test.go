package vm

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/wire"
)

// replayed films a wave that the unit takes, and then feeds the tape in behind
// the cameras: the same hand, seen by the same cameras, a moment ago. It does
// not answer the code of light that the vault's next nonce asks for.
func (l *lab) replayed(t *testing.T, h *house, m *Machine, s *stage) {
	l.note.run(t, "a recording of a wave, fed in behind the cameras", func(t *testing.T) string {
		film := filepath.Join(t.TempDir(), "wave.mcap")
		s.film(t, film, func() { come(t, m, s, returns) })
		s.through(recorded(t, film, s.bench))
		attack := sim.Presentation{ID: 4, Purpose: wire.Identify.String(), Person: 1, Kind: sim.Attacking, Species: "injected", Hand: wire.Left.String(), Seed: 1}
		if r := come(t, m, s, attack); r[0].Outcome != "not live" { // firmware.NotLive, whose package wants OpenCV
			t.Errorf("it was refused as %q", r[0].Outcome)
		}
		s.through(s.bench)
		come(t, m, s, returns)
		_, port := connect(t, m)
		serial := h.status(t, port).Serial
		log := h.lab.palmctl(t, "logs", "--ticket", h.ticket(t, serial, "logs"), "--technician-key", h.path("technician.pem"), "--port", port, "--rate", "115200")
		if !strings.Contains(log, `"code in `) {
			t.Errorf("no line of its log says that the code was not answered:\n%s", tail(log))
		}
		return "refused by its code of light; the hand itself is taken before and after"
	})
}

// film records what the unit's cameras give while something happens.
func (s *stage) film(t *testing.T, path string, happens func()) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dev := s.board.Device()
	w, err := tape.Create(f, tape.Meta{Board: dev.Board, Synthetic: true}, &dev.Calibration)
	if err != nil {
		t.Fatal(err)
	}
	s.through(tape.Record(s.bench, w))
	happens()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// recording is a camera whose frames are those of a tape, under the lights,
// times and numbers that frames should have now. Where a flash is asked for
// that is not on the tape, one that was asked for then is given.
type recording struct {
	now   hal.Camera
	then  map[hal.Light]hal.Shot
	flash []hal.Shot
	given int // flashes
}

func recorded(t *testing.T, path string, now hal.Camera) *recording {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	film, err := tape.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{now: now, then: map[hal.Light]hal.Shot{}}
	for {
		item, err := film.Next()
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Shot == nil {
			continue
		}
		r.then[item.Shot.Light] = *item.Shot
		if corners := item.Shot.Light.Corners(); corners != 0 && corners != 15 {
			r.flash = append(r.flash, *item.Shot)
		}
	}
}

// Shoot gives what was seen then.
func (r *recording) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := r.now.Shoot(ctx, l)
	if err != nil {
		return s, err
	}
	old, ok := r.then[l]
	if !ok {
		old = r.flash[r.given%len(r.flash)]
		r.given++
	}
	s.RGB.Pix, s.NIR.Pix = old.RGB.Pix, old.NIR.Pix
	return s, nil
}
