package drill

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"volar/firmware"
	"volar/sim"
)

// killDevice kills palmd when it has a palm in its hands, starts it again on
// the same state, and lets the same person come.
func killDevice(ctx context.Context, p *processes) error {
	d := &device{p: p, state: filepath.Join(p.dir, "palmd")}
	if err := d.provision(ctx); err != nil {
		return err
	}
	if _, err := d.run(ctx, `"to":"judge"`); err != nil {
		return err
	}
	began := time.Now()
	said, err := d.run(ctx, "")
	if err != nil {
		return err
	}
	p.saw, p.served = cues(said), time.Since(began)
	if !strings.Contains(said, `"outcome":"accepted"`) {
		return errors.New("drill: after palmd was started again nobody was recognised")
	}
	return nil
}

// cues are what the face showed, by palmd's lines.
func cues(said string) (list []string) {
	for line := range strings.Lines(said) {
		var t firmware.Trace
		if json.Unmarshal([]byte(line), &t) == nil && t.Kind == firmware.KindCue {
			list = append(list, t.Shows)
		}
	}
	return list
}

// device is palmd as a process.
type device struct {
	p                     *processes
	state, config, script string
}

func (d *device) provision(ctx context.Context) error {
	unit, err := d.p.stack.Palmd(ctx, d.state)
	if err != nil {
		return err
	}
	unit.Host = d.p.door.address()
	b, err := unit.Encode()
	if err != nil {
		return err
	}
	d.config, d.script = d.state+".toml", d.state+".jsonl"
	var script strings.Builder
	err = sim.WriteScript(&script, []sim.Presentation{{ID: 1, Purpose: "identify", Person: 1, Kind: sim.Genuine, Seed: d.p.seed}})
	return errors.Join(err, os.WriteFile(d.config, b, 0o600), os.WriteFile(d.script, []byte(script.String()), 0o600))
}

// run runs palmd until a line of it has a text, and kills it then; where the
// text is "", to the end of its script. It returns what palmd said.
func (d *device) run(ctx context.Context, until string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(d.p.bin, "palmd"), "-board", "sim", "-state", d.state, "-config", d.config,
		"-script", d.script, "-seed", strconv.FormatUint(d.p.seed, 10), "-speed", "0")
	cmd.Stderr = d.p.log
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var said strings.Builder
	killed := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if until != "" && !killed && strings.Contains(lines.Text(), until) {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				return "", err
			}
		}
	}
	err = cmd.Wait()
	if killed {
		return said.String(), nil
	}
	if err == nil && until != "" {
		err = fmt.Errorf("it ended before %s", until)
	}
	if err != nil {
		return "", fmt.Errorf("drill: palmd: %w", err)
	}
	return said.String(), nil
}
