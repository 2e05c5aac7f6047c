package image

import (
	"bytes"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
)

// The marks in the boot loader's compiled-in environment (uboot/boot.env) that
// the release key's numbers are written over: cells of a device tree, as the
// command "fdt set" reads them.
const (
	markModulus  = "keymodulus="
	markRSquared = "keyrsquared="
	markInverse  = "keyn0inverse="
)

// cells writes a number as 32-bit cells, the most significant first.
func cells(n *big.Int, count int) string {
	b := n.FillBytes(make([]byte, 4*count))
	words := make([]string, count)
	for i := range words {
		words[i] = fmt.Sprintf("0x%08x", binary.BigEndian.Uint32(b[4*i:]))
	}
	return strings.Join(words, " ")
}

// keyNumbers are what U-Boot's RSA code works with (doc/uImage.FIT/signature.txt):
// the modulus n, 2^4096 mod n, and -1/n mod 2^32.
func keyNumbers(key *rsa.PublicKey) map[string]string {
	word := new(big.Int).Lsh(big.NewInt(1), 32)
	inverse := new(big.Int).ModInverse(key.N, word)
	inverse.Sub(word, inverse)
	square := new(big.Int).Lsh(big.NewInt(1), 2*bootBits)
	square.Mod(square, key.N)
	return map[string]string{
		markModulus:  cells(key.N, bootBits/32),
		markRSquared: cells(square, bootBits/32),
		markInverse:  cells(inverse, 1),
	}
}

// withKey is a boot loader that trusts key and no other.
func withKey(loader []byte, key *rsa.PublicKey) ([]byte, error) {
	out := bytes.Clone(loader)
	for mark, value := range keyNumbers(key) {
		at, err := keyAt(out, mark, len(value))
		if err != nil {
			return nil, err
		}
		copy(out[at:], value)
	}
	return out, nil
}

// keyAt finds the one place where a mark's value of n bytes lies.
func keyAt(loader []byte, mark string, n int) (int, error) {
	pattern := []byte("\x00" + mark)
	at := bytes.Index(loader, pattern)
	if at < 0 || bytes.Count(loader, pattern) != 1 {
		return 0, fmt.Errorf("image: boot loader: %d places for %s, want one: it was not built by scripts/uboot", bytes.Count(loader, pattern), strings.TrimSuffix(mark, "="))
	}
	at += len(pattern)
	if at+n >= len(loader) || loader[at+n] != 0 || bytes.IndexByte(loader[at:at+n], 0) >= 0 {
		return 0, fmt.Errorf("image: boot loader: %s has not the length %d", strings.TrimSuffix(mark, "="), n)
	}
	return at, nil
}

// checkLoader tells whether a boot loader trusts key.
func checkLoader(loader []byte, key *rsa.PublicKey) error {
	for mark, value := range keyNumbers(key) {
		at, err := keyAt(loader, mark, len(value))
		if err != nil {
			return err
		}
		if have := string(loader[at : at+len(value)]); have != value {
			if strings.HasPrefix(have, "@") {
				return fmt.Errorf("image: boot loader: no release key was written into it")
			}
			return fmt.Errorf("image: boot loader: it trusts another release key (%s differs)", strings.TrimSuffix(mark, "="))
		}
	}
	return nil
}
