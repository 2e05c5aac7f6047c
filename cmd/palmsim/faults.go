package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"volar/cmd/internal/drill"
	"volar/cmd/internal/replay"
)

// faults is the command that lets things go wrong.
type faults struct {
	tape string
	seed uint64
	json bool
	list bool
	out  io.Writer
	log  io.Writer
}

func newFaultsCommand() *cobra.Command {
	f := faults{}
	c := &cobra.Command{
		Use:   "faults [NAME...]",
		Short: "Let cameras, parts, network, vault and processes fail while people use the device",
		Long: `faults lets one thing after another go wrong while a synthetic person holds a hand over the device:
all that it knows, or those that are named. Of each it tells what happened, what the person saw, how
long it took until somebody was served again, and whether anything was lost (people, records) or
left behind (goroutines, files, processes, sockets).

Faults of cameras, parts, network and vault strike the real firmware and vault in this program, under
a virtual clock. Those of processes strike palmhost, palmlaunch, palmvault, the TPM and palmd, which
must lie beside this program. With --tape, a camera's fault strikes in the middle of a recording
instead, whose other waves must end as they do without it.

Exit codes: 0 all survived, 1 one did not, 2 wrong usage or an unknown fault, 3 interrupted.`,
		Example: "  palmsim faults\n  palmsim faults usb-reset garbled\n  palmsim faults sun --tape two.mcap",
		RunE: func(c *cobra.Command, args []string) error {
			f.out, f.log = c.OutOrStdout(), c.ErrOrStderr()
			return f.run(c.Context(), args)
		},
	}
	c.Flags().StringVar(&f.tape, "tape", "", "strike this `tape` instead of a synthetic person")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "what people, movements and moments are drawn from")
	c.Flags().BoolVar(&f.json, "json", false, "print a line of JSON for each fault")
	c.Flags().BoolVar(&f.list, "list", false, "list the faults")
	return c
}

func (f *faults) run(ctx context.Context, names []string) error {
	chosen, err := f.choose(names)
	if err != nil {
		return usageError{err}
	}
	if f.list {
		t := bufio.NewWriter(f.out)
		for _, c := range chosen {
			fmt.Fprintf(t, "%-20s %-8s %s\n", c.Name, c.Family, c.About)
		}
		return t.Flush()
	}
	outcomes, err := f.strike(ctx, chosen)
	if err != nil {
		return err
	}
	if err := f.show(outcomes); err != nil {
		return err
	}
	failed := 0
	for _, o := range outcomes {
		if !o.Survived() {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("faults: %d of %d were not survived", failed, len(outcomes))
	}
	return nil
}

func (f *faults) choose(names []string) (chosen []drill.Fault, err error) {
	if len(names) == 0 {
		return slices.DeleteFunc(drill.Faults(), func(d drill.Fault) bool { return f.tape != "" && d.Family != drill.Camera }), nil
	}
	for _, n := range names {
		d, err := drill.Find(n)
		if err != nil {
			return nil, hinted{fmt.Errorf("faults: %w", err), "palmsim faults --list"}
		}
		chosen = append(chosen, d)
	}
	return chosen, nil
}

// strike does the drills: those under a virtual clock as many at once as there
// are processors, then those of processes one after another.
func (f *faults) strike(ctx context.Context, chosen []drill.Fault) ([]drill.Outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var jobs []replay.Job
	var processes []drill.Fault
	for _, d := range chosen {
		if d.Family == drill.Process {
			processes = append(processes, d)
			continue
		}
		order, err := json.Marshal(drill.Order{Fault: d.Name, Seed: f.seed, Tape: f.tape})
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, replay.Job{What: jobDrill, Path: d.Name, Order: order})
	}
	of := map[string]drill.Outcome{}
	bar := newProgress(f.log, "faults", len(chosen))
	err = (&replay.Pool{Worker: startWorker(self)}).Do(ctx, jobs, func(j replay.Job, r replay.Result) {
		o := drill.Outcome{Fault: j.Path, Error: r.Error}
		if r.Error == "" {
			if err := json.Unmarshal(r.Answer, &o); err != nil {
				o.Error = err.Error()
			}
		}
		of[j.Path] = o
		bar.add(1)
	})
	if err == nil && len(processes) > 0 {
		var bin string
		if bin, err = programs(); err == nil {
			err = drill.Processes(ctx, bin, f.seed, processes, func(o drill.Outcome) { of[o.Fault] = o; bar.add(1) })
		}
	}
	bar.end()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	outcomes := make([]drill.Outcome, 0, len(chosen))
	for _, d := range chosen {
		outcomes = append(outcomes, of[d.Name])
	}
	return outcomes, nil
}

// show prints the table.
func (f *faults) show(outcomes []drill.Outcome) error {
	if f.json {
		e := json.NewEncoder(f.out)
		for _, o := range outcomes {
			if err := e.Encode(o); err != nil {
				return err
			}
		}
		return nil
	}
	t := bufio.NewWriter(f.out)
	survived := 0
	for _, o := range outcomes {
		mark := "survived"
		if o.Survived() {
			survived++
		} else {
			mark = "NOT SURVIVED"
		}
		fmt.Fprintf(t, "%-20s %-12s served again after %-8s %s\n", o.Fault, mark, served(o.Served), o.About)
		fmt.Fprintf(t, "%20s saw: %s\n", "", shorten(o.Saw))
		for _, bad := range slices.Concat(o.Lost, o.Left, problems(&o)) {
			fmt.Fprintf(t, "%20s %s\n", "", bad)
		}
	}
	fmt.Fprintln(t)
	fmt.Fprintf(t, "%d faults, %d survived; nothing lost and nothing left behind where it says survived\n", len(outcomes), survived)
	return t.Flush()
}

func problems(o *drill.Outcome) (list []string) {
	if o.Error != "" {
		list = append(list, "error: "+o.Error)
	}
	if !o.Struck && o.Error == "" {
		list = append(list, "error: the fault never struck")
	}
	return list
}

func served(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// shorten is a sequence of cues in which what comes again is counted.
func shorten(cues []string) string {
	if len(cues) == 0 {
		return "nothing of it"
	}
	const most = 9
	if len(cues) > most {
		rest := len(cues) - most
		cues = slices.Concat(cues[:most-2], []string{fmt.Sprintf("(%d more)", rest)}, cues[len(cues)-2:])
	}
	return strings.Join(cues, ", ")
}
