// Package chip is the platform on a TPM 2.0: it measures the vault, proves
// it, seals the gallery's keys, and counts. It runs in the launcher.
//
// Every command that carries or returns a secret, or whose reply must be
// true, runs in a session of its own that is salted with the chip's storage
// key, whose public half was noted at set-up. Who listens between processor
// and chip sees ciphertext, and who changes what passes there is found out.
package chip

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
)

// Where the platform's two permanent things lie in the chip.
const (
	storageHandle = tpm2.TPMHandle(0x8100564C)
	counterHandle = tpm2.TPMHandle(0x0180564C)
)

const (
	attempts = 3 // to do something over a connection that breaks
	patience = 10 * time.Second
)

// What the chip refuses, or cannot do.
var (
	ErrUsed       = errors.New("a vault was started on this TPM since the machine started: restart the machine")
	ErrApproval   = errors.New("the approval is not for this vault on this machine")
	ErrForeign    = errors.New("the state folder belongs to another TPM, or the TPM was cleared")
	ErrBoard      = errors.New("the TPM does not open the platform's secrets: the machine's firmware or its settings are not those of the set-up, or the release key is another")
	ErrOwned      = errors.New("the TPM has an owner already: restore the state folder if it was lost, or clear the TPM in the machine's firmware menu, which destroys what it protects")
	ErrLockout    = errors.New("the TPM is locked against guessing: wait for a day or clear it")
	ErrBound      = errors.New("the vault's key is bound already")
	ErrNotBound   = errors.New("the vault's key is not bound yet")
	ErrRestarted  = errors.New("the TPM was reset since this vault was started: another one may have the gallery")
	ErrEpoch      = errors.New("not the epoch that the counter allows")
	ErrSealed     = errors.New("not sealed by this TPM for this epoch, board and release key")
	ErrNoCert     = errors.New("the TPM has no endorsement certificate from its maker")
	errUnexpected = errors.New("the vault's register was extended by another program")
)

// Chip is a connection to a TPM. Its methods may be called at the same time;
// they take their turn.
type Chip struct {
	path     string
	patience time.Duration

	mu      sync.Mutex
	conn    *steady           // nil: to be opened
	used    bool              // there was a connection before
	key     *tpm2.NamedHandle // the attestation key, loaded over conn; or nil
	storage *tpm2.TPMTPublic  // the storage key's public area, as noted at set-up
	since   *starts           // at which the vault was started; nil before
}

// Open connects to /dev/tpmrm0 or to the socket of a TPM made of software.
func Open(path string) (*Chip, error) {
	c := &Chip{path: path, patience: patience}
	if err := c.do("open "+path, func(transport.TPM) error { return nil }); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends the connection.
func (c *Chip) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}

// do runs what is to be done, again over a new connection where the old one
// broke. So f must find out what an earlier try has done.
func (c *Chip) do(what string, f func(transport.TPM) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for try := range attempts {
		time.Sleep(time.Duration(try) * 20 * time.Millisecond)
		if c.conn == nil {
			if err = c.connect(); err != nil && c.used {
				continue
			} else if err != nil {
				break // there is no such TPM
			}
		}
		err = f(c.conn)
		lost := errors.Is(err, errLost)
		if lost || errors.Is(err, ErrBusy) { // sessions may be left in the chip: the next connection removes them
			_ = c.conn.Close()
			c.conn = nil
		}
		if !lost {
			break
		}
	}
	if errors.Is(err, tpm2.TPMRCLockout) {
		err = fmt.Errorf("%w: %w", ErrLockout, err)
	}
	if err != nil {
		return fmt.Errorf("tpm: %s: %w", what, err)
	}
	return nil
}

// connect opens the chip and removes what a broken connection left in it. At
// first there is nothing of ours, and what others have is left alone.
func (c *Chip) connect() error {
	wait := socketComes
	if c.used {
		wait = 0
	}
	conn, err := dial(c.path, wait)
	if err != nil {
		return err
	}
	c.key = nil
	s := &steady{conn, c.patience}
	if !c.used {
		c.conn, c.used = s, true
		return nil
	}
	for _, kind := range []tpm2.TPMHandle{0x02000000, 0x80000000} { // sessions, loaded objects
		r, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: uint32(kind), PropertyCount: 64}.Execute(s)
		if err == nil {
			err = flushAll(s, r.CapabilityData.Data)
		}
		if err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	c.conn = s
	return nil
}

func flushAll(t transport.TPM, u tpm2.TPMUCapabilities) error {
	list, err := u.Handles()
	if err != nil {
		return err
	}
	for _, h := range list.Handle {
		if _, err := (tpm2.FlushContext{FlushHandle: h}).Execute(t); err != nil {
			return err
		}
	}
	return nil
}

