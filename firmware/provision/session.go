package provision

import (
	"bytes"
	"context"
	"time"

	"volar/wire/link"
	"volar/wire/prov"
)

// lastWrite is the last question that did something, and its answer: a bench
// that has not heard the answer asks again, and it is not done twice.
type lastWrite struct{ question, answer []byte }

// packet answers a packet of SMP.
func (s *server) packet(ctx context.Context, p []byte) error {
	h, err := prov.ParseHeader(p)
	if err != nil || h.Op != prov.Read && h.Op != prov.Write {
		return nil // answers are not ours to read
	}
	if h.Op == prov.Write && bytes.Equal(p, s.last.question) {
		return s.port.Packet(s.last.answer)
	}
	body, err := s.answer(ctx, h, p[prov.HeaderSize:])
	if err != nil {
		body = prov.Fail(codeOf(err), err.Error())
	}
	h.Op++
	answer := prov.AppendPacket(nil, h, body)
	if h.Op == prov.WriteReply {
		s.last = lastWrite{p, answer}
	}
	return s.port.Packet(answer)
}

// answer gives the body of an answer.
func (s *server) answer(ctx context.Context, h prov.Header, body []byte) ([]byte, error) {
	switch key := [3]int{int(h.Group), int(h.ID), int(h.Op)}; key {
	case [3]int{prov.GroupOS, prov.OSEcho, int(prov.Write)}, [3]int{prov.GroupOS, prov.OSEcho, int(prov.Read)}:
		return prov.Echo(body)
	case [3]int{prov.GroupOS, prov.OSParameters, int(prov.Read)}:
		return prov.Parameters(), nil
	case [3]int{prov.GroupOS, prov.OSReset, int(prov.Write)}:
		if s.record.State == prov.Sealed {
			return nil, refuse(prov.CodeDenied, "the unit is sealed: nobody restarts it over the line")
		}
		s.restart = true
		return []byte{0xa0}, nil
	case [3]int{prov.GroupPalm, prov.PalmStatus, int(prov.Read)}:
		return s.status().Encode()
	case [3]int{prov.GroupPalm, prov.PalmLog, int(prov.Read)}:
		return s.openLog(body)
	case [3]int{prov.GroupPalm, prov.PalmShake, int(prov.Write)}:
		return s.shake(body)
	case [3]int{prov.GroupPalm, prov.PalmSealed, int(prov.Write)}:
		return s.sealed(ctx, body)
	}
	return nil, refuse(prov.CodeUnknown, "no command %d in group %d", h.ID, h.Group)
}

// openLog gives the log to anybody, as long as there is nothing to hide.
func (s *server) openLog(body []byte) ([]byte, error) {
	if s.record.State == prov.Sealed || s.locked != "" {
		return nil, refuse(prov.CodeDenied, "the unit is sealed: its log needs a ticket that allows logs")
	}
	f, err := prov.ParseFetch(body)
	if err != nil {
		return nil, err
	}
	if f.What != prov.ValueLog && f.What != prov.ValueCrash {
		return nil, refuse(prov.CodeInvalid, "no log %q", f.What)
	}
	b, err := s.unit.Logs(f.What == prov.ValueCrash)
	if err != nil {
		return nil, err
	}
	return cut(b, f.From).Encode()
}

// maxValue bounds what is fetched, in bytes; of a log that is longer the end counts.
const maxValue = 256 << 10

// cut is the block of a value from a place on.
func cut(b []byte, from uint32) prov.Piece {
	b = b[max(0, len(b)-maxValue):]
	at := min(int(from), len(b))
	return prov.Piece{Total: uint32(len(b)), Data: b[at:min(at+prov.MaxBlock, len(b))]}
}

// talk is the session with a bench.
type talk struct {
	pending *link.Cable // a handshake that is not done
	asked   time.Time   // when it began
	cable   *link.Cable // a bench with a ticket; nil: none
	ticket  prov.Ticket
	used    time.Time
	refused int       // handshakes in a row
	until   time.Time // no handshake before
}

func (t *talk) open() bool { return t.cable != nil }

// expire ends what takes too long.
func (t *talk) expire() {
	if t.pending != nil && time.Since(t.asked) > prov.HandshakeLimit {
		t.pending = nil
	}
	if t.cable != nil && time.Since(t.used) > prov.SessionIdle {
		t.cable = nil
	}
}

// refuseFor is how long no handshake is taken after one was refused.
func (t *talk) refuseFor() time.Duration {
	return min(time.Second<<min(t.refused, 5), 30*time.Second)
}

// shake goes on with a handshake. A session that is open stays until a new
// one is: who has no ticket ends nobody's session.
func (s *server) shake(body []byte) ([]byte, error) {
	m, err := prov.ParseShake(body)
	if err != nil {
		return nil, err
	}
	t := &s.talk
	t.expire()
	switch m.Step {
	case 1:
		if wait := time.Until(t.until); wait > 0 {
			return nil, refuse(prov.CodeDenied, "after a refused ticket the unit waits; try again in %v", wait.Round(time.Second))
		}
		t.pending, err = link.NewCable(false, s.unit.Identity, prov.Prologue(s.unit.Serial))
		if err != nil {
			return nil, err
		}
		t.asked = time.Now()
		if _, err := t.pending.Read(m.Data); err != nil {
			t.pending = nil
			return nil, refuse(prov.CodeInvalid, "%w", err)
		}
		b, err := t.pending.Write(nil)
		if err != nil {
			return nil, err
		}
		return prov.Shake{Step: 2, Data: b}.Encode()
	case 3:
		return s.admit(m.Data)
	}
	return nil, refuse(prov.CodeInvalid, "step %d of the handshake", m.Step)
}

