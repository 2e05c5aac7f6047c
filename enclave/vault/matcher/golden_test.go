package matcher

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"volar/wire"
)

// mosaic draws smooth blobs with integers alone, so that it is the same everywhere.
func mosaic(seed uint32) []byte {
	out := make([]byte, wire.Side*wire.Side)
	var knots [17][17]int32
	for y := range knots {
		for x := range knots[y] {
			seed = seed*1664525 + 1013904223
			knots[y][x] = int32(seed >> 24)
		}
	}
	for y := range wire.Side {
		for x := range wire.Side {
			i, j, u, v := x/8, y/8, int32(x%8), int32(y%8)
			top := knots[j][i]*(8-u) + knots[j][i+1]*u
			low := knots[j+1][i]*(8-u) + knots[j+1][i+1]*u
			out[y*wire.Side+x] = byte((top*(8-v) + low*v) / 64)
		}
	}
	return out
}

// A vault may move to a machine of another architecture with its gallery, so
// a picture must give the same template, and a comparison the same distance, on all of them.
func TestSameOnEveryArchitecture(t *testing.T) {
	encode := func(seed uint32) *Capture {
		c, err := Encode(wire.Left, []wire.View{view(wire.NIR, mosaic(seed))})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := encode(1), encode(2)
	template, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(template)
	if got, want := hex.EncodeToString(sum[:8]), "8e42b96053fd2218"; got != want {
		t.Errorf("template %s, want %s", got, want)
	}
	if got, want := NewProbe(b).Compare(a).NIR, 0.39578118005850227; got != want {
		t.Errorf("distance %v, want %v", got, want)
	}
}
