// Package bundle is a system for a unit as a file: a signed manifest and the
// two parts of a slot, whole or as what changed since another system.
// README.md in this folder is the specification; the code follows it.
//
// Whoever carries a bundle is not trusted: the manifest is signed, and names
// the hash of every byte that follows and of every byte that comes out.
package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"volar/wire/canonical"
	"volar/wire/signed"
)

// Version is the first element of a manifest.
const Version = 1

// purpose separates this signature from all others that a release key makes.
const purpose = "volar/bundle/1"

// Limits, in bytes.
const (
	MaxManifest = 1024      // a signed manifest
	MaxPart     = 512 << 20 // a part, packed or not
	MaxFloor    = 4095
)

// Why bytes are no bundle, or not the wanted one.
var (
	ErrForm      = errors.New("not a bundle")
	ErrSignature = errors.New("not signed with the release key")
	ErrDamaged   = errors.New("the bytes are not those that were signed")
	ErrBase      = errors.New("made from another system than the one that runs")
)

// Names of the parts, in the order in which they follow the manifest.
var Names = [2]string{"boot", "root"}

// Part is one part of a slot, in the bundle and on the unit.
type Part struct {
	Size       uint64   // on the unit, 1 to MaxPart
	Hash       [32]byte // SHA-256, on the unit
	Packed     uint64   // in the bundle, 1 to MaxPart
	PackedHash [32]byte // SHA-256, in the bundle
	BaseSize   uint64   // of the same part of the system that it is made from; 0 where the bundle is full
	BaseHash   [32]byte // zero where the bundle is full
}

// Manifest says what a bundle is.
type Manifest struct {
	Board  string // 1 to 32 of a-z, 0-9 and '-'
	Name   string // the version as people write it: 1 to 32 of a-z, 0-9, '.', '+' and '-'
	Serial uint64 // grows with every release, 1 and up
	Floor  uint64 // no system with a lower one starts any more once this one is confirmed; 1 to MaxFloor
	From   uint64 // serial of the system that it is made from, 0 where the bundle is full
	Parts  [2]Part
}

type form struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Board   string
	Name    string
	Serial  uint64
	Floor   uint64
	From    uint64
	Parts   []partForm
}

type partForm struct {
	_          struct{} `cbor:",toarray"`
	Size       uint64
	Hash       [32]byte
	Packed     uint64
	PackedHash [32]byte
	BaseSize   uint64
	BaseHash   [32]byte
}

var codec = canonical.New(4, 16)

// Delta tells whether the bundle holds only what changed.
func (m Manifest) Delta() bool { return m.From != 0 }

// Payload is how many bytes follow the manifest.
func (m Manifest) Payload() int64 { return int64(m.Parts[0].Packed + m.Parts[1].Packed) }

// Installed is how many bytes the system takes on the unit.
func (m Manifest) Installed() int64 { return int64(m.Parts[0].Size + m.Parts[1].Size) }

func (m Manifest) check() error {
	if !isText(m.Board, "-") {
		return fmt.Errorf("%w: board %q, 1 to 32 of a-z, 0-9 and '-'", ErrForm, m.Board)
	}
	if !isText(m.Name, "-+.") {
		return fmt.Errorf("%w: version %q, 1 to 32 of a-z, 0-9, '.', '+' and '-'", ErrForm, m.Name)
	}
	if m.Serial < 1 || m.From >= m.Serial {
		return fmt.Errorf("%w: serial %d made from serial %d", ErrForm, m.Serial, m.From)
	}
	if m.Floor < 1 || m.Floor > MaxFloor {
		return fmt.Errorf("%w: floor %d, allowed 1 to %d", ErrForm, m.Floor, MaxFloor)
	}
	for i, p := range m.Parts {
		if err := p.check(m.Delta()); err != nil {
			return fmt.Errorf("%w: %s %w", ErrForm, Names[i], err)
		}
	}
	return nil
}

func (p *Part) check(delta bool) error {
	switch zero := [32]byte{}; {
	case p.Size < 1 || p.Size > MaxPart || p.Packed < 1 || p.Packed > MaxPart || p.BaseSize > MaxPart:
		return fmt.Errorf("has %d bytes, packed %d, from %d: allowed 1 to %d", p.Size, p.Packed, p.BaseSize, MaxPart)
	case p.Hash == zero || p.PackedHash == zero:
		return errors.New("has no hash")
	case delta != (p.BaseSize != 0) || delta != (p.BaseHash != zero):
		return errors.New("names what it is made from if, and only if, the bundle is a delta")
	}
	return nil
}

