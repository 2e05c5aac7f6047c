package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"volar/cmd/internal/replay"
	"volar/sim"
)

// corpusVersion is that of what is presented: it changes where corpusScript does.
const corpusVersion = 1

// corpusIndex is corpus.json: what a corpus is made of. Equal indexes are
// equal tapes.
type corpusIndex struct {
	Version       int          `json:"corpus"`
	Seed          uint64       `json:"seed"`
	Generator     string       `json:"generator"` // SHA-256 of a short film: renderer, firmware and format of the tape
	Shrink        int          `json:"shrink"`
	Presentations int          `json:"presentations"`
	Tapes         []corpusTape `json:"tapes"`
}

type corpusTape struct {
	Name          string `json:"name"`
	Presentations int    `json:"presentations"`
	SHA256        string `json:"sha256,omitempty"`
	Bytes         int64  `json:"bytes,omitempty"`
}

// corpusOrder is what a worker is asked for.
type corpusOrder struct {
	Script []sim.Presentation
	Seed   uint64
	Shrink int
	Coarse bool
}

type corpus struct {
	out    string
	seed   uint64
	number int
	small  bool
	script func(tape int, seed uint64) []sim.Presentation
	log    io.Writer
	say    io.Writer
}

// maxCorpus bounds a corpus.
const maxCorpus = 100_000

func newCorpusCommand() *cobra.Command {
	k := corpus{script: corpusScript}
	c := &cobra.Command{
		Use:   "corpus --out DIR",
		Short: "Make a reference corpus: tapes of thousands of synthetic presentations",
		Long: `corpus makes a folder of tapes to replay: people who enrol and come again in all conditions,
strangers, impostors, hands held badly, and attacks of every species. The pictures have half the
side of board sim's and 8 bits in the near-infrared, and the colour pictures of looks, which no
firmware sees, are black: so a presentation takes 3.4 MB and two thirds of a second of a processor.

corpus.json says from which seed and by which generator it was made; equal ones are equal tapes. As
many tapes are made at once as there are processors. A run that was interrupted goes on where it was.

Exit codes: 0 made, 1 it could not be written, 2 the folder holds another corpus or the command line
is wrong, 3 interrupted.`,
		Example: `  palmsim corpus --out corpus && palmsim replay corpus --golden goldens --update-golden`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			k.log, k.say = c.ErrOrStderr(), c.OutOrStdout()
			return resumes(c.Context(), k.run(c.Context()))
		},
	}
	c.Flags().StringVarP(&k.out, "out", "o", "", "the `folder` to make it in")
	c.Flags().Uint64Var(&k.seed, "seed", 1, "what people and movements are drawn from")
	c.Flags().IntVar(&k.number, "presentations", 2000, "at least how many presentations")
	c.Flags().BoolVar(&k.small, "small", false, "one tape of a few presentations, for tests")
	if err := c.MarkFlagRequired("out"); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

const corpusShrink = 2

func (k *corpus) run(ctx context.Context) error {
	if k.number < 1 || k.number > maxCorpus {
		return usageError{fmt.Errorf("corpus: %d presentations, allowed 1 to %d", k.number, maxCorpus)}
	}
	if err := os.MkdirAll(k.out, 0o755); err != nil {
		return usageError{fmt.Errorf("corpus: %w", err)}
	}
	generator, err := generatorHash(ctx)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	index := corpusIndex{Version: corpusVersion, Seed: k.seed, Generator: generator, Shrink: corpusShrink}
	var jobs []replay.Job
	for i := 0; index.Presentations < k.number && (i == 0 || !k.small); i++ {
		script, name := k.script(i, k.seed), fmt.Sprintf("corpus-%04d", i)
		if k.small {
			script, name = smallScript(k.seed), "small"
		}
		order, err := json.Marshal(corpusOrder{script, k.seed + uint64(i), corpusShrink, k.small})
		if err != nil {
			return err
		}
		jobs = append(jobs, replay.Job{What: jobFilm, Path: filepath.Join(k.out, name+".mcap"), Order: order})
		index.Tapes = append(index.Tapes, corpusTape{Name: name, Presentations: len(script)})
		index.Presentations += len(script)
	}
	done, err := k.resume(&index)
	if err != nil {
		return usageError{err}
	}
	jobs = slices.DeleteFunc(jobs, func(j replay.Job) bool { return done[replay.NameOf(j.Path)] })
	if err := k.make(ctx, &index, jobs); err != nil {
		return err
	}
	var size int64
	for _, t := range index.Tapes {
		size += t.Bytes
	}
	fmt.Fprintf(k.say, "%d presentations on %d tapes, %.1f MB, seed %d, generator %.12s\n", index.Presentations, len(index.Tapes), float64(size)/1e6, index.Seed, index.Generator)
	return nil
}

