package attest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"volar/enclave/attest"
)

// unit is a device on a bench and what it remembers.
type unit struct {
	attest.Guard
	policy, memory []byte
	writes         int
	policyErr      error
	recallErr      error
	rememberErr    error
}

func newUnit(t *testing.T) *unit {
	u := &unit{policy: signPolicy(t, policy())}
	u.Guard = attest.Guard{
		Tenant: "acme", Operator: operator.Public().(ed25519.PublicKey), Development: true, Verifiers: with,
		Policy: func() ([]byte, error) { return u.policy, u.policyErr },
		Recall: func() ([]byte, error) { return u.memory, u.recallErr },
		Remember: func(b []byte) error {
			u.memory = bytes.Clone(b)
			u.writes++
			return u.rememberErr
		},
	}
	return u
}

// check judges an honest vault whose gallery stands at epoch.
func (u *unit) check(t *testing.T, at uint64) error {
	t.Helper()
	p := platform(t, signing)
	if err := p.Bind(context.Background(), vault); err != nil {
		t.Fatal(err)
	}
	e, err := p.Evidence(context.Background(), attest.ReportData(vault, nonce, at, "acme"))
	if err != nil {
		t.Fatal(err)
	}
	e.Epoch = at
	c, err := u.Check(encode(t, e), nonce, now)
	if err == nil && (c.VaultKey != vault || c.Epoch != at) || err != nil && c != (attest.Claims{}) {
		t.Errorf("claims %+v with %v", c, err)
	}
	return err
}

// A device goes forward only.
func TestGuardRemembers(t *testing.T) {
	u := newUnit(t)
	newer := policy()
	newer.Version, newer.Floor, newer.Vaults = 4, 5, newer.Vaults[1:]
	lowered := policy()
	lowered.Version = 5
	newest := newer
	newest.Version = 5
	recovered := newer
	recovered.Version, recovered.Generation = 6, 1
	backwards := recovered
	backwards.Version, backwards.Generation = 7, 0
	for _, step := range []struct {
		name   string
		policy attest.Policy
		epoch  uint64
		want   error
		writes int
	}{
		{"first", policy(), 10, nil, 1},
		{"same again", policy(), 10, nil, 1},
		{"an old gallery", policy(), 9, attest.ErrRollback, 1},
		{"a newer gallery", policy(), 12, nil, 2},
		{"a newer policy, higher floor", newer, 12, nil, 3},
		{"the old policy", policy(), 12, attest.ErrPolicyOld, 3},
		{"a newer policy with a lower floor", lowered, 12, attest.ErrPolicyOld, 3},
		{"an even newer policy", newest, 12, nil, 4},
		{"the one before, of the same floor", newer, 12, attest.ErrPolicyOld, 4},
		{"an empty gallery", newest, 0, attest.ErrRollback, 4},
		{"after a recovery", recovered, 1, nil, 5},
		{"the generation before", backwards, 12, attest.ErrPolicyOld, 5},
		{"on from there", recovered, 2, nil, 6},
		{"an old gallery after the recovery", recovered, 1, attest.ErrRollback, 6},
	} {
		u.policy = signPolicy(t, step.policy)
		if err := u.check(t, step.epoch); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
		if u.writes != step.writes {
			t.Errorf("%s: %d writes, want %d", step.name, u.writes, step.writes)
		}
	}
}

// Refused is refused before anything is remembered.
func TestGuardRefuses(t *testing.T) {
	broken := errors.New("broken flash")
	for name, c := range map[string]struct {
		change func(*testing.T, *unit)
		want   error
	}{
		"zero guard":            {func(_ *testing.T, u *unit) { u.Guard = attest.Guard{} }, attest.ErrPolicyForm},
		"no policy":             {func(_ *testing.T, u *unit) { u.policy = nil }, attest.ErrPolicyForm},
		"policy is unreadable":  {func(_ *testing.T, u *unit) { u.policyErr = broken }, attest.ErrPolicyForm},
		"policy of another key": {func(_ *testing.T, u *unit) { u.Operator = signing.Public().(ed25519.PublicKey) }, attest.ErrPolicySignature},
		"policy of another tenant": {func(t *testing.T, u *unit) {
			p := policy()
			p.Tenant = "acme2"
			u.policy = signPolicy(t, p)
		}, attest.ErrPolicyTenant},
		"development in service": {func(_ *testing.T, u *unit) { u.Development = false }, attest.ErrPolicyDevelopment},
		"release policy, simulated vault": {func(t *testing.T, u *unit) {
			p := full()
			p.Simulated, p.Development = nil, false
			u.policy = signPolicy(t, p)
		}, attest.ErrSimulated},
		"policy that has expired": {func(t *testing.T, u *unit) {
			p := policy()
			p.NotBefore, p.NotAfter = now.Unix()-10, now.Unix()-1
			u.policy = signPolicy(t, p)
		}, attest.ErrPolicyTime},
		"no verifier":            {func(_ *testing.T, u *unit) { u.Verifiers = nil }, attest.ErrKind},
		"memory that fails":      {func(_ *testing.T, u *unit) { u.recallErr = broken }, attest.ErrMemory},
		"memory that is wrong":   {func(_ *testing.T, u *unit) { u.memory = []byte{1} }, attest.ErrMemory},
		"memory that is full":    {func(_ *testing.T, u *unit) { u.rememberErr = broken }, attest.ErrMemory},
		"memory that is endless": {func(_ *testing.T, u *unit) { u.memory = make([]byte, 65) }, attest.ErrMemory},
	} {
		u := newUnit(t)
		c.change(t, u)
		err := u.check(t, 10)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if u.writes > 0 && !errors.Is(u.rememberErr, broken) {
			t.Errorf("%s: something was remembered", name)
		}
		if r, ok := attest.Why(err); !ok || r.Text == "" || r.Hint == "" || r.Area == 0 {
			t.Errorf("%s: nobody is told why: %+v", name, r)
		}
	}
}

