package replay

import (
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Journal keeps the results of a run that has not ended, so that one that was
// interrupted goes on where it was. A result counts for the same program, the
// same speed and a file that has not changed since. A nil Journal keeps none.
type Journal struct {
	dir   string
	found int
}

// OpenJournal opens the journal of a program (its own file) in a folder of the
// user's cache.
func OpenJournal(program string, speed float64) (*Journal, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("replay: journal: %w", err)
	}
	f, err := os.Open(program)
	if err != nil {
		return nil, fmt.Errorf("replay: journal: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, fmt.Errorf("replay: journal: %w", err)
	}
	fmt.Fprintf(sum, "%g", speed)
	j := &Journal{dir: filepath.Join(cache, "volar", "replay", hex.EncodeToString(sum.Sum(nil)[:12]))}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, fmt.Errorf("replay: journal: %w", err)
	}
	return j, nil
}

// Found counts the results that it had.
func (j *Journal) Found() int {
	if j == nil {
		return 0
	}
	return j.found
}

// End forgets everything: the run is over.
func (j *Journal) End() error {
	if j == nil {
		return nil
	}
	return os.RemoveAll(j.dir)
}

// file is where the result of a tape lies, "" for one that cannot be read.
func (j *Journal) file(path string) string {
	full, err := filepath.Abs(path)
	info, err2 := os.Stat(path)
	if errors.Join(err, err2) != nil {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d", full, info.Size(), info.ModTime().UnixNano()))
	return filepath.Join(j.dir, hex.EncodeToString(sum[:12]))
}

func (j *Journal) find(path string) (r Result, ok bool) {
	if j == nil {
		return r, false
	}
	name := j.file(path)
	if name == "" {
		return r, false
	}
	f, err := os.Open(name)
	if err != nil {
		return r, false
	}
	defer f.Close()
	if gob.NewDecoder(f).Decode(&r) != nil {
		return Result{}, false
	}
	j.found++
	r.Tape = path
	return r, true
}

// keep writes a result. What cannot be kept is played again, so errors are of
// no account.
func (j *Journal) keep(path string, r Result) {
	if j == nil {
		return
	}
	name := j.file(path)
	if name == "" {
		return
	}
	f, err := os.CreateTemp(j.dir, ".new-")
	if err != nil {
		return
	}
	err = errors.Join(gob.NewEncoder(f).Encode(r), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
}
