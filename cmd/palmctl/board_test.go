package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/boards"
)

// folder copies a board's folder, with changes to its board.json.
func boardFolder(t *testing.T, name string, edits ...string) string {
	t.Helper()
	from, dir := filepath.Join("..", "..", "boards", name), filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "board.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("board.json has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The boards of this repository have no gap.
func TestBoardsHaveNoGaps(t *testing.T) {
	names, err := boards.Names(boards.Tree)
	if err != nil || len(names) < 4 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		out, _ := palmctl(t, exitDone, "board", "check", filepath.Join("..", "..", "boards", name, "board.json"))
		if !strings.Contains(out, "board "+name) || !strings.Contains(out, "no gaps") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// Every gap is named, not the first.
func TestBoardCheckNamesEveryGap(t *testing.T) {
	path := boardFolder(t, "rpi4",
		`"fps": 77`, `"fps": "77"`,
		`"address": 60`, `"address": 96`,
		`"light": "white@tl"`, `"light": "white@tr"`,
		`"max_on_ms": 300`, `"max_on_ms": 20`,
		`"line": 24`, `"line": 23`,
		`"bits": 37`, `"bits": 40`,
		`"near_mm": 180`, `"near_mm": 300`,
		`"tpm": {"device": "/dev/tpmrm0", "bus": "spi"},`, "",
		`"name": "rpi4"`, `"name": "RPi 4", "colour": "green"`)
	out, errs := palmctl(t, exitWrong, "board", "check", path)
	for _, want := range []string{
		"/colour: unknown field", "/nir/fps: a text where a number is wanted", `/name: "RPi 4"`, "/tpm: missing", "/chips/1/address: 96",
		"no lamp for white in tl", "/lamps/0/max_on_ms: 20 ms, but a shot of these cameras is lit for up to", "output 23 of pinctrl-bcm2711 has the gate of lamps already",
		"/presence/gone_mm: 240", "/gate/wiegand/bits: 40",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not named in\n%s", want, out)
		}
	}
	if !strings.Contains(errs, "gaps") || !strings.Contains(errs, "boards/README.md") {
		t.Errorf("it says\n%s", errs)
	}
	asJSON, _ := palmctl(t, exitWrong, "board", "check", "--json", path)
	var r boardReport
	decode(t, asJSON, &r)
	if len(r.Gaps) < 10 || r.File != path {
		t.Errorf("%d gaps of %s", len(r.Gaps), r.File)
	}
}

// The folder around the descriptor is looked at too.
func TestBoardCheckLooksAtTheFolder(t *testing.T) {
	path := boardFolder(t, "rpi4")
	dir := filepath.Dir(path)
	for _, f := range []string{"README.md", "wiring.dtso"} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(filepath.Dir(dir), "ours")
	if err := os.Rename(dir, other); err != nil {
		t.Fatal(err)
	}
	out, _ := palmctl(t, exitWrong, "board", "check", filepath.Join(other, "board.json"))
	for _, want := range []string{`the folder is "ours"`, "README.md: missing", "wiring.dtso: missing: a device-tree overlay", "hint: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not named in\n%s", want, out)
		}
	}
}

func TestBoardCheckRefuses(t *testing.T) {
	palmctl(t, exitUsage, "board", "check", filepath.Join(t.TempDir(), "board.json"))
	palmctl(t, exitUsage, "board", "check")
	out, _ := palmctl(t, exitWrong, "board", "check", laid(t, t.TempDir(), "board.json", []byte("name: rpi4")))
	if !strings.Contains(out, "invalid character") {
		t.Errorf("no JSON: %s", out)
	}
}
