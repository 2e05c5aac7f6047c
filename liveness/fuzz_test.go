package liveness_test

import (
	"encoding/binary"
	"testing"

	"volar/liveness"
	"volar/liveness/living"
	"volar/wire"
)

// Whatever a device writes into a proof, the judge comes to a verdict, and
// what it calls alive passes every check.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{}, uint16(0), uint8(0))
	f.Add(make([]byte, 48), uint16(100), uint8(1))
	f.Add([]byte{0xff, 0xff, 0x80, 0, 0x7f, 0xff}, uint16(2000), uint8(2))
	good := living.Sample(nonce(1), wire.Left, 1, 1)
	f.Fuzz(func(t *testing.T, b []byte, at uint16, part uint8) {
		s := good
		s.Proof = good.Proof.Clone()
		p := &s.Proof
		var to any
		switch part % 6 {
		case 0:
			copy(p.NIR940[int(at)%len(p.NIR940):], b)
		case 1:
			for i := 0; 2*i+1 < len(b); i++ {
				p.Planes[(int(at)+i)%len(p.Planes)] = binary.BigEndian.Uint16(b[2*i:])
			}
		case 2:
			to = &p.Levels
		case 3:
			to = &p.Track
		case 4:
			to = &p.Lamps
		case 5:
			to = &p.Place
		}
		if to != nil && len(b) >= binary.Size(to) {
			if _, err := binary.Decode(b, binary.BigEndian, to); err != nil {
				t.Fatal(err)
			}
		}
		v := liveness.Judge(liveness.Fitted, liveness.Of(&s))
		if v.Live() != (v.Failed() == nil) {
			t.Errorf("alive %v, failed %v, score %g", v.Live(), v.Failed(), v.Score)
		}
	})
}
