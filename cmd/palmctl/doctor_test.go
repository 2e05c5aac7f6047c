package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"volar/firmware/provision/rehearsal"
)

// terminal is a pty: its master, and the path that palmctl opens.
func terminal(t *testing.T) (*os.File, string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave.Name()
}

// sick is what the doctor finds wrong first.
func sick(all []finding) finding {
	for _, a := range all {
		if !a.Good {
			return a
		}
	}
	return finding{}
}

// TestDoctorHears: silence, noise, an echo, and what units say while they
// start, are told apart.
func TestDoctorHears(t *testing.T) {
	for _, c := range []struct {
		name  string
		heard []string
		says  string
		do    string
	}{
		{"silence", []string{"", ""}, "not a byte", "TX of the adapter"},
		{"noise", []string{strings.Repeat("\x80\xf8\x00\xfe", 40)}, "none of it is text", "--rate"},
		{"echo", []string{"\x06\x09AAoAAAABAEAAAAA=\n"}, "gives back", "TX and RX"},
		{"panic", []string{"[ 1.2] Kernel panic - not syncing\r\n"}, "Kernel panic", "palmctl crash"},
		{"no system", []string{"palm: no slot is good\r\n"}, "no slot is good", "palmctl flash"},
		{"no chip", []string{"palm: cannot measure\r\n"}, "cannot measure", "TPM"},
		{"locked", []string{"locked: other firmware\r\n"}, "locked", "reset it"},
		{"another computer", []string{"raspberrypi login: "}, "login", "another computer"},
		{"boot loader", []string{"U-Boot 2023.01 (Jan 1 2026)\r\n"}, "U-Boot", "wait half a minute"},
		{"other text", []string{"$GPGGA,123519,4807.038,N\r\n"}, "$GPGGA", "another program"},
	} {
		var heard [][]byte
		for _, h := range c.heard {
			heard = append(heard, []byte(h))
		}
		a := judgeSilence("/dev/ttyUSB0", []int{115200}, heard)
		if a.Good || !strings.Contains(a.Says, c.says) || !strings.Contains(a.Do, c.do) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// TestDoctorFindsPorts: adapters are found and named without being opened.
func TestDoctorFindsPorts(t *testing.T) {
	sys := t.TempDir()
	for name, text := range map[string]string{
		"class/tty/ttyS0/type":               "4\n",
		"class/tty/ttyS0/device/x":           "",
		"class/tty/ttyS1/type":               "0\n",
		"class/tty/ttyS1/device/x":           "",
		"devices/usb1/1-1/idVendor":          "0403\n",
		"devices/usb1/1-1/idProduct":         "6001\n",
		"devices/usb1/1-1/serial":            "A50285BI\n",
		"devices/usb1/1-1/manufacturer":      "FTDI\n",
		"devices/usb1/1-1/product":           "UART\n",
		"devices/usb1/1-1/1-1:1.0/ttyUSB0/x": "",
		"class/tty/ttyUSB0/uevent":           "",
		"class/tty/console/active":           "",
	} {
		path := filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		laid(t, filepath.Dir(path), filepath.Base(path), []byte(text))
	}
	if err := os.Symlink("../../../devices/usb1/1-1/1-1:1.0/ttyUSB0", filepath.Join(sys, "class/tty/ttyUSB0/device")); err != nil {
		t.Fatal(err)
	}
	list := listPorts(sys)
	if len(list) != 2 || list[0].Path != "/dev/ttyUSB0" || list[0].USB != "0403:6001" || list[0].About != "FTDI UART" || list[1].Path != "/dev/ttyS0" {
		t.Errorf("%+v", list)
	}
	if _, a := examinePort("auto", t.TempDir()); a.Good || !strings.Contains(a.Do, "plug the adapter in") {
		t.Errorf("%+v", a)
	}
	if _, a := examinePort("/dev/ttyUSB77", sys); a.Good || !strings.Contains(a.Says, "/dev/ttyUSB0") {
		t.Errorf("%+v", a)
	}
	if _, a := examinePort(filepath.Join(t.TempDir()), sys); a.Good {
		t.Errorf("a folder: %+v", a)
	}
}

// TestDoctorNamesTheHolder: who has the port open is named.
func TestDoctorNamesTheHolder(t *testing.T) {
	_, path := terminal(t)
	proc := t.TempDir()
	for pid, comm := range map[string]string{"4711": "ModemManager\n", "12": "sh\n"} {
		if err := os.MkdirAll(filepath.Join(proc, pid, "fd"), 0o755); err != nil {
			t.Fatal(err)
		}
		laid(t, filepath.Join(proc, pid), "comm", []byte(comm))
	}
	if err := os.Symlink(path, filepath.Join(proc, "4711", "fd", "7")); err != nil {
		t.Fatal(err)
	}
	a := examineHolders(path, proc)
	if a.Good || !strings.Contains(a.Says, "ModemManager (process 4711)") || !strings.Contains(a.Do, "systemctl stop") {
		t.Errorf("%+v", a)
	}
	if a := examineHolders("/dev/null", proc); !a.Good {
		t.Errorf("%+v", a)
	}
}

// TestDoctorAtAPort: a silent port, then one with a unit behind it.
func TestDoctorAtAPort(t *testing.T) {
	master, path := terminal(t)
	all := examine(context.Background(), lineFlags{port: path, rate: 115200}, t.TempDir(), t.TempDir())
	if a := sick(all); a.Check != "unit" {
		t.Errorf("a silent port: %+v", all)
	}
	u := rehearsal.NewUnit(unitSerial)
	ctx, end := context.WithTimeout(context.Background(), 20*time.Second)
	defer end()
	go func() { _ = u.Serve(ctx, master) }()
	all = examine(ctx, lineFlags{port: path}, t.TempDir(), t.TempDir())
	if a := sick(all); a != (finding{}) || !strings.Contains(all[len(all)-1].Says, unitSerial) {
		t.Errorf("a port with a unit: %+v", all)
	}
}

// TestOpenLineKeepsDTR: a port that is closed leaves DTR as it is, because
// dropping it resets some boards.
func TestOpenLineKeepsDTR(t *testing.T) {
	_, path := terminal(t)
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags := func() uint32 {
		s, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return s.Cflag
	}
	s, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s.Cflag |= unix.HUPCL
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, s); err != nil || flags()&unix.HUPCL == 0 {
		t.Fatal("HUPCL is not set: ", err)
	}
	p, err := openLine(path, 115200)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil || flags()&unix.HUPCL != 0 {
		t.Errorf("closing the port drops DTR: %v", err)
	}
	if _, err := openLine("/dev/null", 115200); err == nil {
		t.Error("a file that is no terminal was opened")
	}
}
