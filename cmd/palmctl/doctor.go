package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.bug.st/serial"

	"volar/wire/prov"
)

// finding is one thing that the doctor looked at.
type finding struct {
	Check string `json:"check"`
	Good  bool   `json:"good"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// errSick means that something is wrong between this computer and the unit.
var errSick = errors.New("something is wrong: see above")

func newDoctorCommand() *cobra.Command {
	var f lineFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why a unit does not answer at a serial port, and say what to do",
		Long: `doctor looks, in this order, for the port, for the right to open it, for another program that holds it, for
the rate, for a cable that carries nothing or noise, and for what the unit says while it starts. It changes
nothing, and never touches DTR or RTS.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all := examine(c.Context(), f, "/sys", "/proc")
			good := true
			for _, a := range all {
				good = good && a.Good
			}
			err := show(c, struct {
				Good     bool      `json:"good"`
				Findings []finding `json:"findings"`
			}{good, all}, func(w io.Writer) {
				for _, a := range all {
					mark := "✓"
					if !a.Good {
						mark = "✗"
					}
					fmt.Fprintf(w, "%s %-10s %s\n", mark, a.Check, strings.ReplaceAll(a.Says, "\n", "\n             "))
					if a.Do != "" {
						fmt.Fprintf(w, "             → %s\n", a.Do)
					}
				}
			})
			if err == nil && !good {
				err = hint(errSick, "do what the first arrow says, then ask the doctor again")
			}
			return err
		},
	}
	f.add(c)
	return c
}

// examine looks at everything until something is wrong.
func examine(ctx context.Context, f lineFlags, sys, proc string) (all []finding) {
	path, a := examinePort(f.port, sys)
	all = append(all, a)
	if !a.Good {
		return all
	}
	a = examineHolders(path, proc)
	all = append(all, a)
	if !a.Good {
		return all
	}
	a = examineAccess(path)
	all = append(all, a)
	if !a.Good {
		return all
	}
	return append(all, examineUnit(ctx, path, f.rate)...)
}

// examinePort finds the port.
func examinePort(port string, sys string) (string, finding) {
	a := finding{Check: "port"}
	list := listPorts(sys)
	var names []string
	for _, p := range list {
		text := p.Path
		if p.USB != "" {
			text += fmt.Sprintf(" (USB %s %s %s)", p.USB, p.About, p.Number)
		}
		names = append(names, strings.TrimSpace(text))
	}
	if port == "auto" {
		for _, p := range list {
			if p.USB != "" {
				a.Good, a.Says = true, names[0]
				return p.Path, a
			}
		}
		a.Says = "no USB serial adapter is plugged in"
		if names != nil {
			a.Says += "; other ports: " + strings.Join(names, ", ")
		}
		a.Do = "plug the adapter in and look at 'dmesg | tail'; a cable that only charges has no data wires; or name the port with --port"
		return "", a
	}
	st, err := os.Stat(port)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		a.Says = port + " is not there; there are: " + strings.Join(names, ", ")
		a.Do = "an adapter that was pulled out comes back under another number; try --port auto"
	case err != nil:
		a.Says, a.Do = err.Error(), "give the path of a serial port, such as /dev/ttyUSB0"
	case st.Mode()&fs.ModeCharDevice == 0:
		a.Says, a.Do = port+" is no serial port", "give the path of a serial port, such as /dev/ttyUSB0"
	default:
		a.Good, a.Says = true, port
	}
	return port, a
}

// examineAccess opens the port.
func examineAccess(path string) finding {
	a := finding{Check: "access"}
	p, err := openLine(path, prov.Rates[0])
	if err == nil {
		p.Close()
		a.Good, a.Says = true, "may be opened, and no other program has it"
		return a
	}
	a.Says = err.Error()
	var failed *serial.PortError
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.As(err, &failed) && failed.Code() == serial.PermissionDenied:
		a.Do = permissionHint(path)
	case errors.Is(err, syscall.EBUSY) || errors.As(err, &failed) && failed.Code() == serial.PortBusy:
		a.Do = "another program has it, and belongs to another user: run the doctor with sudo, which names it"
	default:
		a.Do = "this is no serial port, or its adapter is broken: look at 'dmesg | tail', try another USB socket"
	}
	return a
}

