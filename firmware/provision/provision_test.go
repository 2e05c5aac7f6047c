package provision_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/firmware/provision"
	"volar/firmware/provision/rehearsal"
	"volar/hal"
	"volar/wire/link"
	"volar/wire/prov"
)

const serial = "UNIT-1"

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public().(ed25519.PublicKey)

// rig is a unit with a cable, and a bench with a key.
type rig struct {
	*testing.T
	unit   *rehearsal.Unit
	key    *link.Key
	client *prov.Client
	cable  *rehearsal.Cable
	text   []string
}

// with runs a test in a bubble, with a unit that serves.
func with(t *testing.T, f func(*rig)) {
	t.Helper()
	key, err := link.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, unit: rehearsal.NewUnit(serial), key: key}
		r.plug()
		f(r)
		r.cable.Pull()
		synctest.Wait()
	})
}

// plug plugs a new cable in, and starts the unit anew.
func (r *rig) plug() {
	if r.cable != nil {
		r.cable.Pull()
		synctest.Wait()
	}
	r.cable = rehearsal.NewCable(1, rehearsal.Faults{})
	c := r.cable
	go func() { _ = r.unit.Serve(context.Background(), c.Unit) }()
	r.client = prov.NewClient(context.Background(), c.Bench, func(s string) { r.text = append(r.text, s) })
}

