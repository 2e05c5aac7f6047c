package vm

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// Hang stops the unit's processors for good, as a fault would that nothing of
// its software survives. The rest of the machine goes on, its watchdog too.
//
// It is done from outside, over QEMU's port for debuggers: every processor that
// idles in the kernel, interrupts masked, is led to switch itself off (PSCI
// CPU_OFF, Arm DEN 0022), which unlike an endless loop takes nothing of this
// machine's time.
func (m *Machine) Hang(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", m.debugger())
	if err != nil {
		return fmt.Errorf("vm: hang: %w", err)
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		conn.SetDeadline(end)
	}
	d := &debugger{conn, bufio.NewReader(conn)} // who connects finds the machine stopped
	// QEMU answers for single registers once its description of them was read.
	if _, err := d.ask("qXfer:features:read:target.xml:0,fff"); err != nil {
		return fmt.Errorf("vm: hang: %w", err)
	}
	for {
		idle, err := d.idle()
		if err != nil {
			return fmt.Errorf("vm: hang: %w", err)
		}
		if idle {
			break
		}
		if err := d.goOn(20 * time.Millisecond); err != nil {
			return fmt.Errorf("vm: hang: %w", err)
		}
	}
	for cpu := 1; cpu <= processors; cpu++ {
		if err := d.off(cpu); err != nil {
			return fmt.Errorf("vm: hang: processor %d: %w", cpu, err)
		}
	}
	_, err = d.ask("D")
	return err
}

// debugger is where QEMU listens for one.
func (m *Machine) debugger() string { return filepath.Join(m.dir, "debugger") }

// debugger speaks GDB's remote protocol (GDB manual, appendix E).
type debugger struct {
	net.Conn
	in *bufio.Reader
}

// Numbers of registers, in GDB's description of AArch64.
const (
	registerPC     = 0x20
	registerPState = 0x21
)

// ask sends a command and returns the answer.
func (d *debugger) ask(format string, args ...any) (string, error) {
	command := fmt.Sprintf(format, args...)
	var sum byte
	for _, c := range []byte(command) {
		sum += c
	}
	if _, err := fmt.Fprintf(d, "$%s#%02x", command, sum); err != nil {
		return "", err
	}
	answer, err := d.hear()
	for err == nil && strings.HasPrefix(answer, "T") { // that it stopped
		answer, err = d.hear()
	}
	if err == nil && strings.HasPrefix(answer, "E") {
		err = fmt.Errorf("the debugger's %q: %s", command, answer)
	}
	return answer, err
}

// hear reads one packet and acknowledges it.
func (d *debugger) hear() (string, error) {
	if _, err := d.in.ReadString('$'); err != nil {
		return "", err
	}
	packet, err := d.in.ReadString('#')
	if err == nil {
		_, err = d.in.Discard(2) // its sum: a socket loses nothing
	}
	if err == nil {
		_, err = d.Write([]byte("+"))
	}
	return strings.TrimSuffix(packet, "#"), err
}

// register reads one of a processor's.
func (d *debugger) register(number int) (uint64, error) {
	answer, err := d.ask("p%x", number)
	if err != nil {
		return 0, err
	}
	b, err := hex.DecodeString(answer)
	if err != nil || len(b) == 0 || len(b) > 8 {
		return 0, errors.Join(fmt.Errorf("register %#x is %q", number, answer), err)
	}
	var v uint64
	for i, c := range b { // the least significant byte first
		v |= uint64(c) << (8 * i)
	}
	return v, nil
}

// idle tells whether all processors run the kernel and take no interrupts, as
// when they wait for something to do.
func (d *debugger) idle() (bool, error) {
	for cpu := 1; cpu <= processors; cpu++ {
		if _, err := d.ask("Hg%d", cpu); err != nil {
			return false, err
		}
		state, err := d.register(registerPState)
		if err != nil {
			return false, err
		}
		const kernel, masked = 0x5, 0x80 // EL1h; I
		if state&0xf != kernel || state&masked == 0 {
			return false, nil
		}
	}
	return true, nil
}

// goOn lets the machine run for a moment.
func (d *debugger) goOn(moment time.Duration) error {
	if _, err := d.Write([]byte("$c#63")); err != nil {
		return err
	}
	time.Sleep(moment)
	if _, err := d.Write([]byte{3}); err != nil {
		return err
	}
	return nil
}

// off has a processor switch itself off with its next instruction.
func (d *debugger) off(cpu int) error {
	if _, err := d.ask("Hg%d", cpu); err != nil {
		return err
	}
	pc, err := d.register(registerPC)
	if err != nil {
		return err
	}
	const cpuOff, hvc = "0200008400000000", "020000d4" // x0 = 0x84000002; hvc #0
	_, err = d.ask("P0=%s", cpuOff)
	if err == nil {
		_, err = d.ask("M%x,4:%s", pc, hvc)
	}
	return err
}
