package hal

import (
	"encoding/json"
	"testing"
)

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

// What ParseCalibration takes is written as what it takes for the same.
func FuzzParseCalibration(f *testing.F) {
	for _, edit := range []func(*Calibration){func(*Calibration) {}, lit} {
		c := goodCalibration()
		edit(&c)
		b, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCalibration(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := ParseCalibration(again); err != nil || *d != *c {
			t.Errorf("%s was read as %+v: %v", b, d, err)
		}
	})
}
