// Command mutants shows that the tests of Volar's defences can fail. For each
// row of the threat table in SECURITY.md it switches one mechanism off, in a
// copy of one file that only `go test -overlay` sees, and runs the test that
// is named for it: the test must go red. The product has no such switch.
//
//	go run ./internal/mutants                 every mutant
//	go run ./internal/mutants -only 'T10|T15' rows or names that match
//	go run ./internal/mutants -json           one line of JSON a mutant
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// result is what came of one mutant.
type result struct {
	Row     string  `json:"row"`
	Name    string  `json:"name"`
	Test    string  `json:"test"`
	Verdict string  `json:"verdict"`
	Seconds float64 `json:"seconds"`
	output  string
}

// Verdicts. Only red is good.
const (
	red      = "red"
	green    = "GREEN: nothing noticed"
	broken   = "DOES NOT BUILD"
	skipped  = "skipped: the test does not run on this machine"
	stumbled = "FAILS WITHOUT THE MUTANT"
)

func main() {
	only := flag.String("only", "", "run the mutants whose row or name matches this `expression`")
	asJSON := flag.Bool("json", false, "print one line of JSON for each mutant")
	flag.Parse()
	pick, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "mutants: usage: mutants [-only EXPRESSION] [-json]")
		os.Exit(2)
	}
	root, err := moduleRoot()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mutants: %v\n", err)
		os.Exit(1)
	}
	os.Exit(runAll(root, pick, *asJSON))
}

// runAll runs the picked mutants one after the other and gives the exit code.
func runAll(root string, pick *regexp.Regexp, asJSON bool) int {
	ran, bad := 0, 0
	healthy := map[string]string{} // what each test says without a mutant
	for _, m := range table {
		if !pick.MatchString(m.Row) && !pick.MatchString(m.Name) {
			continue
		}
		r, err := try(root, m, healthy)
		if err != nil {
			fmt.Fprintf(os.Stderr, "mutants: %s, %s: %v\n", m.Row, m.Name, err)
			return 1
		}
		ran++
		if asJSON {
			_ = json.NewEncoder(os.Stdout).Encode(r)
		} else {
			fmt.Printf("%-4s %-58s %-52s %5.1fs  %s\n", r.Row, r.Name, r.Test, r.Seconds, r.Verdict)
		}
		if r.Verdict != red && r.Verdict != skipped {
			bad++
			fmt.Fprintln(os.Stderr, indent(r.output))
		}
	}
	if !asJSON {
		fmt.Printf("%d mutants, %d not as they should be\n", ran, bad)
	}
	if bad > 0 || ran == 0 {
		return 1
	}
	return 0
}

// try runs a mutant's test without and with it.
func try(root string, m mutant, healthy map[string]string) (result, error) {
	began := time.Now()
	r := result{Row: m.Row, Name: m.Name, Test: m.Package + " " + m.Run}
	if _, known := healthy[r.Test]; !known {
		healthy[r.Test], r.output = verdict(runTest(root, m, ""))
	}
	switch healthy[r.Test] {
	case skipped:
		r.Verdict = skipped
		return r, nil
	case green:
	default:
		r.Verdict = stumbled
		return r, nil
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return r, err
	}
	r.Verdict, r.output = verdict(runTest(root, m, overlay))
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// runTest runs the test under an overlay, or under none. The programs that a
// test builds for itself see the same overlay, through GOFLAGS.
func runTest(root string, m mutant, overlay string) (out []byte, err error) {
	cmd := exec.Command("go", "test", "-count=1", "-v", "-timeout", "5m", "-run", "^("+m.Run+")$", "./"+m.Package)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "VOLAR_BIN=", "GOFLAGS=")
	if overlay != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS=-overlay="+overlay)
	}
	return cmd.CombinedOutput()
}

// verdict reads what go test said.
func verdict(out []byte, err error) (string, string) {
	text := string(out)
	switch {
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		return broken, text
	case err != nil:
		return red, text
	case !strings.Contains(text, "--- PASS"):
		return skipped, text
	}
	return green, text
}

func indent(s string) string {
	if len(s) > 4000 {
		s = s[:4000] + "\n…"
	}
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

// moduleRoot finds go.mod above the working folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
		dir = up
	}
}
