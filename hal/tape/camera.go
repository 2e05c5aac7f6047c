package tape

import (
	"context"

	"volar/hal"
)

// Recorder is a camera that writes every shot of another one to a tape.
type Recorder struct {
	camera hal.Camera
	tape   *Writer
}

var _ hal.Camera = (*Recorder)(nil)

// Record wraps camera. The tape is the caller's to close, after the last Shoot.
func Record(camera hal.Camera, tape *Writer) *Recorder {
	return &Recorder{camera, tape}
}

// Shoot passes the shot through. What cannot be written is an error: a tape
// with silent gaps would prove nothing. A shot that the camera should not
// have given (half of one, say) is passed on unwritten: refusing it is the
// caller's business, not the recorder's.
func (r *Recorder) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := r.camera.Shoot(ctx, l)
	if err != nil || s.Check() != nil {
		return s, err
	}
	if err := r.tape.Shot(&s); err != nil {
		return hal.Shot{}, err
	}
	return s, nil
}
