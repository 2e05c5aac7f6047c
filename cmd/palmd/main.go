// Command palmd is the firmware of a palm device.
//
// On board "sim" the cameras see synthetic people who follow a script; on other
// boards it opens the drivers of hal/linux. Standard output has one line of
// JSON for each thing that happens.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitDone  = 0
	exitError = 1
	exitUsage = 2
)

const usage = `palmd is the firmware of a palm device.

  palmd -board sim -state DIR -print                       # says which key the operator has to sign
  palmd -board sim -state DIR -config unit.toml -script people.jsonl
  palmd -board rpi4 -state DIR -config unit.toml -identity-fd 3          # as process 1 of a unit starts it

The configuration names the tenant, the host, the unit's credential, the operator's public key and the policy file that the
operator signed (palmctl policy make). No picture is taken for a vault that the policy does not accept.
It prints one line of JSON for each thing that happens: "ready" once all parts of the board are open, then what the
device does. With -script it ends when the script does; a board whose cameras are a tape, with the tape.
Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or input.

`

// options are what the command line says.
type options struct {
	board       string
	state       string
	config      string
	calibration string
	identity    int
	script      string
	seed        uint64
	speed       float64
	print       bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(exitDone)
	}
	if err == nil {
		err = run(ctx, o, os.Stdout, log)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "palmd: %v\n", err)
		if errors.As(err, new(usageError)) {
			os.Exit(exitUsage)
		}
		os.Exit(exitError)
	}
}

// usageError is a mistake of whoever started the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func parse(args []string, help io.Writer) (o options, err error) {
	f := flag.NewFlagSet("palmd", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.board, "board", "", "`name` of the board (required)")
	f.StringVar(&o.state, "state", "", "`folder` of the unit's key and settings (required)")
	f.StringVar(&o.config, "config", "", "the unit's configuration `file` (required without -print)")
	f.StringVar(&o.calibration, "calibration", "", "`file` with the geometry of this unit's cameras as it was measured; without it, the board's by design")
	f.IntVar(&o.identity, "identity-fd", -1, "`descriptor` from which the unit's private key is read, 32 bytes and the end (required but on board sim)")
	f.StringVar(&o.script, "script", "", "board sim: `file` that says who comes, one JSON object a line (required without -print)")
	f.Uint64Var(&o.seed, "seed", 1, "board sim: what the synthetic people are drawn from")
	f.Float64Var(&o.speed, "speed", 1, "board sim: how many times faster than real cameras; 0 never waits")
	f.BoolVar(&o.print, "print", false, "print the unit's public key as JSON and end")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			f.SetOutput(help)
			f.PrintDefaults()
		}
		return o, usageError{err}
	}
	switch {
	case f.NArg() > 0:
		return o, usageError{fmt.Errorf("unexpected argument %q", f.Arg(0))}
	case o.board == "" || o.state == "":
		return o, usageError{errors.New("-board and -state are required; -help says more")}
	case !o.print && o.config == "":
		return o, usageError{errors.New("-config is required; -help says more")}
	case o.board == "sim" && !o.print && o.script == "":
		return o, usageError{errors.New("-script is required on board sim; -help says more")}
	case o.board == "sim" && (o.identity >= 0 || o.calibration != ""):
		return o, usageError{errors.New("board sim makes its own identity and calibration")}
	case o.board != "sim" && (o.print || o.script != ""):
		return o, usageError{fmt.Errorf("-print and -script are for board sim, not %q", o.board)}
	case o.board != "sim" && o.identity < 3:
		return o, usageError{errors.New("-identity-fd is required: the descriptor of a pipe that holds the unit's private key")}
	case o.speed < 0:
		return o, usageError{fmt.Errorf("-speed %g, allowed 0 and up", o.speed)}
	}
	return o, nil
}

// run brings the board to life and keeps it running.
func run(ctx context.Context, o options, out io.Writer, log *slog.Logger) error {
	if o.board != "sim" {
		return serveUnit(ctx, o, out, log)
	}
	board, stage, err := open(o)
	if err != nil {
		return err
	}
	if o.print {
		key := board.Device().Identity.Public()
		return json.NewEncoder(out).Encode(map[string]string{
			"unit": board.Device().Unit, "board": o.board, "key": hex.EncodeToString(key[:]),
		})
	}
	return serve(ctx, o, board, stage, out, log)
}
