package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every mutant still fits the source: each snippet is there exactly once, the
// changed file is Go, and the tests are there.
func TestTableFits(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range table {
		id := m.Row + ", " + m.Name
		if names[id] || !regexp.MustCompile(`^T([1-9]|1\d|2[0-5])$`).MatchString(m.Row) {
			t.Errorf("%s: twice, or no row of the table", id)
		}
		names[id] = true
		dir := t.TempDir()
		if _, err := m.overlay(root, dir); err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		changed, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		for _, f := range changed {
			if _, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		has := tests(t, filepath.Join(root, m.Package))
		for _, name := range strings.Split(m.Run, "|") {
			if !has[name] {
				t.Errorf("%s: %s has no test %s", id, m.Package, name)
			}
		}
	}
}

// tests are the names of a folder's tests.
func tests(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, f := range files {
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				has[f.Name.Name] = true
			}
		}
	}
	return has
}

// SECURITY.md tells of every row that a mutant is for, with the test's name.
func TestSecurityNamesTheTests(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, line := range strings.Split(string(b), "\n") {
		if m := regexp.MustCompile(`^\| (T\d+) \|`).FindStringSubmatch(line); m != nil {
			rows[m[1]] = line
		}
	}
	for i := range 25 {
		if rows[fmt.Sprintf("T%d", i+1)] == "" {
			t.Errorf("SECURITY.md has no row T%d", i+1)
		}
	}
	all := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "build" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() {
			for name := range tests(t, path) {
				all[name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(b), -1) {
		if !all[name[1]] {
			t.Errorf("SECURITY.md names %s, which does not exist", name[1])
		}
	}
	count := map[string]int{}
	for _, m := range table {
		count[m.Row]++
		for _, name := range strings.Split(m.Run, "|") {
			if !strings.Contains(rows[m.Row], name) {
				t.Errorf("SECURITY.md, row %s: does not name %s", m.Row, name)
			}
		}
	}
	for row, line := range rows {
		want := "-"
		if count[row] > 0 {
			want = fmt.Sprint(count[row])
		}
		if cells := strings.Split(line, "|"); strings.TrimSpace(cells[len(cells)-2]) != want {
			t.Errorf("SECURITY.md, row %s: %s mutants, there are %s", row, cells[len(cells)-2], want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for text, want := range map[string]string{
		"FAIL x [build failed]":       broken,
		"--- FAIL: TestX\nFAIL":       red,
		"panic: test timed out\nFAIL": red,
	} {
		if got, _ := verdict([]byte(text), fmt.Errorf("exit status 1")); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got, _ := verdict([]byte("--- PASS: TestX"), nil); got != green {
		t.Error(got)
	}
	if got, _ := verdict([]byte("--- SKIP: TestX"), nil); got != skipped {
		t.Error(got)
	}
}
