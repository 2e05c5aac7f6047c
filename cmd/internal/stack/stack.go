// Package stack runs the other end of a device on this machine: palmhost,
// which starts palmlaunch, which starts palmvault, each as a process of its
// own. It is for demonstrations and tests: the machine under the vault is this
// one, and its TPM is made of software.
package stack

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"volar/cmd/internal/uplink"
	"volar/wire"
)

// Tenant is the tenant of a stack, and the only one unless Options.Config names more.
const Tenant = "demo"

const (
	readyFor = 30 * time.Second // how long the processes may take to come up
	stopFor  = 15 * time.Second // how long palmhost may take to end: it drains devices, then the vault

	credentialFor = 24 * time.Hour
)

// Options say where the programs are and where they may write.
type Options struct {
	Bin string    // folder of palmhost, palmlaunch and palmvault, and for Palmd of palmd
	Dir string    // an existing folder for the store, keys and configuration
	Log io.Writer // what the processes say; nil is nowhere

	Updates string // folder of a repository of bundles that the host serves; "" is none
	Config  string // follows in the vault's configuration: more about the tenant, more tenants
}

// Stack is a running host with its vault.
type Stack struct {
	Address     string // host:port where devices connect
	Metrics     string // host:port of the host's /metrics
	Updates     string // host:port where devices fetch bundles, where Options.Updates is set
	Measurement string // hex SHA-256 of the vault program
	Notice      string // what the attestation does not prove, in plain words

	options  Options
	facts    facts // what the launcher says of the machine
	operator ed25519.PrivateKey
	release  *ecdsa.PrivateKey
	before   uint64 // bytes that the host had received when it was ready
	host     *exec.Cmd
	ended    chan error
}

// Start makes an operator's key and a vault configuration in o.Dir, or takes
// those that are there, starts the processes, and returns when devices can
// connect. A folder that was used before still has its people.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	s := &Stack{options: o}
	for _, name := range []string{"palmhost", "palmlaunch", "palmvault"} {
		// Also for go test: it takes an old result for good unless a file has changed that the test has looked at.
		if _, err := os.Stat(s.program(name)); err != nil {
			return nil, fmt.Errorf("stack: %w", err)
		}
	}
	if err := s.establish(); err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	if err := s.measure(ctx); err != nil {
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// establish makes the operator and the release key, once, and writes who may
// speak to the vault.
func (s *Stack) establish() error {
	seed, err := s.keep("operator.key", func() ([]byte, error) {
		seed := make([]byte, ed25519.SeedSize)
		_, err := rand.Read(seed)
		return seed, err
	})
	if err != nil {
		return err
	}
	if len(seed) != ed25519.SeedSize {
		return fmt.Errorf("%s has %d bytes, not %d", s.path("operator.key"), len(seed), ed25519.SeedSize)
	}
	s.operator = ed25519.NewKeyFromSeed(seed)
	scalar, err := s.keep("release.key", func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return key.Bytes()
	})
	if err != nil {
		return err
	}
	if s.release, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar); err != nil {
		return fmt.Errorf("%s: %w", s.path("release.key"), err)
	}
	public := hex.EncodeToString(s.operator.Public().(ed25519.PublicKey))
	config := fmt.Sprintf("[[tenants]]\nname = %q\noperator = %q\n%s", Tenant, public, s.options.Config)
	return os.WriteFile(s.path("vault.toml"), []byte(config), 0o600)
}

