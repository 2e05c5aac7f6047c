package boards

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// Every board of the tree can be loaded, and has a README.
func TestTree(t *testing.T) {
	tree := os.DirFS(".")
	names, err := Names(tree)
	if err != nil || !slices.Contains(names, "sim") {
		t.Fatalf("Names = %q, %v", names, err)
	}
	for _, n := range names {
		b, err := Load(tree, n)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := fs.Stat(tree, n+"/README.md"); err != nil {
			t.Errorf("%s has no README: %v", b.Name, err)
		}
	}
}

func simJSON(t testing.TB) string {
	raw, err := os.ReadFile("sim/board.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestParseReadsEveryField(t *testing.T) {
	b, err := Parse([]byte(simJSON(t)))
	if err != nil {
		t.Fatal(err)
	}
	if b.RGB.Format != "rgb24" || b.NIR.FPS != 30 || len(b.Lamps) != 3 || b.Lamps[1].Light != "nir850" || b.Lamps[2].Line != 2 ||
		b.Calibration.T[0] != -25 || b.Calibration.MaxSkew != 5*time.Millisecond || time.Duration(b.Limits.ExposureMin) != 200*time.Microsecond {
		t.Errorf("Parse = %+v", b)
	}
}

func TestParseRefuses(t *testing.T) {
	good := simJSON(t)
	for _, c := range []struct{ name, old, new, want string }{
		{"no value", good, "", "EOF"},
		{"list", good, "[]", "a list where an object is wanted"},
		{"bytes after the end", "\"500ms\"}\n}", "\"500ms\"}\n} x", "bytes after the end"},
		{"second value", "\"500ms\"}\n}", "\"500ms\"}\n}{}", "bytes after the end"},
		{"unknown field", `"arch"`, `"colour": 1, "arch"`, "colour"},
		{"key twice", `"arch"`, `"name": "b", "arch"`, `"name" is there twice`},
		{"key twice, deep", `"line": 0`, `"line": 0, "line": 1`, `"line" is there twice`},
		{"key in capitals", `"arch"`, `"ARCH"`, "not lower case"},
		{"nested deep", `"compatible": []`, `"compatible": ` + strings.Repeat("[", 20) + strings.Repeat("]", 20), "too deep"},
		{"name", `"name": "sim"`, `"name": "../sim"`, "name"},
		{"no name", `"name": "sim"`, `"name": ""`, "name"},
		{"about", `"about": "No`, `"about": "\u0000`, "plain text"},
		{"arch", `amd64`, `vax`, "arch"},
		{"compatible", `"compatible": []`, `"compatible": [""]`, "compatible"},
		{"no device", `"sim:rgb"`, `""`, "/rgb/device: has 0 bytes"},
		{"format", `"y10"`, `"y12"`, "y12"},
		{"format of the other band", `"y10"`, `"rgb24"`, "nir camera gives rgb24"},
		{"fps", `"fps": 30`, `"fps": 0`, "0 frames"},
		{"fps", `"fps": 30`, `"fps": 100000`, "frames"},
		{"light", `"white"`, `"purple"`, "purple"},
		{"two lights in a lamp", `"light": "nir850"`, `"light": "nir850+nir940"`, "nir850+nir940"},
		{"dark lamp", `"light": "nir850"`, `"light": "dark"`, "dark"},
		{"lamp missing", `"light": "nir940"`, `"light": "nir850"`, "no lamp for nir940"},
		{"line taken", `"line": 1`, `"line": 0`, "output 0 of sim has a lamp (white) already"},
		{"line", `"line": 1`, `"line": -1`, "/lamps/1/line: -1"},
		{"on for ever", `"max_on_ms": 50`, `"max_on_ms": 100000`, "/lamps/0/max_on_ms: 100000"},
		{"duty", `"duty": 0.5`, `"duty": 0`, "of the time"},
		{"calibration", `"fx": 295,`, `"fx": 0,`, "focal length"},
		{"no rotation", `0.9999775001383746`, `0`, "not a rotation"},
		{"matrix too long", `-0.2]`, `-0.2, 0.1]`, "has 4 values"},
		{"matrix too short", `-25, 0.3, -0.2]`, `-25]`, "has 1 values"},
		{"exposure", `"200µs"`, `"2s"`, "exposure"},
		{"duration", `"200µs"`, `"200"`, "missing unit"},
		{"no timeout", `"500ms"`, `"0s"`, "timeout"},
		{"no field", `, "fps": 30`, ``, "/rgb/fps: missing"},
		{"null", `"face": {}`, `"face": null`, "null where an object is wanted"},
		{"a text for a number", `"fps": 30`, `"fps": "30"`, "/rgb/fps: a text where a number is wanted"},
		{"half a line", `"line": 1`, `"line": 1.5`, "/lamps/1/line: 1.5 where a whole number is wanted"},
		{"a number that nothing holds", `"duty": 0.5`, `"duty": 1e999`, "no number that can be held"},
		{"a real camera that is not flashed", `"sim:rgb"`, `"/dev/video0"`, "both cameras are real, or none is"},
		{"presence of another board", `{"chip": "sim"}`, `{"chip": "tape"}`, "want \"sim\""},
		{"huge", `"about": "`, `"about": "` + strings.Repeat("a", maxFile), "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("board.json has no %q to change", c.old)
			}
			b, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse = %v, %v; want an error with %q", b, err, c.want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	good := &fstest.MapFile{Data: []byte(simJSON(t))}
	tree := fstest.MapFS{"sim/board.json": good, "other/board.json": good, "broken/board.json": {Data: []byte("{")}}
	if _, err := Load(tree, "sim"); err != nil {
		t.Fatal(err)
	}
	_, err := Load(tree, "none")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"sim"`) {
		t.Errorf("a board that is not there: %v", err)
	}
	for _, name := range []string{"other", "broken", "..", "", "a/b", "SIM"} {
		if b, err := Load(tree, name); err == nil {
			t.Errorf("Load(%q) = %v", name, b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(simJSON(f)))
	f.Add([]byte(rpi4JSON(f)))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Parse(raw)
		if err != nil {
			return
		}
		if b.Calibration.Check() != nil || !isName(b.Name) || len(b.Lamps) < 3 {
			t.Errorf("Parse took %+v", b)
		}
	})
}
