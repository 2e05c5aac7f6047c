package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"volar/cmd/internal/uplink"
	"volar/firmware"
	"volar/sim"
)

// maxPeople bounds a demonstration; it plays in real processes, some seconds a person.
const maxPeople = 1000

type demo struct {
	people int
	seed   uint64
	json   bool
	bench  bool
	out    io.Writer
}

func newDemoCommand() *cobra.Command {
	d := demo{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Enrol and recognise synthetic palms: device, host and vault as processes",
		Long: `demo starts palmhost, palmlaunch, palmvault and palmd on loopback, enrols people with
both hands, and presents genuine palms, strangers, impostors, wrong hands, poor captures, prints and
a screen. It prints a line for each wave and a closing table, and fails on any wrong decision.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d.out = c.OutOrStdout()
			return d.run(c.Context())
		},
	}
	c.Flags().IntVar(&d.people, "people", 6, "how many people to enrol")
	c.Flags().Uint64Var(&d.seed, "seed", 1, "what the people and their movements are drawn from")
	c.Flags().BoolVar(&d.json, "json", false, "print the closing table as JSON, and no lines")
	c.Flags().BoolVar(&d.bench, "bench", false, "afterwards serve the page of bench-ui before the same vault, until Ctrl-C")
	return c
}

func (d *demo) run(ctx context.Context) error {
	if d.people < 1 || d.people > maxPeople {
		return usageError{fmt.Errorf("--people %d, allowed 1 to %d", d.people, maxPeople)}
	}
	v, err := startVault(ctx)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	show := newDemoShow(d, demoScript(d.people, d.seed), v.stack)
	show.opening()
	err = d.device(ctx, v, show)
	if err == nil {
		show.sum.Bytes, err = v.stack.Received(ctx)
	}
	var wrong error // decisions
	if err == nil {
		wrong = show.closing()
	}
	if err == nil && wrong == nil && d.bench {
		b := benchUI{listen: anyPort, seed: d.seed}
		err = b.serve(ctx, v, d.out)
	}
	if err := v.close(err); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return wrong
}

// programs is the folder of this program: the others lie beside it.
func programs() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	bin := filepath.Dir(self)
	for _, p := range []string{"palmd", "palmhost", "palmlaunch", "palmvault"} {
		if _, err := os.Stat(filepath.Join(bin, p)); err != nil {
			return "", fmt.Errorf("%w; `make build` puts all programs side by side", err)
		}
	}
	return bin, nil
}

// device provisions palmd and plays the script on it.
func (d *demo) device(ctx context.Context, v *ownVault, show *demoShow) error {
	bin, err := programs()
	if err != nil {
		return err
	}
	palmd, state := filepath.Join(bin, "palmd"), filepath.Join(v.dir, "unit")
	unit, err := v.stack.Palmd(ctx, state)
	if err != nil {
		return err
	}
	config, script := filepath.Join(v.dir, "unit.toml"), filepath.Join(v.dir, "people.jsonl")
	if err := errors.Join(writeUnit(config, unit), writeScript(script, show.script)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, palmd, "-board", "sim", "-state", state, "-config", config,
		"-script", script, "-seed", strconv.FormatUint(d.seed, 10), "-speed", "0")
	cmd.Stderr = v.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	lines, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	heard := show.listen(lines)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("palmd: %w", err)
	}
	return heard
}

func writeUnit(path string, unit *uplink.Config) error {
	b, err := unit.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func writeScript(path string, script []sim.Presentation) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(sim.WriteScript(f, script), f.Close())
}

// tail is the end of a log, for an error that it explains.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return ""
	}
	const most = 2000
	return "\nthe processes said last:\n" + string(b[max(0, len(b)-most):])
}

// deviceLine is a line of palmd: a trace, or the result of a presentation.
type deviceLine struct {
	firmware.Trace
	Result *sim.Result `json:"result"`
}

// listen follows palmd to its end.
func (s *demoShow) listen(r io.Reader) error {
	in := bufio.NewScanner(r)
	for in.Scan() {
		var l deviceLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return fmt.Errorf("palmd said what is no line of its own: %w", err)
		}
		s.heard(l)
	}
	return in.Err()
}
