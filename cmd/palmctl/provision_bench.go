package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"volar/wire"
	"volar/wire/prov"
)

// bench takes one unit through its steps. Every step finds out what of it is
// done already, so that running all of them again after a pulled cable, a
// power cut, or on another day goes on where it stopped.
type bench struct {
	plan    *plan
	client  *prov.Client
	status  prov.Status
	name    string // of the unit, in the plan
	network string
	ticket  []byte
	report  *report
	tell    func(stepEvent)   // a step begins or ends
	ask     func(string) bool // a person at the bench, yes or no
	say     func(string)      // to that person
	now     func() time.Time
	pause   time.Duration // between two looks at the target
}

// stepEvent is a line of progress.
type stepEvent struct {
	Unit    string  `json:"unit"`
	Number  int     `json:"number"`
	Of      int     `json:"of"`
	Step    string  `json:"step"`
	Result  string  `json:"result"` // begins, passed, was-done, failed
	Says    string  `json:"says,omitempty"`
	Seconds float64 `json:"seconds"`
}

// step is one of a unit's. It says in words what came of it; done means that
// there was nothing left to do.
type step struct {
	name string
	do   func(*bench, context.Context) (says string, done bool, err error)
}

var steps = []step{
	{"detect the unit", (*bench).detect},
	{"open a session", (*bench).open},
	{"set the clock", (*bench).clock},
	{"prove the key, the TPM and the firmware", (*bench).prove},
	{"certificate, tenant, gateway, policy", (*bench).settings},
	{"calibrate the cameras", (*bench).calibrate},
	{"self-test", (*bench).selfTest},
	{"seal", (*bench).seal},
}

