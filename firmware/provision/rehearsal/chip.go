// Package rehearsal is a unit and a cable made of software, on which both
// ends of provisioning are tried: a chip, a store whose power can be cut, a
// board, and a line that loses, repeats, flips and mixes bytes. It vouches for
// nothing.
package rehearsal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"sync"

	"volar/hal"
)

// What a Chip refuses.
var (
	ErrWiped = errors.New("rehearsal: no storage key")
	errChip  = errors.New("rehearsal: the chip refuses")
)

// Chip does what a unit's TPM does for provisioning, by the same formats.
type Chip struct {
	PCR    [32]byte
	fuse   *Fuse
	rsa    *rsa.PrivateKey
	key    *ecdsa.PrivateKey
	mu     sync.Mutex
	secret [32]byte // seals; zero: wiped
	spent  uint64
}

var endorsement = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// NewChip makes a chip. All chips of a process have one endorsement key,
// which takes long to draw.
func NewChip(fuse *Fuse) *Chip {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &Chip{PCR: sha256.Sum256([]byte("firmware")), fuse: fuse, rsa: endorsement(), key: k}
	rand.Read(c.secret[:])
	return c
}

// PCR8 implements provision.Chip.
func (c *Chip) PCR8() ([32]byte, error) { return c.PCR, nil }

// Endorsement implements provision.Chip: no maker vouches for this chip.
func (c *Chip) Endorsement() ([]byte, error) { return nil, hal.ErrNotFound }

// EndorsementKey implements provision.Chip.
func (c *Chip) EndorsementKey() ([]byte, error) { return c.rsa.N.FillBytes(make([]byte, 256)), nil }

// AttestationKey implements provision.Chip.
func (c *Chip) AttestationKey() (key [64]byte, err error) {
	b, err := c.key.PublicKey.Bytes()
	if err == nil {
		copy(key[:], b[1:])
	}
	return key, err
}

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// name of the attestation key: SHA-256 of its TPMT_PUBLIC.
func (c *Chip) name() []byte {
	k, _ := c.AttestationKey()
	const attributes = 1<<1 | 1<<4 | 1<<5 | 1<<6 | 1<<10 | 1<<16 | 1<<18
	sum := sha256.Sum256(slices.Concat(u16(0x23), u16(0xb), u32(attributes), u16(0), u16(0x10), u16(0x18), u16(0xb), u16(3), u16(0x10), u16(32), k[:32], u16(32), k[32:]))
	return append(u16(0xb), sum[:]...)
}

// kdfa is the TPM's KDF (part 1, 11.4.10.2), for up to 32 bytes.
func kdfa(key []byte, label string, context []byte, bits int) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(slices.Concat(u32(1), append([]byte(label), 0), context, u32(uint32(bits))))
	return h.Sum(nil)[:bits/8]
}

// Activate implements provision.Chip (part 1, chapter 24).
func (c *Chip) Activate(credential, secret []byte) ([]byte, error) {
	seed, err := rsa.DecryptOAEP(sha256.New(), nil, c.rsa, secret, []byte("IDENTITY\x00"))
	if err != nil || len(credential) < 2+32 || binary.BigEndian.Uint16(credential) != 32 {
		return nil, errChip
	}
	mac := hmac.New(sha256.New, kdfa(seed, "INTEGRITY", nil, 256))
	mac.Write(slices.Concat(credential[34:], c.name()))
	if !hmac.Equal(mac.Sum(nil), credential[2:34]) {
		return nil, errChip
	}
	block, err := aes.NewCipher(kdfa(seed, "STORAGE", c.name(), 128))
	if err != nil {
		return nil, err
	}
	plain := uncfb(block, credential[34:])
	if len(plain) < 2 || int(binary.BigEndian.Uint16(plain)) != len(plain)-2 {
		return nil, errChip
	}
	return plain[2:], nil
}

// uncfb decrypts in cipher feedback mode from a block of zeros, as a TPM does
// (part 1, annex B.4).
func uncfb(block cipher.Block, sealed []byte) []byte {
	plain, before := make([]byte, len(sealed)), make([]byte, block.BlockSize())
	for i := range sealed {
		if i%len(before) == 0 {
			block.Encrypt(before, before)
		}
		plain[i] = sealed[i] ^ before[i%len(before)]
		before[i%len(before)] = sealed[i]
	}
	return plain
}