// permissionHint names the group that may open the port.
func permissionHint(path string) string {
	group := "dialout"
	if st, err := os.Stat(path); err == nil {
		if s, ok := st.Sys().(*syscall.Stat_t); ok {
			if g, err := user.LookupGroupId(strconv.FormatUint(uint64(s.Gid), 10)); err == nil {
				group = g.Name
			}
		}
	}
	return fmt.Sprintf("you are not in the group %s: 'sudo usermod -aG %s $USER', then log out and in again", group, group)
}

// examineHolders names the programs that have the port open.
func examineHolders(path, proc string) finding {
	a := finding{Check: "in use"}
	holders := holdersOf(path, proc)
	if len(holders) == 0 {
		a.Good, a.Says = true, "no program that may be seen has the port open"
		return a
	}
	var names []string
	for _, h := range holders[:min(len(holders), 4)] {
		names = append(names, fmt.Sprintf("%s (process %d)", h.name, h.pid))
	}
	a.Says = path + " is held by " + strings.Join(names, ", ")
	if more := len(holders) - len(names); more > 0 {
		a.Says += fmt.Sprintf(" and %d more", more)
	}
	a.Do = fmt.Sprintf("end it: 'kill %d', or close its window", holders[0].pid)
	if strings.HasPrefix(holders[0].name, "ModemManager") {
		a.Do = "'sudo systemctl stop ModemManager': it takes every new serial port for a modem"
	}
	return a
}

// holder is a process with the port open.
type holder struct {
	pid  int
	name string
}

// holdersOf looks through the open files of every process that may be seen,
// but for this one.
func holdersOf(path, proc string) (list []holder) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*")) // a bad pattern is the only error
	seen := map[int]bool{os.Getpid(): true}
	for _, l := range links {
		dir := filepath.Dir(filepath.Dir(l))
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || seen[pid] {
			continue
		}
		if to, err := os.Readlink(l); err == nil && to == real {
			seen[pid] = true
			name, _ := os.ReadFile(filepath.Join(dir, "comm")) // a process that has just ended has no name
			list = append(list, holder{pid, prov.Clean(strings.TrimSpace(string(name)))})
		}
	}
	return list
}

// ear hears what comes over a line, beside who reads it.
type ear struct {
	serial.Port
	mu    sync.Mutex
	heard []byte
}

func (e *ear) Read(b []byte) (int, error) {
	n, err := e.Port.Read(b)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.heard) < 64<<10 {
		e.heard = append(e.heard, b[:n]...)
	}
	return n, err
}

// examineUnit asks the unit at every rate, and judges what is heard if it
// does not answer.
func examineUnit(ctx context.Context, path string, rate int) []finding {
	rates := prov.Rates
	if rate != 0 {
		rates = []int{rate}
	}
	var heard [][]byte
	for _, r := range rates {
		st, said, err := listen(ctx, path, r)
		if err == nil {
			return []finding{{Check: "rate", Good: true, Says: fmt.Sprintf("%d bits a second", r)}, examineStatus(st)}
		}
		heard = append(heard, said)
	}
	return []finding{judgeSilence(path, rates, heard)}
}

// listen asks for the status at a rate, and gives what was heard meanwhile.
func listen(ctx context.Context, path string, rate int) (prov.Status, []byte, error) {
	p, err := openLine(path, rate)
	if err != nil {
		return prov.Status{}, nil, err
	}
	e := &ear{Port: p}
	ctx, end := context.WithTimeout(ctx, 2*time.Second)
	st, err := prov.NewClient(ctx, e, nil).Status(ctx)
	end()
	p.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	return st, e.heard, err
}

// examineStatus judges what a unit says of itself.
func examineStatus(st prov.Status) finding {
	a := finding{Check: "unit", Good: true, Says: fmt.Sprintf("%s, %s, firmware %s in slot %s, %v", st.Serial, st.Board, st.Firmware, st.Slot, st.State)}
	switch {
	case strings.HasPrefix(st.Seen, "locked"):
		a.Good, a.Do = false, "its TPM does not open its secrets to this firmware: write the firmware that it had, or reset it with a ticket"
	case st.Seen != "":
		a.Good, a.Do = false, "'palmctl logs' says more"
	case st.Crashed:
		a.Do = "the run before ended in a crash: 'palmctl crash' shows its end"
	}
	if st.Seen != "" {
		a.Says += "; " + st.Seen
	}
	return a
}
