package haltest

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"testing"
)

// lowOrder lists the points of Curve25519 and its twist whose order divides
// eight: their shared secret is zero whatever the private key. X25519 ignores
// the highest bit (RFC 7748, section 5), so each has a second encoding.
// https://cr.yp.to/ecdh.html "validate"
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func identity(t *testing.T, open func(t *testing.T) Bench) {
	t.Run("agrees", func(t *testing.T) {
		id := open(t).Device.Identity
		for range 3 {
			peer, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := id.ECDH([32]byte(peer.PublicKey().Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			public := id.Public()
			key, err := ecdh.X25519().NewPublicKey(public[:])
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := peer.ECDH(key)
			if err != nil {
				t.Fatalf("a peer refuses the device's key: %v", err)
			}
			if !bytes.Equal(ours[:], theirs) {
				t.Error("the device and its peer disagree")
			}
		}
	})
	t.Run("low order", func(t *testing.T) {
		id := open(t).Device.Identity
		for _, h := range lowOrder {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			for _, high := range []byte{0, 0x80} {
				b[31] |= high
				if secret, err := id.ECDH([32]byte(b)); err == nil || secret != [32]byte{} {
					t.Errorf("ECDH with %x: %v, want an error and no secret", b, err)
				}
			}
		}
	})
	t.Run("one of a kind", func(t *testing.T) {
		b := open(t)
		key := b.Device.Identity.Public()
		if key == [32]byte{} || key != b.Device.Identity.Public() {
			t.Fatal("the public key is empty or changes")
		}
		if after := reboot(t, b).Identity.Public(); after != key {
			t.Error("the device came back from a reboot as another")
		}
	})
}
