package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"volar/wire/link"
	"volar/wire/prov"
)

// provisioning is a run of 'palmctl provision'.
type provisioning struct {
	lineFlags
	plan   *plan
	yes    bool
	series bool
	asJSON bool
	out    io.Writer
	errs   io.Writer
	in     *bufio.Reader
}

func newProvisionCommand() *cobra.Command {
	p := new(provisioning)
	c := &cobra.Command{
		Use:   "provision PLAN",
		Short: "Make a flashed unit one of a tenant's, over its serial port",
		Long: `provision takes the unit behind a serial port through numbered steps, and leaves a page and a JSON file of it
in the plan's report folder. It may be stopped anywhere, by a key, a pulled cable or a power cut: the same
command goes on where it stopped. --series goes on with the next unit that is plugged in, until all of the
plan are sealed. firmware/provision/README.md is the guide, with an example of a plan.`,
		Args: exactly(1, "the plan, in TOML"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if p.plan, err = readPlan(args[0]); err != nil {
				return err
			}
			if p.asJSON, err = c.Flags().GetBool("json"); err != nil {
				return err
			}
			p.out, p.errs, p.in = c.OutOrStdout(), c.ErrOrStderr(), bufio.NewReader(c.InOrStdin())
			return p.run(c.Context())
		},
	}
	p.add(c)
	c.Flags().BoolVar(&p.yes, "yes", false, "answer yes to what a person at the bench is asked: for tests without a person")
	c.Flags().BoolVar(&p.series, "series", false, "go on with the next unit until all of the plan are sealed")
	return c
}

// run provisions one unit, or one after another.
func (p *provisioning) run(ctx context.Context) error {
	sealed := map[string]bool{}
	for {
		serial, err := p.one(ctx)
		switch {
		case errors.Is(err, errSealed) && p.series, err == nil:
			sealed[serial] = true
		case errors.Is(err, errSealed):
			fmt.Fprintf(p.errs, "unit %s is sealed already: nothing to do\n", serial)
			return nil
		case !p.series || ctx.Err() != nil:
			return err
		default:
			complain(p.errs, err, p.asJSON)
		}
		if !p.series {
			return nil
		}
		left := 0
		for _, u := range p.plan.Units {
			if !sealed[u.Serial] {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		fmt.Fprintf(p.errs, "%d of %d units are left: plug in the next one\n", left, len(p.plan.Units))
		if err := p.away(ctx, serial); err != nil {
			return err
		}
	}
}

// away waits until another unit than this one answers, or this one again
// after it was away.
func (p *provisioning) away(ctx context.Context, serial string) error {
	for gone := false; ; {
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		l, err := p.find(ctx, nil)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			gone = true
			continue
		}
		l.close()
		if gone || l.status.Serial != serial {
			return nil
		}
	}
}

// Tries of a unit whose line breaks in the middle.
const (
	tries    = 5
	comeback = 30 * time.Second // a unit that starts again
)

// one provisions the unit that is there, and goes on by itself after a line
// that broke.
func (p *provisioning) one(ctx context.Context) (serial string, err error) {
	r := new(report)
	for try := range tries {
		var l *line
		if l, err = p.again(ctx, try); err != nil {
			return serial, err
		}
		b := p.bench(l, r)
		err = b.run(ctx)
		serial = l.status.Serial
		l.close()
		if !broken(err) || ctx.Err() != nil {
			return serial, p.finish(b, err)
		}
		fmt.Fprintf(p.errs, "the line broke (%v): trying to go on\n", err)
		r.Steps = nil
	}
	return serial, hint(err, "plug the cable in, then run the same command: it goes on where it stopped")
}

// again finds the unit; after a broken line it may take a while.
func (p *provisioning) again(ctx context.Context, try int) (*line, error) {
	for end := time.Now().Add(comeback); ; {
		l, err := p.find(ctx, nil)
		if err == nil || try == 0 || time.Now().After(end) || ctx.Err() != nil {
			return l, err
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// broken tells whether it was the line, or a restart of the unit, and not
// something that would come again.
func broken(err error) bool {
	for _, e := range []error{prov.ErrGone, prov.ErrSilent, prov.ErrNoSession, link.ErrFrame, link.ErrReplay, link.ErrHandshake} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (p *provisioning) bench(l *line, r *report) *bench {
	return &bench{plan: p.plan, client: l.Client, status: l.status, report: r, now: time.Now, pause: 300 * time.Millisecond,
		tell: p.tell, ask: p.ask, say: p.say}
}

// finish writes the report and shows the label.
func (p *provisioning) finish(b *bench, err error) error {
	if b.name == "" || errors.Is(err, errSealed) {
		return err
	}
	b.report.end(p.plan, b.status, b.now())
	page, writing := b.report.write(p.plan.in(p.plan.Report))
	if e := errors.Join(err, writing); e != nil {
		if err == nil || writing != nil {
			return e
		}
		return err
	}
	if p.asJSON {
		return json.NewEncoder(p.out).Encode(struct {
			Unit   string `json:"unit"`
			Sealed bool   `json:"sealed"`
			Label  string `json:"label"`
			Report string `json:"report"`
		}{b.report.Serial, b.report.Sealed, b.report.Label, filepath.ToSlash(page)})
	}
	code, err := labelText(b.report.Label)
	fmt.Fprintf(p.out, "\n%s%s (%s) is sealed. Report and label: %s\n", code, b.report.Name, b.report.Serial, page)
	return err
}

// tell shows a step.
func (p *provisioning) tell(e stepEvent) {
	if p.asJSON {
		_ = json.NewEncoder(p.out).Encode(e) // a reader that has gone wants nothing more
		return
	}
	switch e.Result {
	case "begins":
		fmt.Fprintf(p.out, "%d/%d %s …\n", e.Number, e.Of, e.Step)
	case "failed":
		fmt.Fprintf(p.out, "    ✗ %s\n", strings.ReplaceAll(e.Says, "\n", "\n      "))
	default:
		done := ""
		if e.Result == "was-done" {
			done = " (was done)"
		}
		fmt.Fprintf(p.out, "    ✓ %s%s\n", e.Says, done)
	}
}

// say tells the person at the bench something.
func (p *provisioning) say(text string) {
	if !p.asJSON {
		fmt.Fprintf(p.out, "    · %s\n", text)
	}
}

// ask asks the person at the bench.
func (p *provisioning) ask(question string) bool {
	if p.yes {
		return true
	}
	fmt.Fprintf(p.errs, "    ? %s [y/n] ", question)
	answer, err := p.in.ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(answer), "y")
}
