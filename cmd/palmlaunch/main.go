// Command palmlaunch measures palmvault and starts it.
//
// It copies the vault's program into memory that nobody can change any more,
// hashes that copy, and runs that copy, so what was measured is what runs.
// Then it serves the platform to the vault over a pipe. On this machine the
// platform is simulated: its keys and its counter lie in a file, and what it
// attests proves nothing.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"volar/enclave/attest"
)

const usage = `palmlaunch measures the vault's program and starts it.

  palmlaunch -vault palmvault -state DIR -config vault.toml     start it; palmhost does this
  palmlaunch -vault palmvault -state DIR -print                 say what devices need to know

Descriptor 3 (the host's session link) and 4 (its blob link) are passed on to the vault, which gets the
platform as 5 and its configuration as 6. -state is made where there is none: it holds the simulated platform's
keys and counter. Whoever loses it loses the gallery.
-print writes one line of JSON: {"measurement":HEX,"key":HEX,"notice":TEXT}.
Exit codes: the vault's own; 1 failed, 2 wrong usage.

`

// options are what the command line says.
type options struct {
	vault, state, config string
	print                bool
}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "palmlaunch: %v\n", err)
		os.Exit(2)
	}
	code, err := run(context.Background(), o, os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "palmlaunch: %v\n", err)
	}
	os.Exit(code)
}

func parse(args []string, help io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("palmlaunch", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.vault, "vault", "", "`program` of the vault (required)")
	f.StringVar(&o.state, "state", "", "`folder` of the simulated platform (required)")
	f.StringVar(&o.config, "config", "", "`file` with the vault's configuration, TOML")
	f.BoolVar(&o.print, "print", false, "print the measurement and the platform's key, and start nothing")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			f.SetOutput(help)
			f.PrintDefaults()
		}
		return options{}, err
	}
	switch {
	case f.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.vault == "" || o.state == "":
		return options{}, errors.New("-vault and -state are required; -help says more")
	case o.print == (o.config != ""):
		return options{}, errors.New("want either -config or -print; -help says more")
	}
	return o, nil
}

// run does what the command line asks for and gives the exit code.
func run(ctx context.Context, o options, out io.Writer) (int, error) {
	// The keys are in this process's memory: no core file, no look from outside.
	if err := errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)); err != nil {
		return 1, fmt.Errorf("protect own memory: %w", err)
	}
	program, err := loadImage(o.vault)
	if err != nil {
		return 1, err
	}
	defer program.Close()
	st, err := openState(o.state)
	if err != nil {
		return 1, err
	}
	defer st.Close()
	if o.print {
		return printFacts(out, program, st)
	}
	if err := st.lock(); err != nil {
		return 1, err
	}
	return start(ctx, o, program, st)
}

// printFacts says what a device's policy must hold to accept this vault.
func printFacts(out io.Writer, program *image, st *state) (int, error) {
	err := json.NewEncoder(out).Encode(struct {
		Measurement string `json:"measurement"`
		Key         string `json:"key"`
		Notice      string `json:"notice"`
	}{hex.EncodeToString(program.measurement[:]), hex.EncodeToString(st.public()), attest.Notice(attest.KindSimulated)})
	if err != nil {
		return 1, err
	}
	return 0, nil
}
