package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"volar/cmd/internal/replay"
)

// replaying is the command's work.
type replaying struct {
	golden string
	update bool
	junit  string
	html   string
	json   string
	speed  float64
	out    io.Writer
	log    io.Writer
}

func newReplayCommand() *cobra.Command {
	r := replaying{}
	c := &cobra.Command{
		Use:   "replay TAPE...",
		Short: "Play tapes to the real firmware and vault, and compare every stage with goldens",
		Long: `replay gives the shots of tapes to the firmware in place of a camera, with a vault of its own that
is empty before each tape. A folder means all tapes in it. As many tapes play at once as there are
processors. A run that was interrupted goes on where it was.

With --golden, what every stage decided and measured is compared with what is remembered of the
tape in a folder: TAPE.golden.jsonl, and tolerance.toml says how far numbers may move. The report
leads with what changed, grouped, the worst first. --update-golden remembers what is now.

Time is virtual unless --speed says otherwise, and equal tapes have equal results: the goldens and
--json have equal bytes on machines of one architecture. Times are told apart from them.

Exit codes: 0 nothing changed and nothing is wrong, 1 something changed, a decision was wrong or a
tape is cut or damaged, 2 it is no tape that can be replayed or the command line is wrong, 3 interrupted.`,
		Example: `  palmsim record --out two.mcap --people 2 && palmsim replay two.mcap
  palmsim replay testdata/corpus --golden testdata/corpus --html report.html`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.out, r.log = c.OutOrStdout(), c.ErrOrStderr()
			return resumes(c.Context(), r.run(c.Context(), args))
		},
	}
	f := c.Flags()
	f.StringVar(&r.golden, "golden", "", "`folder` of goldens to compare with")
	f.BoolVar(&r.update, "update-golden", false, "write the goldens anew after telling what changed")
	f.StringVar(&r.junit, "junit", "", "write a JUnit report to this `file`")
	f.StringVar(&r.html, "html", "", "write a report for people to this `file`")
	f.StringVar(&r.json, "json", "", "write a line of JSON for each group, change, tape and wave to this `file`, - is standard output")
	f.Float64Var(&r.speed, "speed", 0, "how many times faster than recorded by the clock on the wall; 0 waits for nobody")
	return c
}

func (r *replaying) run(ctx context.Context, args []string) error {
	if r.update && r.golden == "" {
		return usageError{errors.New("--update-golden needs --golden")}
	}
	if !(r.speed >= 0 && r.speed <= 1000) {
		return usageError{fmt.Errorf("--speed %g, allowed 0 to 1000", r.speed)}
	}
	tapes, err := tapesOf(args)
	if err != nil {
		return usageError{err}
	}
	g, err := r.goldens(tapes)
	if err != nil {
		return usageError{err}
	}
	results, err := r.play(ctx, tapes)
	if err != nil {
		return err
	}
	report := g.compare(results)
	if err := r.write(report, g); err != nil {
		return err
	}
	if r.update {
		return g.save(results, r.log)
	}
	return verdict(report)
}

// tapesOf lists the tapes of the command line. Their names must differ, since
// goldens and reports go by them.
func tapesOf(args []string) ([]string, error) {
	var tapes []string
	for _, a := range args {
		if info, err := os.Stat(a); err != nil || !info.IsDir() {
			tapes = append(tapes, a)
			continue
		}
		found, err := filepath.Glob(filepath.Join(a, "*.mcap"))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no tapes (*.mcap) in this folder", a)
		}
		tapes = append(tapes, found...)
	}
	of := map[string]string{}
	for _, t := range tapes {
		name := replay.NameOf(t)
		if other, ok := of[name]; ok {
			return nil, fmt.Errorf("two tapes are called %s: %s and %s", name, other, t)
		}
		of[name] = t
	}
	return tapes, nil
}

// play plays the tapes in processes of this program.
func (r *replaying) play(ctx context.Context, tapes []string) ([]replay.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	journal, err := replay.OpenJournal(self, r.speed)
	if err != nil {
		return nil, err
	}
	pool := replay.Pool{Journal: journal, Worker: startWorker(self)}
	var jobs []replay.Job
	for _, t := range tapes {
		jobs = append(jobs, replay.Job{What: jobPlay, Path: t, Speed: r.speed})
	}
	bar := newProgress(r.log, "tapes", len(tapes))
	of := map[string]replay.Result{}
	err = pool.Do(ctx, jobs, func(_ replay.Job, res replay.Result) {
		of[res.Tape] = res
		bar.add(1)
	})
	bar.end()
	if err != nil {
		return nil, err
	}
	if n := journal.Found(); n > 0 {
		fmt.Fprintf(r.log, "%d of %d tapes had been played before this run was interrupted\n", n, len(tapes))
	}
	results := make([]replay.Result, 0, len(tapes))
	for _, t := range tapes {
		results = append(results, of[t])
	}
	return results, journal.End()
}

// write writes the reports that were asked for.
func (r *replaying) write(report *replay.Report, g *goldens) error {
	out := r.out
	if r.json == "-" {
		out = r.log // standard output is for machines
	}
	if r.golden == "" {
		if err := writeWaves(out, report); err != nil {
			return err
		}
	}
	if err := report.Text(out); err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		to   func(io.Writer) error
	}{
		{r.json, report.JSON}, {r.junit, report.JUnit},
		{r.html, func(w io.Writer) error { return report.HTML(w, g.of) }},
	} {
		if err := writeReport(f.path, r.out, f.to); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return nil
}

