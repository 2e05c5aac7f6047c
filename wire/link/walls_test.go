package link

import (
	"os/exec"
	"strings"
	"testing"
)

// The vault links this package, and the vault has no network: nothing that this
// package needs, however far down, may bring one, or a way to start programs or to write logs.
// All of it is linked into this test too, so a change of it is never answered from the test cache.
func TestNoNetwork(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skip("the go command does not run here: ", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("only %q", deps)
	}
	for _, d := range deps {
		switch root, _, _ := strings.Cut(d, "/"); {
		case root == "net", root == "log", d == "os/exec", root == "plugin", d == "runtime/cgo":
			t.Errorf("%s is linked in", d)
		}
	}
}
