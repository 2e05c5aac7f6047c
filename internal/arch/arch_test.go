// Package arch keeps the walls of the house where README.md says they are.
package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "volar/"

// may lists, for each part of the house, which parts it may import. The
// longest part that a package lies under decides. "" is every part.
var may = map[string][]string{
	"hal":                   {"hal"},
	"hal/linux":             {"hal", "boards"},
	"hal/linux/slots":       {"hal", "wire/bootstate"},
	"hal/linux/tpm":         {"hal", "enclave/attest"},
	"boards":                {"hal"},
	"wire":                  {"wire"},
	"liveness":              {"liveness", "wire"},
	"firmware":              {"firmware", "liveness", "hal", "wire", "boards", "enclave/attest"},
	"enclave/attest":        {"enclave/attest", "wire"},
	"enclave/confine":       {"enclave/confine"},
	"enclave/receipt":       {"enclave/receipt", "enclave/attest", "wire"},
	"enclave/recovery":      {"enclave/recovery", "wire"},
	"enclave/renewal":       {"enclave/renewal", "wire"},
	"enclave/vault":         {"enclave/vault", "liveness", "enclave/attest", "enclave/receipt", "enclave/recovery", "enclave/renewal", "wire"},
	"enclave/vault/matcher": {"wire", "enclave/vault/kernel"},
	"enclave/vault/search":  {"enclave/vault/matcher", "enclave/vault/kernel", "enclave/vault/memory", "wire"},
	"enclave/vault/kernel":  {},
	"enclave/vault/memory":  {},
	"bench":                 {"bench", "liveness", "enclave/vault", "enclave/attest", "enclave/host/store", "wire", "sim/palm"},
	"enclave/host":          {"enclave/host", "wire"},
	"sim":                   {"sim", "hal", "wire", "boards"},
	"eval":                  {"eval", "liveness", "wire", "enclave/vault/matcher", "enclave/vault/search", "sim/palm"},
	"cmd":                   {""},
	"internal":              {"internal"},
	"testdata":              {},
}

// tests may also import what stands in for hardware.
var tests = []string{"sim", "hal", "testdata", "wire/link", "internal/emulated", "internal/drawing"}

// sealed is what the vault may not import: it has no way out but its door.
var sealed = []string{"net", "net/http", "os", "os/exec", "os/signal", "syscall", "unsafe", "log", "log/slog", "plugin", "C", "golang.org/x/sys/unix"}

// judged is a room that the vault is made of and that does not lie under it:
// what is sealed is sealed there too.
const judged = "liveness"

// excused lists the places in the vault that may import one of these all the same.
var excused = map[string]string{
	"golang.org/x/sys/unix": "enclave/vault/memory", // locked memory
}

// never lists what a part may not import although it lies under a part that
// it may: the vault that ships carries no platform, a simulated one least.
var never = map[string][]string{
	"enclave/vault":   kinds,
	"enclave/receipt": kinds,
	"cmd/palmvault":   kinds,
	"firmware":        kinds,
}

var kinds = []string{
	"enclave/attest/simulated", "enclave/attest/tpm", "enclave/attest/nitro", "enclave/attest/sevsnp", "enclave/attest/tdx", "enclave/attest/tsm",
}

// only lists libraries that one place alone may import.
var only = map[string]string{
	"gocv.io/x/gocv":                 "firmware/vision",
	"github.com/flynn/noise":         "wire/link",
	"github.com/google/go-tpm":       "enclave/attest/tpm",
	"github.com/google/go-sev-guest": "enclave/attest/sevsnp",
	"github.com/google/go-tdx-guest": "enclave/attest/tdx",
	"modernc.org/sqlite":             "enclave/host/store",
	"github.com/spf13/cobra":         "cmd",
	"github.com/foxglove/mcap":       "hal/tape",
	"github.com/fxamacker/cbor":      "wire/canonical",
	"github.com/theupdateframework":  "firmware/update",
	"github.com/sigstore":            "firmware/update/publish",
	"periph.io/x":                    "hal/linux",
	"github.com/vishvananda/netlink": "cmd/palminit",
	"github.com/insomniacslk/dhcp":   "cmd/palminit",
}

func under(pkg, part string) bool {
	return part == "" || pkg == part || strings.HasPrefix(pkg, part+"/")
}

// forbidden tells whether never says so.
func forbidden(pkg, imp string) bool {
	for part, list := range never {
		if under(pkg, part) && slices.ContainsFunc(list, func(a string) bool { return under(imp, a) }) {
			return true
		}
	}
	return false
}

