package chip

import (
	"bytes"
	"crypto/sha256"
	"os"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
)

// unit is a board's chip as a palm device uses it.
func (b *board) unit() *Unit { return &Unit{b.chip} }

// boots is a power cycle after which PCR 8 holds what this firmware measures.
func (b *board) boots(firmware string) *Unit {
	b.t.Helper()
	b.restart()
	digest := sha256.Sum256([]byte(firmware))
	must(b.t, b.chip.do("measure", func(t transport.TPM) error {
		_, err := tpm2.PCRExtend{PCRHandle: tpm2.AuthHandle{Handle: 8, Auth: tpm2.PasswordAuth(nil)},
			Digests: tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}}}.Execute(t)
		return err
	}))
	return b.unit()
}

func pcr8(firmware string) [32]byte {
	digest := sha256.Sum256([]byte(firmware))
	return sha256.Sum256(append(make([]byte, 32), digest[:]...))
}

// TestUnitSeals: a unit's secret opens to the firmware that it was sealed
// for, also one that did not run yet, and to no other; and not after a reset.
func TestUnitSeals(t *testing.T) {
	b := newBoard(t)
	u := b.boots("one")
	now, err := u.Firmware()
	must(t, err)
	if now != pcr8("one") {
		t.Fatalf("PCR 8 is %x", now)
	}
	if _, err := u.Unseal(nil); err == nil {
		t.Fatal("nothing opened")
	} else {
		wants(t, "a new chip", err, ErrWiped)
	}
	secret := bytes.Repeat([]byte{7}, 32)
	forOne, err := u.Seal(secret, pcr8("one"), 0)
	must(t, err)
	forTwo, err := u.Seal(secret, pcr8("two"), 0)
	must(t, err)
	if len(forOne) > MaxUnitSealed || bytes.Contains(forOne, secret) {
		t.Errorf("sealed: %d bytes", len(forOne))
	}
	for _, boot := range []struct {
		firmware   string
		opens, not []byte
	}{{"one", forOne, forTwo}, {"two", forTwo, forOne}} {
		u = b.boots(boot.firmware)
		got, err := u.Unseal(boot.opens)
		must(t, err)
		if !bytes.Equal(got, secret) {
			t.Errorf("%s: another secret", boot.firmware)
		}
		_, err = u.Unseal(boot.not)
		wants(t, boot.firmware+" opens the other's", err, ErrFirmware)
	}
	u = b.boots("two")
	must(t, u.Wipe())
	must(t, u.Wipe())
	_, err = u.Unseal(forTwo)
	wants(t, "after a reset", err, ErrWiped)
	_, err = u.Seal(secret, pcr8("two"), 0)
	must(t, err)
	_, err = u.Unseal(forTwo)
	wants(t, "from before the reset", err, ErrNotHere)
}

// TestUnitFloor: firmware below the floor opens nothing, though it is the
// firmware that the secret was sealed for.
func TestUnitFloor(t *testing.T) {
	b := newBoard(t)
	u := b.boots("one")
	floor, err := u.Floor()
	must(t, err)
	if floor != 0 {
		t.Fatalf("floor of a new chip is %d", floor)
	}
	must(t, u.RaiseFloor(2))
	old, err := u.Seal([]byte("secret"), pcr8("one"), 2)
	must(t, err)
	_, err = u.Unseal(old)
	must(t, err)
	must(t, u.RaiseFloor(3))
	_, err = u.Unseal(old)
	wants(t, "below the floor", err, ErrFirmware)
	wants(t, "down", u.RaiseFloor(2), ErrRaise)
	wants(t, "far up", u.RaiseFloor(3+maxRaise+1), ErrRaise)
	must(t, u.Wipe())
	must(t, u.Spend(3)) // by the program that has just wiped, as a factory reset does
	u = b.boots("one")
	if floor, err = u.Floor(); err != nil || floor != 3 {
		t.Errorf("after reset and power cut: floor %d, %v", floor, err)
	}
	must(t, u.Spend(1700000000))
	must(t, u.Spend(5))
	u = b.boots("one")
	if n, err := u.Spent(); err != nil || n != 1700000000 {
		t.Errorf("spent %d, %v", n, err)
	}
}

// TestUnitSealedBits: no bit of a sealed secret can be changed.
func TestUnitSealedBits(t *testing.T) {
	b := newBoard(t)
	u := b.boots("one")
	sealed, err := u.Seal([]byte("secret"), pcr8("one"), 0)
	must(t, err)
	step := 5
	if testing.Short() {
		step = 61
	}
	for bit := 0; bit < 8*len(sealed); bit += step {
		bad := bytes.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		if got, err := u.Unseal(bad); err == nil {
			t.Errorf("bit %d: opened %q", bit, got)
		}
	}
	for _, n := range []int{0, 1, len(sealed) - 1} {
		_, err := u.Unseal(sealed[:n])
		wants(t, "cut", err, ErrNotHere)
	}
	_, err = u.Unseal(make([]byte, MaxUnitSealed+1))
	wants(t, "long", err, ErrNotHere)
	for _, n := range []int{0, MaxSecret + 1} {
		_, err := u.Seal(make([]byte, n), [32]byte{}, 0)
		wants(t, "a secret of another size", err, ErrWell)
	}
}