// flush unloads an object. Where it fails the connection is about to fail too.
func flush(t transport.TPM, h tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: h}.Execute(t)
}

// parent names the storage key.
func (c *Chip) parent() (tpm2.NamedHandle, error) {
	name, err := tpm2.ObjectName(c.storage)
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	return tpm2.NamedHandle{Handle: storageHandle, Name: *name}, nil
}

// session proves knowledge of auth, and the reply's truth, without showing
// either to who listens.
func (c *Chip) session(auth []byte, more ...tpm2.AuthOption) tpm2.Session {
	options := append([]tpm2.AuthOption{tpm2.Auth(auth), tpm2.Salted(storageHandle, *c.storage)}, more...)
	return tpm2.HMAC(tpm2.TPMAlgSHA256, 16, options...)
}

// hidden is a session that also encrypts the first parameter both ways.
func (c *Chip) hidden(auth []byte) tpm2.Session {
	return c.session(auth, tpm2.AESEncryption(128, tpm2.EncryptInOut))
}

// properties reads values of the chip; what is not there is 0.
func properties(t transport.TPM, first tpm2.TPMPT, n int) ([]uint32, error) {
	r, err := tpm2.GetCapability{Capability: tpm2.TPMCapTPMProperties, Property: uint32(first), PropertyCount: uint32(n)}.Execute(t)
	if err != nil {
		return nil, err
	}
	list, err := r.CapabilityData.Data.TPMProperties()
	if err != nil {
		return nil, err
	}
	values := make([]uint32, n)
	for _, p := range list.TPMProperty {
		if i := int(p.Property) - int(first); i >= 0 && i < n {
			values[i] = p.Value
		}
	}
	return values, nil
}

// Maker names the chip's maker and model, as it says itself, for people.
func (c *Chip) Maker() (name string, err error) {
	err = c.do("read the maker", func(t transport.TPM) error {
		v, err := properties(t, tpm2.TPMPTManufacturer, 5)
		if err != nil {
			return err
		}
		var b strings.Builder
		for i, word := range v {
			for shift := 24; shift >= 0; shift -= 8 {
				if ch := byte(word >> shift); ch >= ' ' && ch < 0x7f {
					b.WriteByte(ch)
				}
			}
			if i == 0 {
				b.WriteByte(' ')
			}
		}
		name = strings.Join(strings.Fields(b.String()), " ")
		return nil
	})
	return name, err
}

// selection asks for registers of the SHA-256 bank.
func selection(pcrs ...uint) tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{Hash: tpm2.TPMAlgSHA256, PCRSelect: tpm2.PCClientCompatible.PCRs(pcrs...)}}}
}

// registers reads up to eight registers. Sessions make the answer true.
func registers(t transport.TPM, pcrs []uint, s ...tpm2.Session) ([][32]byte, error) {
	r, err := tpm2.PCRRead{PCRSelectionIn: selection(pcrs...)}.Execute(t, s...)
	if err != nil {
		return nil, err
	}
	if len(r.PCRValues.Digests) != len(pcrs) {
		return nil, fmt.Errorf("the TPM has no SHA-256 bank: %d of %d registers", len(r.PCRValues.Digests), len(pcrs))
	}
	values := make([][32]byte, len(pcrs))
	for i, d := range r.PCRValues.Digests {
		if len(d.Buffer) != 32 {
			return nil, fmt.Errorf("register of %d bytes", len(d.Buffer))
		}
		values[i] = [32]byte(d.Buffer)
	}
	return values, nil
}

// register reads the vault's register in a session.
func (c *Chip) register(t transport.TPM) ([32]byte, error) {
	v, err := registers(t, []uint{tpm.VaultPCR}, c.session(nil, tpm2.Audit()))
	if err != nil {
		return [32]byte{}, err
	}
	return v[0], nil
}

// Boot reads how the machine was started.
func (c *Chip) Boot() (b tpm.Boot, err error) {
	err = c.do("read the boot registers", func(t transport.TPM) error {
		b, err = c.boot(t)
		return err
	})
	return b, err
}

// boot reads registers 0 to 9; in a session once the storage key is known.
func (c *Chip) boot(t transport.TPM) (b tpm.Boot, err error) {
	for first := uint(0); first < tpm.BootPCRs; first += 5 {
		var s []tpm2.Session
		if c.storage != nil {
			s = append(s, c.session(nil, tpm2.Audit()))
		}
		v, err := registers(t, []uint{first, first + 1, first + 2, first + 3, first + 4}, s...)
		if err != nil {
			return b, err
		}
		copy(b[first:], v)
	}
	return b, nil
}
