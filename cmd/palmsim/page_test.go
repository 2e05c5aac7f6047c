package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What the QA engineer's page has its reader change in the sources is still there.
func TestPageChangesSources(t *testing.T) {
	page, err := os.ReadFile("../../sim/README.md")
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	for line := range strings.Lines(string(page)) {
		command, found := strings.CutPrefix(strings.TrimSpace(line), "sed -i ")
		if !found {
			continue
		}
		changes++
		// The page is typed in build/qa, which lies as deep as this folder.
		changed, err := exec.Command("sh", "-c", "sed "+command).Output()
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(command[strings.LastIndex(command, " ")+1:])
		if err != nil {
			t.Fatal(err)
		}
		if string(changed) == string(source) {
			t.Errorf("it changes nothing: sed -i %s", command)
		}
	}
	if changes != 2 {
		t.Errorf("%d changes on the page, want 2", changes)
	}
}
