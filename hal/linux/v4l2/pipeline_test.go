package v4l2_test

import (
	"strings"
	"testing"

	"volar/hal/linux/v4l2"
	"volar/hal/linux/v4l2/v4l2test"
)

// A sensor behind a receiver: both are set, the link is switched on, and the
// sensor's controls are found on its own node.
func TestPipeline(t *testing.T) {
	open := func(change func(*v4l2test.Graph, *v4l2.Config)) (*v4l2test.Graph, *v4l2test.Camera, error) {
		c, k, cfg := bench()
		c.Controls = nil
		g := &v4l2test.Graph{Entities: []*v4l2test.Entity{
			{Name: "unicam"}, {Name: "ov9282 10-0060", Controls: map[uint32]int32{0x00980911: 0, 0x009e0903: 0}}, {Name: "unicam-image"},
		}}
		cfg.Row, cfg.Pipeline = 14e3, []v4l2.Pad{
			{Entity: "ov9282 ", Code: 0x200a, Link: "unicam"}, {Entity: "unicam", Code: 0x200a}, {Entity: "unicam", Index: 1, Code: 0x200a},
		}
		if change != nil {
			change(g, &cfg)
		}
		g.Plug(k)
		s, err := v4l2.Open(cfg)
		if err == nil {
			defer s.Close()
		}
		return g, c, err
	}
	g, _, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	sensor := g.Entities[1]
	if sensor.Controls[0x00980911] != 286 || sensor.Controls[0x009e0903] != 12 {
		t.Errorf("the sensor's controls are %v", sensor.Controls)
	}
	if sensor.Pads[0] != 0x200a || g.Entities[0].Pads[1] != 0x200a || len(g.Links) != 1 || g.Links[0] != [2]int{1, 0} {
		t.Errorf("pads %v and %v, links %v", sensor.Pads, g.Entities[0].Pads, g.Links)
	}
	if g.Open != 0 {
		t.Errorf("%d descriptors stay open", g.Open)
	}
	for _, x := range []struct {
		want   string
		change func(*v4l2test.Graph, *v4l2.Config)
	}{
		{`no media entity "imx219 "`, func(_ *v4l2test.Graph, c *v4l2.Config) { c.Pipeline[0].Entity = "imx219 " }},
		{`no media entity "isi"`, func(_ *v4l2test.Graph, c *v4l2.Config) { c.Pipeline[1].Entity = "isi" }},
		{`no media entity "isi"`, func(_ *v4l2test.Graph, c *v4l2.Config) { c.Pipeline[0].Link = "isi" }},
		{"in format 0x2001, want 32x16 in 0x200a", func(g *v4l2test.Graph, _ *v4l2.Config) { g.Entities[1].Only = 0x2001 }},
	} {
		g, _, err := open(x.change)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("Open = %v, want %q", err, x.want)
		}
		if g.Open != 0 {
			t.Errorf("%s: %d descriptors stay open", x.want, g.Open)
		}
	}
}
