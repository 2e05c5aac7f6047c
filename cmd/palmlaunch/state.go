package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// stateFile holds the simulated platform. It is replaced as a whole.
const stateFile = "simulated-platform.json"

// state is the simulated platform's keys and counter on disk.
type state struct {
	dir  *os.File
	path string
	form stateForm
}

// stateForm is the file's content.
type stateForm struct {
	Version int    `json:"version"`
	Signing []byte `json:"signing"` // Ed25519 seed, 32 bytes
	Sealing []byte `json:"sealing"` // 32 bytes
	Epoch   uint64 `json:"epoch"`   // the counter
}

// openState reads the platform's state and makes it where there is none.
func openState(dir string) (*state, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	s := &state{dir: d, path: filepath.Join(dir, stateFile)}
	err = s.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = s.create()
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("open state: %w", err)
	}
	return s, nil
}

// Close lets another launcher have the state.
func (s *state) Close() error { return s.dir.Close() }

// lock keeps other launchers from this state: one platform, one vault. The
// state is read again, because another launcher may have just ended.
func (s *state) lock() error {
	if err := s.flock(unix.LOCK_EX | unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock %s: another palmlaunch uses it: %w", s.dir.Name(), err)
	}
	return s.read()
}

func (s *state) flock(how int) error { return unix.Flock(int(s.dir.Fd()), how) }

func (s *state) read() error {
	b, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var f stateForm
	if err := d.Decode(&f); err != nil || d.More() {
		return fmt.Errorf("%s: not the state of a simulated platform (its content is not shown)", s.path)
	}
	if f.Version != 1 || len(f.Signing) != ed25519.SeedSize || len(f.Sealing) != 32 {
		return fmt.Errorf("%s: state of version %d, want 1, with keys of 32 bytes", s.path, f.Version)
	}
	s.form = f
	return nil
}

// create draws the keys. Two launchers that come at once agree on one state.
func (s *state) create() error {
	if err := s.flock(unix.LOCK_EX); err != nil {
		return err
	}
	defer s.flock(unix.LOCK_UN)
	if err := s.read(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f := stateForm{Version: 1, Signing: make([]byte, ed25519.SeedSize), Sealing: make([]byte, 32)}
	_, _ = rand.Read(f.Signing) // never fails: crypto/rand ends the program instead
	_, _ = rand.Read(f.Sealing)
	return s.write(f)
}

// advance writes the counter's new value.
func (s *state) advance(epoch uint64) error {
	f := s.form
	f.Epoch = epoch
	return s.write(f)
}

// write replaces the file: data, then the name, then the folder reach the disk.
func (s *state) write(f stateForm) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	next := s.path + ".next"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(b, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, s.path); err != nil {
		return err
	}
	s.form = f // whatever comes of the sync: this is what the next start reads, if it reads anything newer
	return s.dir.Sync()
}

func (s *state) signing() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.form.Signing) }

func (s *state) public() []byte { return s.signing().Public().(ed25519.PublicKey) }
