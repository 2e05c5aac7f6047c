package vm

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A cable passes every byte as it is, up to the one after which it is out.
func TestCable(t *testing.T) {
	machine, port, err := pty.Open() // machine is where QEMU would be
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	defer port.Close()
	m := &Machine{Port: port.Name(), dir: t.TempDir()}
	c, err := m.Connect()
	if err != nil {
		t.Fatal(err)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	path, err := c.Plug()
	if err != nil {
		t.Fatal(err)
	}
	c.PullAfter(300)
	bench, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bench.Close()
	if _, err := machine.Write(all); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(all))
	if _, err := io.ReadFull(bench, got); err != nil || !bytes.Equal(got, all) {
		t.Fatalf("%x, %v", got, err)
	}
	if _, err := bench.Write(all); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Pulled():
	case <-time.After(10 * time.Second):
		t.Fatal("the cable is still in")
	}
	if c.Passed() != 300 {
		t.Errorf("%d bytes passed, want 300", c.Passed())
	}
	if n, err := io.ReadFull(machine, got[:44]); err != nil || !bytes.Equal(got[:n], all[:44]) {
		t.Errorf("the unit got %x, %v", got[:n], err)
	}
}

// Wait finds a line once, in order, however it arrives; and a machine that
// has ended says so.
func TestLog(t *testing.T) {
	l := newLog()
	go func() {
		for _, part := range []string{"one\r\ntw", "o\x00\r", "\nup slot=b\n", "half"} {
			l.Write([]byte(part))
		}
		l.close()
	}()
	for _, want := range []string{"^two$", `slot=(\w)`} {
		found, err := l.Wait(context.Background(), want)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 1 && found[1] != "b" {
			t.Errorf("%q", found)
		}
	}
	if _, err := l.Wait(context.Background(), "half"); err == nil {
		t.Error("half a line was taken for one")
	}
	if _, err := l.Wait(context.Background(), "one"); err == nil {
		t.Error("a line was found that lies behind")
	}
}
