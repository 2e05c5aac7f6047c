package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"volar/firmware/flash"
)

// flashShow tells how far the disks are: lines of JSON, a block of lines that
// is drawn again on a terminal, or now and then a line elsewhere.
type flashShow struct {
	out, log io.Writer
	json     bool
	terminal bool

	order []string               // paths of the disks
	now   map[string]flash.Event // the latest of each
	step  map[string]flash.Step  // the last one told, where lines are not drawn again
	drawn int                    // lines on the terminal
	err   error
}

func newFlashShow(out, log io.Writer, asJSON bool, disks []flash.Disk) *flashShow {
	s := &flashShow{out: out, log: log, json: asJSON, now: map[string]flash.Event{}, step: map[string]flash.Step{}}
	for _, d := range disks {
		s.order = append(s.order, d.Path)
	}
	if f, ok := log.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			s.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return s
}

// flashLine is an event as a line of JSON.
type flashLine struct {
	flash.Event
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

func (s *flashShow) event(e flash.Event) {
	s.now[e.Device] = e
	switch {
	case s.json:
		l := flashLine{Event: e}
		if e.Err != nil {
			l.Error, l.Hint = e.Err.Error(), flashHint(e.Err)
		}
		if err := json.NewEncoder(s.out).Encode(l); s.err == nil {
			s.err = err
		}
	case s.terminal:
		s.draw()
	case s.step[e.Device] != e.Step:
		s.step[e.Device] = e.Step
		fmt.Fprintln(s.log, flashText(e))
	}
}

// draw writes a line for each disk over those it wrote before (ECMA-48: CPL
// goes up, EL clears to the end of the line).
func (s *flashShow) draw() {
	if s.drawn > 0 {
		fmt.Fprintf(s.log, "\x1b[%dF", s.drawn)
	}
	for _, d := range s.order {
		e, ok := s.now[d]
		if !ok {
			e = flash.Event{Device: d}
		}
		fmt.Fprintf(s.log, "%s\x1b[K\n", flashText(e))
	}
	s.drawn = len(s.order)
}

func flashText(e flash.Event) string {
	text := fmt.Sprintf("%-14s %-7s", e.Device, e.Step)
	switch {
	case e.Err != nil:
		return text + " " + e.Err.Error()
	case e.Step == flash.StepDone:
		return fmt.Sprintf("%s %s written and read back in %v", text, bytesText(e.Total), e.Took.Round(time.Second/10))
	case e.Total > 0:
		text += fmt.Sprintf(" %3d %% of %s", 100*e.Done/e.Total, bytesText(e.Total))
	}
	if e.Left >= time.Second {
		text += fmt.Sprintf(", about %v left", e.Left.Round(time.Second))
	}
	if e.Kept > 0 && e.Step == flash.StepWrite {
		text += fmt.Sprintf(", %s were there already", bytesText(e.Kept))
	}
	return text
}

// end says what to do next.
func (s *flashShow) end(image *flash.Image) error {
	if s.json {
		return s.err
	}
	_, err := fmt.Fprintf(s.out, "%d of %d disks hold the image. Put one into the unit, switch it on, and run: palmctl provision\n", len(s.order), len(s.order))
	return err
}
