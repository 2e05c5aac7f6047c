package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"volar/enclave/attest"
)

// maxProgram bounds what is measured, as palmlaunch does.
const maxProgram = 256 << 20

// manifest is what a release says of itself, so that anybody can build it
// again and compare: `make repro` shows that the same source gives the same bytes.
type manifest struct {
	Version int    `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	// Env is what the build depended on: of the environment and of the command line.
	Env      map[string]string `json:"env"`
	Programs []program         `json:"programs"`
	// Measurement is M, the SHA-256 of the vault's program: what policies allow,
	// approvals sign and every kind of evidence carries.
	Measurement string `json:"measurement"`
	// Register is, by kind of platform, the register that holds M and nothing
	// else yet: the state in which a vault's keys open.
	Register map[string]string `json:"register"`
}

type program struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	Debug  string `json:"godebug,omitempty"` // the runtime's settings that its source asks for
}

// registers says where each kind of platform keeps what was measured.
var registers = map[string]string{
	attest.KindTPM:       "PCR 12, SHA-256",
	attest.KindNitro:     "the launcher's, in user_data",
	attest.KindSNP:       "the launcher's, in REPORT_DATA",
	attest.KindTDX:       "the launcher's, in REPORTDATA",
	attest.KindSimulated: "the launcher's, for development",
}

func newMeasureCommand() *cobra.Command {
	var launcher, commit string
	c := &cobra.Command{
		Use:   "measure VAULT",
		Short: "Say what a vault's program will measure as",
		Long: `measure reads a program of the vault and prints the manifest of its release: M, which policies and
approvals name; the register that holds M before the vault has a key; how it was built and its SHA-256.
It refuses a program that was not built the way releases are, because nobody could build it again.`,
		Example: `  palmctl measure build/bin/palmvault --launcher build/bin/palmlaunch --commit $(git rev-parse HEAD) --json`,
		Args:    exactly(1, "the vault's program"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := measure(args[0], launcher, commit)
			if err != nil {
				return err
			}
			return show(c, m, m.text)
		},
	}
	c.Flags().StringVar(&launcher, "launcher", "", "`program` of the launcher, to be in the manifest too")
	c.Flags().StringVar(&commit, "commit", "", "the source's commit, 40 hex `digits`, to be in the manifest too")
	return c
}

// measure makes the manifest of a vault's program and perhaps its launcher's.
func measure(vault, launcher, commit string) (manifest, error) {
	if b, err := hex.DecodeString(commit); err != nil || len(b) != 20 && commit != "" {
		return manifest{}, usage(fmt.Errorf("commit %q is not 40 hex digits", commit), "git rev-parse HEAD prints it")
	}
	m := manifest{Version: 1, Commit: commit, Register: map[string]string{}}
	paths := []string{vault}
	if launcher != "" {
		paths = append(paths, launcher)
	}
	for i, path := range paths {
		want := []string{"volar/cmd/palmvault", "volar/cmd/palmlaunch"}[i]
		if err := m.add(path, want); err != nil {
			return manifest{}, err
		}
	}
	m.Measurement = m.Programs[0].SHA256
	sum, err := hex.DecodeString(m.Measurement)
	if err != nil {
		return manifest{}, err
	}
	register := attest.ExtendMeasurement([32]byte{}, [32]byte(sum))
	for kind := range registers {
		m.Register[kind] = hex.EncodeToString(register[:])
	}
	return m, nil
}

// add measures one program, which must be built as releases are.
func (m *manifest) add(path, want string) error {
	b, err := readFile("program", path, maxProgram)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(b))
	if err != nil {
		return usage(fmt.Errorf("measure %s: %w", path, err), "give a program that make build made")
	}
	if info.Path != want {
		return usage(fmt.Errorf("measure %s: it is %s, want %s", path, info.Path, want), "the vault comes first, its launcher with --launcher")
	}
	env := map[string]string{}
	for _, s := range info.Settings {
		env[s.Key] = s.Value
	}
	for key, value := range map[string]string{"-trimpath": "true", "CGO_ENABLED": "0", "-buildmode": "exe", "GOEXPERIMENT": "runtimesecret"} {
		if env[key] != value {
			return hint(fmt.Errorf("measure %s: built with %s=%q, releases have %q", path, key, env[key], value), "build it with make build")
		}
	}
	if env["vcs"] != "" {
		return hint(fmt.Errorf("measure %s: built with stamps of the source's history", path), "build it with make build")
	}
	debug := env["DefaultGODEBUG"]
	delete(env, "DefaultGODEBUG")
	if m.Env != nil && (!maps.Equal(m.Env, env) || m.Go != info.GoVersion) {
		return hint(fmt.Errorf("measure %s: built in another way than the vault", path), "build both with make build")
	}
	m.Go, m.Env = info.GoVersion, env
	sum := sha256.Sum256(b)
	m.Programs = append(m.Programs, program{filepath.Base(want), hex.EncodeToString(sum[:]), len(b), debug})
	return nil
}

// text writes the manifest for people.
func (m manifest) text(w io.Writer) {
	fmt.Fprintf(w, "measurement M   %s\n", m.Measurement)
	for _, p := range m.Programs {
		fmt.Fprintf(w, "%-15s %s, %d bytes\n", p.Name, p.SHA256, p.Bytes)
	}
	if m.Commit != "" {
		fmt.Fprintf(w, "commit          %s\n", m.Commit)
	}
	fmt.Fprintf(w, "built with      %s", m.Go)
	for _, key := range slices.Sorted(maps.Keys(m.Env)) {
		fmt.Fprintf(w, " %s=%s", key, m.Env[key])
	}
	fmt.Fprintln(w, "\nafter M, before the vault has a key:")
	for _, kind := range slices.Sorted(maps.Keys(m.Register)) {
		fmt.Fprintf(w, "  %-10s %s  (%s)\n", kind, m.Register[kind], registers[kind])
	}
}