// isText says whether s is 1 to 32 of a-z, 0-9 and more.
func isText(s, more string) bool {
	if len(s) < 1 || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		other := false
		for _, m := range []byte(more) {
			other = other || c == m
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !other {
			return false
		}
	}
	return true
}

// Sign gives the signed manifest. Equal input gives equal bytes.
func (m Manifest) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("bundle: sign: %w", err)
	}
	f := form{Version: Version, Board: m.Board, Name: m.Name, Serial: m.Serial, Floor: m.Floor, From: m.From}
	for _, p := range m.Parts {
		f.Parts = append(f.Parts, partForm{Size: p.Size, Hash: p.Hash, Packed: p.Packed, PackedHash: p.PackedHash, BaseSize: p.BaseSize, BaseHash: p.BaseHash})
	}
	b, err := codec.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("bundle: sign: %w", err)
	}
	if b, err = signed.Sign(key, purpose, b); err != nil {
		return nil, fmt.Errorf("bundle: sign: %w", err)
	}
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("bundle: sign: manifest of %d bytes, at most %d", len(b), MaxManifest)
	}
	return b, nil
}

// Open checks a signed manifest's length, signature and values. Whether it
// is for this board, newer and not below the floor is for the caller.
func Open(b []byte, key ed25519.PublicKey) (*Manifest, error) {
	m, err := open(b, key)
	if err != nil {
		return nil, fmt.Errorf("bundle: open: %w", err)
	}
	return m, nil
}

func open(b []byte, key ed25519.PublicKey) (*Manifest, error) {
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("%w: manifest of %d bytes, at most %d", ErrForm, len(b), MaxManifest)
	}
	payload, err := signed.Open(key, purpose, b)
	switch {
	case errors.Is(err, signed.ErrSignature):
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	var f form
	if err := codec.Unmarshal(payload, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if f.Version != Version || len(f.Parts) != len(Names) {
		return nil, fmt.Errorf("%w: version %d with %d parts, this is version %d with %d", ErrForm, f.Version, len(f.Parts), Version, len(Names))
	}
	m := &Manifest{Board: f.Board, Name: f.Name, Serial: f.Serial, Floor: f.Floor, From: f.From}
	for i, p := range f.Parts {
		m.Parts[i] = Part{p.Size, p.Hash, p.Packed, p.PackedHash, p.BaseSize, p.BaseHash}
	}
	return m, m.check()
}

// magic begins a bundle.
var magic = [8]byte{'v', 'o', 'l', 'a', 'r', 'b', 'n', '1'}

// Head reads the beginning of a bundle and gives the signed manifest. The
// payload follows.
func Head(r io.Reader) ([]byte, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("bundle: read: %w: %w", ErrForm, err)
	}
	n := binary.BigEndian.Uint32(head[8:])
	if [8]byte(head[:8]) != magic || n < 1 || n > MaxManifest {
		return nil, fmt.Errorf("bundle: read: %w", ErrForm)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("bundle: read: %w: %w", ErrForm, err)
	}
	return b, nil
}

// WriteHead writes what Head reads.
func WriteHead(w io.Writer, manifest []byte) error {
	b := append(magic[:], 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[8:], uint32(len(manifest)))
	if _, err := w.Write(append(b, manifest...)); err != nil {
		return fmt.Errorf("bundle: write: %w", err)
	}
	return nil
}

// HeadSize is how long the head of a bundle with this manifest is.
func HeadSize(manifest []byte) int64 { return int64(len(magic)) + 4 + int64(len(manifest)) }

// Check reads a payload and tells whether it is the one that was signed:
// ErrDamaged where it is not, has fewer bytes or more.
func (m Manifest) Check(r io.Reader) error {
	for i, p := range m.Parts {
		h := sha256.New()
		if n, err := io.Copy(h, io.LimitReader(r, int64(p.Packed))); err != nil {
			return fmt.Errorf("bundle: check %s: %w", Names[i], err)
		} else if uint64(n) != p.Packed || [32]byte(h.Sum(nil)) != p.PackedHash {
			return fmt.Errorf("bundle: check %s: %w", Names[i], ErrDamaged)
		}
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != nil && err != io.EOF {
		return errors.Join(fmt.Errorf("bundle: check: %w: bytes after the end", ErrDamaged), err)
	}
	return nil
}
