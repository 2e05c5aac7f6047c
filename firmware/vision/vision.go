// Package vision finds a palm in a pair of pictures and cuts it out, in the
// palm frame that README.md in this folder defines: Locate is quick enough to
// guide a hand, Rectify makes the crops that are compared, and Still does both
// for one picture of a whole hand on a dark ground.
//
// It is the one package of the device that uses OpenCV, and only its core,
// imgproc and calib3d modules: no file is read or written here. Every picture
// that was copied into OpenCV's memory is overwritten before it is freed.
package vision

import (
	"errors"

	"volar/wire"
)

// Why no palm was found. Callers test with errors.Is; package quality turns
// them into cues.
var (
	// ErrFrame: a frame is malformed, or two frames that belong together differ in size or format.
	ErrFrame = errors.New("unusable frame")
	// ErrNoHand: nothing in view is bright and large enough to be a hand.
	ErrNoHand = errors.New("no hand in view")
	// ErrFingersClosed: a hand, but the gaps between its fingers cannot be told apart.
	ErrFingersClosed = errors.New("fingers are not apart")
	// ErrCutOff: the edge of the picture cuts through the palm or through the gaps between the fingers.
	ErrCutOff = errors.New("palm is partly out of view")
	// ErrUnsure: gaps were found, but they do not sit as those of a hand do, or left and right cannot be told.
	ErrUnsure = errors.New("outline is not that of an open hand")
	// ErrNotRegistered: the palm that the near-infrared camera sees was not found in the colour picture.
	ErrNotRegistered = errors.New("bands do not show the same palm")
)

// Point is a position in pixels; pixel centres have integer coordinates, x
// runs right and y down.
type Point struct{ X, Y float64 }

// Palm says where a palm is in one picture.
type Palm struct {
	Hand wire.Hand

	// Valleys are the roots of the gaps between index and middle, middle and
	// ring, and ring and little finger.
	Valleys [3]Point

	// ToImage takes a position in the crop (pixels, 0 to wire.Side) to the
	// picture: a homography, row major. It mirrors where Hand is Right.
	ToImage [9]float64

	// Centre is the middle of the palm's square in the picture.
	Centre Point

	// Side is the length of the palm's square in pixels.
	Side float64

	// Coverage is Side as a share of the picture's short side: it grows as
	// the palm comes closer (a palm of 55 mm before a camera of f = 295 px
	// and 480 rows: 0.85 at 40 mm, 0.28 at 120 mm).
	Coverage float64

	// Inside is the share of the palm's square that lies in the picture and
	// shows skin, 0 to 1.
	Inside float64

	// Spread is the width of the narrowest of the three gaps a quarter of the
	// valley distance above its root, as a share of the valley distance.
	Spread float64

	// RotationDeg is where the fingers point: 0 is up in the picture, 90 right, -180 to 180.
	RotationDeg float64

	// Sureness is how clearly the outline tells left from right, 0 to 1.
	Sureness float64
}
