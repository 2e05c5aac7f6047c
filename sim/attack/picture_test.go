package attack

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"
	"time"

	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// TestPictures writes the sheet of README.md: ATTACK_PICTURES=species.png.
func TestPictures(t *testing.T) {
	name := os.Getenv("ATTACK_PICTURES")
	if name == "" {
		t.Skip("ATTACK_PICTURES names no file")
	}
	const scale, columns = 5, 3
	r := palm.NewRenderer(palm.DefaultRig())
	w, h := 640/scale, 480/scale
	rows := (len(All) + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(3*w+6), rows*(h+4)))
	victim, carrier := palm.New(31, 1, wire.Left), palm.New(31, 5, wire.Left)
	for i, s := range All {
		scene := New(s, victim, carrier, 4).Scene(r, 0)
		x, y := i%columns*(3*w+6), i/columns*(h+4)
		for k, l := range []hal.Light{hal.White, hal.NIR850, hal.NIR940} {
			shot := scene.Shoot(l, time.Second+time.Duration(k)*33*time.Millisecond, uint32(k+1))
			f := &shot.NIR
			if l == hal.White {
				f = &shot.RGB
			}
			shrink(sheet, x+k*w, y, f, scale)
		}
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, sheet); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func shrink(to *image.RGBA, x0, y0 int, f *hal.Frame, scale int) {
	for y := range f.Height / scale {
		for x := range f.Width / scale {
			var sum [3]int
			for k := range scale * scale {
				i := (y*scale+k/scale)*f.Stride + (x*scale+k%scale)*f.Format.BytesPerPixel()
				for c := range 3 {
					if f.Format == hal.RGB24 {
						sum[c] += int(f.Pix[i+c])
					} else {
						sum[c] += (int(f.Pix[i]) | int(f.Pix[i+1])<<8) >> 2
					}
				}
			}
			n := scale * scale
			to.SetRGBA(x0+x, y0+y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
}
