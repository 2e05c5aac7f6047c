// Package tsm asks the kernel of a confidential guest for a report about the
// guest, through configfs-tsm (Linux 6.7 and up,
// Documentation/ABI/testing/configfs-tsm-report). AMD SEV-SNP and Intel TDX
// guests have it alike.
package tsm

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Root is where the interface lies.
const Root = "/sys/kernel/config/tsm/report"

// The providers that a kernel names.
const (
	ProviderSNP = "sev_guest"
	ProviderTDX = "tdx_guest"
)

// maxBlob is the longest report or table that is read, in bytes.
const maxBlob = 32 << 10

// Report is what the platform says.
type Report struct {
	Out []byte // the signed report
	Aux []byte // what helps to check it, such as certificates; may be empty
}

// Ask requests a report over in from the provider named. It may wait for
// as long as the platform's quoting service takes.
func Ask(provider string, in [64]byte) (Report, error) { return ask(system{}, Root, provider, in) }

// files is what is needed of a file system.
type files interface {
	Mkdir(path string) error
	Remove(path string) error
	Write(path string, b []byte) error
	Read(path string, most int) ([]byte, error)
}

// ask makes a request of its own, so that it meets no other's.
func ask(fs files, root, provider string, in [64]byte) (r Report, err error) {
	var name [8]byte
	rand.Read(name[:]) // never fails
	dir := filepath.Join(root, "volar-"+hex.EncodeToString(name[:]))
	if err := fs.Mkdir(dir); err != nil {
		return Report{}, fmt.Errorf("tsm: begin a report: %w", err)
	}
	defer func() {
		if e := fs.Remove(dir); e != nil && err == nil {
			r, err = Report{}, fmt.Errorf("tsm: end a report: %w", e)
		}
	}()
	attribute := func(name string) []byte {
		if err != nil {
			return nil
		}
		var b []byte
		b, err = fs.Read(filepath.Join(dir, name), maxBlob)
		return b
	}
	if err := fs.Write(filepath.Join(dir, "inblob"), in[:]); err != nil {
		return Report{}, fmt.Errorf("tsm: ask for a report: %w", err)
	}
	before := attribute("generation")
	by := attribute("provider")
	r = Report{attribute("outblob"), attribute("auxblob")}
	after := attribute("generation")
	switch {
	case err != nil:
		return Report{}, fmt.Errorf("tsm: read a report: %w", err)
	case string(bytes.TrimSpace(by)) != provider:
		return Report{}, fmt.Errorf("tsm: read a report: it is of %.32q, not of %q", bytes.TrimSpace(by), provider)
	case !bytes.Equal(before, after):
		return Report{}, errors.New("tsm: read a report: somebody else changed the request")
	case len(r.Out) == 0:
		return Report{}, errors.New("tsm: read a report: it is empty")
	}
	return r, nil
}

// system is the real file system.
type system struct{}

func (system) Mkdir(path string) error           { return os.Mkdir(path, 0o700) }
func (system) Remove(path string) error          { return os.Remove(path) }
func (system) Write(path string, b []byte) error { return os.WriteFile(path, b, 0) }

func (system) Read(path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("%s is longer than %d bytes", filepath.Base(path), most)
	}
	return b, err
}
