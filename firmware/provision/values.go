package provision

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"volar/hal"
	"volar/wire/prov"
)

// fetch gives a block of a value.
func (s *server) fetch(_ context.Context, body []byte) ([]byte, error) {
	f, err := prov.ParseBody[prov.Fetch](body)
	if err != nil {
		return nil, err
	}
	b, err := s.value(f.What)
	if err != nil {
		return nil, err
	}
	p := cut(b, f.From)
	logs := f.What == prov.ValueLog || f.What == prov.ValueCrash
	if logs && s.record.State == prov.Sealed && s.talk.ticket.Rights == prov.MayReadLogs && len(p.Data) == 0 {
		if err := s.spend(s.talk.ticket.Number); err != nil { // the end was read: the ticket is done
			return nil, err
		}
	}
	return p.Encode()
}

func (s *server) value(what string) ([]byte, error) {
	rights := s.talk.ticket.Rights
	switch {
	case what == prov.ValueLog || what == prov.ValueCrash:
		if s.record.State == prov.Sealed && rights&prov.MayReadLogs == 0 {
			return nil, refuse(prov.CodeDenied, "%w: logs of a sealed unit", prov.ErrTicketRight)
		}
		return s.unit.Logs(what == prov.ValueCrash)
	case s.record.State == prov.Sealed || rights&prov.MayProvision == 0:
		return nil, refuse(prov.CodeDenied, "%w: %s", prov.ErrTicketRight, what)
	}
	switch what {
	case prov.ValueEndorsement:
		return s.unit.Chip.Endorsement()
	case prov.ValueSettings:
		return some(s.record.Settings)
	case prov.ValueCalibration:
		return some(s.record.Calibration)
	case prov.ValueTests:
		return codec.Marshal(s.record.tests(s.unit.Version))
	}
	return nil, refuse(prov.CodeInvalid, "no value %q", what)
}

func some(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, hal.ErrNotFound
	}
	return b, nil
}

// staging is a value that comes in blocks.
type staging struct {
	total  uint64
	digest [32]byte
	data   []byte
}

// stageable bounds what is staged, in bytes.
var stageable = map[string]uint64{prov.PartSettings: prov.MaxSettings, prov.PartManifest: 8 << 10}

// stage takes a block. The same block twice is no error; a value with another
// digest begins anew.
func (s *server) stage(_ context.Context, body []byte) ([]byte, error) {
	b, err := prov.ParseBody[prov.Block](body)
	if err != nil {
		return nil, err
	}
	most, ok := stageable[b.Part]
	if !ok || b.Total == 0 || b.Total > most || len(b.Data) > prov.MaxBlock || b.At > b.Total || uint64(len(b.Data)) > b.Total-b.At {
		return nil, refuse(prov.CodeInvalid, "block of %d bytes at %d of %d of %q", len(b.Data), b.At, b.Total, b.Part)
	}
	if b.Part == prov.PartSettings && (s.record.State == prov.Sealed || s.talk.ticket.Rights&prov.MayProvision == 0) {
		return nil, refuse(prov.CodeDenied, "%w: settings", prov.ErrTicketRight)
	}
	if s.staged == nil {
		s.staged = map[string]*staging{}
	}
	v := s.staged[b.Part]
	if v == nil || v.digest != b.Digest || v.total != b.Total {
		v = &staging{total: b.Total, digest: b.Digest}
		s.staged[b.Part] = v
	}
	if b.At == uint64(len(v.data)) {
		v.data = append(v.data, b.Data...)
	}
	if uint64(len(v.data)) == v.total && sha256.Sum256(v.data) != v.digest {
		delete(s.staged, b.Part)
		return nil, refuse(prov.CodeInvalid, "%s arrived with another hash", b.Part)
	}
	return prov.EncodeBody(prov.Have{Bytes: uint64(len(v.data))})
}

// whole is a staged value that has come to its end.
func (s *server) whole(part string) ([]byte, error) {
	v := s.staged[part]
	if v == nil || uint64(len(v.data)) != v.total {
		return nil, refuse(prov.CodeMissing, "%s has not been staged to its end", part)
	}
	return v.data, nil
}

var errNoUpdate = errors.New("this unit takes no firmware over the line")

func (s *server) updateOffer(ctx context.Context, _ []byte) ([]byte, error) {
	if s.unit.Update == nil {
		return nil, refuse(prov.CodeUnknown, "%w", errNoUpdate)
	}
	manifest, err := s.whole(prov.PartManifest)
	if err != nil {
		return nil, err
	}
	have, err := s.unit.Update.Offer(ctx, manifest)
	if err != nil {
		return nil, err
	}
	return prov.EncodeBody(prov.Have{Bytes: uint64(have)})
}

func (s *server) updateBlock(ctx context.Context, body []byte) ([]byte, error) {
	if s.unit.Update == nil {
		return nil, refuse(prov.CodeUnknown, "%w", errNoUpdate)
	}
	b, err := prov.ParseBody[prov.Block](body)
	if err != nil {
		return nil, err
	}
	if b.Part != prov.PartBundle || len(b.Data) > prov.MaxBlock || b.At > 1<<40 {
		return nil, refuse(prov.CodeInvalid, "block of %d bytes at %d of %q", len(b.Data), b.At, b.Part)
	}
	if err := s.unit.Update.Block(ctx, int64(b.At), b.Data); err != nil {
		return nil, err
	}
	have := b.At + uint64(len(b.Data))
	if have == b.Total { // it has come to its end, so the ticket is done
		if err := s.spend(s.talk.ticket.Number); err != nil {
			return nil, err
		}
	}
	return prov.EncodeBody(prov.Have{Bytes: have})
}

func (s *server) again(context.Context, []byte) ([]byte, error) {
	s.restart = true
	return nil, nil
}

// tests are those that ran under this firmware.
func (r *record) tests(version string) []prov.Tested {
	if r.TestedBy != version {
		return nil
	}
	return r.Tests
}

// say names a test that is missing.
func say(names []string) string { return fmt.Sprintf("%q", names) }
