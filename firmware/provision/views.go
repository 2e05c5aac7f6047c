package provision

import (
	"context"
	"encoding/json"
	"fmt"

	"volar/firmware/calibrate"
	"volar/hal"
	"volar/wire/prov"
)

// views are those of the calibration target so far.
type views struct {
	list   []calibrate.View
	design hal.Calibration
}

// look takes a view of the target and keeps it if it adds something.
func (s *server) look(ctx context.Context, _ []byte) ([]byte, error) {
	board, err := s.unit.Open()
	if err != nil {
		return nil, err
	}
	if s.unit.Close != nil {
		defer s.unit.Close()
	}
	if s.views == nil {
		s.views = &views{design: board.Calibration}
	}
	shot, err := shoot(ctx, board, hal.White|hal.NIR850)
	if err != nil {
		return nil, err
	}
	v := prov.Viewed{Need: calibrate.Enough}
	if view, err := calibrate.Look(&shot, calibrate.Target); err != nil {
		v.Hint = prov.Clean(err.Error())
	} else if hint := calibrate.Adds(view, s.views.list); hint != "" {
		v.Hint = hint
	} else if len(s.views.list) < calibrate.Most {
		s.views.list = append(s.views.list, view)
		v.Took = true
	}
	v.Views = uint8(len(s.views.list))
	return prov.EncodeBody(v)
}

// solve calibrates from the views, and stages what came of it.
func (s *server) solve(context.Context, []byte) ([]byte, error) {
	if s.views == nil || len(s.views.list) < calibrate.Enough {
		return nil, refuse(prov.CodeState, "too few views of the target: at least %d", calibrate.Enough)
	}
	r, err := calibrate.Solve(calibrate.Target, s.views.list, s.views.design)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	b, err := json.Marshal(r.Calibration)
	if err != nil {
		return nil, err
	}
	s.stageOwn(prov.PartCalibration, b)
	return prov.EncodeBody(prov.Solved{Views: uint8(len(s.views.list)), Corners: uint16(r.Corners), RMS: uint32(r.RMS*1000 + 0.5),
		Worst: uint32(r.Worst*1000 + 0.5), Baseline: uint32(r.Baseline*1000 + 0.5)})
}

// stageOwn stages a value that the unit made itself.
func (s *server) stageOwn(part string, b []byte) {
	if s.staged == nil {
		s.staged = map[string]*staging{}
	}
	s.staged[part] = &staging{total: uint64(len(b)), data: b}
}
