package signed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/veraison/go-cose"
)

// vector is one of go-cose's: a message to verify, or what signing gives.
type vector struct {
	File   string            `json:"file"`
	Key    map[string]string `json:"key"`
	Alg    string            `json:"alg"`
	Verify struct {
		Message struct {
			Hex string `json:"cborHex"`
		} `json:"taggedCOSESign1"`
		External string `json:"external"`
		Good     bool   `json:"shouldVerify"`
	} `json:"sign1::verify"`
	Sign struct {
		Output struct {
			Hex string `json:"cborHex"`
		} `json:"expectedOutput"`
		External string `json:"external"`
	} `json:"sign1::sign"`
}

var algorithms = map[string]cose.Algorithm{
	"ES256": cose.AlgorithmES256, "ES384": cose.AlgorithmES384, "ES512": cose.AlgorithmES512,
	"PS256": cose.AlgorithmPS256, "PS384": cose.AlgorithmPS384, "PS512": cose.AlgorithmPS512,
}

func (v vector) public(t *testing.T) crypto.PublicKey {
	number := func(name string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(v.Key[name])
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(b)
	}
	if v.Key["kty"] == "RSA" {
		return &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
	}
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[v.Key["crv"]]
	return &ecdsa.PublicKey{Curve: curve, X: number("x"), Y: number("y")}
}

// skipped are vectors of which a part is no use, with the reason.
var skipped = map[string]string{
	"sign1-sign-0000.json": "the signature of its output is of another key, that of sign1-verify-0000.json; only its first 32 bytes are meant to be compared",
}

// The library reads COSE as others write it: each message verifies that
// should, and no other. None of them is in the one form that this package
// takes. The counts are asserted, so that no vector falls out silently.
func TestOutsideVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/sign1.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	good, bad, skips := 0, 0, 0
	for _, v := range list {
		text, external, want := v.Verify.Message.Hex, v.Verify.External, v.Verify.Good
		if text == "" {
			text, external, want = v.Sign.Output.Hex, v.Sign.External, true
		}
		message, err1 := hex.DecodeString(text)
		aad, err2 := hex.DecodeString(external)
		verifier, err3 := cose.NewVerifier(algorithms[v.Alg], v.public(t))
		if err1 != nil || err2 != nil || err3 != nil || len(message) == 0 {
			t.Fatal(v.File, err1, err2, err3)
		}
		var m cose.Sign1Message
		err := m.UnmarshalCBOR(message)
		if err == nil {
			err = m.Verify(aad, verifier)
		}
		switch {
		case skipped[v.File] != "":
			skips++
		case (err == nil) != want:
			t.Errorf("%s: %v, should verify: %t", v.File, err, want)
		case want:
			good++
		default:
			bad++
		}
		if _, err := Open(key.Public().(ed25519.PublicKey), external, message); err == nil {
			t.Errorf("%s: opened", v.File)
		}
	}
	if len(list) != 18 || good != 13 || bad != 4 || skips != len(skipped) {
		t.Errorf("%d vectors, %d verify, %d do not, %d skipped; want 18, 13, 4, %d", len(list), good, bad, skips, len(skipped))
	}
}
