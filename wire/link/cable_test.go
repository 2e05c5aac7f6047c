package link

import (
	"bytes"
	"errors"
	"testing"
)

func cables(t testing.TB, prologueOfUnit string) (bench, unit *Cable, benchKey, unitKey *Key) {
	t.Helper()
	benchKey, unitKey = must(GenerateKey()), must(GenerateKey())
	bench = must(NewCable(true, benchKey, []byte("p")))
	unit = must(NewCable(false, unitKey, []byte(prologueOfUnit)))
	return bench, unit, benchKey, unitKey
}

// shaken is a session after its handshake, with the payload that came.
func shaken(t testing.TB) (bench, unit *Cable) {
	t.Helper()
	bench, unit, benchKey, unitKey := cables(t, "p")
	first := must(bench.Write(nil))
	must(unit.Read(first))
	must(bench.Read(must(unit.Write(nil))))
	payload := must(unit.Read(must(bench.Write([]byte("ticket")))))
	if string(payload) != "ticket" || unit.Peer() != benchKey.Public() || bench.Peer() != unitKey.Public() ||
		bench.Binding() != unit.Binding() || bench.Binding() == ([32]byte{}) {
		t.Fatalf("payload %q, peers or bindings differ", payload)
	}
	return bench, unit
}

func TestCable(t *testing.T) {
	bench, unit := shaken(t)
	for i, text := range []string{"one", "two", ""} {
		n, sealed, err := bench.Seal([]byte(text))
		if err != nil || n != uint64(i) || bytes.Contains(sealed, []byte("one")) {
			t.Fatal(n, err)
		}
		bad := bytes.Clone(sealed)
		bad[len(bad)-1] ^= 1
		if _, err := unit.Unseal(n, bad); !errors.Is(err, ErrFrame) {
			t.Errorf("flipped: %v", err)
		}
		if _, err := unit.Unseal(n+1, sealed); !errors.Is(err, ErrReplay) {
			t.Errorf("number ahead: %v", err)
		}
		if got, err := unit.Unseal(n, sealed); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := unit.Unseal(n, sealed); !errors.Is(err, ErrReplay) {
			t.Errorf("again: %v", err)
		}
		n, sealed, err = unit.Seal([]byte("re " + text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bench.Unseal(n, sealed); err != nil || string(got) != "re "+text {
			t.Errorf("%q, %v", got, err)
		}
	}
	other, _ := shaken(t)
	n, sealed, _ := other.Seal([]byte("x"))
	if _, err := unit.Unseal(3, sealed); err == nil || n != 0 {
		t.Error("a message of another session was opened")
	}
}

// Nothing is said out of turn, and an error in a handshake is final.
func TestCableTurns(t *testing.T) {
	bench, unit, _, _ := cables(t, "p")
	if _, err := unit.Write(nil); !errors.Is(err, ErrTurn) {
		t.Errorf("the unit began: %v", err)
	}
	if _, err := bench.Write([]byte("early")); !errors.Is(err, ErrTurn) {
		t.Errorf("a payload in the clear: %v", err)
	}
	if _, _, err := bench.Seal(nil); !errors.Is(err, ErrTurn) {
		t.Errorf("sealed before the handshake: %v", err)
	}
	first := must(bench.Write(nil))
	must(unit.Read(first))
	second := must(unit.Write(nil))
	for bit := range 8 * len(second) {
		b := must(NewCable(true, must(GenerateKey()), []byte("p")))
		must(b.Write(nil))
		bad := bytes.Clone(second)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := b.Read(bad); !errors.Is(err, ErrHandshake) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if _, err := b.Write(nil); !errors.Is(err, ErrTurn) {
			t.Fatalf("bit %d: it goes on: %v", bit, err)
		}
	}
	must(bench.Read(second))
	third := must(bench.Write([]byte("ticket")))
	third[len(third)-1] ^= 1
	if _, err := unit.Read(third); !errors.Is(err, ErrHandshake) {
		t.Errorf("third message flipped: %v", err)
	}
	if unit.Ready() || unit.Peer() != ([32]byte{}) {
		t.Error("the unit believes it")
	}

	bench, unit, _, _ = cables(t, "another serial number")
	must(unit.Read(must(bench.Write(nil))))
	if _, err := bench.Read(must(unit.Write(nil))); !errors.Is(err, ErrHandshake) {
		t.Errorf("what was said in the clear before differs: %v", err)
	}
}

func FuzzCable(f *testing.F) {
	f.Add(make([]byte, 96), uint64(0))
	f.Add([]byte{}, uint64(1))
	f.Fuzz(func(t *testing.T, in []byte, number uint64) {
		_, unit, _, _ := cables(t, "p")
		if p, err := unit.Read(in); err == nil && len(p) > 0 {
			t.Error("a payload in the first message")
		}
		_, unit = shaken(t)
		if _, err := unit.Unseal(number, in); err == nil {
			t.Error("something was opened")
		}
	})
}

// must is for what cannot fail in a test that is right.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
