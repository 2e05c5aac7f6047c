package firmware

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/sim"
	"volar/sim/palm"
	"volar/wire"
)

// canary is 32 bytes that a frame may hold, as an RGB camera's samples and as
// 16 values of 10 bits. It is kept with its bits turned, so that memory holds
// it only where a frame has left it.
var canary = [32]byte{
	0xae, 0xfe, 0x4b, 0xfd, 0xd1, 0xfc, 0x16, 0xff, 0x9c, 0xfd, 0x23, 0xfe, 0x78, 0xfc, 0xe4, 0xff,
	0x31, 0xfd, 0xba, 0xfc, 0x5f, 0xff, 0x87, 0xfe, 0xc8, 0xfd, 0x0d, 0xfc, 0x92, 0xfe, 0x6a, 0xff,
}

// planter writes the canary into rows of every lit frame, and keeps the dark
// ones dark there, so that it outlives the taking off of ambient light.
type planter struct {
	hal.Camera
	shots int
}

func (p *planter) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := p.Camera.Shoot(ctx, l)
	if err != nil {
		return s, err
	}
	p.shots++
	for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		for _, row := range []int{0, 60, f.Height / 2, f.Height - 1} {
			for i, turned := range canary {
				v := ^turned
				if l == 0 {
					v = 0
				}
				f.Pix[row*f.Stride+64+i] = v
			}
		}
	}
	return s, nil
}

// remains counts the canaries in this process's memory.
func remains(t *testing.T) (found int, where []string) {
	t.Helper()
	runtime.GC()
	runtime.GC()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("no /proc/self/maps: ", err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	chunk := make([]byte, 1<<20+len(canary))
	for lines := bufio.NewScanner(strings.NewReader(string(maps))); lines.Scan(); {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for at := from; at < to; at += 1 << 20 {
			n, err := mem.ReadAt(chunk[:min(int64(len(chunk)), to-at)], at)
			if err != nil && err != io.EOF {
				continue
			}
			if k := count(chunk[:n]); k > 0 {
				found += k
				where = append(where, lines.Text())
			}
		}
	}
	clear(chunk)
	return found, where
}

func count(b []byte) (n int) {
	for i := 0; i+len(canary) <= len(b); i++ {
		if b[i] == ^canary[0] && b[i+1] == ^canary[1] {
			same := true
			for k := range canary {
				same = same && b[i+k] == ^canary[k]
			}
			if same {
				n++
			}
		}
	}
	return n
}

// TestNoFrameInMemory runs whole waves of synthetic people with the real eyes
// and then looks for a planted pattern in all of the process's memory, that
// of OpenCV included.
func TestNoFrameInMemory(t *testing.T) {
	board, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		t.Fatal(err)
	}
	stage, err := sim.NewStage(board, palm.DefaultRig(), 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sim.New(sim.Options{Board: board, Speed: 1000, Empty: stage.Empty()})
	if err != nil {
		t.Fatal(err)
	}
	dev := *b.Device()
	eye := &planter{Camera: dev.Camera}
	dev.Camera = eye

	vault := &polite{}
	decided := make(chan Decision, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, &dev, Config{
			Dial:     func(context.Context) (Vault, error) { return vault, nil },
			Decided:  func(d Decision) { decided <- d },
			GuideFor: 6 * time.Second, ShowFor: time.Millisecond,
		})
	}()
	outcomes := map[Outcome]int{}
	for i, kind := range []sim.Kind{sim.Genuine, sim.Genuine, sim.PrintLaser} {
		b.Present(stage.Enter(&sim.Presentation{ID: i + 1, Kind: kind, Person: i}, wire.Left, b.Now(), 0))
		select {
		case d := <-decided:
			outcomes[d.Outcome]++
		case err := <-ended:
			t.Fatal(err)
		}
		b.Clear()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if outcomes[Accepted] == 0 || vault.samples == 0 || vault.samples != outcomes[Accepted] {
		t.Errorf("outcomes %v, %d samples sent", outcomes, vault.samples)
	}
	if n, where := remains(t); n > 0 {
		t.Errorf("the planted pattern is in memory %d times after %d shots: %s", n, eye.shots, strings.Join(where, "; "))
	}
	// The same search finds it where it is.
	left, err := eye.Shoot(t.Context(), hal.White)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := remains(t); n < 8 {
		t.Errorf("found %d of the 8 patterns that are there", n)
	}
	runtime.KeepAlive(left)
}

// polite is a vault that accepts everything.
type polite struct{ samples int }

func (p *polite) Call(_ context.Context, m wire.Message) (wire.Message, error) {
	if _, ok := m.(wire.Begin); ok {
		return wire.Challenge{Nonce: wire.Nonce{1}}, nil
	}
	p.samples++
	return wire.Answer{Status: wire.Accepted, Person: wire.Person{1}}, nil
}

func (p *polite) Close() error { return nil }
