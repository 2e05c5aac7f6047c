package recovery

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Multiplication against the definition: polynomials over GF(2) modulo 0x11b,
// for every pair; and the vectors of FIPS 197, section 4.2.
func TestField(t *testing.T) {
	slow := func(a, b int) byte {
		p := 0
		for i := range 8 {
			if b>>i&1 == 1 {
				p ^= a << i
			}
		}
		for i := 14; i >= 8; i-- {
			if p>>i&1 == 1 {
				p ^= 0x11b << (i - 8)
			}
		}
		return byte(p)
	}
	for a := range 256 {
		for b := range 256 {
			if got, want := mul(byte(a), byte(b)), slow(a, b); got != want {
				t.Fatalf("%#x * %#x = %#x, want %#x", a, b, got, want)
			}
		}
		if got := mul(byte(a), inverse(byte(a))); a > 0 && got != 1 || a == 0 && inverse(0) != 0 {
			t.Errorf("%#x * its inverse = %#x", a, got)
		}
	}
	if mul(0x57, 0x83) != 0xc1 || mul(0x57, 0x13) != 0xfe || inverse(0x53) != 0xca {
		t.Error("FIPS 197 has other products")
	}
}

// Known shares, worked out by hand: f(x) = 0x2a + 0x03 x + 0x01 x^2 for the
// first byte, f(x) = 0xff + 0x80 x^2 for the second.
func TestJoinVectors(t *testing.T) {
	at := func(x byte, y string) point {
		b, err := hex.DecodeString(y)
		if err != nil {
			t.Fatal(err)
		}
		return point{x, b}
	}
	shares := []point{at(1, "287f"), at(2, "28c9"), at(3, "2a49"), at(4, "3627")}
	for _, of := range [][]int{{0, 1, 2}, {3, 1, 0}, {2, 3, 1}, {0, 1, 2, 3}} {
		var some []point
		for _, i := range of {
			some = append(some, shares[i])
		}
		if got, err := join(some); err != nil || !bytes.Equal(got, []byte{0x2a, 0xff}) {
			t.Errorf("shares %v: %x, %v", of, got, err)
		}
	}
}

// Every choice of t shares gives the secret, none of t-1 does.
func TestSplitJoin(t *testing.T) {
	secret := []byte("thirty-two bytes of recovery key")
	for _, c := range []struct{ t, n int }{{2, 2}, {2, 3}, {3, 5}, {5, 7}, {32, 32}} {
		points, err := split(secret, c.t, c.n)
		if err != nil {
			t.Fatal(err)
		}
		for pick := range 1 << min(c.n, 7) {
			var some []point
			for i, p := range points {
				if c.n > 7 || pick>>i&1 == 1 {
					some = append(some, p)
				}
			}
			if len(some) == 0 {
				continue
			}
			got, err := join(some)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(got, secret) != (len(some) >= c.t) {
				t.Errorf("%d of %d: %d shares give %x", c.t, c.n, len(some), got)
			}
		}
	}
	for _, c := range []struct{ t, n int }{{1, 3}, {0, 0}, {3, 2}, {2, 33}} {
		if _, err := split(secret, c.t, c.n); err == nil {
			t.Errorf("%d of %d is possible", c.t, c.n)
		}
	}
	for name, points := range map[string][]point{
		"none": nil, "twice the same": {{1, secret}, {1, secret}}, "at zero": {{0, secret}}, "of other lengths": {{1, secret}, {2, secret[1:]}},
	} {
		if _, err := join(points); err == nil {
			t.Errorf("shares %s are joined", name)
		}
	}
}

// t-1 shares say nothing: for each value of a missing share there is exactly
// one secret, so every secret is as likely as before.
func TestTooFewSharesAreIndependent(t *testing.T) {
	points, err := split([]byte{0x42}, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[byte]bool{}
	for y := range 256 {
		got, err := join([]point{points[0], points[3], {2, []byte{byte(y)}}})
		if err != nil {
			t.Fatal(err)
		}
		seen[got[0]] = true
	}
	if len(seen) != 256 {
		t.Errorf("two of three shares leave %d secrets", len(seen))
	}
}
