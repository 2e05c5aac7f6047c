// Command palmlaunch measures palmvault and starts it.
//
// It copies the vault's program into memory that nobody can change any more,
// hashes that copy, extends the machine's TPM with the hash, and runs that
// copy, so what was measured is what runs. Then it serves the platform to the
// vault over a pipe.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"volar/enclave/confine"
)

const usage = `palmlaunch measures the vault's program and starts it.

  palmlaunch -vault palmvault -state DIR -config vault.toml -approval FILE     start it; palmhost does this
  palmlaunch -vault palmvault -state DIR -print                                say what approvals and devices need to know
  palmlaunch -state DIR -activate                                              show an operator that the TPM is a real one

Descriptor 3 (the host's session link) and 4 (its blob link) are passed on to the vault, which gets the
platform as 5 and its configuration as 6.
The platform is this machine's TPM 2.0: -tpm names its device, or the socket of one made of software. One vault can be
started for each start of the machine. -approval is the release key's signature over this vault's measurement
('palmctl platform approve'). Where -state is empty the TPM is set up first: it gets an owner, a counter and keys, which
open to vaults of this release key only. Whoever loses the folder loses the gallery.
'-platform simulated' is for development: its keys and its counter lie in a file of -state, and it proves nothing.
-print writes one line of JSON and starts nothing; with -approval it sets up a TPM that is not.
-activate speaks with 'palmctl platform certify' over standard input and output.
Exit codes: the vault's own; 1 failed, 2 wrong usage.

`

// The platforms.
const (
	platformTPM       = "tpm"
	platformSimulated = "simulated"
)

// options are what the command line says.
type options struct {
	vault, state, config, approval string
	platform, tpm                  string
	print, activate                bool
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
	f.StringVar(&o.state, "state", "", "`folder` of the platform (required)")
	f.StringVar(&o.config, "config", "", "`file` with the vault's configuration, TOML")
	f.StringVar(&o.approval, "approval", "", "`file` with the release key's approval of the vault")
	f.StringVar(&o.platform, "platform", platformTPM, "`kind` of platform: tpm, or simulated for development")
	f.StringVar(&o.tpm, "tpm", "/dev/tpmrm0", "`device` of the TPM, or a socket")
	f.BoolVar(&o.print, "print", false, "print facts about vault and platform, and start nothing")
	f.BoolVar(&o.activate, "activate", false, "open a credential for the attestation key, and start nothing")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			f.SetOutput(help)
			f.PrintDefaults()
		}
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.check()
}

// check tells whether the options go together.
func (o options) check() error {
	start := !o.print && !o.activate
	switch {
	case o.platform != platformTPM && o.platform != platformSimulated:
		return fmt.Errorf("-platform %q, want %s or %s", o.platform, platformTPM, platformSimulated)
	case o.print && o.activate:
		return errors.New("want either -print or -activate; -help says more")
	case o.state == "" || o.vault == "" && !o.activate:
		return errors.New("-vault and -state are required; -help says more")
	case start && o.config == "":
		return errors.New("want -config, -print or -activate; -help says more")
	case start && o.platform == platformTPM && o.approval == "":
		return errors.New("-approval is required on a TPM: the release key's signature over this vault; -help says more")
	case o.platform == platformSimulated && (o.approval != "" || o.activate):
		return errors.New("-approval and -activate are for a TPM, not for a simulated platform")
	}
	return nil
}

// firstFree is the first descriptor after those that the host gives.
const firstFree = 5

// run does what the command line asks for and gives the exit code.
func run(ctx context.Context, o options, out io.Writer) (int, error) {
	// The keys are in this process's memory: no core file, no look from outside,
	// no registers and stacks on standard error when a signal ends it.
	voice, err := confine.Quiet(firstFree)
	if err != nil {
		return 1, err
	}
	os.Stderr = voice
	state, err := openFolder(o.state)
	if err != nil {
		return 1, err
	}
	defer state.Close()
	if o.activate {
		return code(activate(o, state, os.Stdin, out))
	}
	program, err := loadImage(o.vault)
	if err != nil {
		return 1, err
	}
	defer program.Close()
	if !o.print || !exists(state, o.platform) {
		if err := state.lock(); err != nil {
			return 1, err
		}
	}
	if o.print {
		return code(printFacts(o, program, state, out))
	}
	return start(ctx, o, program, state)
}

// exists tells whether the platform's state is there, so that reading it makes nothing.
func exists(state folder, platform string) bool {
	name := tpmFile
	if platform == platformSimulated {
		name = simulatedFile
	}
	_, err := os.Stat(state.path(name))
	return err == nil
}

func code(err error) (int, error) {
	if err != nil {
		return 1, err
	}
	return 0, nil
}
