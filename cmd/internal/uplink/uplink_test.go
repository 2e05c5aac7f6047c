package uplink

import (
	"strings"
	"testing"
)

const good = `
unit = "bench-1"
tenant = "shop"
host = "127.0.0.1:4433"
credential = "00ff"
development = true
operator = "2222222222222222222222222222222222222222222222222222222222222222"
policy = "policy"
`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(b); err != nil {
		t.Errorf("own encoding: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, edit := range map[string][2]string{
		"a misspelt key":             {"development", "developement"},
		"no tenant":                  {`tenant = "shop"`, ""},
		"host without port":          {"127.0.0.1:4433", "127.0.0.1"},
		"no credential":              {`"00ff"`, `""`},
		"credential that is not hex": {"00ff", "zz"},
		"short operator":             {"2222222222", "22"},
		"no policy":                  {`policy = "policy"`, ""},
		"not TOML":                   {"unit =", "unit"},
	} {
		text := strings.Replace(good, edit[0], edit[1], 1)
		if text == good {
			t.Fatalf("%s: nothing was edited", name)
		}
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil {
			t.Fatalf("own encoding: %v", err)
		}
	})
}
