// Command bench measures what the speed of an identification rests on, in one run, and
// prints a table, or JSON for machines. README.md in this folder says how the figures are
// taken and which of them mean something on a busy machine.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"

	"volar/enclave/vault/kernel"
)

// A measurement is one block of the table. To add one, write a function and list it here.
type measurement struct {
	name string
	run  func(*bench) error
}

var measurements = []measurement{
	{"bandwidth", bandwidth},
	{"scan", scan},
	{"coarse", coarse},
	{"full", full},
	{"cores", cores},
	{"extract", extract},
	{"identify", identify},
	{"sealed", sealed},
	{"unit", unit},
	{"update", updates},
}

// peers are measured only where they were asked for: they need programs that the product does not.
var peers = measurement{"peers", comparePeers}

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	only := flag.String("only", "", "measure only what this `expression` matches")
	withPeers := flag.Bool("peers", false, "measure FAISS and OpenCV on the same codes as well")
	flag.Parse()
	if err := run(*only, *asJSON, *withPeers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(only string, asJSON, withPeers bool) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("read --only: %w", err)
	}
	list := measurements
	if withPeers {
		list = []measurement{peers}
	}
	b := &bench{Machine: fmt.Sprintf("%s, %d cores, %s kernels", processor(), runtime.NumCPU(), kernel.Active())}
	for _, m := range list {
		if !wanted.MatchString(m.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", m.name)
		b.part = m.name
		if err := m.run(b); err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	return b.print(os.Stdout)
}
