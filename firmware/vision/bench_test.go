package vision

import "testing"

func BenchmarkLocate(b *testing.B) {
	d, _, n, _ := newScene(1).burst()
	for b.Loop() {
		if _, err := Locate(&n.NIR, &d.NIR); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRectify(b *testing.B) {
	s := newScene(1)
	d, w, n8, n9 := s.burst()
	for b.Loop() {
		r, err := Rectify(&d, &w, &n8, &n9, &s.cal)
		if err != nil {
			b.Fatal(err)
		}
		r.Wipe()
	}
}
