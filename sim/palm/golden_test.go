package palm

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

var update = flag.Bool("update", false, "write testdata/golden.bin and testdata/golden.sha256 anew")

// goldenShots draws a few waves and gives every frame to f.
func goldenShots(f func(*hal.Frame)) {
	r := NewRenderer(DefaultRig())
	rng := rand.New(rand.NewPCG(7, 7))
	waves := []*Wave{
		{Anatomy: New(42, 1, wire.Left), Pose: Guided(rng), Seed: 1},
		{Anatomy: New(42, 1, wire.Right), Pose: Unguided(rng), Seed: 2, Condition: Condition{Ring: true, Dirt: 0.3}},
		{Anatomy: New(42, 2, wire.Left), Pose: Guided(rng), Seed: 3, Material: LaserPrint},
	}
	for i, w := range waves {
		for k, l := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940} {
			s := r.Shoot(w, l, time.Duration(k)*33*time.Millisecond, uint32(4*i+k))
			f(&s.RGB)
			f(&s.NIR)
		}
	}
}

// TestGolden compares every thousandth or so of the samples with those kept
// in testdata. They may differ by one grey level, since an architecture may
// round differently. On the architecture that they were made on, the
// checksum of all bytes has to agree.
func TestGolden(t *testing.T) {
	var got []byte
	all := sha256.New()
	goldenShots(func(f *hal.Frame) {
		all.Write(f.Pix)
		for y := 12; y < f.Height; y += 32 {
			for x := 12; x < f.Width; x += 32 {
				p := f.Pix[y*f.Stride+x*f.Format.BytesPerPixel():]
				if f.Format == hal.Y10 {
					got = append(got, p[0], p[1])
					continue
				}
				for c := range 3 {
					got = binary.LittleEndian.AppendUint16(got, uint16(p[c]))
				}
			}
		}
	})
	sum := runtime.GOARCH + " " + hex.EncodeToString(all.Sum(nil)) + "\n"
	if *update {
		for name, b := range map[string][]byte{"golden.bin": got, "golden.sha256": []byte(sum)} {
			if err := os.WriteFile("testdata/"+name, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	want, err := os.ReadFile("testdata/golden.bin")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d bytes of samples, want %d", len(got), len(want))
	}
	for i := 0; i < len(got); i += 2 {
		a, b := int(binary.LittleEndian.Uint16(got[i:])), int(binary.LittleEndian.Uint16(want[i:]))
		if a-b > 1 || b-a > 1 {
			t.Fatalf("sample %d is %d, want %d", i/2, a, b)
		}
	}
	kept, err := os.ReadFile("testdata/golden.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(kept), runtime.GOARCH+" ") && string(kept) != sum {
		t.Errorf("checksum %s, want %s", sum, kept)
	}
}
