package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
)

// options are what the command line says.
type options struct {
	listen  *net.TCPAddr
	metrics *net.TCPAddr
	db      string
	launch  []string
	updates string       // folder, "" where none is served
	serve   *net.TCPAddr // where
}

const usage = `palmhost carries frames between devices and the sealed vault, and keeps the vault's encrypted blobs.

  palmhost -db blobs.sqlite -launch "palmlaunch -vault palmvault -state state -config vault.toml"

With -updates it also serves a repository of bundles ('palmctl repo'), which it need not be trusted for.

When it is ready it prints one line of JSON on standard output: {"listen":"ADDRESS","metrics":"ADDRESS"}, with -updates
also "updates":"ADDRESS".
SIGTERM and SIGINT end it: running waves have 5 s to finish. A second signal ends it at once.
Exit codes: 0 ended as asked, 1 failed, 2 wrong usage.

`

// parse reads the command line. What could expose the host is refused here.
func parse(args []string, help io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("palmhost", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	listen := f.String("listen", "127.0.0.1:0", "`address` for devices; port 0 takes a free one")
	metrics := f.String("metrics", "127.0.0.1:0", "loopback `address` for Prometheus metrics (/metrics)")
	public := f.Bool("public", false, "allow -listen and -updates-listen on addresses that other machines reach")
	f.StringVar(&o.db, "db", "", "`file` of the blob store, made where there is none (required)")
	launch := f.String("launch", "", "`command` that starts the vault: words, quotes and backslashes as in a shell, no shell (required)")
	f.StringVar(&o.updates, "updates", "", "`folder` of a repository of bundles that devices are updated from (default none)")
	serve := f.String("updates-listen", "127.0.0.1:0", "`address` at which devices fetch them, by HTTP")
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
	if o.db == "" || *launch == "" {
		return options{}, errors.New("-db and -launch are required; -help says more")
	}
	var err error
	if o.launch, err = splitCommand(*launch); err != nil {
		return options{}, fmt.Errorf("-launch: %w", err)
	}
	if o.listen, err = resolve(*listen, *public); err != nil {
		return options{}, fmt.Errorf("-listen: %w", err)
	}
	if o.metrics, err = resolve(*metrics, false); err != nil {
		return options{}, fmt.Errorf("-metrics: %w", err)
	}
	if o.serve, err = resolve(*serve, *public); err != nil {
		return options{}, fmt.Errorf("-updates-listen: %w", err)
	}
	return o, nil
}

// resolve gives the one address that will be listened on, so that what was
// checked is what is used.
func resolve(address string, public bool) (*net.TCPAddr, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !public && !a.IP.IsLoopback() { // no IP means all of them
		return nil, fmt.Errorf("%s is not a loopback address; only -listen and -updates-listen may be others, with -public", address)
	}
	return a, nil
}
