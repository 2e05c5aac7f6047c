// Package unit holds the decisions of process 1 of a unit, without its system
// calls: what the verified slot says of itself, when a unit counts as new,
// how long to wait before a program is started again, what the clock may say,
// and when a system on trial has proved itself. cmd/palminit acts on them.
package unit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxFile bounds the files of a slot that are read here, in bytes.
const maxFile = 4 << 10

// Release is what a slot says of itself: etc/volar/release.json, in the signed
// initramfs and in the verified root alike.
type Release struct {
	Board     string `json:"board"`
	Version   string `json:"version"`
	Serial    uint64 `json:"serial"`     // grows with each release
	Floor     uint64 `json:"floor"`      // what may not run any more has a lower one
	Built     int64  `json:"built"`      // Unix seconds of the source
	UpdateKey string `json:"update_key"` // hex; Ed25519, signs bundles
}

// ParseRelease reads release.json: all fields, and no others.
func ParseRelease(b []byte) (Release, error) {
	var r Release
	if err := strict(b, &r); err != nil {
		return Release{}, fmt.Errorf("unit: release: %w", err)
	}
	key, err := hex.DecodeString(r.UpdateKey)
	switch {
	case r.Board == "" || r.Version == "" || r.Serial == 0 || r.Floor == 0:
		return Release{}, errors.New("unit: release: board, version, serial or floor is missing")
	case r.Built < 1:
		return Release{}, errors.New("unit: release: no time at which it was built")
	case err != nil || len(key) != 32:
		return Release{}, errors.New("unit: release: update_key is not 32 bytes of hex")
	}
	return r, nil
}

// Key is the public key that signs bundles.
func (r Release) Key() [32]byte {
	b, _ := hex.DecodeString(r.UpdateKey)
	return [32]byte(b)
}

// Time is when the release's source was made. No true clock is before it.
func (r Release) Time() time.Time { return time.Unix(r.Built, 0) }

// strict decodes one JSON object that has no unknown fields and no company.
func strict(b []byte, v any) error {
	if len(b) > maxFile {
		return fmt.Errorf("%d bytes, allowed %d", len(b), maxFile)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one object")
	}
	return nil
}
