package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Release is what a slot says of itself: etc/volar/release.json, in the signed
// initramfs and in the root alike.
type Release struct {
	Board     string `json:"board"`
	Version   string `json:"version"`
	Serial    uint64 `json:"serial"`     // grows with each release
	Floor     uint64 `json:"floor"`      // raised when older ones must never run again; 1 to 4095
	Built     int64  `json:"built"`      // Unix seconds of the source
	UpdateKey string `json:"update_key"` // hex; Ed25519, signs bundles
}

// MaxFloor bounds Release.Floor: a TPM's counter goes up by one at a time.
const MaxFloor = 4095

var versionForm = regexp.MustCompile(`^(\d{1,4})\.(\d{1,3})\.(\d{1,3})(-[0-9a-z.]{1,32})?$`)

// SerialOf is the serial of a version such as 1.2.3: 1002003. What follows a
// dash does not count.
func SerialOf(version string) (uint64, error) {
	m := versionForm.FindStringSubmatch(version)
	if m == nil {
		return 0, fmt.Errorf("image: version %q, want one such as 1.2.3 or 1.2.3-rc.1", version)
	}
	serial := uint64(0)
	for _, part := range m[1:4] {
		n, _ := strconv.ParseUint(part, 10, 64)
		serial = serial*1000 + n
	}
	return serial, nil
}

func (r *Release) check() error {
	if _, err := SerialOf(r.Version); err != nil {
		return err
	}
	switch {
	case r.Serial == 0:
		return errors.New("image: serial 0, want one that grows with each release")
	case r.Floor < 1 || r.Floor > MaxFloor:
		return fmt.Errorf("image: floor %d, allowed 1 to %d", r.Floor, MaxFloor)
	case r.Built < 1:
		return errors.New("image: no time of the source")
	}
	return nil
}

func (r *Release) bytes() []byte {
	b, _ := json.Marshal(r)
	return append(b, '\n')
}

// maxJSON bounds the JSON files that are read here, in bytes.
const maxJSON = 256 << 10

// strictJSON decodes one object that has no unknown fields and no company.
func strictJSON(b []byte, into any) error {
	if len(b) > maxJSON {
		return fmt.Errorf("%d bytes, allowed %d", len(b), maxJSON)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one object")
	}
	return nil
}
