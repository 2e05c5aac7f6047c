// Package abi is the kernel's side of V4L2: structures and numbers of calls.
package abi

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's structures on 64-bit Linux, as include/uapi/linux/videodev2.h,
// v4l2-subdev.h and media.h lay them out; amd64 and arm64 agree. The numbers
// of the calls carry their sizes, so a wrong one is ENOTTY.

const (
	TypeCapture = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	MemMmap     = 1 // V4L2_MEMORY_MMAP
	FieldNone   = 1 // V4L2_FIELD_NONE: whole frames

	CapCapture   = 1 << 0  // V4L2_CAP_VIDEO_CAPTURE
	CapStreaming = 1 << 26 // V4L2_CAP_STREAMING
	CapDevice    = 1 << 31 // V4L2_CAP_DEVICE_CAPS: DeviceCaps counts

	FlagError     = 0x00000040 // V4L2_BUF_FLAG_ERROR
	FlagClock     = 0x0000e000 // V4L2_BUF_FLAG_TIMESTAMP_MASK
	FlagMonotonic = 0x00002000 // V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
)

type Capability struct {
	Driver     [16]byte
	Card       [32]byte
	Bus        [32]byte
	Version    uint32
	Caps       uint32
	DeviceCaps uint32
	_          [3]uint32
}

type PixFormat struct {
	Width, Height, PixelFormat, Field, BytesPerLine, SizeImage, Colorspace, Priv, Flags, Enc, Quant, Xfer uint32
}

type Format struct {
	Type uint32
	_    uint32
	Pix  PixFormat
	_    [200 - unsafe.Sizeof(PixFormat{})]byte
}

type RequestBuffers struct {
	Count, Type, Memory, Caps uint32
	Flags                     uint8
	_                         [3]uint8
}

type Buffer struct {
	Index, Type, BytesUsed, Flags, Field uint32
	_                                    uint32
	Seconds, Micros                      int64
	_                                    [16]byte // time code
	Sequence, Memory                     uint32
	Offset                               uint64 // a union; of memory maps the low half
	Length, _                            uint32
	_                                    int32
	_                                    uint32
}

type Fraction struct{ Numerator, Denominator uint32 }

type StreamParm struct {
	Type         uint32
	Capability   uint32
	CaptureMode  uint32
	TimePerFrame Fraction
	ExtendedMode uint32
	ReadBuffers  uint32
	_            [4]uint32
	_            [200 - 40]byte
}

type Control struct {
	ID    uint32
	Value int32
}

type SubdevFormat struct {
	Which, Pad uint32 // 1 is V4L2_SUBDEV_FORMAT_ACTIVE
	Width      uint32
	Height     uint32
	Code       uint32
	Field      uint32
	Colorspace uint32
	_          [14]uint16 // encoding, quantisation, transfer, flags, reserved
	_          [8]uint32  // stream, reserved
}

type MediaPad struct {
	Entity uint32
	Index  uint16
	_      uint16
	Flags  uint32
	_      [2]uint32
}

type MediaLink struct {
	Source, Sink MediaPad
	Flags        uint32
	_            [2]uint32
}

type MediaEntity struct {
	ID       uint32
	Name     [32]byte
	Type     uint32
	Revision uint32
	Flags    uint32
	Group    uint32
	Pads     uint16
	Links    uint16
	_        [4]uint32
	Major    uint32
	Minor    uint32
	_        [184 - 8]byte
}

const (
	MediaNext    = 1 << 31 // MEDIA_ENT_ID_FLAG_NEXT
	MediaEnabled = 1       // MEDIA_LNK_FL_ENABLED
)

func number(dir, group byte, nr, size uintptr) uintptr {
	return uintptr(dir)<<30 | size<<16 | uintptr(group)<<8 | nr
}

var (
	QueryCap   = number(2, 'V', 0, unsafe.Sizeof(Capability{}))
	SetFormat  = number(3, 'V', 5, unsafe.Sizeof(Format{}))
	ReqBufs    = number(3, 'V', 8, unsafe.Sizeof(RequestBuffers{}))
	QueryBuf   = number(3, 'V', 9, unsafe.Sizeof(Buffer{}))
	QueueBuf   = number(3, 'V', 15, unsafe.Sizeof(Buffer{}))
	DequeueBuf = number(3, 'V', 17, unsafe.Sizeof(Buffer{}))
	StreamOn   = number(1, 'V', 18, 4)
	StreamOff  = number(1, 'V', 19, 4)
	SetParm    = number(3, 'V', 22, unsafe.Sizeof(StreamParm{}))
	GetControl = number(3, 'V', 27, unsafe.Sizeof(Control{}))
	SetControl = number(3, 'V', 28, unsafe.Sizeof(Control{}))
	SetPad     = number(3, 'V', 5, unsafe.Sizeof(SubdevFormat{}))
	EnumEntity = number(3, '|', 1, unsafe.Sizeof(MediaEntity{}))
	SetupLink  = number(3, '|', 3, unsafe.Sizeof(MediaLink{}))
)

// FourCC is a pixel format as the kernel counts it; names shorter than four
// letters are filled with spaces, as the kernel's are.
func FourCC(name string) (uint32, error) {
	if len(name) < 1 || len(name) > 4 {
		return 0, fmt.Errorf("v4l2: pixel Format %q, want 1 to 4 letters", name)
	}
	b := [4]byte{' ', ' ', ' ', ' '}
	copy(b[:], name)
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24, nil
}

func Name(v uint32) string {
	return fmt.Sprintf("%q", string([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}))
}

// Text is what stands in a field of the kernel's before its first zero.
func Text(b []byte) string { return unix.ByteSliceToString(b) }