// TestWalls parses the files itself rather than asking go list: a test that
// runs go list is answered from the test cache after a wall was broken.
func TestWalls(t *testing.T) {
	for _, v := range broken(t, os.DirFS("../..")) {
		t.Error(v)
	}
}

// TestWallsCanFail keeps the test above from passing for nothing.
func TestWallsCanFail(t *testing.T) {
	for name, src := range map[string]string{
		"firmware/bad.go":                  `import "volar/enclave/vault"`,
		"liveness/bad.go":                  `import "volar/hal"`,
		"liveness/worse.go":                `import "os"`,
		"firmware/capture/bad.go":          `import "gocv.io/x/gocv"`,
		"enclave/host/bad/bad.go":          `import "volar/enclave/vault/gallery"`,
		"enclave/vault/bad.go":             `import "net"`,
		"enclave/vault/x/deep.go":          `import "os/exec"`,
		"enclave/vault/kernel/bad.go":      `import "volar/wire"`,
		"enclave/vault/search/bad.go":      `import "golang.org/x/sys/unix"`,
		"enclave/vault/search/worse.go":    `import "volar/enclave/vault/gallery"`,
		"enclave/vault/matcher/bad.go":     `import "volar/enclave/attest"`,
		"hal/bad.go":                       `import "volar/firmware"`,
		"wire/link/bad.go":                 `import "volar/hal"`,
		"wire/bad.go":                      `import "github.com/flynn/noise"`,
		"boards/bad.go":                    `import "volar/wire"`,
		"enclave/attest/bad.go":            `import "volar/enclave/vault"`,
		"cmd/palmd/bad.go":                 `import "github.com/google/go-tpm/tpm2"`,
		"sim/device/device.go":             `import "volar/firmware"`,
		"eval/bad.go":                      `import "volar/firmware/vision"`,
		"eval/bad_test.go":                 `import "volar/enclave/vault"`,
		"enclave/host/gateway/bad_test.go": `import "volar/enclave/vault"`,
		"unplanned/room.go":                `import "fmt"`,
		"cmd/palmvault/bad.go":             `import "volar/enclave/attest/simulated"`,
		"enclave/vault/gallery/bad.go":     `import "volar/enclave/attest/tpm/chip"`,
		"firmware/bad2.go":                 `import "volar/enclave/attest/simulated"`,
		"cmd/palmd/bad2.go":                `import "periph.io/x/conn/v3/gpio"`,
	} {
		if v := broken(t, fstest.MapFS{name: {Data: []byte("package p\n" + src + "\n")}}); len(v) != 1 {
			t.Errorf("%s with %s: %q, want one complaint", name, src, v)
		}
	}
}

// broken lists the imports under root that go through a wall.
func broken(t *testing.T, root fs.FS) (list []string) {
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (name == "build" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		found, err := imports(root, name)
		list = append(list, found...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// imports lists what one file imports through a wall.
func imports(root fs.FS, name string) (list []string, err error) {
	src, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	pkg, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	part := ""
	for p := range may {
		if under(pkg, p) && len(p) > len(part) {
			part = p
		}
	}
	if part == "" {
		return []string{fmt.Sprintf("%s: %s is no room of the house", name, pkg)}, nil
	}
	allowed := may[part]
	if test {
		allowed = append(slices.Clone(allowed), tests...)
	}
	for _, s := range file.Imports {
		imp, _ := strconv.Unquote(s.Path.Value)
		rest, ours := strings.CutPrefix(imp, module)
		switch {
		case ours && !slices.ContainsFunc(allowed, func(a string) bool { return under(rest, a) }):
			list = append(list, fmt.Sprintf("%s: %s may not import %s", name, pkg, rest))
		case ours && !test && forbidden(pkg, rest):
			list = append(list, fmt.Sprintf("%s: %s carries no platform: %s", name, pkg, rest))
		case !ours && !test && (under(pkg, "enclave/vault") || pkg == judged) && slices.Contains(sealed, imp) && excused[imp] != pkg:
			list = append(list, fmt.Sprintf("%s: the vault may not import %s", name, imp))
		case !ours && !test:
			for lib, room := range only {
				if under(imp, lib) && !under(pkg, room) {
					list = append(list, fmt.Sprintf("%s: only %s may import %s", name, room, lib))
				}
			}
		}
	}
	return list, nil
}
