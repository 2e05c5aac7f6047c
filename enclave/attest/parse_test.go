package attest_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
)

// The log is exactly M, K, CAP in the one encoding.
func TestParseEvents(t *testing.T) {
	good, err := attest.Events{Measurement: program, VaultKey: vault}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := attest.ParseEvents(good); err != nil || got.Measurement != program || got.VaultKey != vault {
		t.Fatalf("%+v, %v", got, err)
	}
	m, k, end := good[1:37], good[37:73], good[73:] // each event: 82 kind 5820 <32 bytes>
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, b := range map[string][]byte{
		"nothing":            nil,
		"empty":              {0x80},
		"no CAP":             join([]byte{0x82}, m, k),
		"two keys":           join([]byte{0x84}, m, k, k, end),
		"event after CAP":    join([]byte{0x84}, m, k, end, k),
		"K before M":         join([]byte{0x83}, k, m, end),
		"two programs":       join([]byte{0x83}, m, m, end),
		"trailing byte":      join(good, []byte{0}),
		"long length":        join([]byte{0x98, 0x03}, m, k, end),
		"indefinite array":   join([]byte{0x9f}, m, k, end, []byte{0xff}),
		"short digest":       join([]byte{0x83, 0x82, 0x01, 0x41, 0x00}, k, end),
		"CAP with data":      join([]byte{0x83}, m, k, []byte{0x82, 0x03, 0x41, 0x00}),
		"CAP of null":        join([]byte{0x83}, m, k, []byte{0x82, 0x03, 0xf6}),
		"a map":              {0xa0},
		"a tag":              join([]byte{0xc1}, good),
		"huge array claimed": {0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, err := attest.ParseEvents(b); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, attest.ErrMalformed)
		}
	}
}

func TestParseEvidence(t *testing.T) {
	good := encode(t, attest.Evidence{Kind: "k", Body: []byte{1}, Log: []byte{2}, Epoch: 3})
	if want := "a50101026" + "16b0341010441" + "020503"; hex.EncodeToString(good) != want {
		t.Fatalf("encoding %x, want %s", good, want)
	}
	for name, h := range map[string]string{
		"version 2":       "a5010202616b0341010441020503",
		"no version":      "a402616b0341010441020503",
		"no log":          "a4010102616b0341010503",
		"no epoch":        "a4010102616b034101044102",
		"empty body":      "a5010102616b03400441020503",
		"extra field":     "a6010102616b03410104410205030600",
		"duplicate field": "a6010102616b0341010441020441020503",
		"other order":     "a502616b01010341010441020503",
		"invalid text":    "a501010261ff0341010441020503",
		"long epoch":      "a5010102616b034101044102051803",
		"negative epoch":  "a5010102616b0341010441020523",
		"trailing":        "a5010102616b034101044102050300",
		"text body":       "a5010102616b0361010441020503",
		"huge body":       "a5010102616b035b7fffffffffffffff",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.ParseEvidence(b); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, attest.ErrMalformed)
		}
	}
	if _, err := attest.ParseEvidence(make([]byte, attest.MaxEvidence+1)); !errors.Is(err, attest.ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
	for name, e := range map[string]attest.Evidence{"no kind": {Body: []byte{1}, Log: []byte{1}}, "long log": {Kind: "k", Body: []byte{1}, Log: make([]byte, 17<<10)}} {
		if _, err := e.Marshal(); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever parses is in the one encoding.
func FuzzParseEvidence(f *testing.F) {
	log, _ := attest.Events{Measurement: program, VaultKey: vault}.Marshal()
	good, _ := attest.Evidence{Kind: attest.KindSimulated, Body: []byte{1, 2}, Log: log}.Marshal()
	f.Add(good)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := attest.ParseEvidence(b)
		if err != nil {
			return
		}
		again, err := e.Marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x parsed and encodes as %x, %v", b, again, err)
		}
		if ev, err := attest.ParseEvents(e.Log); err == nil {
			if again, err := ev.Marshal(); err != nil || !bytes.Equal(again, e.Log) {
				t.Fatalf("log %x parsed and encodes as %x, %v", e.Log, again, err)
			}
		}
	})
}

// No evidence that a stranger can write verifies.
func FuzzVerify(f *testing.F) {
	body, _ := simulated.Sign(signing, [64]byte{}, [32]byte{})
	log, _ := attest.Events{Measurement: program, VaultKey: vault}.Marshal()
	f.Add(body, log)
	f.Fuzz(func(t *testing.T, body, log []byte) {
		b, err := attest.Evidence{Kind: attest.KindSimulated, Body: body, Log: log}.Marshal()
		if err != nil {
			return
		}
		if _, err := attest.Verify(b, policy(), nonce, now, with...); err == nil {
			t.Fatalf("accepted body %x, log %x", body, log)
		}
	})
}
