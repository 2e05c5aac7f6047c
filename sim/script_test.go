package sim

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"volar/boards"
	"volar/sim/palm"
	"volar/wire"
)

func TestScriptRoundTrip(t *testing.T) {
	list := []Presentation{
		{ID: 1, Purpose: "enrol", Person: 3, Kind: Genuine, Hand: "right", Pose: "unguided", Condition: "cold", Seed: 9},
		{ID: 2, Purpose: "enrol", Person: 4, Kind: WrongHand},
		{ID: 5, Purpose: "verify", Person: 3, Kind: Impostor, By: 4},
		{ID: 6, Purpose: "identify", Person: 3, Kind: Poor, Flaw: "too far"},
		{ID: 7, Purpose: "identify", Person: 3, Kind: PrintLaser},
	}
	var b bytes.Buffer
	if err := WriteScript(&b, list); err != nil {
		t.Fatal(err)
	}
	got, err := ParseScript(&b)
	if err != nil || !reflect.DeepEqual(got, list) {
		t.Errorf("ParseScript = %+v, %v", got, err)
	}
	if err := WriteScript(&b, []Presentation{{}}); err == nil {
		t.Error("WriteScript writes what ParseScript refuses")
	}
}

func TestScriptRefuses(t *testing.T) {
	good := `{"id":1,"purpose":"identify","person":1,"kind":"genuine"}`
	if _, err := ParseScript(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ script, want string }{
		{"", "no presentation"},
		{good + "\n" + good, "line 2: id 1 after 1"},
		{good + "\n\n", "line 2"},
		{good + "x", "line 1"},
		{good + "{}", "bytes after the value"},
		{"[" + good + "]", "cannot unmarshal"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"genuine","colour":1}`, "colour"},
		{`{"id":0,"purpose":"identify","person":1,"kind":"genuine"}`, "id 0"},
		{`{"id":1,"purpose":"guess","person":1,"kind":"genuine"}`, "purpose"},
		{`{"id":1,"purpose":"identify","person":-1,"kind":"genuine"}`, "person -1"},
		{`{"id":1,"purpose":"identify","person":9999999,"kind":"genuine"}`, "person 9999999"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"twin"}`, "twin"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"genuine","hand":"third"}`, "third"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"genuine","pose":"lying"}`, "lying"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"genuine","condition":"tired"}`, "tired"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"genuine","flaw":"too far"}`, "flaw is of poor"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"poor","flaw":"late"}`, "unknown flaw"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"impostor","by":2}`, "impostor"},
		{`{"id":1,"purpose":"verify","person":1,"kind":"impostor","by":1}`, "impostor"},
		{`{"id":1,"purpose":"verify","person":1,"kind":"genuine","by":2}`, "by is of impostors"},
		{`{"id":1,"purpose":"identify","person":1,"kind":"wrong-hand"}`, "wrong hand"},
		{`{"id":1,"purpose":"enrol","person":1,"kind":"stranger"}`, "never enrolled"},
		{strings.Repeat(" ", maxLine) + good, "too long"},
	} {
		if list, err := ParseScript(strings.NewReader(c.script)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseScript(%.90q) = %v, %v; want an error with %q", c.script, list, err, c.want)
		}
	}
}

func FuzzScript(f *testing.F) {
	f.Add([]byte(`{"id":1,"purpose":"enrol","person":3,"hand":"left","kind":"genuine","seed":7,"pose":"guided"}`))
	f.Add([]byte(`{"id":2,"purpose":"verify","person":3,"kind":"impostor","by":1}` + "\n" + `{"id":3,"purpose":"identify","person":3,"kind":"poor","flaw":"tilted"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseScript(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteScript(&out, list); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if again, err := ParseScript(&out); err != nil || !reflect.DeepEqual(again, list) {
			t.Errorf("read %+v, then %+v, %v", list, again, err)
		}
	})
}

// The board's descriptor and the synthetic rig are one device.
func TestRigIsBoardSim(t *testing.T) {
	b, err := boards.Load(os.DirFS("../boards"), "sim")
	if err != nil {
		t.Fatal(err)
	}
	rig := palm.DefaultRig()
	if rig.Calibration != b.Calibration {
		t.Errorf("calibrations differ: rig %+v, board %+v", rig.Calibration, b.Calibration)
	}
	if b.RGB.Format != rig.RGB.Format.String() || b.NIR.Format != rig.NIR.Format.String() {
		t.Error("formats differ")
	}
	rig.Calibration.T[0]++
	if _, err := NewStage(b, rig, 1); err == nil {
		t.Error("a stage takes a rig of another board")
	}
}

func TestLedger(t *testing.T) {
	a, b := wire.Person{1}, wire.Person{2}
	accept := func(p wire.Person) Outcome { return Outcome{Text: Accepted, Person: p} }
	refuse := Outcome{Text: Refused}
	present := func(purpose string, kind Kind) *Presentation {
		return &Presentation{Purpose: purpose, Person: 1, Kind: kind}
	}
	for _, c := range []struct {
		name  string
		known bool
		p     *Presentation
		out   Outcome
		want  Verdict
		after bool // person 1 is enrolled then
	}{
		{"enrolled", false, present("enrol", Genuine), accept(a), Right, true},
		{"not enrolled", false, present("enrol", Genuine), refuse, Wrong, false},
		{"enrolled twice", true, present("enrol", Genuine), accept(b), Wrong, true},
		{"duplicate refused", true, present("enrol", Genuine), refuse, Right, true},
		{"print enrolled", false, present("enrol", PrintLaser), accept(a), Wrong, true},
		{"recognised", true, present("identify", Genuine), accept(a), Right, true},
		{"missed", true, present("identify", Genuine), refuse, Wrong, true},
		{"taken for another", true, present("identify", Genuine), accept(b), Wrong, true},
		{"nobody is known", false, present("identify", Genuine), refuse, Right, false},
		{"recognised from nothing", false, present("identify", Genuine), accept(a), Wrong, false},
		{"stranger", true, present("identify", Stranger), refuse, Right, true},
		{"stranger accepted", true, present("identify", Stranger), accept(a), Wrong, true},
		{"impostor accepted", true, present("verify", Impostor), accept(a), Wrong, true},
		{"screen accepted", true, present("verify", ScreenKind), accept(a), Wrong, true},
		{"deleted", true, present("delete", Genuine), accept(a), Right, false},
		{"impostor deletes", true, present("delete", Impostor), accept(a), Wrong, true},
		{"timeout", true, present("identify", Genuine), Outcome{Text: "timeout"}, Undecided, true},
		{"nothing", true, present("identify", Genuine), Outcome{}, Undecided, true},
		{"print turned away", true, present("identify", PrintLaser), Outcome{Text: "not live"}, Right, true},
		{"print half enrolled", false, present("enrol", PrintLaser), Outcome{Text: More}, Undecided, false},
	} {
		l := Ledger{}
		if c.known {
			l[1] = a
		}
		got, why := l.Judge(c.p, c.out)
		if got != c.want || (why != "") != (c.want == Wrong) {
			t.Errorf("%s: %s %q, want %s", c.name, got, why, c.want)
		}
		if _, after := l[1]; after != c.after {
			t.Errorf("%s: enrolled afterwards %v", c.name, after)
		}
	}
}