// make has the tapes made and notes each in the index.
func (k *corpus) make(ctx context.Context, index *corpusIndex, jobs []replay.Job) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := k.save(index); err != nil {
		return err
	}
	total := 0
	for _, t := range index.Tapes {
		if t.SHA256 == "" {
			total += t.Presentations
		}
	}
	bar := newProgress(k.log, "presentations", total)
	var failed error
	err = (&replay.Pool{Worker: startWorker(self)}).Do(ctx, jobs, func(_ replay.Job, r replay.Result) {
		i := slices.IndexFunc(index.Tapes, func(t corpusTape) bool { return t.Name == r.Name })
		if r.Error != "" {
			failed = errors.Join(failed, fmt.Errorf("corpus: %s: %s", r.Name, r.Error))
			return
		}
		if err := json.Unmarshal(r.Answer, &index.Tapes[i]); err != nil {
			failed = errors.Join(failed, fmt.Errorf("corpus: %s: %w", r.Name, err))
			return
		}
		failed = errors.Join(failed, k.save(index))
		bar.add(index.Tapes[i].Presentations)
	})
	bar.end()
	return errors.Join(err, failed)
}

// resume takes over what an interrupted run has made, and refuses a folder
// that holds something else.
func (k *corpus) resume(index *corpusIndex) (done map[string]bool, err error) {
	b, err := os.ReadFile(k.index())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	var old corpusIndex
	if err := json.Unmarshal(b, &old); err != nil {
		return nil, fmt.Errorf("corpus: %s: %w", k.index(), err)
	}
	if old.Version != index.Version || old.Seed != index.Seed || old.Generator != index.Generator || old.Shrink != index.Shrink {
		return nil, hinted{
			fmt.Errorf("corpus: %s holds another corpus: version %d, seed %d, generator %.12s; this would be version %d, seed %d, generator %.12s",
				k.out, old.Version, old.Seed, old.Generator, index.Version, index.Seed, index.Generator),
			"remove that folder, or give --out another one",
		}
	}
	done = map[string]bool{}
	for _, t := range old.Tapes {
		i := slices.IndexFunc(index.Tapes, func(n corpusTape) bool { return n.Name == t.Name && n.Presentations == t.Presentations })
		info, err := os.Stat(filepath.Join(k.out, t.Name+".mcap"))
		if i >= 0 && t.SHA256 != "" && err == nil && info.Size() == t.Bytes {
			index.Tapes[i], done[t.Name] = t, true
		}
	}
	return done, nil
}

func (k *corpus) index() string { return filepath.Join(k.out, "corpus.json") }

func (k *corpus) save(index *corpusIndex) error {
	b, err := json.MarshalIndent(index, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(k.index()+".new", append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	return os.Rename(k.index()+".new", k.index())
}

// makeTape makes one tape, whole or not at all, and answers with its sum.
func makeTape(ctx context.Context, j replay.Job) ([]byte, error) {
	var o corpusOrder
	if err := json.Unmarshal(j.Order, &o); err != nil {
		return nil, err
	}
	f, err := os.Create(j.Path + ".part")
	if err != nil {
		return nil, err
	}
	defer os.Remove(j.Path + ".part")
	sum := sha256.New()
	film := replay.Film{Script: o.Script, Seed: o.Seed, Shrink: o.Shrink, Lean: true, Coarse: o.Coarse}
	err = errors.Join(film.Shoot(ctx, io.MultiWriter(f, sum)), f.Close())
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(j.Path + ".part")
	if err != nil {
		return nil, err
	}
	if err := os.Rename(j.Path+".part", j.Path); err != nil {
		return nil, err
	}
	return json.Marshal(corpusTape{replay.NameOf(j.Path), len(o.Script), hex.EncodeToString(sum.Sum(nil)), info.Size()})
}

// generatorHash tells generators apart by what they make of a stranger: it
// changes with the renderer, with what the firmware asks of the cameras, and
// with the format of tapes.
func generatorHash(ctx context.Context) (string, error) {
	sum := sha256.New()
	film := replay.Film{Shrink: corpusShrink, Lean: true, Script: []sim.Presentation{{ID: 1, Purpose: "identify", Kind: sim.Stranger}}}
	if err := film.Shoot(ctx, sum); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
