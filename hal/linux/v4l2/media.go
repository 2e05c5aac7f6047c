package v4l2

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"volar/hal/linux/v4l2/internal/abi"
)

// Pad is one end of a sensor or receiver behind a media controller: what runs
// through it, and what it feeds.
type Pad struct {
	Entity string // how the name of the media entity begins
	Index  int
	Code   uint32 // media bus format
	Link   string // entity whose pad 0 it feeds, "" leaves the links
}

// maxEntities bounds what one media device may list.
const maxEntities = 256

// setPipeline finds the entities of cfg's pipeline in the media devices and
// sets pads and links. It returns the opened nodes of the entities; the first
// is the sensor's.
func setPipeline(cfg *Config, k Kernel) (opened []Node, err error) {
	if len(cfg.Pipeline) == 0 {
		return nil, nil
	}
	defer func() {
		if err != nil {
			closeAll(opened)
			opened = nil
		}
	}()
	paths := k.Media()
	if len(paths) == 0 {
		return nil, errors.New("no media device: the kernel has no receiver for the sensor")
	}
	var why error
	for _, path := range paths {
		m, err := k.Open(path)
		if err != nil {
			why = err
			continue
		}
		g, err := readGraph(m)
		if err == nil && g.find(cfg.Pipeline[0].Entity) != nil {
			opened, err = g.apply(cfg, m, k)
			m.Close()
			return opened, err
		}
		why = err
		m.Close()
	}
	return nil, errors.Join(fmt.Errorf("no media entity %q: sensor not found on its bus, or its driver is missing", cfg.Pipeline[0].Entity), why)
}

func closeAll(list []Node) {
	for _, n := range list {
		n.Close()
	}
}

// graph is what a media device consists of.
type graph []abi.MediaEntity

func readGraph(m Node) (graph, error) {
	var g graph
	for id := uint32(0); len(g) < maxEntities; {
		e := abi.MediaEntity{ID: id | abi.MediaNext}
		if err := m.Ioctl(abi.EnumEntity, unsafe.Pointer(&e)); err != nil {
			if missing(err) { // past the last
				return g, nil
			}
			return nil, err
		}
		if e.ID <= id {
			return nil, errors.New("media entities are not in order")
		}
		id = e.ID
		g = append(g, e)
	}
	return g, nil
}

func (g graph) find(prefix string) *abi.MediaEntity {
	for i := range g {
		if strings.HasPrefix(abi.Text(g[i].Name[:]), prefix) {
			return &g[i]
		}
	}
	return nil
}

func (g graph) apply(cfg *Config, m Node, k Kernel) (opened []Node, err error) {
	seen := map[string]Node{}
	for _, p := range cfg.Pipeline {
		e := g.find(p.Entity)
		if e == nil {
			return opened, fmt.Errorf("no media entity %q", p.Entity)
		}
		n, ok := seen[p.Entity]
		if !ok {
			path, err := k.Device(e.Major, e.Minor)
			if err == nil {
				n, err = k.Open(path)
			}
			if err != nil {
				return opened, fmt.Errorf("open entity %q: %w", p.Entity, err)
			}
			seen[p.Entity] = n
			opened = append(opened, n)
		}
		f := abi.SubdevFormat{Which: 1, Pad: uint32(p.Index), Width: uint32(cfg.Width), Height: uint32(cfg.Height), Code: p.Code, Field: abi.FieldNone}
		if err := n.Ioctl(abi.SetPad, unsafe.Pointer(&f)); err != nil {
			return opened, fmt.Errorf("set pad %d of %q: %w", p.Index, p.Entity, err)
		}
		if f.Code != p.Code || int(f.Width) != cfg.Width || int(f.Height) != cfg.Height {
			return opened, fmt.Errorf("pad %d of %q gives %dx%d in format %#x, want %dx%d in %#x", p.Index, p.Entity, f.Width, f.Height, f.Code, cfg.Width, cfg.Height, p.Code)
		}
		if err := g.link(m, e, p); err != nil {
			return opened, err
		}
	}
	return opened, nil
}

func (g graph) link(m Node, from *abi.MediaEntity, p Pad) error {
	if p.Link == "" {
		return nil
	}
	to := g.find(p.Link)
	if to == nil {
		return fmt.Errorf("no media entity %q", p.Link)
	}
	l := abi.MediaLink{
		Source: abi.MediaPad{Entity: from.ID, Index: uint16(p.Index), Flags: 2}, // MEDIA_PAD_FL_SOURCE
		Sink:   abi.MediaPad{Entity: to.ID, Flags: 1},                           // MEDIA_PAD_FL_SINK
		Flags:  abi.MediaEnabled,
	}
	if err := m.Ioctl(abi.SetupLink, unsafe.Pointer(&l)); err != nil {
		return fmt.Errorf("link %q to %q: %w", p.Entity, p.Link, err)
	}
	return nil
}
