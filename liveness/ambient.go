package liveness

import "volar/wire"

// level is one of the mean levels of a camera.
func (s *scene) level(camera, light int) float64 { return float64(s.Proof.Levels[camera+light]) }

// lampsAnswer is the light of the room as a share of all light on the palm,
// the larger of both cameras'. A living palm a hand's breadth away is lit by
// the lamps: the sun behind a window adds less than they do. A screen shines
// by itself, and a picture that is fed in from a recording of another light
// does not answer at all. It is also why every other check may take the dark shot off.
func lampsAnswer(s *scene) float64 {
	return max(s.level(wire.LevelRGB, wire.LevelDark)/s.level(wire.LevelRGB, wire.LevelWhite),
		s.level(wire.LevelNIR, wire.LevelDark)/s.level(wire.LevelNIR, wire.Level850),
		s.level(wire.LevelNIR, wire.LevelDark)/s.level(wire.LevelNIR, wire.Level940))
}

// onlyWhiteIsSeen is what the near-infrared lamps add to the colour picture,
// as a share of what white light adds. The colour camera's filter stops them
// (datasheets of such IR-cut filters: below 1 % from 780 to 1000 nm), so that
// more means frames that do not belong to their light.
func onlyWhiteIsSeen(s *scene) float64 {
	d, w := s.level(wire.LevelRGB, wire.LevelDark), s.level(wire.LevelRGB, wire.LevelWhite)
	return (max(s.level(wire.LevelRGB, wire.Level850), s.level(wire.LevelRGB, wire.Level940)) - d) / (w - d)
}

// onlyInfraredIsSeen is the same for white light in the near-infrared camera:
// white diodes emit nothing beyond 780 nm.
func onlyInfraredIsSeen(s *scene) float64 {
	d := s.level(wire.LevelNIR, wire.LevelDark)
	return (s.level(wire.LevelNIR, wire.LevelWhite) - d) / (s.level(wire.LevelNIR, wire.Level850) - d)
}
