package v4l2test

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/hal/linux/v4l2"
	"volar/hal/linux/v4l2/internal/abi"
)

// Entity is a sensor or a receiver behind a media controller.
type Entity struct {
	Name     string
	Controls map[uint32]int32
	Only     uint32         // the one format that its pads can have; 0 is any
	Pads     map[int]uint32 // format of each pad, as it was set
}

// Graph is a media controller with its entities.
type Graph struct {
	Entities []*Entity
	Links    [][2]int // entities that were linked
	Open     int      // descriptors
}

// Plug puts the graph into a kernel.
func (g *Graph) Plug(k *Kernel) {
	k.Nodes = map[string]v4l2.Node{"/dev/media0": media{graph: g}}
	k.Names = map[[2]uint32]string{}
	for i, e := range g.Entities {
		path := fmt.Sprintf("/dev/v4l-subdev%d", i)
		k.Nodes[path] = media{graph: g, entity: e}
		k.Names[[2]uint32{81, uint32(i)}] = path
	}
}

// media is the node of a graph, or of one entity.
type media struct {
	graph  *Graph
	entity *Entity
}

func (m media) Mmap(int64, int) ([]byte, error)  { return nil, unix.ENOTTY }
func (m media) Munmap([]byte) error              { return nil }
func (m media) Wait(time.Duration) (bool, error) { return false, unix.ENOTTY }

// Close counts.
func (m media) Close() error {
	m.graph.Open--
	return nil
}

// Ioctl answers for the graph or for the entity.
func (m media) Ioctl(call uintptr, arg unsafe.Pointer) error {
	if m.entity == nil {
		return m.graph.ioctl(call, arg)
	}
	e := m.entity
	switch call {
	case abi.SetPad:
		f := (*abi.SubdevFormat)(arg)
		if e.Only != 0 {
			f.Code = e.Only
		}
		if e.Pads == nil {
			e.Pads = map[int]uint32{}
		}
		e.Pads[int(f.Pad)] = f.Code
		return nil
	case abi.SetControl, abi.GetControl:
		x := (*abi.Control)(arg)
		v, ok := e.Controls[x.ID]
		if !ok {
			return unix.EINVAL
		}
		if call == abi.GetControl {
			x.Value = v
		} else {
			e.Controls[x.ID] = x.Value
		}
		return nil
	}
	return unix.ENOTTY
}

func (g *Graph) ioctl(call uintptr, arg unsafe.Pointer) error {
	switch call {
	case abi.EnumEntity:
		e := (*abi.MediaEntity)(arg)
		i := int(e.ID &^ abi.MediaNext) // identities are counted from 1
		if i >= len(g.Entities) {
			return unix.EINVAL
		}
		*e = abi.MediaEntity{ID: uint32(i + 1), Major: 81, Minor: uint32(i)}
		copy(e.Name[:], g.Entities[i].Name)
		return nil
	case abi.SetupLink:
		l := (*abi.MediaLink)(arg)
		g.Links = append(g.Links, [2]int{int(l.Source.Entity) - 1, int(l.Sink.Entity) - 1})
		return nil
	}
	return unix.ENOTTY
}
