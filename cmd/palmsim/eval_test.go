package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stripes draws a few dark lines that belong to a palm, and noise that belongs to a capture.
func stripes(palm, capture uint64) image.Image {
	m := image.NewGray(image.Rect(0, 0, 128, 128))
	noise := rand.New(rand.NewPCG(palm, capture+1))
	for i := range m.Pix {
		m.Pix[i] = uint8(150 + noise.IntN(10))
	}
	r := rand.New(rand.NewPCG(palm, 0))
	for range 30 {
		x, y, dx, dy := r.Float64()*128, r.Float64()*128, r.Float64()-0.5, r.Float64()-0.5
		for range 90 {
			x, y = x+dx, y+dy
			for i := range 9 {
				m.SetGray(int(x)+i%3, int(y)+i/3, color.Gray{Y: 90})
			}
		}
	}
	return m
}

// palmSet writes three palms with two sessions, and returns the manifest's path.
func palmSet(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	manifest := "palm,person,hand,session,capture,band,kind,path\n"
	for palm := range uint64(3) {
		for capture := range uint64(2) {
			var b bytes.Buffer
			if err := png.Encode(&b, stripes(palm, capture)); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%d-%d.png", palm, capture)
			if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			manifest += fmt.Sprintf("%d,%d,,%d,1,I,roi,%s\n", palm, palm, capture+1, name)
		}
	}
	path := filepath.Join(dir, "manifest.csv")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// evalOf runs palmsim eval and gives what it printed, and its exit code.
func evalOf(args ...string) (out, progress string, code int) {
	root := newRootCommand()
	var stdout, stderr bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(append([]string{"eval"}, args...))
	if err := root.ExecuteContext(context.Background()); err != nil {
		return err.Error(), stderr.String(), exitCode(context.Background(), err)
	}
	return stdout.String(), stderr.String(), 0
}

func TestEval(t *testing.T) {
	manifest := palmSet(t)
	page := filepath.Join(t.TempDir(), "report.html")
	out, progress, code := evalOf("--manifest", manifest, "--bands", "nir=I", "--gallery", "session=1", "--probe", "session=2", "--json", "-", "--html", page)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	var report struct {
		Genuine, Impostor int
		EER               *float64
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Genuine != 3 || report.Impostor != 6 || report.EER == nil || *report.EER != 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	if !strings.Contains(progress, "probes 3 of 3") {
		t.Errorf("progress on standard error: %q", progress)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("</html>")) {
		t.Errorf("page of %d bytes, %v", len(html), err)
	}
}

func TestEvalSynthetic(t *testing.T) {
	out, _, code := evalOf("--synthetic", "2", "--gallery", "session=1,capture=1", "--probe", "session=2,capture=4", "--json", "-")
	var report struct {
		Genuine, Impostor int
		Groups            []struct{ Trait, Value string }
	}
	if err := json.Unmarshal([]byte(out), &report); code != 0 || err != nil || report.Genuine != 4 || report.Impostor != 12 || len(report.Groups) < 5 {
		t.Errorf("exit %d, report %+v, %v", code, report, err)
	}
}

func TestEvalIdentify(t *testing.T) {
	cache := t.TempDir()
	page := filepath.Join(cache, "report.html")
	thresholds := map[float64]bool{}
	for _, tenant := range []string{"", "", "A"} { // the second finds its fillers in the cache, the third has codes of its own
		out, _, code := evalOf("--synthetic", "2", "--probe", "capture=4", "--identify", "--gallery-size", "5", "--cache", cache, "--tenant", tenant, "--json", "-", "--html", page)
		var report struct {
			Palms, Searches int
			RankOne         float64 `json:"rank_one"`
			FNIR            map[string]struct{ FNIR float64 }
			Policy          map[string]struct{ Threshold float64 }
		}
		if err := json.Unmarshal([]byte(out), &report); code != 0 || err != nil || report.Palms != 5 || report.Searches != 2 || report.RankOne != 1 || len(report.FNIR) != 3 {
			t.Errorf("exit %d, %s, report %+v, %v", code, out, report, err)
		}
		thresholds[report.Policy["1e-3"].Threshold] = true
	}
	if kept, err := os.ReadDir(cache); err != nil || len(kept) != 3 || len(thresholds) != 2 { // two files of fillers and the page
		t.Errorf("%d files are kept (%v), thresholds %v", len(kept), err, thresholds)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("</html>")) {
		t.Errorf("page of %d bytes, %v", len(html), err)
	}
}

func TestEvalRefuses(t *testing.T) {
	manifest, cache := palmSet(t), t.TempDir()
	gone := filepath.Join(filepath.Dir(manifest), "1-1.png")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no manifest":     {[]string{"--bands", "nir=I"}, exitUsage, "one of --manifest and --synthetic"},
		"both sets":       {[]string{"--manifest", manifest, "--bands", "nir=I", "--synthetic", "3"}, exitUsage, "one of --manifest and --synthetic"},
		"no bands":        {[]string{"--manifest", manifest}, exitUsage, "--bands"},
		"no such bands":   {[]string{"--synthetic", "1", "--bands", "nir=940"}, exitUsage, "nir=850"},
		"no gallery size": {[]string{"--synthetic", "1", "--identify"}, exitUsage, "need each other"},
		"too small":       {[]string{"--synthetic", "2", "--identify", "--gallery-size", "1", "--cache", cache}, exitUsage, "gallery of 1"},
		"no such band":    {[]string{"--manifest", manifest, "--bands", "nir=850"}, exitWrong, "no sample"},
		"wrong bands":     {[]string{"--manifest", manifest, "--bands", "I"}, exitUsage, "bands"},
		"phone in NIR":    {[]string{"--manifest", manifest, "--bands", "nir=I", "--degrade", "phone"}, exitUsage, "no near infrared"},
		"no such harm":    {[]string{"--manifest", manifest, "--bands", "rgb=I", "--degrade", "fax"}, exitUsage, "want phone"},
		"wrong selector":  {[]string{"--manifest", manifest, "--bands", "nir=I", "--probe", "second"}, exitUsage, "selector"},
		"one session":     {[]string{"--manifest", manifest, "--bands", "nir=I", "--probe", "session=1", "--enrol", "1"}, exitWrong, "0 genuine"},
		"no such file":    {[]string{"--manifest", manifest + ".not", "--bands", "nir=I"}, exitUsage, "no such file"},
		"unwritable page": {[]string{"--manifest", manifest, "--bands", "nir=I", "--html", manifest + "/x"}, exitWrong, "write report"},
	} {
		if out, _, code := evalOf(c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, %q; want %d and %q", name, code, out, c.code, c.want)
		}
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if out, _, code := evalOf("--manifest", manifest, "--bands", "nir=I"); code != exitUsage || !strings.Contains(out, "row 5") || !strings.Contains(out, gone) {
		t.Errorf("a missing image: exit %d, %q", code, out)
	}
}
