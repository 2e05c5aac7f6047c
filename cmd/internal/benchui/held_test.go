package benchui

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHeldCheck(t *testing.T) {
	good := first
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, harm := range map[string]func(*Held){
		"zero": func(h *Held) { *h = Held{} }, "person": func(h *Held) { h.Person = maxPerson + 1 }, "hand": func(h *Held) { h.Hand = "third" },
		"condition": func(h *Held) { h.Condition = "ill" }, "far": func(h *Held) { h.Distance = 201 }, "no number": func(h *Held) { h.X = math.NaN() },
		"fast": func(h *Held) { h.Speed = 301 },
	} {
		h := first
		harm(&h)
		if h.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestServer: what a page elsewhere, or a wrong one, may not do.
func TestServer(t *testing.T) {
	b, err := New(Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://127.0.0.1:1"+path, strings.NewReader(body))
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		b.Handler().ServeHTTP(w, r)
		return w
	}
	whole := `{"out":false,"person":1,"hand":"left","what":"palm","condition":"none","distance":80,"x":0,"y":0,"tilt_x":0,"tilt_y":0,"rotation":0,"speed":0}`
	for name, c := range map[string]struct {
		w    *httptest.ResponseRecorder
		code int
	}{
		"page":            {ask("GET", "/", "", nil), 200},
		"held":            {ask("POST", "/hold", whole, nil), 204},
		"other name":      {ask("GET", "/", "", func(r *http.Request) { r.Host = "evil.example:1" }), 421},
		"other origin":    {ask("POST", "/hold", whole, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), 403},
		"unknown field":   {ask("POST", "/hold", `{"oot":true}`, nil), 400},
		"two values":      {ask("POST", "/hold", whole+whole, nil), 400},
		"too long":        {ask("POST", "/hold", strings.Repeat(" ", maxPost)+whole, nil), 400},
		"unknown attack":  {ask("POST", "/hold", strings.Replace(whole, `"palm"`, `"dragon"`, 1), nil), 400},
		"unknown purpose": {ask("POST", "/order", `{"purpose":"steal"}`, nil), 400},
		"nobody":          {ask("POST", "/order", `{"purpose":"verify","who":"person 7"}`, nil), 400},
		"no tape":         {ask("GET", "/tape/0/0/nir", "", nil), 404},
		"no burst":        {ask("GET", "/burst/0/0/nir", "", nil), 404},
		"no band":         {ask("GET", "/camera/x/0", "", nil), 404},
	} {
		if c.w.Code != c.code {
			t.Errorf("%s: %d, want %d: %s", name, c.w.Code, c.code, c.w.Body)
		}
		if got := c.w.Header().Get("Content-Security-Policy"); got != policy && c.code != 421 {
			t.Errorf("%s: policy %q", name, got)
		}
	}
}
