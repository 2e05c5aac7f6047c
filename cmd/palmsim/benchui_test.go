package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// startBench starts palmsim bench-ui and gives the address of its page.
func startBench(t *testing.T, args ...string) string {
	t.Helper()
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	cmd := exec.Command(filepath.Join(bin, "palmsim"), append([]string{"bench-ui"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("bench-ui ended with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, address, found := strings.Cut(line, "The bench is at ")
	if !found {
		t.Fatalf("bench-ui said %q", line)
	}
	return strings.Fields(address)[0]
}

// browser is a headless Chromium that keeps what a page should not do.
type browser struct {
	ctx context.Context

	mu    sync.Mutex
	wrong []string
}

func openBrowser(t *testing.T, address string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on PATH; make setup installs it")
	}
	origin, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1400, 1500))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses one to root; the page is our own
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || u.Host != origin.Host {
				b.note("asked for " + e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			b.note(e.ExceptionDetails.Error())
		case *log.EventEntryAdded: // violations of the policy among them
			b.note(e.Entry.Text + " " + e.Entry.URL)
		}
	})
	b.do(t, network.Enable(), log.Enable(), chromedp.Navigate(address), chromedp.WaitReady("#out"))
	b.until(t, `!document.querySelector("#out").disabled`)
	return b
}

func (b *browser) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, what)
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// until waits for an expression of the page to be true.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	if err := chromedp.Run(b.ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		var text string
		_ = chromedp.Run(b.ctx, chromedp.Text("body", &text))
		t.Fatalf("never true: %s: %v\n%s", expression, err, text)
	}
}

// picture keeps a screenshot where BENCH_PICTURES names a folder to look at.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("BENCH_PICTURES")
	if dir == "" {
		return
	}
	var png []byte
	b.do(t, chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// nameless lists controls and pictures that a screen reader could not name.
const nameless = `[...document.querySelectorAll("input, select, button, img, canvas, a, [role=img]")].filter(e =>
	!(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.alt)).map(e => e.outerHTML).join("\n")`

// outcome is true when the newest decision is of a wave and reads so.
func outcome(wave int, says string) string {
	return fmt.Sprintf(`document.querySelector("#waves tbody tr")?.textContent.startsWith("%d") && document.querySelector("#waves tbody tr td:nth-child(4)").textContent === %q`, wave, says)
}

// TestBenchUI drives a device from the page as a person would, by keyboard
// alone: a stranger, an attack, an enrolment, and the same person again.
func TestBenchUI(t *testing.T) {
	b := openBrowser(t, startBench(t))
	space := chromedp.KeyEvent(" ")
	b.do(t, chromedp.Evaluate(`document.activeElement.blur()`, nil))

	b.do(t, space)
	b.until(t, outcome(1, "refused"))
	b.until(t, `document.querySelectorAll("#liveness tbody tr").length >= 8 && document.querySelectorAll("#burst li").length >= 4`)
	b.until(t, `document.querySelector("#frame-nir").getAttribute("points").split(" ").length === 4`)
	b.until(t, `[...document.querySelectorAll("#nir, #rgb")].every(c => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v > 60))`)
	b.until(t, `[...document.querySelectorAll("#burst img")].every(i => i.complete && i.naturalWidth > 0)`)
	b.picture(t, "stranger")

	b.away(t, space)
	b.choose(t, "#what", "print-matte")
	b.do(t, space)
	b.until(t, outcome(2, "not live"))
	b.until(t, `document.querySelectorAll("#liveness tr.bad").length > 0`)
	b.picture(t, "print")

	b.away(t, space)
	b.choose(t, "#what", "palm")
	b.choose(t, "#purpose", "enrol")
	waves := 2
	for side, hand := range []string{"left", "right"} {
		b.choose(t, "#hand", hand)
		for n := range 3 {
			says := "more"
			if side == 1 && n == 2 {
				says = "accepted"
			}
			waves++
			b.do(t, space)
			b.until(t, outcome(waves, says))
			b.away(t, space)
		}
	}
	b.choose(t, "#purpose", "identify")
	b.do(t, space)
	b.until(t, outcome(waves+1, "accepted"))
	b.until(t, `document.querySelector("#waves tbody tr").textContent.includes("person 0")`)
	b.picture(t, "known")

	var without string
	b.do(t, chromedp.Evaluate(nameless, &without))
	if without != "" {
		t.Errorf("without a name:\n%s", without)
	}
	for _, w := range b.wrong {
		t.Errorf("the page: %s", w)
	}
}

// away takes the hand away and waits for the device to be ready again.
func (b *browser) away(t *testing.T, space chromedp.Action) {
	t.Helper()
	b.until(t, `document.querySelector("#state").textContent === "remove"`)
	b.do(t, space)
	b.until(t, `document.querySelector("#state").textContent === "idle"`)
}

// choose sets a control as its user would, and leaves it.
func (b *browser) choose(t *testing.T, control, value string) {
	t.Helper()
	b.do(t, chromedp.SetValue(control, value), chromedp.Evaluate(fmt.Sprintf(
		`{ const e = document.querySelector(%q); e.dispatchEvent(new Event("input", {bubbles: true})); e.blur(); }`, control), nil))
}

// TestBenchUITape steps through a tape, by keyboard and by what is listed.
func TestBenchUITape(t *testing.T) {
	b := openBrowser(t, startBench(t, filepath.Join("..", "..", "testdata", "tapes", "wave.mcap"))+"#tape")
	b.until(t, `document.querySelector("output[for=shot]").textContent.startsWith("1 of ")`)
	seen := `document.querySelector("#tape-nir").complete && document.querySelector("#tape-nir").naturalWidth > 0`
	b.until(t, seen)
	b.do(t, chromedp.Evaluate(`document.activeElement.blur()`, nil), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	b.until(t, `document.querySelector("output[for=shot]").textContent.startsWith("3 of ")`)
	b.until(t, seen)
	b.do(t, chromedp.Click(`#items button[value="1"]`))
	b.until(t, `document.querySelector("output[for=shot]").textContent.startsWith("2 of ") && `+seen)
	b.picture(t, "tape")
	for _, w := range b.wrong {
		t.Errorf("the page: %s", w)
	}
}
