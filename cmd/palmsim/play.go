package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"volar/hal"
	"volar/hal/tape"
)

func newPlayCommand() *cobra.Command {
	var asJSON bool
	var pictures string
	c := &cobra.Command{
		Use:   "play TAPE",
		Short: "Say what is on a tape",
		Long: `play reads a tape from beginning to end and says what is on it: where it comes from, its
shots and their lights, frames that were lost, how far apart the cameras were, events and decisions.

--png writes a contact sheet of each wave, of tapes of synthetic people only: pictures of real hands
stay on their tape.

Exit codes: 0 the tape is whole, 1 it is cut or damaged (what is readable is still summed up), 2 it
is no tape or the command line is wrong, 3 interrupted.`,
		Example: "  palmsim play two.mcap --png sheets",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if pictures != "" {
				if err := contactSheets(c.Context(), args[0], pictures); err != nil {
					return err
				}
			}
			return summarise(c.Context(), args[0], asJSON, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	c.Flags().StringVar(&pictures, "png", "", "write a contact sheet of each wave into this `folder`")
	return c
}

// summary is what play says of a tape.
type summary struct {
	Board       string         `json:"board"`
	Unit        string         `json:"unit"`
	Firmware    string         `json:"firmware"`
	Consent     string         `json:"consent"`
	Synthetic   bool           `json:"synthetic"`
	Calibration bool           `json:"calibration"`
	Shots       int            `json:"shots"`
	Lights      map[string]int `json:"lights"` // those of a challenge are one with its bands
	Waves       int            `json:"waves"`
	Dropped     map[string]int `json:"dropped"` // frames that the sequence numbers miss, by band
	MaxSkew     time.Duration  `json:"max_skew_ns"`
	First       time.Duration  `json:"first_ns"`
	Last        time.Duration  `json:"last_ns"`
	Events      map[string]int `json:"events"`
	Decisions   map[string]int `json:"decisions"`
	Stills      map[string]int `json:"stills"` // by band, as their set names it
	Bytes       int64          `json:"bytes"`
	Whole       bool           `json:"whole"`
	Error       string         `json:"error,omitempty"` // why it is not

	last *hal.Shot // without pixels
}

// openTape opens a tape; what is none is a mistake of whoever named it.
func openTape(path string) (*tape.Reader, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, usageError{err}
	}
	r, err := tape.Open(f)
	if err != nil {
		f.Close()
		err = fmt.Errorf("%s: %w", path, err)
		if errors.Is(err, tape.ErrForeign) {
			err = usageError{err}
		}
		return nil, nil, err
	}
	return r, f, nil
}

// summarise prints what is on a tape.
func summarise(ctx context.Context, path string, asJSON bool, out io.Writer) error {
	r, closer, err := openTape(path)
	if err != nil {
		return err
	}
	defer closer.Close()
	m := r.Meta()
	s := &summary{
		Board: m.Board, Unit: m.Unit, Firmware: m.Firmware, Consent: m.Consent, Synthetic: m.Synthetic,
		Calibration: r.Calibration() != nil, Lights: map[string]int{}, Dropped: map[string]int{}, Events: map[string]int{},
		Decisions: map[string]int{}, Stills: map[string]int{},
	}
	if info, err := os.Stat(path); err == nil {
		s.Bytes = info.Size()
	}
	readErr := eachItem(ctx, r, s.add)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.Whole = readErr == nil
	if readErr != nil {
		s.Error = readErr.Error()
	}
	if err := s.print(asJSON, out); err != nil {
		return err
	}
	if readErr != nil {
		return fmt.Errorf("%s: %w", path, readErr)
	}
	return nil
}

// eachItem reads a tape to its end.
func eachItem(ctx context.Context, r *tape.Reader, do func(tape.Item) error) error {
	for {
		item, err := r.Next()
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = do(item)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) add(i tape.Item) error {
	switch {
	case i.Shot != nil:
		s.shot(*i.Shot)
	case i.Event != nil:
		s.at(i.Event.At)
		s.Events[i.Event.Name]++
		if i.Event.Name == tape.EventNear {
			s.Waves++
		}
	case i.Decision != nil:
		s.at(i.Decision.At)
		s.Decisions[i.Decision.Status]++
	case i.Still != nil:
		s.Stills[i.Still.Label.Band]++
	}
	return nil
}

func (s *summary) shot(shot hal.Shot) {
	s.Shots++
	light := shot.Light.Bands()
	if light == shot.Light {
		s.Lights[light.String()]++
	} else {
		s.Lights[light.String()+" in code"]++
	}
	s.MaxSkew = max(s.MaxSkew, shot.Skew())
	if s.last != nil {
		for _, f := range [][2]hal.Frame{{s.last.RGB, shot.RGB}, {s.last.NIR, shot.NIR}} {
			if lost := int32(f[1].Seq - f[0].Seq - 1); lost > 0 {
				s.Dropped[f[1].Band.String()] += int(lost)
			}
		}
	}
	s.at(shot.RGB.At)
	s.at(shot.NIR.At)
	shot.RGB.Pix, shot.NIR.Pix = nil, nil
	s.last = &shot
}

func (s *summary) at(t time.Duration) {
	if s.Last == 0 && s.First == 0 || t < s.First {
		s.First = t
	}
	s.Last = max(s.Last, t)
}

func (s *summary) print(asJSON bool, out io.Writer) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	w := bufio.NewWriter(out)
	origin := "SYNTHETIC: nobody real is on it"
	if !s.Synthetic {
		origin = "real people; consent: " + s.Consent
	}
	fmt.Fprintf(w, "board      %s, unit %s, firmware %s\n", s.Board, s.Unit, s.Firmware)
	fmt.Fprintf(w, "people     %s\n", origin)
	fmt.Fprintf(w, "size       %.1f MB over %.1f s\n", float64(s.Bytes)/1e6, (s.Last - s.First).Seconds())
	if s.Shots > 0 {
		fmt.Fprintf(w, "shots      %d: %s\n", s.Shots, counts(s.Lights))
		fmt.Fprintf(w, "cameras    at most %v apart; frames lost: %s\n", s.MaxSkew, counts(s.Dropped))
	}
	fmt.Fprintf(w, "waves      %d\n", s.Waves)
	fmt.Fprintf(w, "events     %s\n", counts(s.Events))
	fmt.Fprintf(w, "decisions  %s\n", counts(s.Decisions))
	if len(s.Stills) > 0 {
		fmt.Fprintf(w, "stills     %s\n", counts(s.Stills))
	}
	if !s.Calibration {
		fmt.Fprintln(w, "no calibration: shots of this tape cannot be replayed")
	}
	if !s.Whole {
		fmt.Fprintf(w, "NOT WHOLE: %s\n", s.Error)
	}
	return w.Flush()
}

// counts lists what was counted: "4 dark, 2 white".
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	text := ""
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", m[k], k)
	}
	return text
}
