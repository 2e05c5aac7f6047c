package proof

import (
	"syscall"
	"testing"
	"time"

	"volar/hal"
)

// BenchmarkMake makes the proof of a burst of board sim: 16 frames of 640 by
// 480. cpu-ms/op is what the processor spent, whoever else was busy.
func BenchmarkMake(b *testing.B) {
	burst, cal, p := newScene(hal.Y10).burst(levels), calibration(), palm()
	for _, s := range burst.Shots() {
		s.RGB, s.NIR = enlarged(&s.RGB), enlarged(&s.NIR)
	}
	for i := range 6 { // the first two rows
		p.ToNIR[i] *= enlargement
		p.ToRGB[i] *= enlargement
	}
	before := processorTime(b)
	for b.Loop() {
		out, err := Make(burst, cal, p)
		if err != nil {
			b.Fatal(err)
		}
		out.Wipe()
	}
	b.ReportMetric(1e3*(processorTime(b)-before).Seconds()/float64(b.N), "cpu-ms/op")
}

// enlargement is by how much a frame grows: a palm at 70 mm covers twice as
// many pixels of that camera as a crop has.
const enlargement = 2

// enlarged puts a frame into the top left of one of 640 by 480.
func enlarged(f *hal.Frame) hal.Frame {
	bpp := f.Format.BytesPerPixel()
	g := *f
	g.Width, g.Height, g.Stride = 640, 480, 640*bpp
	g.Pix = make([]byte, g.Stride*g.Height)
	for y := range enlargement * f.Height {
		for x := range enlargement * f.Width {
			copy(g.Pix[y*g.Stride+x*bpp:], f.Pix[y/enlargement*f.Stride+x/enlargement*bpp:][:bpp])
		}
	}
	return g
}

func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