// run goes through all steps, and stops at the first that fails.
func (b *bench) run(ctx context.Context) error {
	for i, s := range steps {
		e := stepEvent{Unit: b.status.Serial, Number: i + 1, Of: len(steps), Step: s.name, Result: "begins"}
		b.tell(e)
		began := time.Now()
		says, done, err := s.do(b, ctx)
		e.Unit, e.Says, e.Seconds = b.status.Serial, says, time.Since(began).Seconds()
		switch {
		case errors.Is(err, errSealed):
			e.Result = "was-done"
			b.tell(e)
			return err
		case err != nil:
			e.Result, e.Says = "failed", err.Error()
		case done:
			e.Result = "was-done"
		default:
			e.Result = "passed"
		}
		b.tell(e)
		b.report.note(e)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// errSealed means that a unit was sealed before.
var errSealed = errors.New("the unit is sealed already")

// detect learns which unit this is, and finds it in the plan.
func (b *bench) detect(ctx context.Context) (string, bool, error) {
	st, err := b.client.Status(ctx)
	if err != nil {
		return "", false, err
	}
	b.status = st
	if b.name, b.network, err = b.plan.unit(st.Serial); err != nil {
		return "", false, err
	}
	b.report.begin(st, b.name, b.now())
	says := fmt.Sprintf("%s, board %s, firmware %s in slot %s, %v", st.Serial, st.Board, st.Firmware, st.Slot, st.State)
	if st.State == prov.Sealed {
		return says, true, errSealed
	}
	if b.ticket, err = b.plan.ticket(st.Serial); err != nil {
		return "", false, err
	}
	return says, false, nil
}

func (b *bench) open(ctx context.Context) (string, bool, error) {
	err := b.client.Open(ctx, b.status.Serial, b.plan.key, b.ticket)
	return "with the ticket of this unit", false, err
}

// clock sets the unit's clock by this computer's.
func (b *bench) clock(ctx context.Context) (string, bool, error) {
	now := b.now()
	if d := now.Sub(time.Unix(b.status.Time, 0)); d.Abs() < 2*time.Second {
		return "right to the second", true, nil
	}
	_, err := b.client.Do(ctx, prov.Time, prov.Clock{Unix: now.Unix()})
	return now.UTC().Format(time.DateTime + " MST"), false, err
}

// certificate signs the unit's certificate. The end of its validity is that
// of the settings that the unit has, as long as nothing else changes: then a
// second run changes nothing.
func (b *bench) certificate(key [32]byte, before *prov.Settings) ([]byte, error) {
	operator := b.plan.operator.Public().(ed25519.PublicKey)
	end := b.now().AddDate(0, 0, b.plan.Days).Unix()
	if before != nil {
		if c, err := wire.VerifyCredential(before.Credential, operator, b.now()); err == nil && time.Unix(c.NotAfter, 0).After(b.now().AddDate(0, 0, b.plan.Days*9/10)) {
			end = c.NotAfter
		}
	}
	return wire.SignCredential(wire.Credential{Tenant: b.plan.Tenant, Device: key, NotAfter: end}, b.plan.operator)
}

// settings gives the unit its certificate and all that it has to know, as a
// whole: staged, checked by the unit, written, read back, and only then valid.
func (b *bench) settings(ctx context.Context) (string, bool, error) {
	var before *prov.Settings
	old, err := b.fetch(ctx, prov.ValueSettings)
	switch {
	case missing(err):
	case err != nil:
		return "", false, err
	default:
		if before, err = prov.ParseSettings(old); err != nil {
			before = nil // of an older version: it is replaced
		}
	}
	key, _ := b.client.Peer()
	certificate, err := b.certificate(key, before)
	if err != nil {
		return "", false, err
	}
	p := b.plan
	v := prov.Settings{Name: b.name, Site: p.Site, Tenant: p.Tenant, Gateway: p.Gateway, Operator: [32]byte(p.operator.Public().(ed25519.PublicKey)),
		Credential: certificate, Policy: p.policy, Updates: p.Updates, WiFi: p.WiFi, Password: p.password, Network: b.network,
		ByDesign: p.Calibration == "design", Waived: p.Waive, Development: p.Development}
	now, err := v.Encode()
	if err != nil {
		return "", false, usage(err, "correct the plan")
	}
	says := fmt.Sprintf("%s at %s, tenant %s, gateway %s", v.Name, v.Site, v.Tenant, v.Gateway)
	if string(now) == string(old) {
		return says, true, nil
	}
	if err := b.stage(ctx, prov.PartSettings, now); err != nil {
		return "", false, err
	}
	if err := b.keep(ctx, prov.PartSettings, sha256.Sum256(now)); err != nil {
		return "", false, err
	}
	again, err := b.fetch(ctx, prov.ValueSettings)
	if err == nil && string(again) != string(now) {
		err = errors.New("the unit gives back other settings than it was given")
	}
	return says + "; read back", false, err
}

// stage sends a value in blocks.
func (b *bench) stage(ctx context.Context, part string, value []byte) error {
	block := prov.Block{Part: part, Total: uint64(len(value)), Digest: sha256.Sum256(value)}
	for at := 0; at < len(value); {
		block.At, block.Data = uint64(at), value[at:min(at+prov.MaxBlock, len(value))]
		have, err := prov.Call[prov.Have](ctx, b.client, prov.Stage, block)
		if err != nil {
			return err
		}
		if have.Bytes <= uint64(at) || have.Bytes > uint64(len(value)) {
			return fmt.Errorf("the unit has %d bytes of %s after %d", have.Bytes, part, at+len(block.Data))
		}
		at = int(have.Bytes)
	}
	_, err := b.client.Do(ctx, prov.Validate, prov.Part{Name: part})
	return err
}

// keep commits a staged part and confirms it, if what the unit read back is
// what it should be; a zero sum takes what the unit says.
func (b *bench) keep(ctx context.Context, part string, sum [32]byte) error {
	d, err := prov.Call[prov.Digest](ctx, b.client, prov.Commit, prov.Part{Name: part})
	if err != nil {
		return err
	}
	if sum != ([32]byte{}) && d.Sum != sum {
		return fmt.Errorf("the unit read back other %s than it was given", part)
	}
	_, err = b.client.Do(ctx, prov.Confirm, prov.Digest{Part: part, Sum: d.Sum})
	return err
}

// maxFetch bounds what a unit may send, in bytes.
const maxFetch = 1 << 20

// fetch reads a value of the unit.
func (b *bench) fetch(ctx context.Context, what string) ([]byte, error) {
	return fetchAll(func(from uint32) (prov.Piece, error) {
		body, err := b.client.Do(ctx, prov.FetchValue, prov.Fetch{What: what, From: from})
		if err != nil {
			return prov.Piece{}, err
		}
		return prov.ParsePiece(body)
	})
}

// fetchAll puts pieces together.
func fetchAll(next func(from uint32) (prov.Piece, error)) (all []byte, err error) {
	for {
		p, err := next(uint32(len(all)))
		if err != nil {
			return nil, err
		}
		if p.Total > maxFetch {
			return nil, fmt.Errorf("the unit wants to send %d bytes", p.Total)
		}
		all = append(all, p.Data...)
		if len(p.Data) == 0 || len(all) > int(p.Total) {
			return all, nil
		}
	}
}

// missing tells whether a unit said that it has no such value.
func missing(err error) bool {
	var f *prov.Failure
	return errors.As(err, &f) && f.Code == prov.CodeMissing
}

// seal ends it, and asks the unit whether it is so.
func (b *bench) seal(ctx context.Context) (string, bool, error) {
	if _, err := b.client.Do(ctx, prov.Seal, nil); err != nil {
		return "", false, err
	}
	st, err := b.client.Status(ctx)
	if err == nil && st.State != prov.Sealed {
		err = fmt.Errorf("the unit says that it is %v", st.State)
	}
	b.status = st
	return "the unit works from now on; its port answers status only", false, err
}
