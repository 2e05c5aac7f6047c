package provision

import (
	"context"
	"strconv"
	"time"

	"volar/wire/prov"
)

// joinLimit is how long a radio may take to join a network, and to listen.
const joinLimit = 30 * time.Second

// improv answers a packet of Improv Serial, so that tools in a browser can
// bring a unit into a network before a bench gives it the rest. A unit that is
// sealed says what it is, and takes nothing.
func (s *server) improv(ctx context.Context, p prov.Improv) error {
	if p.Type != prov.ImprovCall {
		return nil
	}
	command, list, err := prov.ParseImprovCall(p.Data)
	if err != nil {
		return s.improvError(prov.ImprovInvalid)
	}
	switch command {
	case prov.ImprovGetState:
		return s.improvState()
	case prov.ImprovGetInfo:
		return s.improvResult(command, "palm unit", s.unit.Version, s.unit.Board, s.unit.Serial)
	case prov.ImprovSetWiFi, prov.ImprovScan:
		if s.record.State == prov.Sealed || s.locked != "" {
			return s.improvError(prov.ImprovNotAllowed)
		}
		if s.unit.WiFi == nil {
			return s.improvError(prov.ImprovCannotConnect)
		}
		ctx, cancel := context.WithTimeout(ctx, joinLimit)
		defer cancel()
		if command == prov.ImprovScan {
			return s.improvScan(ctx)
		}
		return s.improvJoin(ctx, list)
	}
	return s.improvError(prov.ImprovUnknown)
}

func (s *server) improvJoin(ctx context.Context, list []string) error {
	if len(list) != 2 || list[0] == "" || len(list[0]) > 32 || len(list[1]) > 63 {
		return s.improvError(prov.ImprovInvalid)
	}
	if err := s.port.Improv(prov.Improv{Type: prov.ImprovState, Data: []byte{prov.ImprovProvisioning}}); err != nil {
		return err
	}
	if err := s.unit.WiFi.Join(ctx, list[0], list[1]); err != nil {
		if err := s.improvError(prov.ImprovCannotConnect); err != nil {
			return err
		}
		return s.improvState()
	}
	s.joined = true
	if err := s.improvState(); err != nil {
		return err
	}
	return s.improvResult(prov.ImprovSetWiFi)
}

// improvScan gives a result for each network, and an empty one at the end.
func (s *server) improvScan(ctx context.Context) error {
	list, err := s.unit.WiFi.Scan(ctx)
	if err != nil {
		return s.improvError(prov.ImprovCannotConnect)
	}
	for _, n := range list[:min(len(list), 32)] {
		locked := "YES"
		if n.Open {
			locked = "NO"
		}
		if err := s.improvResult(prov.ImprovScan, n.Name, strconv.Itoa(n.Signal), locked); err != nil {
			return err
		}
	}
	return s.improvResult(prov.ImprovScan)
}

func (s *server) improvState() error {
	state := byte(prov.ImprovReady)
	if s.joined || s.record.State == prov.Sealed {
		state = prov.ImprovProvisioned
	}
	return s.port.Improv(prov.Improv{Type: prov.ImprovState, Data: []byte{state}})
}

func (s *server) improvError(code byte) error {
	return s.port.Improv(prov.Improv{Type: prov.ImprovError, Data: []byte{code}})
}

func (s *server) improvResult(command byte, list ...string) error {
	return s.port.Improv(prov.Improv{Type: prov.ImprovResult, Data: prov.ImprovStrings(command, list...)})
}
