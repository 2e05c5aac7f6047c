package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volar/firmware"
	"volar/hal"
	"volar/hal/live"
	"volar/hal/tape"
	"volar/sim"
	"volar/wire"
)

func TestFlags(t *testing.T) {
	for line, want := range map[string]string{
		"-board rpi4 -state d":                                        "-config is required",
		"-board rpi4 -state d -config c":                              "-identity-fd is required",
		"-board rpi4 -state d -config c -identity-fd 2":               "-identity-fd is required",
		"-board rpi4 -state d -print":                                 "for board sim",
		"-board rpi4 -state d -config c -identity-fd 3 -script s":     "for board sim",
		"-board sim -state d -config c":                               "-script is required",
		"-board sim -state d -config c -script s -identity-fd 3":      "makes its own identity",
		"-board sim -state d -config c -script s -calibration x.json": "makes its own identity",
		"-state d": "required",
	} {
		if _, err := parse(strings.Fields(line), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("palmd %s: %v, want %q", line, err, want)
		}
	}
	o, err := parse(strings.Fields("-board rpi4 -state d -config c -identity-fd 3 -calibration x.json"), io.Discard)
	if err != nil || o.identity != 3 || o.calibration != "x.json" {
		t.Errorf("%+v, %v", o, err)
	}
}

// A unit in service takes no board whose cameras something stands in for, and
// a board that is not there is named with those that are.
func TestUnitRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := func(more string) string {
		return write("unit.toml", "unit = \"u\"\ntenant = \"acme\"\nhost = \"127.0.0.1:1\"\ncredential = \"00\"\npolicy = \"policy\"\noperator = \""+
			strings.Repeat("00", 32)+"\"\n"+more)
	}
	for _, c := range []struct{ board, more, want string }{
		{"qemu-virt", "", "this unit is not for development"},
		{"ours", "", `there are ["imx8mp" "qemu-virt" "rpi4" "sim"]`},
		{"rpi4", "", "rgb camera: "},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(strings.Repeat("k", 32)))
		w.Close()
		o := options{board: c.board, state: dir, config: config(c.more), identity: int(r.Fd())}
		err = serveUnit(t.Context(), o, io.Discard, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.board, err, c.want)
		}
		r.Close()
	}
}

func TestIdentity(t *testing.T) {
	for n, ok := range map[int]bool{0: false, 31: false, 32: true, 33: false, 5000: false} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(strings.Repeat("k", n)))
		w.Close()
		if id, err := readIdentity(r); (err == nil) != ok || ok && id.Public() == [32]byte{} {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// door counts whom it lets through.
type door struct {
	numbers []uint64
	err     error
}

func (d *door) Admit(n uint64) error {
	d.numbers = append(d.numbers, n)
	return d.err
}

func TestAdmit(t *testing.T) {
	person := wire.Person{1, 2, 3, 4, 5, 6, 7, 8, 9}
	d := &door{}
	for _, c := range []struct {
		purpose wire.Purpose
		outcome firmware.Outcome
		opens   bool
	}{
		{wire.Identify, firmware.Accepted, true}, {wire.Verify, firmware.Accepted, true},
		{wire.Enrol, firmware.Accepted, false}, {wire.Delete, firmware.Accepted, false},
		{wire.Identify, firmware.Refused, false}, {wire.Identify, firmware.NotLive, false}, {wire.Identify, "", false},
	} {
		d.numbers = nil
		err := admit(d, firmware.Decision{Order: firmware.Order{Purpose: c.purpose}, Outcome: c.outcome, Person: person})
		if err != nil || (len(d.numbers) == 1) != c.opens || c.opens && d.numbers[0] != 0x0102030405060708 {
			t.Errorf("%v, %v: %x, %v", c.purpose, c.outcome, d.numbers, err)
		}
	}
	if err := admit(nil, firmware.Decision{Outcome: firmware.Accepted}); err != nil {
		t.Errorf("without a door: %v", err)
	}
}

// What a tape's wave was recorded for is what it plays for.
func TestTapeOrders(t *testing.T) {
	m := &marks{purpose: wire.Identify}
	for purpose, want := range map[string]wire.Purpose{"enrol": wire.Enrol, "identify": wire.Identify, "verify": wire.Identify, "": wire.Identify} {
		m.passed(tape.Item{Event: &tape.Event{Name: tape.EventNear, Fields: map[string]string{"purpose": purpose}}})
		m.passed(tape.Item{Event: &tape.Event{Name: tape.EventGone}})
		if o, err := m.Next(t.Context()); err != nil || o.Purpose != want {
			t.Errorf("%q: %v, %v", purpose, o, err)
		}
	}
}

// A simulator behind a line gives shots, hands and orders, and hears what
// becomes of them.
func TestLiveStage(t *testing.T) {
	board, hall, err := open(options{board: "sim", state: t.TempDir(), seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	dev := board.Device()
	heard := make(chan live.Outcome, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			live.Serve(context.Background(), conn, live.Stage{Calibration: dev.Calibration, Camera: dev.Camera, Presence: dev.Presence,
				Next:    func(context.Context) (live.Order, error) { return live.Order{Purpose: "enrol"}, nil },
				Decided: func(o live.Outcome) { heard <- o }, Cue: func(c hal.Cue) { dev.Face.Show(c) }})
		}
	}()
	c, cal, err := live.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cfg := firmware.Config{Decided: func(firmware.Decision) {}}
	join(c, &cfg)
	if o, err := cfg.Orders.Next(t.Context()); err != nil || o.Purpose != wire.Enrol {
		t.Errorf("order %v, %v", o, err)
	}
	board.Present(hall.Empty())
	if err := c.Wait(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Shoot(t.Context(), hal.White); err != nil || s.NIR.Width != cal.NIR.Width {
		t.Errorf("Shoot: %v", err)
	}
	cfg.Decided(firmware.Decision{Outcome: firmware.Accepted, Bursts: 2})
	if o := <-heard; o.Text != sim.Accepted || o.Bursts != 2 {
		t.Errorf("heard %+v", o)
	}
	l.Close()
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := cfg.Orders.Next(ctx); !errors.Is(err, context.DeadlineExceeded) { // an error of its own would end the device
		t.Errorf("while the simulator is away: %v", err)
	}
}
