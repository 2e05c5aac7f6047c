package drill

import (
	"strings"
	"testing"
)

func TestFaults(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Faults() {
		if names[f.Name] || f.About == "" || f.Family == "" || (f.Family == Process) != (f.process != nil) || f.Family != Process && (f.strike == nil || f.lasts <= 0 || f.during == "") {
			t.Errorf("%s: a name twice, or something is missing: %+v", f.Name, f)
		}
		names[f.Name] = true
	}
	if len(names) < 24 {
		t.Errorf("%d faults", len(names))
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"usb-rest": "did you mean usb-reset", "kil-host": "did you mean kill-host", "sunn": "did you mean sun",
		"tpm": "did you mean tpm-", "earthquake": "palmsim faults --list",
	} {
		if _, err := Find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if f, err := Find("garbled"); err != nil || f.Name != "garbled" {
		t.Errorf("%+v, %v", f, err)
	}
}

// A fault that nothing can survive is not told of as survived.
func TestSurvived(t *testing.T) {
	good := Outcome{Struck: true, Served: 1}
	if !good.Survived() {
		t.Error("a good outcome")
	}
	for name, bad := range map[string]Outcome{
		"never struck": {Served: 1}, "never served": {Struck: true}, "error": {Struck: true, Served: 1, Error: "x"},
		"lost": {Struck: true, Served: 1, Lost: []string{"x"}}, "left": {Struck: true, Served: 1, Left: []string{"x"}}, "zero": {},
	} {
		if bad.Survived() {
			t.Error(name)
		}
	}
}

// A line through a sawtooth is flat, one through a leak is not.
func TestTrend(t *testing.T) {
	var at, saw, leak []float64
	for i := range 60 {
		at = append(at, float64(i)/60)
		saw = append(saw, 50_000+float64(i%7)*3000)
		leak = append(leak, 50_000+float64(i%7)*3000+float64(i)*400)
	}
	if r := trend("x memory kB", at, saw); !r.Flat() {
		t.Errorf("a sawtooth grows: %+v", r)
	}
	if r := trend("x memory kB", at, leak); r.Flat() {
		t.Errorf("a leak is flat: %+v", r)
	}
}