// keep reads a file of the stack's folder, which it makes the first time.
func (s *Stack) keep(name string, draw func() ([]byte, error)) ([]byte, error) {
	b, err := os.ReadFile(s.path(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = draw(); err == nil {
		err = os.WriteFile(s.path(name), b, 0o600)
	}
	return b, err
}

func (s *Stack) path(name string) string    { return filepath.Join(s.options.Dir, name) }
func (s *Stack) program(name string) string { return filepath.Join(s.options.Bin, name) }

// quote makes one word of a path, as a shell would read it.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// run starts palmhost and waits for the line that says where it listens.
func (s *Stack) run(ctx context.Context) error {
	var launch []string
	for _, word := range s.launch("-config", s.path("vault.toml"), "-approval", s.path("approval")) {
		launch = append(launch, quote(word))
	}
	argv := []string{"-db", s.path("blobs.sqlite"), "-launch", strings.Join(launch, " ")}
	if s.options.Updates != "" {
		argv = append(argv, "-updates", s.options.Updates)
	}
	s.host = exec.Command(s.program("palmhost"), argv...)
	s.host.Stderr = s.options.Log
	s.host.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is ours to pass on
	out, err := s.host.StdoutPipe()
	if err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	if err := s.host.Start(); err != nil {
		return fmt.Errorf("stack: palmhost: %w", err)
	}
	ready := make(chan error, 1)
	go func() {
		var said struct{ Listen, Metrics, Updates string }
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &said)
		}
		s.Address, s.Metrics, s.Updates = said.Listen, said.Metrics, said.Updates
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(readyFor):
		err = errors.New("not ready in time")
	}
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.host.Wait() }()
	if err != nil {
		return errors.Join(fmt.Errorf("stack: palmhost: %w", err), s.Close())
	}
	return nil
}

// Host is the process id of palmhost.
func (s *Stack) Host() int { return s.host.Process.Pid }

// Unit provisions a device: it signs the device's key and returns the
// configuration that the device starts with.
func (s *Stack) Unit(name string, device [32]byte) (*uplink.Config, error) {
	return s.UnitOf(Tenant, name, device)
}

// UnitOf provisions a device of any tenant that has the stack's operator. The policy of
// the tenant's devices is in TENANT.policy.
func (s *Stack) UnitOf(tenant, name string, device [32]byte) (*uplink.Config, error) {
	credential, err := wire.SignCredential(wire.Credential{
		Tenant: tenant, Device: device, NotAfter: time.Now().Add(credentialFor).Unix(),
	}, s.operator)
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	if err := s.policy(tenant); err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	return &uplink.Config{
		Unit:        name,
		Tenant:      tenant,
		Host:        s.Address,
		Credential:  hex.EncodeToString(credential),
		Operator:    hex.EncodeToString(s.operator.Public().(ed25519.PublicKey)),
		Policy:      s.path(tenant + ".policy"),
		Development: true,
	}, nil
}

// Palmd provisions the palmd that lies beside the other programs, with its
// state in a folder, as Unit does.
func (s *Stack) Palmd(ctx context.Context, state string) (*uplink.Config, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(s.options.Bin, "palmd"), "-board", "sim", "-state", state, "-print").Output()
	if err != nil {
		return nil, fmt.Errorf("stack: palmd -print: %w", err)
	}
	var said struct{ Unit, Key string }
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, fmt.Errorf("stack: palmd -print: %w", err)
	}
	key, err := hex.DecodeString(said.Key)
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("stack: palmd -print: key %q", said.Key)
	}
	return s.Unit(said.Unit, [32]byte(key))
}

// Kill ends the host without warning, as a power cut would; the vault ends
// when it notices.
func (s *Stack) Kill() error {
	if err := s.host.Process.Kill(); err != nil {
		return fmt.Errorf("stack: palmhost: %w", err)
	}
	<-s.ended
	return nil
}

// Close ends the processes and waits for them.
func (s *Stack) Close() error {
	if err := s.host.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stack: palmhost: %w", err)
	}
	select {
	case err := <-s.ended:
		s.ended <- err // Close may be called again
		if err != nil {
			return fmt.Errorf("stack: palmhost: %w", err)
		}
		return nil
	case <-time.After(stopFor):
		return errors.Join(errors.New("stack: palmhost did not end in time"), s.host.Process.Kill())
	}
}
