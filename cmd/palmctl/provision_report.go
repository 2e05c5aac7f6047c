package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rsc.io/qr"

	"volar/wire/prov"
)

// report is what is kept of one unit: a page for people, a file for machines,
// and a label. Nothing in it is secret.
type report struct {
	Serial      string          `json:"serial"`
	Name        string          `json:"name"`
	Board       string          `json:"board"`
	Firmware    string          `json:"firmware"`
	Slot        string          `json:"slot"`
	Site        string          `json:"site"`
	Tenant      string          `json:"tenant"`
	Gateway     string          `json:"gateway"`
	Started     time.Time       `json:"started"`
	Ended       time.Time       `json:"ended"`
	Sealed      bool            `json:"sealed"`
	Label       string          `json:"label"`
	Identity    string          `json:"identity"`
	Attestation string          `json:"attestation_key"`
	Endorsement string          `json:"endorsement_certificate"`
	Maker       string          `json:"tpm"`
	PCR8        string          `json:"pcr8"`
	Quote       string          `json:"quote"`
	Signature   string          `json:"quote_signature"`
	Binding     string          `json:"session"`
	Calibration string          `json:"calibration"`
	Geometry    json.RawMessage `json:"geometry,omitempty"` // hal.Calibration
	Tests       []reportedTest  `json:"tests"`
	Waived      []string        `json:"waived"`
	Development bool            `json:"development"`
	Steps       []stepEvent     `json:"steps"`
}

// reportedTest is a test in the report.
type reportedTest struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Says   string `json:"says"`
}

func (r *report) begin(st prov.Status, name string, now time.Time) {
	if r.Started.IsZero() {
		r.Started = now
	}
	r.Serial, r.Name, r.Board, r.Firmware, r.Slot = st.Serial, name, st.Board, st.Firmware, st.Slot
}

func (r *report) note(e stepEvent) { r.Steps = append(r.Steps, e) }

func (r *report) tested(t prov.Tested) {
	for i := range r.Tests {
		if r.Tests[i].Name == t.Name {
			r.Tests[i] = reportedTest{t.Name, t.Passed, t.Says}
			return
		}
	}
	r.Tests = append(r.Tests, reportedTest{t.Name, t.Passed, t.Says})
}

func (r *report) proved(p *prov.Proof, binding [32]byte, maker string) {
	r.Identity, r.Attestation, r.PCR8 = hex.EncodeToString(p.Identity[:]), hex.EncodeToString(p.Attestation[:]), hex.EncodeToString(p.PCR8[:])
	r.Quote, r.Signature, r.Binding, r.Maker = hex.EncodeToString(p.Quote), hex.EncodeToString(p.Signature[:]), hex.EncodeToString(binding[:]), maker
	r.Label = label(r.Serial, p.Endorsement[:])
}

// label is what stands on a unit: its serial number, and the fingerprint of
// its TPM's endorsement key, by which it can be told from a copy.
func label(serial string, modulus []byte) string {
	sum := sha256.Sum256(modulus)
	return fmt.Sprintf("volar:unit:%s:%x", serial, sum[:16])
}

// end completes the report from the plan.
func (r *report) end(p *plan, st prov.Status, now time.Time) {
	r.Site, r.Tenant, r.Gateway, r.Waived, r.Development = p.Site, p.Tenant, p.Gateway, p.Waive, p.Development
	r.Ended, r.Sealed = now, st.State == prov.Sealed
}

// write writes SERIAL.json and SERIAL.html into the folder, each as a whole.
func (r *report) write(dir string) (page string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	asJSON, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	html, err := r.html()
	if err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	page = filepath.Join(dir, r.Serial+".html")
	return page, errors.Join(replaceFile(filepath.Join(dir, r.Serial+".json"), append(asJSON, '\n')), replaceFile(page, html))
}

// replaceFile puts a file in the place of an older one, whole.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

//go:embed provision_report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"day":   func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") },
	"short": func(s string) string { return s[:min(len(s), 16)] },
}).Parse(reportPage))

func (r *report) html() ([]byte, error) {
	picture, err := labelSVG(r.Label)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = reportTemplate.Execute(&b, struct {
		*report
		Picture template.HTML
	}{r, picture})
	return b.Bytes(), err
}

// labelSVG is a QR code of a text, as a picture that scales.
func labelSVG(text string) (template.HTML, error) {
	if text == "" {
		return "", nil
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("label: %w", err)
	}
	const quiet = 4 // modules (ISO/IEC 18004, section 6.3.8)
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	side := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf(`<svg role="img" aria-label="label" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="100%%" height="100%%" fill="#fff"/><path d="%s"/></svg>`, side, side, path.String())), nil // made of digits alone
}

// labelText is a QR code of a text for a terminal, two modules a character.
func labelText(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("label: %w", err)
	}
	var b strings.Builder
	light := func(x, y int) bool { return !code.Black(x, y) }
	for y := -2; y < code.Size+2; y += 2 {
		for x := -2; x < code.Size+2; x++ {
			switch up, down := light(x, y), light(x, y+1); {
			case up && down:
				b.WriteRune('█')
			case up:
				b.WriteRune('▀')
			case down:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