// A release verifies nothing that is simulated, whatever its policy says: it
// has no verifier for it.
func TestReleaseRefusesSimulated(t *testing.T) {
	b := encode(t, evidence(t))
	p := full()
	p.Simulated, p.Development = nil, false
	if _, err := attest.Verify(b, p, nonce, now, with...); !errors.Is(err, attest.ErrSimulated) {
		t.Errorf("under a release policy: %v", err)
	}
	if _, err := attest.Verify(b, policy(), nonce, now); !errors.Is(err, attest.ErrKind) {
		t.Errorf("without a verifier: %v", err)
	}
	p = policy()
	p.Development = false
	if _, err := attest.SignPolicy(p, operator); err == nil {
		t.Error("a release policy with a simulated platform was signed")
	}
}

func TestSeen(t *testing.T) {
	s := attest.Seen{Version: 1, Floor: 2, Generation: 3, Epoch: 1 << 63}
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := attest.ParseSeen(b); err != nil || got != s {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := attest.ParseSeen(nil); err != nil || got != (attest.Seen{}) {
		t.Errorf("nothing: %+v, %v", got, err)
	}
	for name, b := range map[string][]byte{"version 2": append([]byte{b[0], 2}, b[2:]...), "cut": b[:len(b)-1], "trailing": append(bytes.Clone(b), 0), "null": {0xf6}} {
		if _, err := attest.ParseSeen(b); !errors.Is(err, attest.ErrMemory) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every cause has words of its own, and nothing else has any.
func TestWhy(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for _, err := range []error{
		attest.ErrPolicyForm, attest.ErrPolicySignature, attest.ErrPolicyTenant, attest.ErrPolicyDevelopment, attest.ErrPolicyTime,
		attest.ErrPolicyOld, attest.ErrMemory, attest.ErrSimulated, attest.ErrDebug, attest.ErrKind, attest.ErrMeasurement, attest.ErrFloor,
		attest.ErrPlatform, attest.ErrOutdated, attest.ErrStale, attest.ErrBinding, attest.ErrSignature, attest.ErrRollback, attest.ErrMalformed,
	} {
		r, ok := attest.Why(err)
		if !ok || names[r.Name] || texts[r.Text] {
			t.Errorf("%v: %+v, %t", err, r, ok)
		}
		names[r.Name], texts[r.Text] = true, true
	}
	if r, ok := attest.Why(errors.New("connection refused")); ok {
		t.Errorf("a host that is away: %+v", r)
	}
}

func TestLedger(t *testing.T) {
	if _, err := attest.NewLedger([32]byte{}); err == nil {
		t.Error("a ledger without a measurement")
	}
	l, err := attest.NewLedger(program)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Statement([64]byte{}); !errors.Is(err, attest.ErrNotBound) {
		t.Errorf("before a key is bound: %v", err)
	}
	if err := l.Bind([32]byte{}); err == nil {
		t.Error("bound the key zero")
	}
	if err := l.Bind(vault); err != nil {
		t.Fatal(err)
	}
	if err := l.Bind([32]byte{9}); !errors.Is(err, attest.ErrBound) {
		t.Errorf("a second key: %v", err)
	}
	field, log, err := l.Statement([64]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	events, err := attest.ParseEvents(log)
	if err != nil || events.VaultKey != vault || field != attest.Bound([64]byte{1}, events.Register()) {
		t.Errorf("%+v, %v", events, err)
	}
}

// Whatever opens says what it said before.
func FuzzOpenPolicy(f *testing.F) {
	good, _ := attest.SignPolicy(policy(), operator)
	f.Add(good[:60])
	stranger, _ := attest.SignPolicy(policy(), ed25519.NewKeyFromSeed(make([]byte, 32)))
	f.Add(stranger)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := open(b); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("opened %x", b)
		}
	})
}

func FuzzParseSeen(f *testing.F) {
	b, _ := attest.Seen{Version: 1, Floor: 2, Generation: 3, Epoch: 4}.Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := attest.ParseSeen(b)
		if err != nil || len(b) == 0 {
			return
		}
		if again, err := s.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is encoded as %x, %v", b, again, err)
		}
	})
}