func (r *rig) ticket(edit func(*prov.Ticket)) []byte {
	r.Helper()
	t := prov.Ticket{Serial: serial, Technician: "Ada", Key: r.key.Public(), Rights: prov.MayProvision, Number: 5, NotAfter: 4_000_000_000, Tenant: "acme", Operator: [32]byte(operator)}
	if edit != nil {
		edit(&t)
	}
	b, err := prov.SignTicket(t, rehearsal.Authority)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func (r *rig) open(edit func(*prov.Ticket)) error {
	r.Helper()
	return r.client.Open(context.Background(), serial, r.key, r.ticket(edit))
}

func (r *rig) do(v prov.Verb, body any) error {
	_, err := r.client.Do(context.Background(), v, body)
	return err
}

func code(err error) prov.Code {
	var f *prov.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return -1
}

// TestTickets: a session opens with a ticket of the authority for this unit,
// this technician, now, and not spent; with nothing else.
func TestTickets(t *testing.T) {
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	for _, c := range []struct {
		name string
		edit func(*prov.Ticket)
		want string
	}{
		{"another unit", func(t *prov.Ticket) { t.Serial = "UNIT-2" }, "another unit"},
		{"another technician", func(t *prov.Ticket) { t.Key[0] ^= 1 }, "another technician"},
		{"expired", func(t *prov.Ticket) { t.NotAfter = 946000001 }, "expired"},
		{"spent", func(t *prov.Ticket) { t.Number = 4 }, "spent"},
	} {
		with(t, func(r *rig) {
			if err := r.unit.Chip.Spend(4); err != nil {
				r.Fatal(err)
			}
			time.Sleep(time.Hour)
			if err := r.open(c.edit); code(err) != prov.CodeDenied || !strings.Contains(err.Error(), c.want) {
				r.Errorf("%s: %v", c.name, err)
			}
			if err := r.do(prov.Prove, nil); !errors.Is(err, prov.ErrNoSession) {
				r.Errorf("%s: a session is open: %v", c.name, err)
			}
		})
	}
	with(t, func(r *rig) {
		b, err := prov.SignTicket(prov.Ticket{Serial: serial, Technician: "Ada", Key: r.key.Public(), Rights: prov.MayProvision, Number: 5, NotAfter: 4_000_000_000,
			Tenant: "acme", Operator: [32]byte(operator)}, other)
		if err != nil {
			r.Fatal(err)
		}
		if err := r.client.Open(context.Background(), serial, r.key, b); code(err) != prov.CodeDenied {
			r.Errorf("a ticket of another authority: %v", err)
		}
		if err := r.open(nil); code(err) != prov.CodeDenied || !strings.Contains(err.Error(), "waits") {
			r.Errorf("at once after a refusal: %v", err)
		}
		time.Sleep(3 * time.Second)
		if err := r.open(nil); err != nil {
			r.Errorf("a good ticket: %v", err)
		}
		if err := r.client.Open(context.Background(), "UNIT-2", r.key, r.ticket(nil)); err == nil {
			r.Error("a session with another serial number in its prologue")
		}
	})
}

// TestRights: a ticket allows what it says and nothing else, in every state.
func TestRights(t *testing.T) {
	bodies := map[prov.Verb]any{prov.Forget: prov.Part{Name: "reset"}}
	for _, right := range []prov.Rights{prov.MayProvision, prov.MayUpdate, prov.MayReadLogs, prov.MayReset} {
		with(t, func(r *rig) {
			if err := r.open(func(t *prov.Ticket) { t.Rights = right }); err != nil {
				r.Fatal(err)
			}
			for v := prov.Prove; v.String() != "no verb"; v++ {
				if v == prov.Forget && right == prov.MayReset || v == prov.Restart && right != prov.MayUpdate {
					continue // they end the session
				}
				err := r.do(v, bodies[v])
				may := map[prov.Rights][]prov.Verb{
					prov.MayUpdate:   {prov.Stage, prov.FetchValue, prov.UpdateOffer, prov.UpdateBlock},
					prov.MayReadLogs: {prov.FetchValue},
					prov.MayReset:    {prov.Restart},
				}
				allowed := right == prov.MayProvision && v != prov.Forget && v != prov.UpdateOffer && v != prov.UpdateBlock
				for _, m := range may[right] {
					allowed = allowed || m == v
				}
				if denied := code(err) == prov.CodeDenied; denied == allowed {
					r.Errorf("ticket for %v, verb %v: %v", right.Names(), v, err)
				}
			}
		})
	}
}

// sealed puts the unit's record to sealed, as provisioning leaves it.
func (r *rig) seal() {
	r.Helper()
	if err := provision.SealForTest(r.unit.Store); err != nil {
		r.Fatal(err)
	}
	r.plug()
}

// TestSealedAnswersStatusOnly: after sealing nothing but the status is said
// or done without a ticket, and a ticket for provisioning opens nothing more.
func TestSealedAnswersStatusOnly(t *testing.T) {
	with(t, func(r *rig) {
		r.seal()
		ctx := context.Background()
		st, err := r.client.Status(ctx)
		if err != nil || st.State != prov.Sealed || st.Serial != serial {
			r.Fatalf("%+v, %v", st, err)
		}
		if _, err := r.client.Log(ctx, prov.Fetch{What: prov.ValueLog}); code(err) != prov.CodeDenied {
			r.Errorf("log: %v", err)
		}
		if err := r.client.Reset(ctx); code(err) != prov.CodeDenied {
			r.Errorf("reset of other tools: %v", err)
		}
		if err := r.open(func(t *prov.Ticket) { t.Number = 50 }); err != nil {
			r.Fatal(err)
		}
		for v := prov.Prove; v.String() != "no verb"; v++ {
			var body any
			switch v {
			case prov.Stage:
				body = prov.Block{Part: prov.PartSettings, Total: 3, Data: []byte("abc"), Digest: sha256.Sum256([]byte("abc"))}
			case prov.FetchValue:
				body = prov.Fetch{What: prov.ValueSettings}
			case prov.Forget:
				body = prov.Part{Name: "reset"}
			}
			if err := r.do(v, body); code(err) != prov.CodeState && code(err) != prov.CodeDenied {
				r.Errorf("%v: %v", v, err)
			}
		}
		_, restarts := r.unit.Resets()
		if restarts != 0 || r.unit.Chip.Wiped() {
			r.Error("the unit was restarted or wiped")
		}
		r.text = nil
		r.cable.Inject([]byte("help\r\n\x03login\r\n"))
		r.cable.Inject(prov.Improv{Type: prov.ImprovCall, Data: prov.ImprovStrings(prov.ImprovSetWiFi, "evil", "network")}.Append(nil))
		synctest.Wait()
		for _, line := range r.text {
			if !strings.HasPrefix(line, "palm unit") {
				r.Errorf("the console says %q", line)
			}
		}
	})
}

// TestForget: the keys go first; after that nothing opens, and the ticket is
// spent; a power cut in between leaves no keys, and the reset can be run again.
func TestForget(t *testing.T) {
	for at := 0; at < 6; at++ {
		for _, late := range []bool{false, true} {
			with(t, func(r *rig) {
				r.seal()
				reset := func(t *prov.Ticket) { t.Rights, t.Number = prov.MayReset, 60 }
				if err := r.open(reset); err != nil {
					r.Fatal(err)
				}
				r.unit.Fuse.Arm(at, late)
				err := r.do(prov.Forget, prov.Part{Name: "reset"})
				cut := r.unit.Fuse.Blown()
				r.unit.Fuse.Arm(0, false)
				if !cut && err != nil {
					r.Fatal(err)
				}
				keys := r.unit.Store.Keys()
				if !r.unit.Chip.Wiped() && (len(keys) == 0 || at > 1) {
					r.Errorf("cut at %d: settings went before keys", at)
				}
				spent, _ := r.unit.Chip.Spent()
				if spent == 60 && !r.unit.Chip.Wiped() {
					r.Errorf("cut at %d: the ticket is spent and nothing was wiped", at)
				}
				if !cut {
					synctest.Wait() // the unit restarts after its answer has left
					resets, restarts := r.unit.Resets()
					if resets != 1 || restarts != 1 || len(keys) != 0 || spent != 60 {
						r.Errorf("%d resets, %d restarts, keys %q, spent %d", resets, restarts, keys, spent)
					}
					r.plug()
					if err := r.open(reset); code(err) != prov.CodeDenied {
						r.Errorf("the ticket opens again: %v", err)
					}
				}
			})
		}
	}
}

// TestReplayOfASession: what was recorded on the line does nothing again, in
// the session or in another one.
func TestReplayOfASession(t *testing.T) {
	with(t, func(r *rig) {
		if err := r.open(nil); err != nil {
			r.Fatal(err)
		}
		if err := r.do(prov.Keep, nil); err != nil {
			r.Fatal(err)
		}
		_, before := r.unit.Applied()
		for range 3 {
			r.cable.Inject(prov.AppendFrame(nil, prov.AppendPacket(nil, prov.Header{Op: prov.Write, Group: prov.GroupPalm, Seq: 99, ID: prov.PalmSealed}, mustBox(r))))
		}
		synctest.Wait()
		if err := r.do(prov.FetchValue, prov.Fetch{What: prov.ValueTests}); err != nil {
			r.Errorf("a replay ended the session: %v", err)
		}
		if _, after := r.unit.Applied(); after != before {
			r.Error("a replay did something")
		}
	})
}

func mustBox(r *rig) []byte {
	b, err := prov.Box{Number: 0, Data: make([]byte, 40)}.Encode()
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// TestAsksTwice: a question that is repeated is answered again and not done
// again.
func TestAsksTwice(t *testing.T) {
	with(t, func(r *rig) {
		frame := prov.AppendFrame(nil, prov.AppendPacket(nil, prov.Header{Op: prov.Write, Group: prov.GroupOS, Seq: 3, ID: prov.OSReset}, []byte{0xa0}))
		for range 4 {
			r.cable.Inject(frame)
			synctest.Wait()
		}
		if _, restarts := r.unit.Resets(); restarts != 1 {
			r.Errorf("%d restarts", restarts)
		}
	})
}

// TestOtherTools: what tools for Zephyr ask is answered.
func TestOtherTools(t *testing.T) {
	with(t, func(r *rig) {
		ctx := context.Background()
		b, err := r.client.Ask(ctx, prov.Write, prov.GroupOS, prov.OSEcho, []byte("\xa1\x61d\x65hello"))
		if err != nil || string(b) != "\xa1\x61r\x65hello" {
			r.Errorf("echo: %q, %v", b, err)
		}
		if b, err := r.client.Ask(ctx, prov.Read, prov.GroupOS, prov.OSParameters, []byte{0xa0}); err != nil || !bytes.Contains(b, []byte("buf_size")) {
			r.Errorf("parameters: %q, %v", b, err)
		}
		if b, err := r.client.Ask(ctx, prov.Read, 1, 0, []byte{0xa0}); err != nil || !bytes.Contains(b, []byte("rc")) {
			r.Errorf("a group that is not there: %q, %v", b, err)
		}
	})
}

// TestSessionEnds: a session that nobody uses ends.
func TestSessionEnds(t *testing.T) {
	with(t, func(r *rig) {
		if err := r.open(nil); err != nil {
			r.Fatal(err)
		}
		time.Sleep(prov.SessionIdle - time.Minute)
		if err := r.do(prov.Keep, nil); err != nil {
			r.Errorf("in time: %v", err)
		}
		time.Sleep(prov.SessionIdle + time.Minute)
		if err := r.do(prov.Keep, nil); !errors.Is(err, prov.ErrNoSession) {
			r.Errorf("late: %v", err)
		}
	})
}

// TestUpdateOverTheLine: firmware comes in blocks, goes on where it stopped,
// and the ticket is spent at its end.
func TestUpdateOverTheLine(t *testing.T) {
	bundle := bytes.Repeat([]byte("firmware"), 700)
	with(t, func(r *rig) {
		r.seal()
		update := func(t *prov.Ticket) { t.Rights, t.Number = prov.MayUpdate, 70 }
		for half := range 2 {
			if err := r.open(update); err != nil {
				r.Fatal(err)
			}
			manifest := []byte("manifest of a bundle")
			if err := r.do(prov.Stage, prov.Block{Part: prov.PartManifest, Total: uint64(len(manifest)), Digest: sha256.Sum256(manifest), Data: manifest}); err != nil {
				r.Fatal(err)
			}
			have, err := prov.Call[prov.Have](context.Background(), r.client, prov.UpdateOffer, nil)
			if err != nil || half == 1 && have.Bytes == 0 {
				r.Fatalf("offer: %+v, %v", have, err)
			}
			for at := int(have.Bytes); at < len(bundle); at += prov.MaxBlock {
				if half == 0 && at > len(bundle)/2 {
					break
				}
				b := prov.Block{Part: prov.PartBundle, Total: uint64(len(bundle)), At: uint64(at), Data: bundle[at:min(at+prov.MaxBlock, len(bundle))]}
				if err := r.do(prov.UpdateBlock, b); err != nil {
					r.Fatal(err)
				}
			}
			r.plug()
		}
		if !bytes.Equal(r.unit.Bundle(), bundle) {
			r.Errorf("%d bytes of %d came", len(r.unit.Bundle()), len(bundle))
		}
		if err := r.open(update); code(err) != prov.CodeDenied {
			r.Errorf("the ticket opens again: %v", err)
		}
	})
}

// TestImprov: a tool in a browser can bring a unit into a network.
func TestImprov(t *testing.T) {
	with(t, func(r *rig) {
		got := map[prov.ImprovType]int{}
		c := rehearsal.NewCable(1, rehearsal.Faults{})
		go func() { _ = r.unit.Serve(context.Background(), c.Unit) }()
		go func() {
			var s prov.Scanner
			b := make([]byte, 100)
			for {
				n, err := c.Bench.Read(b)
				if err != nil {
					return
				}
				for _, e := range s.Push(b[:n]) {
					if e.Improv != nil {
						got[e.Improv.Type]++
					}
				}
			}
		}()
		for _, call := range []byte{prov.ImprovGetState, prov.ImprovGetInfo, prov.ImprovScan, 77} {
			c.Bench.Write(prov.Improv{Type: prov.ImprovCall, Data: prov.ImprovStrings(call)}.Append(nil))
			synctest.Wait()
		}
		c.Pull()
		synctest.Wait()
		if got[prov.ImprovState] != 1 || got[prov.ImprovResult] != 1 || got[prov.ImprovError] != 2 {
			r.Errorf("answers %v", got)
		}
	})
}

// TestLocked: a unit whose secret does not open says so, and can be reset,
// and nothing else.
func TestLocked(t *testing.T) {
	with(t, func(r *rig) {
		r.cable.Pull()
		synctest.Wait()
		r.cable = rehearsal.NewCable(1, rehearsal.Faults{})
		line, resets := r.cable.Unit, 0
		go func() {
			port := prov.NewPort(line)
			defer port.Close()
			_ = provision.ServeLocked(context.Background(), port, provision.Locked{Serial: serial, Board: "b", Version: "1", Slot: "a", Built: time.Unix(946000000, 0),
				Authority: rehearsal.Authority.Public().(ed25519.PublicKey), Chip: r.unit.Chip, Why: "other firmware", Reset: func() error { resets++; return nil }, Restart: func() {}})
		}()
		ctx := context.Background()
		r.client = prov.NewClient(ctx, r.cable.Bench, nil)
		st, err := r.client.Status(ctx)
		if err != nil || !strings.HasPrefix(st.Seen, "locked: other firmware") {
			r.Fatalf("%+v, %v", st, err)
		}
		if err := r.open(func(t *prov.Ticket) { t.Rights = prov.MayReset | prov.MayProvision | prov.MayUpdate | prov.MayReadLogs }); err != nil {
			r.Fatal(err)
		}
		for v := prov.Prove; v.String() != "no verb"; v++ {
			if err := r.do(v, nil); v != prov.Forget && code(err) != prov.CodeState {
				r.Errorf("%v: %v", v, err)
			}
		}
		if err := r.do(prov.Forget, prov.Part{Name: "reset"}); err != nil || resets != 1 || !r.unit.Chip.Wiped() {
			r.Errorf("reset: %v, %d resets", err, resets)
		}
	})
}

// TestKeysOfASecret: the keys of a unit's secret differ and stay.
func TestKeysOfASecret(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, provision.SecretSize)
	if provision.DiskKey(secret) == provision.IdentityKey(secret) {
		t.Error("one key for two uses")
	}
	a, err := provision.IdentityOf(secret)
	if err != nil {
		t.Fatal(err)
	}
	b, err := provision.NewIdentity(provision.IdentityKey(secret))
	if err != nil || a.Public() != b.Public() {
		t.Errorf("%v", err)
	}
	if _, err := provision.IdentityOf(secret[1:]); err == nil {
		t.Error("a short secret was taken")
	}
	if _, err := provision.NewIdentity([32]byte{}); err == nil {
		t.Error("a key of zeros was taken")
	}
	var u provision.Unit
	if err := u.Check(); err == nil || !strings.Contains(err.Error(), "authority") {
		t.Errorf("an empty unit: %v", err)
	}
	if _, err := provision.Load(&empty{}); err != nil {
		t.Errorf("an empty store: %v", err)
	}
}

type empty struct{ hal.Store }

func (empty) Get(string) ([]byte, error) { return nil, hal.ErrNotFound }
