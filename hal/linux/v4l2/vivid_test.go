package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/hal/linux/v4l2/internal/abi"
)

// These tests need the kernel's virtual camera, which this machine hardly has.
// TestKernelDrivesCameras of package image runs them in a virtual machine with
// the product kernel, as
//
//	modprobe vivid node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=0x1 ccs_cap_mode=0 ccs_out_mode=0
//	v4l2.test -test.run Vivid -test.v
//
// The module's input is an HDMI port that can be wired to its own output, so
// a picture goes through the real driver and must come back as it was.

const (
	typeOutput = 2 // V4L2_BUF_TYPE_VIDEO_OUTPUT

	// vivid's own controls (drivers/media/test-drivers/vivid): what it writes
	// over the picture, 2 is nothing; and what its input is wired to, 2 is the
	// first output.
	vividText = 0x00f0f001
	vividWire = 0x00f0f000 + 113
)

// vivid finds the capture and the output node, or skips.
func vivid(t *testing.T) (capture, output string) {
	t.Helper()
	sys := os.DirFS("/sys/class/video4linux")
	for i := range 64 {
		node := fmt.Sprintf("video%d", i)
		switch name := read(sys, node+"/name"); {
		case bytes.HasSuffix([]byte(name), []byte("-vid-cap")) && capture == "":
			capture = "/dev/" + node
		case bytes.HasSuffix([]byte(name), []byte("-vid-out")) && output == "":
			output = "/dev/" + node
		}
	}
	if capture == "" || output == "" {
		t.Skip("this kernel has no virtual camera (module vivid), so V4L2 was tried on a kernel made of software alone")
	}
	return capture, output
}

const width, height = 1280, 720

func TestVividGivesEveryFormat(t *testing.T) {
	path, _ := vivid(t)
	for _, pixels := range []string{"GREY", "Y10", "Y12", "Y16", "RGB3", "BGR3", "YUYV", "UYVY"} {
		t.Run(pixels, func(t *testing.T) {
			s, err := Open(Config{Path: path, Pixels: pixels, Width: width, Height: height, Gain: 77})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			var last Frame
			for n := range 6 {
				f := next(t, s)
				if n > 0 && (f.Seq < last.Seq || f.Stamp <= last.Stamp) { // late, the module gives two frames the number of one
					t.Errorf("frame %d at %v after frame %d at %v", f.Seq, f.Stamp, last.Seq, last.Stamp)
				}
				if f.Damaged || len(f.Data) != f.Stride*height || n > 0 && bytes.Count(f.Data, []byte{0}) == len(f.Data) {
					t.Errorf("frame %d: damaged %v, %d bytes, stride %d", f.Seq, f.Damaged, len(f.Data), f.Stride)
				}
				last = f
				if err := s.Release(&f); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func next(t *testing.T, s *Stream) Frame {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		f, err := s.Fetch()
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			return *f
		}
		if err := s.Wait(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no frame in 20 s")
	return Frame{}
}

// A picture that is played into the output comes out of the camera bit by bit.
func TestVividLoopsBack(t *testing.T) {
	capture, output := vivid(t)
	picture := make([]byte, width*height)
	for i := range picture {
		picture[i] = byte(i*2654435761>>13) | 1
	}
	stop := play(t, capture, output, picture)
	defer stop()
	s, err := Open(Config{Path: capture, Pixels: "GREY", Width: width, Height: height})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		f := next(t, s)
		same := bytes.Equal(f.Data, picture)
		if err := s.Release(&f); err != nil {
			t.Fatal(err)
		}
		if same {
			return
		}
	}
	t.Error("20 frames came, none of them the one that was played")
}

// play wires output to capture and plays one picture for ever.
func play(t *testing.T, capture, output string, picture []byte) (stop func()) {
	t.Helper()
	must := func(what string, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	in, err := running{}.Open(capture)
	must("open "+capture, err)
	defer in.Close()
	for _, c := range []abi.Control{{ID: vividText, Value: 2}, {ID: vividWire, Value: 2}} {
		if err := in.Ioctl(abi.SetControl, unsafe.Pointer(&c)); errors.Is(err, unix.EINVAL) {
			t.Skip("this kernel's vivid is older than 6.12: its input cannot be wired to its output")
		} else {
			must("set a control", err)
		}
	}
	out, err := running{}.Open(output)
	must("open "+output, err)
	grey, _ := abi.FourCC("GREY")
	f := abi.Format{Type: typeOutput, Pix: abi.PixFormat{Width: width, Height: height, PixelFormat: grey, Field: abi.FieldNone}}
	must("set the format", out.Ioctl(abi.SetFormat, unsafe.Pointer(&f)))
	r := abi.RequestBuffers{Count: 3, Type: typeOutput, Memory: abi.MemMmap}
	must("request buffers", out.Ioctl(abi.ReqBufs, unsafe.Pointer(&r)))
	for i := range r.Count {
		b := abi.Buffer{Index: i, Type: typeOutput, Memory: abi.MemMmap}
		must("query a buffer", out.Ioctl(abi.QueryBuf, unsafe.Pointer(&b)))
		m, err := out.Mmap(int64(uint32(b.Offset)), int(b.Length))
		must("map a buffer", err)
		copy(m, picture)
		b.BytesUsed, b.Field = uint32(len(picture)), abi.FieldNone
		must("queue a buffer", out.Ioctl(abi.QueueBuf, unsafe.Pointer(&b)))
	}
	kind := int32(typeOutput)
	must("start", out.Ioctl(abi.StreamOn, unsafe.Pointer(&kind)))
	ended, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				out.Ioctl(abi.StreamOff, unsafe.Pointer(&kind))
				out.Close()
				return
			default:
			}
			b := abi.Buffer{Type: typeOutput, Memory: abi.MemMmap}
			if err := out.Ioctl(abi.DequeueBuf, unsafe.Pointer(&b)); errors.Is(err, unix.EAGAIN) {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			b.BytesUsed, b.Field = uint32(len(picture)), abi.FieldNone
			out.Ioctl(abi.QueueBuf, unsafe.Pointer(&b))
		}
	}()
	return func() { close(end); <-ended }
}
