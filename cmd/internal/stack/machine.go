package stack

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
)

// notice is true of every stack, and is shown wherever one is.
const notice = "the TPM is swtpm, made of software: it proves the code, not the machine, and whoever owns its folder owns the vault's keys and can turn its counter back"

// facts are what palmlaunch -print says.
type facts struct {
	Measurement, Key, Notice string
	Boot                     []string
}

// launch is the command line of a machine that starts, its TPM with it, and
// runs the launcher.
func (s *Stack) launch(more ...string) []string {
	argv := []string{s.program("palmlaunch"), "-vault", s.program("palmvault"), "-state", s.path("launch"), "-tpm", swtpm.Socket(s.path("tpm"))}
	return swtpm.Machine(s.path("tpm"), append(argv, more...)...)
}

// measure asks the launcher which vault it would start on what, approves
// that with the release key, and sets the machine's TPM up the first time.
func (s *Stack) measure(ctx context.Context) error {
	if err := swtpm.Missing(); err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	if err := s.ask(ctx, "-print"); err != nil {
		return err
	}
	if err := s.approve(); err != nil {
		return fmt.Errorf("stack: approve: %w", err)
	}
	if s.facts.Key == "" {
		if err := s.ask(ctx, "-print", "-approval", s.path("approval")); err != nil {
			return err
		}
	}
	s.Measurement, s.Notice = s.facts.Measurement, notice
	return nil
}

// ask starts the machine for an answer.
func (s *Stack) ask(ctx context.Context, what ...string) error {
	argv := s.launch(what...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = s.options.Log
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &s.facts)
	}
	if err != nil {
		return fmt.Errorf("stack: palmlaunch -print: %w", err)
	}
	return nil
}

// approve signs this vault for this machine with the release key.
func (s *Stack) approve() error {
	measurement, boot, err := s.facts.parse()
	if err != nil {
		return err
	}
	a, err := tpm.Approve(s.release, measurement, boot.Programs())
	if err != nil {
		return err
	}
	b, err := a.Marshal()
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("approval"), b, 0o600)
}

// parse reads the facts that are in hex.
func (f facts) parse() (measurement [32]byte, boot tpm.Boot, err error) {
	if measurement, err = digest(f.Measurement); err != nil {
		return measurement, boot, err
	}
	if len(f.Boot) != len(boot) {
		return measurement, boot, fmt.Errorf("%d boot registers, want %d", len(f.Boot), len(boot))
	}
	for i := range boot {
		if boot[i], err = digest(f.Boot[i]); err != nil {
			return measurement, boot, err
		}
	}
	return measurement, boot, nil
}

func digest(s string) (d [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("%q is not %d bytes of hex", s, len(d))
	}
	return [32]byte(b), nil
}

// policy writes what a tenant's devices accept: this vault on this machine.
func (s *Stack) policy(tenant string) error {
	measurement, boot, err := s.facts.parse()
	if err != nil {
		return err
	}
	key, err := digest(s.facts.Key)
	if err != nil {
		return err
	}
	now := time.Now()
	b, err := attest.SignPolicy(attest.Policy{
		Tenant: tenant, Version: 1, NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(credentialFor).Unix(),
		Vaults:      []attest.Vault{{Measurement: measurement}},
		Development: true,
		TPM:         &attest.TPM{Keys: [][32]byte{key}, Boot: [][32]byte{boot.Digest()}},
	}, s.operator)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(tenant+".policy"), b, 0o600)
}