// Quote implements provision.Chip.
func (c *Chip) Quote(nonce [32]byte) (quote []byte, signature [64]byte, err error) {
	values := sha256.Sum256(c.PCR[:])
	quote = slices.Concat([]byte("\xffTCG"), u16(0x8018), u16(34), u16(0xb), make([]byte, 32), u16(32), nonce[:], make([]byte, 16), []byte{1}, make([]byte, 8),
		u32(1), u16(0xb), []byte{3, 0, 1, 0}, u16(32), values[:])
	digest := sha256.Sum256(quote)
	r, s, err := ecdsa.Sign(rand.Reader, c.key, digest[:])
	if err != nil {
		return nil, signature, err
	}
	if other := new(big.Int).Sub(elliptic.P256().Params().N, s); other.Cmp(s) < 0 {
		s = other // the lower of the two
	}
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return quote, signature, nil
}

// Seal implements provision.Chip.
func (c *Chip) Seal(secret []byte, pcr8 [32]byte, _ uint64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secret == [32]byte{} {
		rand.Read(c.secret[:])
	}
	mac := hmac.New(sha256.New, c.secret[:])
	mac.Write(append(pcr8[:], secret...))
	return append(mac.Sum(pcr8[:]), secret...), nil
}

// Unseal implements provision.Chip.
func (c *Chip) Unseal(sealed []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secret == [32]byte{} {
		return nil, ErrWiped
	}
	if len(sealed) < 64 || [32]byte(sealed) != c.PCR {
		return nil, errChip
	}
	mac := hmac.New(sha256.New, c.secret[:])
	mac.Write(append(bytesOf(c.PCR), sealed[64:]...))
	if !hmac.Equal(mac.Sum(nil), sealed[32:64]) {
		return nil, errChip
	}
	return sealed[64:], nil
}

func bytesOf(v [32]byte) []byte { return v[:] }

// Wiped tells whether the storage key is gone.
func (c *Chip) Wiped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.secret == [32]byte{}
}

// Spent implements provision.Chip.
func (c *Chip) Spent() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spent, nil
}

// Spend implements provision.Chip.
func (c *Chip) Spend(n uint64) error {
	return c.fuse.Do(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spent = max(c.spent, n)
		return nil
	})
}

// Wipe implements provision.Chip.
func (c *Chip) Wipe() error {
	return c.fuse.Do(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.secret = [32]byte{}
		return nil
	})
}

// Fuse cuts the power of a unit at one of its writes: before it is done, or
// after it, with nobody who hears of it. The zero Fuse holds.
type Fuse struct {
	mu     sync.Mutex
	at     int // writes until it blows; 0: never
	late   bool
	writes int
	blown  bool
}

// ErrPower means that the unit has no power.
var ErrPower = errors.New("rehearsal: no power")

// Arm has the fuse blow at a write, the next one being 1; late after it.
func (f *Fuse) Arm(at int, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.late, f.writes, f.blown = at, late, 0, false
}

// Blown tells whether the power is gone; Writes how many there were.
func (f *Fuse) Blown() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.blown }

// Writes is how many writes there were since Arm.
func (f *Fuse) Writes() int { f.mu.Lock(); defer f.mu.Unlock(); return f.writes }

// Do does a write, if there is power.
func (f *Fuse) Do(write func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blown {
		return ErrPower
	}
	f.writes++
	if f.writes == f.at {
		f.blown = true
		if f.late {
			_ = write() // nobody hears whether it failed
		}
		return ErrPower
	}
	return write()
}

// Store is a hal.Store in memory.
type Store struct {
	fuse *Fuse
	mu   sync.Mutex
	all  map[string][]byte
}

// Get implements hal.Store.
func (s *Store) Get(key string) ([]byte, error) {
	if s.fuse.Blown() {
		return nil, ErrPower
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.all[key]
	if !ok {
		return nil, hal.ErrNotFound
	}
	return slices.Clone(v), nil
}

// Put implements hal.Store.
func (s *Store) Put(key string, v []byte) error {
	return s.fuse.Do(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.all == nil {
			s.all = map[string][]byte{}
		}
		s.all[key] = slices.Clone(v)
		return nil
	})
}

// Delete implements hal.Store.
func (s *Store) Delete(key string) error {
	return s.fuse.Do(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, key)
		return nil
	})
}

// Keys lists what is there.
func (s *Store) Keys() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.all {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
