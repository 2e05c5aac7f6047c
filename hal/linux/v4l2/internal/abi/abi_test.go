package abi

import (
	"testing"
	"unsafe"
)

// The kernel's sizes on 64-bit Linux, and the numbers that carry them.
func TestLayout(t *testing.T) {
	for _, x := range []struct {
		name      string
		got, want uintptr
	}{
		{"v4l2_capability", unsafe.Sizeof(Capability{}), 104},
		{"v4l2_format", unsafe.Sizeof(Format{}), 208},
		{"v4l2_requestbuffers", unsafe.Sizeof(RequestBuffers{}), 20},
		{"v4l2_buffer", unsafe.Sizeof(Buffer{}), 88},
		{"v4l2_buffer.timestamp", unsafe.Offsetof(Buffer{}.Seconds), 24},
		{"v4l2_buffer.sequence", unsafe.Offsetof(Buffer{}.Sequence), 56},
		{"v4l2_buffer.m", unsafe.Offsetof(Buffer{}.Offset), 64},
		{"v4l2_streamparm", unsafe.Sizeof(StreamParm{}), 204},
		{"v4l2_control", unsafe.Sizeof(Control{}), 8},
		{"v4l2_subdev_format", unsafe.Sizeof(SubdevFormat{}), 88},
		{"media_entity_desc", unsafe.Sizeof(MediaEntity{}), 256},
		{"media_entity_desc.dev", unsafe.Offsetof(MediaEntity{}.Major), 72},
		{"media_link_desc", unsafe.Sizeof(MediaLink{}), 52},
		{"VIDIOC_QUERYCAP", QueryCap, 0x80685600},
		{"VIDIOC_S_FMT", SetFormat, 0xc0d05605},
		{"VIDIOC_REQBUFS", ReqBufs, 0xc0145608},
		{"VIDIOC_DQBUF", DequeueBuf, 0xc0585611},
		{"VIDIOC_STREAMON", StreamOn, 0x40045612},
		{"VIDIOC_S_PARM", SetParm, 0xc0cc5616},
		{"VIDIOC_S_CTRL", SetControl, 0xc008561c},
		{"VIDIOC_SUBDEV_S_FMT", SetPad, 0xc0585605},
		{"MEDIA_IOC_ENUM_ENTITIES", EnumEntity, 0xc1007c01},
		{"MEDIA_IOC_SETUP_LINK", SetupLink, 0xc0347c03},
	} {
		if x.got != x.want {
			t.Errorf("%s: %#x, want %#x", x.name, x.got, x.want)
		}
	}
}
