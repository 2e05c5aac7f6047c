package linux

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

// edges are two lines that write down every change with its time.
type edges struct {
	mu  sync.Mutex
	all []edge
}

type edge struct {
	line int
	high bool
	at   time.Time
}

type edgePin struct {
	gpiotest.Pin
	line int
	to   *edges
}

func (p *edgePin) Out(l gpio.Level) error {
	p.to.mu.Lock()
	defer p.to.mu.Unlock()
	p.to.all = append(p.to.all, edge{p.line, bool(l), time.Now()})
	return p.Pin.Out(l)
}

func bitsOf(frame []bool) string {
	var b strings.Builder
	for _, bit := range frame {
		if bit {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	}
	return b.String()
}

func TestWiegandFrames(t *testing.T) {
	for _, c := range []struct {
		bits, site int
		number     uint64
		want       string
	}{
		// H10301, site 1, card 1: the parities worked out by hand.
		{26, 1, 1, "1" + "00000001" + "0000000000000001" + "0"},
		{26, 0, 0, "0" + "000000000000000000000000" + "1"},
		{26, 0, 1<<24 - 1, "0" + "111111111111111111111111" + "1"},
		{26, 255, 0xffff_ffff, "0" + "11111111" + "1111111111111111" + "1"}, // what does not fit is left out
		{34, 0, 0x80000001, "1" + "10000000000000000000000000000001" + "0"},
		{37, 0, 1 << 17, "1" + "00000000000000000" + "1" + "00000000000000000" + "0"}, // the bit in the middle counts twice
		{37, 1, 1, "1" + "0000000000000001" + "0000000000000000001" + "0"},
	} {
		frame := wiegandFrame(c.bits, c.site, c.number)
		if got := bitsOf(frame); got != c.want || len(frame) != c.bits {
			t.Errorf("%d bits, site %d, number %#x:\n%s, want\n%s", c.bits, c.site, c.number, got, c.want)
		}
	}
	// Whatever the number, the halves have their parities.
	for _, bits := range []int{26, 34, 37} {
		for n := range uint64(500) {
			frame := wiegandFrame(bits, 0, n*0x9e3779b97f4a7c15)
			half := (bits-1)/2 + 1
			if strings.Count(bitsOf(frame[:half]), "1")%2 != 0 || strings.Count(bitsOf(frame[bits-half:]), "1")%2 != 1 {
				t.Fatalf("%d bits: %s", bits, bitsOf(frame))
			}
		}
	}
}

// What a controller reads from the two wires is the number that was sent, and
// pulses are as long and as far apart as SIA AC-01 asks for. The first is
// measured against the clock of a busy machine, so half of the pulses must be.
func TestWiegandTiming(t *testing.T) {
	rec := &edges{}
	w := &wiegand{bits: 26, data: [2]gpio.PinOut{&edgePin{line: 0, to: rec}, &edgePin{line: 1, to: rec}}}
	sent := wiegandFrame(26, 0, 0xa5c3f0)
	_ = w.send(sent) // a pulse may have been too long here
	var got []bool
	good := 0
	for i := 0; i+1 < len(rec.all); i += 2 {
		up, down := rec.all[i], rec.all[i+1]
		if !up.high || down.high || up.line != down.line {
			t.Fatalf("edges %+v, %+v", up, down)
		}
		got = append(got, up.line == 1)
		width := down.at.Sub(up.at)
		if width < 20*time.Microsecond {
			t.Errorf("a pulse of %v", width)
		}
		if i > 0 {
			if apart := up.at.Sub(rec.all[i-2].at); apart < 200*time.Microsecond {
				t.Errorf("pulses %v apart", apart)
			}
		}
		if width <= 100*time.Microsecond {
			good++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(sent) {
		t.Errorf("sent %s, read %s", bitsOf(sent), bitsOf(got))
	}
	if good < 13 {
		t.Errorf("%d of 26 pulses are short enough", good)
	}
}

func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pin := &gpiotest.Pin{N: "relay"}
		g := &gate{relay: pin, open: 3 * time.Second}
		if err := g.Admit(1); err != nil || pin.Read() != gpio.High {
			t.Fatalf("Admit = %v, relay %v", err, pin.Read())
		}
		time.Sleep(2 * time.Second)
		if err := g.Admit(2); err != nil { // the next person keeps it open
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if pin.Read() != gpio.High {
			t.Error("closed on the second person")
		}
		time.Sleep(time.Second + 1)
		synctest.Wait()
		if pin.Read() != gpio.Low {
			t.Error("open for ever")
		}
		if err := g.Admit(3); err != nil {
			t.Fatal(err)
		}
		if err := g.close(); err != nil || pin.Read() != gpio.Low {
			t.Errorf("after close %v, %v", pin.Read(), err)
		}
	})
}