// TestUnitProves: the attestation key stays the same, activates a credential
// made for it and the maker's endorsement key, and quotes PCR 8.
func TestUnitProves(t *testing.T) {
	b, roots := manufactured(t, t.TempDir())
	u := b.boots("one")
	key, err := u.AttestationKey()
	must(t, err)
	must(t, b.chip.do("compare", func(tp transport.TPM) error {
		return u.withKey(tp, func(h tpm2.NamedHandle, k tpm.PublicKey) error {
			if name := k.Unit().Name(); !bytes.Equal(name[:], h.Name.Buffer) {
				t.Errorf("the key's name is %x, want %x", h.Name.Buffer, name)
			}
			return nil
		})
	}))
	der, err := u.Endorsement()
	must(t, err)
	endorsement, err := CheckEndorsement(der, roots, roots, time.Now())
	must(t, err)
	modulus, err := u.EndorsementKey()
	must(t, err)
	if !bytes.Equal(modulus, endorsement.N.Bytes()) {
		t.Error("the endorsement key is not the certificate's")
	}
	c, err := NewUnitChallenge(endorsement, key)
	must(t, err)
	answer, err := u.Activate(c.Credential, c.Secret)
	must(t, err)
	must(t, c.Check(answer))

	other := newBoard(t)
	theirs, err := other.boots("one").AttestationKey()
	must(t, err)
	c, err = NewUnitChallenge(endorsement, theirs)
	must(t, err)
	if _, err := u.Activate(c.Credential, c.Secret); err == nil {
		t.Error("a chip activated a credential for another chip's key")
	}

	quote, sig, err := u.Quote(nonce)
	must(t, err)
	must(t, tpm.CheckUnitQuote(key, quote, sig, pcr8("one"), nonce))
	wants(t, "other firmware", tpm.CheckUnitQuote(key, quote, sig, pcr8("two"), nonce), tpm.ErrUnitQuote)
	wants(t, "other nonce", tpm.CheckUnitQuote(key, quote, sig, pcr8("one"), [32]byte{1}), tpm.ErrUnitQuote)
	wants(t, "other key", tpm.CheckUnitQuote(theirs, quote, sig, pcr8("one"), nonce), tpm.ErrUnitQuote)
	for bit := range 8 * len(quote) {
		bad := bytes.Clone(quote)
		bad[bit/8] ^= 1 << (bit % 8)
		if tpm.CheckUnitQuote(key, bad, sig, pcr8("one"), nonce) == nil {
			t.Errorf("bit %d of a quote does not count", bit)
		}
	}
	if again, err := b.boots("two").AttestationKey(); err != nil || again != key {
		t.Errorf("after a restart the key is another one: %v", err)
	}
}

// TestUnitIsCutAnywhere: where the connection dies in the middle of any
// command, trying again succeeds, and the floor has not moved.
func TestUnitIsCutAnywhere(t *testing.T) {
	for cut := range 40 {
		b := newBoard(t)
		u := b.boots("one")
		n := 0
		b.chip.conn.TPMCloser = dying{b.chip.conn.TPMCloser, func() bool { n++; return n > cut }}
		_, err := u.Seal([]byte("secret"), pcr8("one"), 0)
		u = b.boots("one")
		sealed, err2 := u.Seal([]byte("secret"), pcr8("one"), 0)
		must(t, err2)
		if got, err := u.Unseal(sealed); err != nil || string(got) != "secret" {
			t.Fatalf("cut at %d: %q, %v", cut, got, err)
		}
		if floor, err := u.Floor(); err != nil || floor != 0 {
			t.Fatalf("cut at %d: floor %d, %v", cut, floor, err)
		}
		b.cut()
		if err == nil && n <= cut {
			return // it got through
		}
	}
	t.Error("sealing takes more commands than were cut")
}

// dying is a chip that loses its power.
type dying struct {
	transport.TPMCloser
	dead func() bool
}

func (d dying) Send(command []byte) ([]byte, error) {
	if d.dead() {
		return nil, os.ErrClosed
	}
	return d.TPMCloser.Send(command)
}

func FuzzUnitSealed(f *testing.F) {
	good, err := unitCodec.Marshal(unitSealed{Version: 1, Storage: []byte{1}, Most: 3, Object: Object{Public: []byte{2}, Private: []byte{3}}})
	must(f, err)
	f.Add(good)
	f.Add(make([]byte, MaxUnitSealed+1))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, _, err := parseUnitSealed(in)
		if err != nil {
			return
		}
		if out, err := unitCodec.Marshal(s); err != nil || !bytes.Equal(in, out) {
			t.Errorf("two encodings of one sealed secret: %v", err)
		}
	})
}