// admit ends the handshake, and begins the session if the ticket is good.
func (s *server) admit(third []byte) ([]byte, error) {
	t := &s.talk
	cable := t.pending
	t.pending = nil
	if cable == nil {
		return nil, refuse(prov.CodeState, "no handshake was begun, or it took too long")
	}
	ticket, err := s.check(cable, third)
	if err != nil {
		t.refused++
		t.until = time.Now().Add(t.refuseFor())
		return nil, refuse(prov.CodeDenied, "%w", err)
	}
	*t = talk{cable: cable, ticket: ticket, used: time.Now()}
	s.staged, s.views = nil, nil
	return prov.Shake{Step: 4}.Encode()
}

func (s *server) check(cable *link.Cable, third []byte) (prov.Ticket, error) {
	b, err := cable.Read(third)
	if err != nil {
		return prov.Ticket{}, err
	}
	ticket, err := prov.OpenTicket(b, s.unit.Authority)
	if err != nil {
		return prov.Ticket{}, err
	}
	spent, err := s.unit.Chip.Spent()
	if err != nil {
		return prov.Ticket{}, err
	}
	return ticket, ticket.Admits(s.unit.Serial, cable.Peer(), spent, s.unit.now())
}

// sealed answers a request inside of the session.
func (s *server) sealed(ctx context.Context, body []byte) ([]byte, error) {
	s.talk.expire()
	box, err := prov.ParseBox(body)
	if err != nil {
		return nil, err
	}
	cable := s.talk.cable
	if cable == nil {
		return nil, refuse(prov.CodeDenied, "no session is open")
	}
	plain, err := cable.Unseal(box.Number, box.Data)
	if err != nil {
		return nil, refuse(prov.CodeDenied, "%w", err)
	}
	s.talk.used = time.Now()
	var a prov.Answer
	r, err := prov.ParseRequest(plain)
	clear(plain)
	if err == nil {
		a.Body, err = s.request(ctx, r)
	}
	s.talk.used = time.Now()
	if err != nil {
		a.Code, a.Why, a.Body = codeOf(err), err.Error(), nil
	}
	if plain, err = a.Encode(); err != nil {
		return nil, err
	}
	var out prov.Box
	if out.Number, out.Data, err = cable.Seal(plain); err != nil {
		return nil, err
	}
	if spent := s.talk.ticket.Number; s.record.State == prov.Sealed && spent == s.record.Ticket {
		s.talk = talk{} // it sealed the unit: nothing is left for it to do
	}
	return out.Encode()
}

// rule says when a verb is allowed.
type rule struct {
	right  prov.Rights
	from   prov.State // the least state
	to     prov.State // and the last
	answer func(*server, context.Context, []byte) ([]byte, error)
}

// rules are all verbs there are.
func (s *server) rules() map[prov.Verb]rule {
	const p = prov.MayProvision
	return map[prov.Verb]rule{
		prov.Prove:       {p, prov.Blank, prov.Named, (*server).prove},
		prov.Activate:    {p, prov.Blank, prov.Named, (*server).activate},
		prov.Keep:        {p, prov.Blank, prov.Named, (*server).keep},
		prov.Time:        {p, prov.Blank, prov.Named, (*server).setTime},
		prov.Stage:       {p | prov.MayUpdate, prov.Blank, prov.Sealed, (*server).stage},
		prov.Validate:    {p, prov.Keyed, prov.Named, (*server).validate},
		prov.Commit:      {p, prov.Keyed, prov.Named, (*server).commitStaged},
		prov.Confirm:     {p, prov.Keyed, prov.Named, (*server).confirmPart},
		prov.FetchValue:  {p | prov.MayReadLogs | prov.MayUpdate, prov.Blank, prov.Sealed, (*server).fetch},
		prov.Test:        {p, prov.Keyed, prov.Named, (*server).test},
		prov.Saw:         {p, prov.Keyed, prov.Named, (*server).saw},
		prov.Look:        {p, prov.Keyed, prov.Named, (*server).look},
		prov.Solve:       {p, prov.Keyed, prov.Named, (*server).solve},
		prov.Seal:        {p, prov.Named, prov.Named, (*server).seal},
		prov.Forget:      {prov.MayReset, prov.Blank, prov.Sealed, (*server).forget},
		prov.Restart:     {p | prov.MayReset, prov.Blank, prov.Named, (*server).again},
		prov.UpdateOffer: {prov.MayUpdate, prov.Blank, prov.Sealed, (*server).updateOffer},
		prov.UpdateBlock: {prov.MayUpdate, prov.Blank, prov.Sealed, (*server).updateBlock},
	}
}

// request does what a bench with a ticket asks for, if the ticket and the
// state allow it.
func (s *server) request(ctx context.Context, r prov.Request) ([]byte, error) {
	rule, ok := s.rules()[r.Verb]
	switch {
	case !ok:
		return nil, refuse(prov.CodeUnknown, "no verb %d", r.Verb)
	case s.talk.ticket.Rights&rule.right == 0:
		return nil, refuse(prov.CodeDenied, "%w: %v", prov.ErrTicketRight, r.Verb)
	case s.locked != "" && r.Verb != prov.Forget:
		return nil, refuse(prov.CodeState, "the unit is locked (%s): it can only be reset", s.locked)
	case s.record.State < rule.from || s.record.State > rule.to:
		return nil, refuse(prov.CodeState, "%v is not for a unit that is %v", r.Verb, s.record.State)
	}
	return rule.answer(s, ctx, r.Body)
}