// writeWaves prints a line for each wave.
func writeWaves(out io.Writer, report *replay.Report) error {
	t := bufio.NewWriter(out)
	for _, res := range report.Results {
		if len(report.Results) > 1 {
			fmt.Fprintln(t, res.Name)
		}
		for _, w := range res.Waves {
			note := w.Why
			if w.Recorded != "" && w.Recorded != w.Outcome {
				note += " (recorded: " + w.Recorded + ")"
			}
			fmt.Fprintf(t, "wave %-4d %-8s %-6s %-12s %-5s %-9s %-5s %d bursts  %s\n",
				w.Wave, w.Purpose, w.Person, strings.TrimSpace(string(w.Kind)+" "+w.Note), w.Hand, w.Outcome, w.Verdict, w.Bursts, note)
		}
	}
	return t.Flush()
}

// verdict is the error of a run that should not be.
func verdict(r *replay.Report) error {
	var all []error
	for _, res := range r.Results {
		if res.Error != "" && (!r.Compared || len(r.Changes[res.Name]) > 0 || r.Failed[res.Name] != nil) {
			err := fmt.Errorf("%s: %s", res.Tape, res.Error)
			if res.Usage {
				err = usageError{err}
			}
			all = append(all, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Failed)) {
		all = append(all, r.Failed[name])
	}
	switch {
	case len(r.Groups) > 0:
		all = append(all, hinted{fmt.Errorf("replay: %s", strings.Replace(r.Headline(), "CHANGED", "changed", 1)),
			"look at it with --html; if this is what the change was meant to do, run again with --update-golden"})
	case !r.Compared && r.Wrong > 0:
		all = append(all, fmt.Errorf("replay: %d wrong decisions", r.Wrong))
	}
	return errors.Join(all...)
}

// goldens are those of a run.
type goldens struct {
	dir        string
	tapes      map[string]*replay.Golden
	missing    map[string]error
	tolerances replay.Tolerances
}

// goldens reads what is remembered before anything is played, so that a golden
// that cannot be used is told of at once.
func (r *replaying) goldens(tapes []string) (*goldens, error) {
	g := &goldens{dir: r.golden, tapes: map[string]*replay.Golden{}, missing: map[string]error{}}
	if r.golden == "" {
		return g, nil
	}
	if r.update {
		if err := os.MkdirAll(r.golden, 0o755); err != nil {
			return nil, err
		}
	} else if info, err := os.Stat(r.golden); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, hinted{fmt.Errorf("--golden %s: no such folder", r.golden), "make it with --update-golden"}
	}
	var err error
	if g.tolerances, err = replay.LoadTolerances(r.golden); err != nil {
		return nil, err
	}
	for _, t := range tapes {
		name := replay.NameOf(t)
		gold, err := replay.LoadGolden(r.golden, name)
		switch {
		case err == nil:
			g.tapes[name] = gold
		case r.update:
		case errors.Is(err, replay.ErrNoGolden):
			g.missing[name] = hinted{err, "remember what is now with --update-golden"}
		case errors.Is(err, replay.ErrGoldenVersion):
			return nil, hinted{err, "look at what changed with the palmsim that wrote it, then make it anew with --update-golden"}
		default:
			return nil, err
		}
	}
	return g, nil
}

func (g *goldens) of(name string) *replay.Golden { return g.tapes[name] }

// compare holds results against their goldens.
func (g *goldens) compare(results []replay.Result) *replay.Report {
	changes, failed := map[string][]replay.Change{}, map[string]error{}
	for i := range results {
		res := &results[i]
		gold := g.tapes[res.Name]
		switch {
		case gold != nil && gold.SHA256 != res.SHA256 && res.SHA256 != "":
			failed[res.Name] = hinted{
				fmt.Errorf("%s: %w: it is of the tape with SHA-256 %.12s…, this one has %.12s…", replay.GoldenPath(g.dir, res.Name), replay.ErrOtherTape, gold.SHA256, res.SHA256),
				"if the tape was recorded anew, make its golden anew with --update-golden",
			}
		case gold != nil:
			changes[res.Name] = replay.Compare(gold, res, g.tolerances)
		case g.missing[res.Name] != nil:
			failed[res.Name] = g.missing[res.Name]
		}
	}
	report := replay.NewReport(results, changes)
	report.Failed = failed
	for _, res := range results {
		if failed[res.Name] != nil {
			report.Missing = append(report.Missing, res.Name)
		}
	}
	return report
}

// save remembers what is now. What ended in a crash is not worth remembering.
func (g *goldens) save(results []replay.Result, log io.Writer) error {
	if err := replay.SaveTolerances(g.dir); err != nil {
		return err
	}
	n := 0
	var all []error
	for i := range results {
		if results[i].Error != "" && len(results[i].Waves) == 0 {
			all = append(all, fmt.Errorf("%s: %s; no golden is written", results[i].Tape, results[i].Error))
			continue
		}
		if err := results[i].Golden().Save(g.dir); err != nil {
			return err
		}
		n++
	}
	fmt.Fprintf(log, "%d goldens written to %s\n", n, g.dir)
	return errors.Join(all...)
}
