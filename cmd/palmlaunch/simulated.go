package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"volar/enclave/attest"
	"volar/enclave/attest/broker"
	"volar/enclave/attest/simulated"
)

// simulatedFile holds the simulated platform. It is replaced as a whole.
const simulatedFile = "simulated-platform.json"

// simulation is a platform whose keys and counter lie in a file.
type simulation struct {
	folder folder
	form   simulationForm
}

// simulationForm is the file's content.
type simulationForm struct {
	Version int    `json:"version"`
	Signing []byte `json:"signing"` // Ed25519 seed, 32 bytes
	Sealing []byte `json:"sealing"` // 32 bytes
	Epoch   uint64 `json:"epoch"`   // the counter
}

// openSimulation reads the platform and makes it where there is none. The
// folder is locked.
func openSimulation(f folder) (*simulation, error) {
	s := &simulation{folder: f}
	b, err := f.read(simulatedFile, 4<<10)
	if errors.Is(err, fs.ErrNotExist) {
		form := simulationForm{Version: 1, Signing: make([]byte, ed25519.SeedSize), Sealing: make([]byte, 32)}
		_, _ = rand.Read(form.Signing) // never fails: crypto/rand ends the program instead
		_, _ = rand.Read(form.Sealing)
		return s, s.write(form)
	}
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s.form); err != nil || d.More() {
		return nil, fmt.Errorf("open state: %s: not the state of a simulated platform (its content is not shown)", f.path(simulatedFile))
	}
	if s.form.Version != 1 || len(s.form.Signing) != ed25519.SeedSize || len(s.form.Sealing) != 32 {
		return nil, fmt.Errorf("open state: %s: state of version %d, want 1, with keys of 32 bytes", f.path(simulatedFile), s.form.Version)
	}
	return s, nil
}

func (s *simulation) write(form simulationForm) error {
	b, err := json.Marshal(form)
	if err != nil {
		return err
	}
	err = s.folder.write(simulatedFile, append(b, '\n'))
	if err == nil {
		s.form = form
	}
	return err
}

// advance writes the counter's new value.
func (s *simulation) advance(epoch uint64) error {
	form := s.form
	form.Epoch = epoch
	return s.write(form)
}

func (s *simulation) start(measurement [32]byte) (broker.Platform, error) {
	return simulated.New(simulated.Config{
		Key:         ed25519.NewKeyFromSeed(s.form.Signing),
		Sealing:     [32]byte(s.form.Sealing),
		Measurement: measurement,
		Epoch:       s.form.Epoch,
		Persist:     s.advance,
	})
}

func (s *simulation) facts(f *facts) {
	public := ed25519.NewKeyFromSeed(s.form.Signing).Public().(ed25519.PublicKey)
	f.Key, f.Notice = hex.EncodeToString(public), attest.Notice(attest.KindSimulated)
}
