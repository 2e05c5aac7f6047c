package eval

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/wire"
)

const head = "palm,person,hand,session,capture,band,kind,path\n"

func TestParseManifest(t *testing.T) {
	rows, err := ParseManifest(strings.NewReader(head + "001r,001,r,2,4,WHT,roi,a/b.jpg\n7,,,1,1,RGB,hand,\"c, d.bmp\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{2, "001r", "001", wire.Right, 2, 4, "WHT", ROI, "a/b.jpg"},
		{3, "7", "", 0, 1, 1, "RGB", Whole, "c, d.bmp"},
	}
	if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Fatalf("%+v, want %+v", rows, want)
	}
	shuffled, err := ParseManifest(strings.NewReader("path,kind,band,capture,session,hand,person,palm\nx,roi,I,1,1,l,1,1\n"))
	if err != nil || shuffled[0] != (Row{2, "1", "1", wire.Left, 1, 1, "I", ROI, "x"}) {
		t.Fatalf("columns in another order: %+v, %v", shuffled, err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	long := strings.Repeat("x", maxField+1)
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "first row"},
		"no rows":          {head, "no rows"},
		"missing column":   {"palm,person,hand,session,capture,band,kind\n", `column "path" is missing`},
		"unknown column":   {"palm,person,hand,session,capture,band,kind,file\n", `column "file" is unknown`},
		"column twice":     {"palm,palm,person,hand,session,capture,band,kind,path\n", "twice"},
		"too few fields":   {head + "1,1,l,1\n", "wrong number of fields"},
		"unknown hand":     {head + "1,1,x,1,1,I,roi,a\n", `row 2: hand "x"`},
		"unknown kind":     {head + "1,1,l,1,1,I,foot,a\n", `row 2: kind "foot"`},
		"session no digit": {head + "1,1,l,one,1,I,roi,a\n", `row 2: session "one"`},
		"negative capture": {head + "1,1,l,1,-1,I,roi,a\n", `row 2: capture "-1"`},
		"huge capture":     {head + "1,1,l,1,99999999,I,roi,a\n", "row 2: capture"},
		"no palm":          {head + ",1,l,1,1,I,roi,a\n", "row 2: palm is empty"},
		"no path":          {head + "1,1,l,1,1,I,roi,\n", "row 2: path is empty"},
		"no band":          {head + "1,1,l,1,1,,roi,a\n", "row 2: band is empty"},
		"long field":       {head + "1,1,l,1,1,I,roi," + long + "\n", "row 2: path is longer"},
		"row twice":        {head + "1,1,l,1,1,I,roi,a\n1,1,l,1,1,I,roi,b\n", "row 3: the same palm, session, capture and band as row 2"},
	} {
		if _, err := ParseManifest(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestParseManifestIsBounded(t *testing.T) {
	endless := bytes.NewReader(append([]byte(head+"1,1,l,1,1,I,roi,\""), bytes.Repeat([]byte("x"), MaxManifestBytes+10)...))
	if _, err := ParseManifest(endless); err == nil || endless.Len() == 0 {
		t.Fatalf("an endless field: error %v, %d bytes left unread", err, endless.Len())
	}
}

func TestReadManifestNamesTheMissingFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.csv")
	if err := os.WriteFile(filepath.Join(dir, "there.png"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := head + "1,1,l,1,1,I,roi,there.png\n1,1,l,1,2,I,roi,gone.png\n1,1,l,1,3,I,roi,.\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadManifest(path)
	if err == nil || !strings.Contains(err.Error(), "row 3") || !strings.Contains(err.Error(), filepath.Join(dir, "gone.png")) {
		t.Fatalf("error %v does not name row and file", err)
	}
	if _, err := ReadManifest(filepath.Join(dir, "none.csv")); err == nil {
		t.Fatal("a manifest that is not there was read")
	}
}

func TestSelectors(t *testing.T) {
	row := Row{Session: 2, Capture: 4}
	for text, want := range map[string]bool{
		"all": true, "session=2": true, "session=1": false, "session=1-3": true, "capture=1-3": false,
		"capture=4-4": true, "session=2,capture=4": true, "session=2,capture=5": false,
	} {
		s, err := ParseSelector(text)
		if err != nil || s.Picks(&row) != want {
			t.Errorf("%s: picks %v, error %v", text, s.Picks(&row), err)
		}
	}
	if (Selector{}).Picks(&Row{}) {
		t.Error("the zero selector picks")
	}
	for _, text := range []string{"", "session", "session=", "session=x", "session=3-1", "capture=-1", "palm=1", "session=1,session=2", "all,session=1"} {
		if _, err := ParseSelector(text); err == nil {
			t.Errorf("selector %q was taken", text)
		}
	}
}

func TestParseBands(t *testing.T) {
	b, err := ParseBands("rgb=R,nir=I")
	if err != nil || b != (BandNames{"R", "I"}) {
		t.Errorf("%+v, %v", b, err)
	}
	b, err = ParseBands("nir=850")
	if err != nil || b != (BandNames{NIR: "850"}) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, text := range []string{"", "R", "rgb=", "uv=3", "rgb=R,rgb=G", "rgb=R,"} {
		if _, err := ParseBands(text); err == nil {
			t.Errorf("bands %q were taken", text)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(head + "001r,001,r,2,4,WHT,roi,a/b.jpg\n"))
	f.Add([]byte(head + "7,,,1,1,RGB,hand,\"c, \"\"d.bmp\"\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := ParseManifest(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.Palm == "" || r.Path == "" || r.Band == "" || len(r.Path) > maxField || r.Session < 0 || r.Capture < 0 || (r.Kind != ROI && r.Kind != Whole) {
				t.Fatalf("row %+v was taken", r)
			}
		}
	})
}
