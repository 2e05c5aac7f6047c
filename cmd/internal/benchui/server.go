package benchui

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"time"

	"volar/sim/attack"
)

//go:embed page
var page embed.FS

// policy is what the page may do: nothing but what this program serves, no
// word of which is written into the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page and what it asks for.
func (b *Bench) Handler() http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	m := http.NewServeMux()
	m.Handle("GET /", http.FileServerFS(files))
	m.HandleFunc("GET /events", b.events)
	m.HandleFunc("GET /camera/{band}/{after}", b.camera)
	m.HandleFunc("GET /burst/{id}/{n}/{band}", b.burst)
	m.HandleFunc("GET /choices", b.choices)
	m.HandleFunc("GET /tapes", b.listTapes)
	m.HandleFunc("GET /tape/{tape}/{n}/{band}", b.tapePicture)
	m.HandleFunc("GET /runs", b.runs)
	m.HandleFunc("POST /hold", b.postHold)
	m.HandleFunc("POST /order", b.postOrder)
	return guard(http.NewCrossOriginProtection().Handler(m))
}

// guard lets nobody in who came by another name than this machine's own (a
// page elsewhere whose name was made to point here), and sends what keeps a
// browser strict.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err != nil || host != "127.0.0.1" && host != "localhost" && host != "::1" {
			http.Error(w, "open the bench by the address that it printed", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// seldom is how long news waits for more of it, so that a page draws no more
// than 20 times a second.
const seldom = 50 * time.Millisecond

// events sends the view, again whenever it has changed (server-sent events).
func (b *Bench) events(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	for sent := -1; ; {
		view, version, changed := b.board.look()
		if version != sent {
			text, err := json.Marshal(view)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil || c.Flush() != nil {
				return
			}
			sent = version
			if !rest(r, seldom) {
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func rest(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// pictureHeader numbers a live picture.
const pictureHeader = "Picture"

// camera sends what one camera sees as soon as it is newer than the picture
// that the page has.
func (b *Bench) camera(w http.ResponseWriter, r *http.Request) {
	band, known := bandNamed(r.PathValue("band"))
	after, err := strconv.Atoi(r.PathValue("after"))
	if !known || err != nil {
		http.NotFound(w, r)
		return
	}
	p, count, err := b.cameras.next(r.Context(), band, after)
	if err != nil {
		return // nobody waits any more
	}
	text, err := encode(p.img)
	w.Header().Set(pictureHeader, strconv.Itoa(count))
	sendPicture(w, text, err)
}

// burst is one picture of the last burst.
func (b *Bench) burst(w http.ResponseWriter, r *http.Request) {
	id, err1 := strconv.Atoi(r.PathValue("id"))
	n, err2 := strconv.Atoi(r.PathValue("n"))
	band, known := bandNamed(r.PathValue("band"))
	if err1 != nil || err2 != nil || !known {
		http.NotFound(w, r)
		return
	}
	img, there := b.cameras.shot(id, n, band)
	if !there {
		http.NotFound(w, r)
		return
	}
	text, err := encode(img)
	sendPicture(w, text, err)
}

func sendPicture(w http.ResponseWriter, jpeg []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = io.Copy(w, bytes.NewReader(jpeg)) // whoever went away needs it no more
}

// choices is what the page offers.
func (b *Bench) choices(w http.ResponseWriter, _ *http.Request) {
	type choice struct {
		Name  string `json:"name"`
		About string `json:"about"`
	}
	attacks := make([]choice, 0, len(attack.All))
	for _, s := range attack.All {
		attacks = append(attacks, choice{s.Name, s.About})
	}
	sendJSON(w, struct {
		Attacks    []choice `json:"attacks"`
		Conditions []string `json:"conditions"`
		MaxPerson  int      `json:"max_person"`
	}{attacks, conditionNames(), maxPerson})
}

func sendJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever went away needs it no more
}

func (b *Bench) listTapes(w http.ResponseWriter, _ *http.Request) { sendJSON(w, b.tapes) }

func (b *Bench) tapePicture(w http.ResponseWriter, r *http.Request) {
	t, err1 := strconv.Atoi(r.PathValue("tape"))
	n, err2 := strconv.Atoi(r.PathValue("n"))
	band, known := bandNamed(r.PathValue("band"))
	if err1 != nil || err2 != nil || !known || t < 0 || t >= len(b.tapes) || n < 0 || n >= b.tapes[t].Shots {
		http.NotFound(w, r)
		return
	}
	text, err := b.tapes[t].picture(n, band)
	sendPicture(w, text, err)
}

// runs is two runs side by side, or nothing where none were given.
func (b *Bench) runs(w http.ResponseWriter, _ *http.Request) {
	var out struct {
		Names []string     `json:"names"`
		Waves []sideBySide `json:"waves"`
	}
	for _, p := range b.passes {
		out.Names = append(out.Names, p.name)
	}
	if len(b.passes) == 2 {
		out.Waves = compare(b.passes[0], b.passes[1])
	}
	sendJSON(w, out)
}

// maxPost bounds what a page may say at once, in bytes.
const maxPost = 4 << 10

func (b *Bench) postHold(w http.ResponseWriter, r *http.Request) {
	var h Held
	answer(w, readJSON(w, r, &h), func() error { return b.Hold(h) })
}

func (b *Bench) postOrder(w http.ResponseWriter, r *http.Request) {
	var o struct {
		Purpose string `json:"purpose"`
		Who     string `json:"who"`
	}
	answer(w, readJSON(w, r, &o), func() error { return b.Order(o.Purpose, o.Who) })
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPost))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one value")
	}
	return nil
}

// answer does what was asked for, where it could be read, and says what was
// wrong with it.
func answer(w http.ResponseWriter, read error, act func() error) {
	err := read
	if err == nil {
		err = act()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
