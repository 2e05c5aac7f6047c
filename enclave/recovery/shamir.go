// Package recovery is how the gallery of a tenant outlives its platform: a
// key whose private half exists only as shares in the hands of several
// people, to which the vault seals what leads to the records; and the steps
// by which those people hand that to the vault of another platform, once it
// has proved what it is. No share holder ever sees a template.
package recovery

import (
	"crypto/rand"
	"errors"
	"fmt"
)

// MaxShares bounds how many shares there are.
const MaxShares = 32

// point is one share of a secret: x is not zero and different for each, y has
// the length of the secret.
type point struct {
	x byte
	y []byte
}

// split is Shamir's secret sharing ("How to share a secret", CACM 22, 1979)
// over GF(2^8), byte by byte: n points of a random polynomial of degree t-1
// whose value at 0 is the secret. Any t of them give it back; t-1 are
// independent of it. 2 <= t <= n <= MaxShares.
func split(secret []byte, t, n int) ([]point, error) {
	if t < 2 || n < t || n > MaxShares {
		return nil, fmt.Errorf("recovery: split: %d of %d shares, want 2 <= threshold <= shares <= %d", t, n, MaxShares)
	}
	points := make([]point, n)
	for i := range points {
		points[i] = point{byte(i + 1), make([]byte, len(secret))}
	}
	coefficients := make([]byte, t)
	defer clear(coefficients)
	for b, s := range secret {
		_, _ = rand.Read(coefficients) // never fails: crypto/rand ends the program instead
		coefficients[0] = s
		for _, p := range points {
			var y byte
			for i := t - 1; i >= 0; i-- { // Horner
				y = mul(y, p.x) ^ coefficients[i]
			}
			p.y[b] = y
		}
	}
	return points, nil
}

var errPoints = errors.New("shares that are equal, of different lengths, or none")

// join is the value at 0 of the polynomial through the points (Lagrange).
// With too few points, or a wrong one, it is some other value: who calls it
// checks what comes out.
func join(points []point) ([]byte, error) {
	if len(points) == 0 || len(points) > MaxShares {
		return nil, fmt.Errorf("recovery: combine: %w", errPoints)
	}
	for i, p := range points {
		if p.x == 0 || len(p.y) != len(points[0].y) {
			return nil, fmt.Errorf("recovery: combine: %w", errPoints)
		}
		for _, q := range points[:i] {
			if p.x == q.x {
				return nil, fmt.Errorf("recovery: combine: %w", errPoints)
			}
		}
	}
	secret := make([]byte, len(points[0].y))
	for i, p := range points {
		weight := byte(1)
		for j, q := range points {
			if j != i {
				weight = mul(weight, mul(q.x, inverse(q.x^p.x)))
			}
		}
		for b := range secret {
			secret[b] ^= mul(weight, p.y[b])
		}
	}
	return secret, nil
}

// mul multiplies in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197, section
// 4.2). It has no branch and no table that depends on what it multiplies:
// tables of logarithms have leaked shares through the cache (CVE-2023-25000).
func mul(a, b byte) (product byte) {
	for range 8 {
		product ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return product
}

// inverse is a^254, which is 1/a, and 0 for 0.
func inverse(a byte) byte {
	r := byte(1)
	for range 7 { // 254 = 11111110 in binary
		a = mul(a, a)
		r = mul(r, a)
	}
	return r
}
