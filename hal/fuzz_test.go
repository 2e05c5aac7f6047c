package hal

import "testing"

// What ParseLight takes is a light, under its one name.
func FuzzParseLight(f *testing.F) {
	for _, s := range []string{"dark", "white", "white+nir850", "nir850@tl", "white+nir940@tl,tr,br/75", "nir850/50", "white@tl,tr,bl,br", "@/", "dark/25"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLight(s)
		if err != nil {
			return
		}
		if l.String() != s || l.Check() != nil {
			t.Errorf("%q was read as %v: %v", s, l, l.Check())
		}
	})
}
