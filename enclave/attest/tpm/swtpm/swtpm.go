// Package swtpm runs TPMs made of software, for tests and demonstrations, by
// the program swtpm. Such a TPM follows the rules of a chip, so it proves the
// code that uses it. It proves nothing about a machine: whoever owns its state
// folder owns its keys, and can turn its counter back.
package swtpm

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// StateFile is where in its folder a TPM keeps what lasts.
const StateFile = "tpm2-00.permall"

const (
	socketName = "s" // a socket's path may have no more than 107 bytes
	upFor      = 10 * time.Second
)

// ErrMissing means that swtpm is not installed.
var ErrMissing = errors.New("swtpm is not installed: 'make setup' installs it")

// Missing is ErrMissing where swtpm is not on PATH, and nil otherwise.
func Missing() error {
	if _, err := exec.LookPath("swtpm"); err != nil {
		return ErrMissing
	}
	return nil
}

// Socket is where a TPM with this folder listens.
func Socket(dir string) string { return filepath.Join(dir, socketName) }

// arguments start a TPM whose registers are as after a reset.
func arguments(dir string) []string {
	return []string{"socket", "--tpm2", "--tpmstate", "dir=" + dir, "--server", "type=unixio,path=" + Socket(dir), "--flags", "not-need-init,startup-clear"}
}

// Machine is the command line that plays a machine with a TPM: it resets the
// TPM, as a machine's start does, and then becomes the program. The TPM ends
// with it, however it ends.
func Machine(dir string, program ...string) []string {
	// Where the machine has ended already, no signal will come: the inner shell looks.
	const boot = `dir=$1; shift; mkdir -p -m 700 "$dir" && rm -f "$dir/s" || exit 1
setpriv --pdeathsig KILL -- sh -c '[ $PPID = "$1" ] && exec swtpm socket --tpm2 --tpmstate "dir=$2" --server "type=unixio,path=$2/s" --flags not-need-init,startup-clear' tpm $$ "$dir" >/dev/null 2>&1 3>&- 4>&- &
exec "$@"`
	return append([]string{"sh", "-c", boot, "machine", dir}, program...)
}

// TPM is a running TPM.
type TPM struct {
	Dir   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start resets the TPM of a folder, which it makes where there is none. The
// TPM ends with this process.
func Start(dir string) (*TPM, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("swtpm: start: %w", err)
	}
	if err := os.Remove(Socket(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("swtpm: start: %w", err)
	}
	t := &TPM{Dir: dir, cmd: exec.Command("swtpm", arguments(dir)...), ended: make(chan struct{})}
	var said bytes.Buffer
	t.cmd.Stderr = &said
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread ends that started it
		err := t.cmd.Start()
		started <- err
		if err == nil {
			_ = t.cmd.Wait() // it is killed
			close(t.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("swtpm: start: %w", err)
	}
	for end := time.Now().Add(upFor); ; time.Sleep(2 * time.Millisecond) {
		c, err := net.Dial("unix", Socket(dir))
		if err == nil {
			return t, c.Close()
		}
		select {
		case <-t.ended:
			return nil, fmt.Errorf("swtpm: start: it ended: %s", said.Bytes())
		default:
		}
		if time.Now().After(end) {
			t.Kill()
			return nil, fmt.Errorf("swtpm: start: %w", err)
		}
	}
}

// Kill ends the TPM as a power cut does.
func (t *TPM) Kill() {
	_ = t.cmd.Process.Kill() // it may have ended
	<-t.ended
}

// Manufacture makes a TPM in an empty folder as its maker would: with an
// endorsement key and a certificate of it, signed by an authority whose keys
// lie in authority, which it makes. It gives the authority's certificates, PEM,
// root first.
func Manufacture(dir, authority string) ([]byte, error) {
	setup, err := exec.LookPath("swtpm_setup")
	if err != nil {
		return nil, fmt.Errorf("%w (swtpm-tools)", ErrMissing)
	}
	localCA, err := exec.LookPath("swtpm_localca")
	if err != nil {
		return nil, fmt.Errorf("%w (swtpm-tools)", ErrMissing)
	}
	for _, d := range []string{dir, authority} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("swtpm: manufacture: %w", err)
		}
	}
	in := func(name string) string { return filepath.Join(authority, name) }
	files := map[string]string{
		"setup.conf":   "create_certs_tool = " + localCA + "\ncreate_certs_tool_config = " + in("localca.conf") + "\ncreate_certs_tool_options = " + in("options.conf") + "\n",
		"localca.conf": "statedir = " + authority + "\nsigningkey = " + in("signkey.pem") + "\nissuercert = " + in("issuercert.pem") + "\ncertserial = " + in("certserial") + "\n",
		"options.conf": "--platform-manufacturer Volar\n--platform-version 1\n--platform-model demonstration\n",
	}
	for name, content := range files {
		if err := os.WriteFile(in(name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("swtpm: manufacture: %w", err)
		}
	}
	out, err := exec.Command(setup, "--tpm2", "--tpmstate", dir, "--create-ek-cert", "--config", in("setup.conf"), "--overwrite").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("swtpm: manufacture: %w: %s", err, out)
	}
	root, err := os.ReadFile(in("swtpm-localca-rootca-cert.pem"))
	if err != nil {
		return nil, fmt.Errorf("swtpm: manufacture: %w", err)
	}
	issuer, err := os.ReadFile(in("issuercert.pem"))
	if err != nil {
		return nil, fmt.Errorf("swtpm: manufacture: %w", err)
	}
	return append(root, issuer...), nil
}
