package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"volar/cmd/internal/stack"
	"volar/enclave/vault/matcher"
	"volar/firmware"
	"volar/hal"
	"volar/sim"
	"volar/wire"
)

// secret is bytes that only the device and the vault may ever hold.
type secret struct {
	name  string
	bytes []byte
}

// secretLength is long enough to occur nowhere by chance.
const secretLength = 48

// planted is a camera whose frames carry a pattern in their first row.
type planted struct {
	hal.Camera
	rgb, nir secret
}

func newPlanted(c hal.Camera) *planted {
	p := &planted{c, secret{"colour frame", make([]byte, secretLength)}, secret{"NIR frame", make([]byte, secretLength)}}
	rand.Read(p.rgb.bytes)
	rand.Read(p.nir.bytes)
	for i := 1; i < secretLength; i += 2 {
		p.nir.bytes[i] &= 3 // Y10 has no more bits
	}
	return p
}

func (p *planted) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := p.Camera.Shoot(ctx, l)
	if err == nil {
		copy(s.RGB.Pix, p.rgb.bytes)
		copy(s.NIR.Pix, p.nir.bytes)
	}
	return s, err
}

// overheard is a session whose samples are noted before they are sealed.
type overheard struct {
	firmware.Vault
	note func(wire.Sample)
}

func (o overheard) Call(ctx context.Context, m wire.Message) (wire.Message, error) {
	if s, ok := m.(wire.Sample); ok {
		o.note(s)
	}
	return o.Vault.Call(ctx, m)
}

// secrets of a sample: a run of pixels of each view, and of its template.
func secrets(s wire.Sample) (list []secret, err error) {
	for _, v := range s.Views {
		middle := len(v.Pix)/2 + 40
		list = append(list, secret{v.Band.String() + " crop", bytes.Clone(v.Pix[middle : middle+secretLength])})
	}
	c, err := matcher.Encode(s.Hand, s.Views)
	if err != nil {
		return nil, err
	}
	template, err := c.MarshalBinary()
	if err != nil {
		return nil, err
	}
	middle := len(template) / 2
	return append(list, secret{"template", template[middle : middle+secretLength]}), nil
}

// TestNothingLeaks plants a pattern in every frame, enrols and recognises a
// person through the real processes, and then looks for the pattern, for the
// palms that were sent and for their templates wherever the host could keep
// them: in every file, in the logs, in the metrics, in the host's memory.
func TestNothingLeaks(t *testing.T) {
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "processes.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s, err := stack.Start(ctx, stack.Options{Bin: bin, Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	hidden := wave(ctx, t, s, dir, log)
	if len(hidden) < 2+7*3 {
		t.Fatalf("%d secrets were noted, want those of the frames and of 7 waves", len(hidden))
	}

	memory := memoryOf(t, s.Host())
	if !bytes.Contains(memory, []byte("blobs.sqlite")) {
		t.Error("the host's memory does not hold the name of its own file: it was not read")
	}
	search(t, "the host's memory", memory, hidden)
	search(t, "the metrics", fetch(t, "http://"+s.Metrics+"/metrics"), hidden)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		search(t, d.Name(), b, hidden)
		return err
	})
	if err != nil || files < 4 {
		t.Errorf("%d files were searched: %v", files, err)
	}
}

// wave enrols one person and recognises them; it returns what must stay hidden.
func wave(ctx context.Context, t *testing.T, s *stack.Stack, dir string, log io.Writer) []secret {
	t.Helper()
	board, stage := newBench(t, filepath.Join(dir, "unit"))
	device := board.Device()
	camera := newPlanted(device.Camera)
	device.Camera = camera
	hidden := []secret{camera.rgb, camera.nir}
	var mu sync.Mutex
	note := func(m wire.Sample) {
		list, err := secrets(m)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		hidden = append(hidden, list...)
	}
	unit, err := s.Unit("secrecy", device.Identity.Public())
	if err != nil {
		t.Fatal(err)
	}
	dial, err := unit.Dialer(device.Identity, device.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	director := sim.Direct(board, stage, []sim.Presentation{
		{ID: 1, Purpose: "enrol", Person: 1, Kind: sim.Genuine},
		{ID: 2, Purpose: "identify", Person: 1, Kind: sim.Genuine},
	}, nil)
	director.Done = func(r sim.Result) {
		if r.Verdict != sim.Right {
			t.Errorf("presentation %d ended %s: %s", r.ID, r.Verdict, r.Why)
		}
	}
	err = bench(ctx, board, director, firmware.Config{
		Dial: func(ctx context.Context) (firmware.Vault, error) {
			session, err := dial(ctx)
			return overheard{session, note}, err
		},
		Trace: func(t firmware.Trace) { fmt.Fprintf(log, "%+v\n", t) },
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return hidden
}

func search(t *testing.T, where string, b []byte, hidden []secret) {
	t.Helper()
	for _, h := range hidden {
		if bytes.Contains(b, h.bytes) {
			t.Errorf("%s holds a %s", where, h.name)
		}
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	reply, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// memoryOf reads all that a process can read of itself.
func memoryOf(t *testing.T, pid int) (all []byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Skipf("another process's memory cannot be read here: %v", err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[0] != 'r' {
			continue
		}
		b := make([]byte, to-from)
		if n, err := mem.ReadAt(b, from); n > 0 || err == nil {
			all = append(all, b[:n]...)
		}
	}
	return all
}
