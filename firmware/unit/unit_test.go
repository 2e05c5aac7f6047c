package unit

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	release = `{"board":"qemu-virt","version":"1.2.3","serial":17,"floor":1,"built":1750000000,"update_key":"` + key + `"}`
	verity  = `{"root":"` + key + `","salt":"00ff","data_blocks":100,"hash_block":100}`
	key     = "2222222222222222222222222222222222222222222222222222222222222222"
)

func TestRelease(t *testing.T) {
	r, err := ParseRelease([]byte(release))
	if err != nil || r.Serial != 17 || r.Key()[31] != 0x22 || r.Time().Year() != 2025 {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, edit := range map[string][2]string{
		"no board":      {`"qemu-virt"`, `""`},
		"no version":    {`"1.2.3"`, `""`},
		"serial 0":      {`"serial":17`, `"serial":0`},
		"floor 0":       {`"floor":1`, `"floor":0`},
		"never built":   {`1750000000`, `0`},
		"short key":     {`2222"`, `"`},
		"unknown field": {`"floor"`, `"flor"`},
		"trailing":      {`}`, `} {}`},
		"not JSON":      {`{`, ``},
		"too long":      {`}`, `}` + strings.Repeat(" ", maxFile)},
	} {
		text := strings.Replace(release, edit[0], edit[1], 1)
		if _, err := ParseRelease([]byte(text)); err == nil || text == release {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestVerity(t *testing.T) {
	v, err := ParseVerity([]byte(verity))
	if err != nil || v.Bytes() != 409600 {
		t.Fatalf("%+v, %v", v, err)
	}
	want := "1 /dev/vda4 /dev/vda4 4096 4096 100 100 sha256 " + key + " 00ff"
	if got := v.Table("/dev/vda4", false); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := v.Table("/dev/vda4", true); got != want+" 1 panic_on_corruption" {
		t.Errorf("%q", got)
	}
	v.Salt = ""
	if got := v.Table("d", false); !strings.HasSuffix(got, " -") {
		t.Errorf("without salt: %q", got)
	}
	for name, edit := range map[string][2]string{
		"short root":        {`2222"`, `"`},
		"odd salt":          {`00ff`, `00f`},
		"words in the salt": {`00ff`, `- 1 ignore_corruption`},
		"no data":           {`"data_blocks":100`, `"data_blocks":0`},
		"tree in the data":  {`"hash_block":100`, `"hash_block":99`},
		"endless":           {`"hash_block":100`, `"hash_block":99999999999`},
		"unknown field":     {`"salt"`, `"pepper"`},
	} {
		text := strings.Replace(verity, edit[0], edit[1], 1)
		if _, err := ParseVerity([]byte(text)); err == nil || text == verity {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestBackoff(t *testing.T) {
	var b Backoff
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := b.After(0); got != want*time.Second {
			t.Errorf("end %d: %v, want %ds", i, got, want)
		}
	}
	if got := b.After(steady); got != firstWait {
		t.Errorf("after a good run: %v", got)
	}
}

func TestClock(t *testing.T) {
	built := time.Unix(1_750_000_000, 0)
	kept := built.Add(time.Hour)
	late := built.Add(2 * time.Hour)
	for _, c := range []struct {
		name              string
		board, kept, want time.Time
		sure              bool
	}{
		{"a good clock", late, kept, late, true},
		{"a good clock, first boot", late, time.Time{}, late, true},
		{"an empty battery", time.Unix(0, 0), time.Time{}, built, false},
		{"an empty battery, later", time.Unix(0, 0), kept, kept, false},
		{"turned back a little", built.Add(time.Minute), kept, kept, false},
		{"far ahead", built.Add(2 * farthest), kept, kept, false},
		{"kept nonsense", late, built.Add(2 * farthest), late, true},
	} {
		got, err := Clock(c.board, built, c.kept)
		if !got.Equal(c.want) || (err == nil) != c.sure || err != nil && !errors.Is(err, ErrClock) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		facts Facts
		want  Opening
	}{
		{Facts{}, Locked}, // something is there and does not open
		{Facts{Blank: true}, Fresh},
		{Facts{Wiped: true}, Fresh}, // a reset that lost power half way
		{Facts{Blank: true, Wiped: true}, Fresh},
		{Facts{Unsealed: true}, Open},
	} {
		if got := Decide(c.facts); got != c.want {
			t.Errorf("%+v: %v, want %v", c.facts, got, c.want)
		}
	}
	if Opening(0) != Locked {
		t.Error("the zero Opening is not Locked")
	}
}

func TestHealth(t *testing.T) {
	good := Health{DataOpen: true, Port: Sealed, Ready: proved}
	if err := good.Judge(); err != nil {
		t.Error(err)
	}
	blank := Health{DataOpen: true, Port: Unsealed}
	if err := blank.Judge(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Health){
		"data":   func(h *Health) { h.DataOpen = false },
		"port":   func(h *Health) { h.Port = Unserved },
		"device": func(h *Health) { h.Ready = proved - 1 },
	} {
		h := good
		spoil(&h)
		if err := h.Judge(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if good.Hopeless() || !(Health{Port: Sealed, Ends: tooOften}).Hopeless() || (Health{Port: Unsealed, Ends: tooOften}).Hopeless() {
		t.Error("hopeless is what is not, or the other way round")
	}
	if err := (Health{}).Judge(); err == nil {
		t.Error("the zero Health is healthy")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(release))
	f.Add([]byte(verity))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRelease(b); err == nil {
			_ = r.Key() // does not panic
		}
		if v, err := ParseVerity(b); err == nil && strings.ContainsAny(v.Root+v.Salt, " \n\x00") {
			t.Errorf("words in %+v", v)
		}
	})
}
