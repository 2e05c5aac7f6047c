package benchui

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"volar/hal"
	"volar/hal/tape"
)

// film is a tape that the user opened. Its index is kept; its pictures are
// read again when they are looked at.
type film struct {
	Name      string     `json:"name"`
	Board     string     `json:"board"`
	Firmware  string     `json:"firmware"`
	Synthetic bool       `json:"synthetic"`
	Shots     int        `json:"shots"`
	Cut       string     `json:"cut"` // why reading ended before its end
	Items     []filmItem `json:"items"`

	path string

	mu     sync.Mutex
	reader *tape.Reader // stands behind the last shot that was read
	file   io.Closer
	at     int
	last   *hal.Shot
}

// filmItem is a line of the index.
type filmItem struct {
	MS   float64 `json:"ms"`
	Kind string  `json:"kind"` // "shot", "event" or "decision"
	Shot int     `json:"shot"` // its number, from 0
	Text string  `json:"text"`
}

// maxItems bounds the index: an hour of waves has fewer.
const maxItems = 200_000

func openFilm(path string) (*film, error) {
	f := &film{Name: filepath.Base(path), path: path}
	r, closer, err := openTape(path)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	m := r.Meta()
	f.Board, f.Firmware, f.Synthetic = m.Board, m.Firmware, m.Synthetic
	for len(f.Items) < maxItems {
		i, err := r.Next()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			f.Cut = err.Error()
			return f, nil
		}
		f.index(&i)
	}
	f.Cut = fmt.Sprintf("only its first %d entries are shown", maxItems)
	return f, nil
}

func openTape(path string) (*tape.Reader, io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("bench: %w", err)
	}
	r, err := tape.Open(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("bench: %s: %w", path, err), file.Close())
	}
	return r, file, nil
}

func (f *film) index(i *tape.Item) {
	switch {
	case i.Shot != nil:
		f.Items = append(f.Items, filmItem{milliseconds(i.Shot.NIR.At), "shot", f.Shots,
			fmt.Sprintf("%v, exposed %v and %v", i.Shot.Light, i.Shot.RGB.Exposure, i.Shot.NIR.Exposure)})
		f.Shots++
	case i.Event != nil:
		text := i.Event.Name
		for _, k := range []string{"purpose", "kind", "person", "hand", "cue", "from", "to", "stage", "why", "error"} {
			switch v := i.Event.Fields[k]; {
			case v == "":
			case k == i.Event.Name: // a cue
				text += " " + v
			default:
				text += ", " + k + " " + v
			}
		}
		f.Items = append(f.Items, filmItem{milliseconds(i.Event.At), "event", -1, text})
	case i.Decision != nil:
		f.Items = append(f.Items, filmItem{milliseconds(i.Decision.At), "decision", -1, i.Decision.Purpose + ": " + i.Decision.Status})
	}
}

// shot reads the n-th shot of the tape. Going on is quick; going back begins
// anew. The shot is the caller's until the next call.
func (f *film) shot(n int) (*hal.Shot, error) {
	if n < 0 || n >= f.Shots {
		return nil, fmt.Errorf("bench: %s has %d shots, not number %d", f.Name, f.Shots, n)
	}
	if f.last != nil && n == f.at-1 {
		return f.last, nil
	}
	if f.reader == nil || n < f.at {
		if err := f.rewind(); err != nil {
			return nil, err
		}
	}
	for {
		i, err := f.reader.Next()
		if err != nil {
			return nil, err
		}
		if i.Shot == nil {
			continue
		}
		f.at++
		if f.at > n {
			f.last = i.Shot
			return i.Shot, nil
		}
	}
}

func (f *film) rewind() error {
	if f.file != nil {
		f.file.Close() // it was only read
	}
	r, file, err := openTape(f.path)
	if err != nil {
		return err
	}
	f.reader, f.file, f.at, f.last = r, file, 0, nil
	return nil
}

// picture is one half of the n-th shot, as a JPEG.
func (f *film) picture(n int, band hal.Band) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.shot(n)
	if err != nil {
		return nil, err
	}
	frame := &s.NIR
	if band == hal.RGB {
		frame = &s.RGB
	}
	return encode(draw(frame))
}
