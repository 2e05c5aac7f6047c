package chip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
)

// board is a machine with a TPM made of software.
type board struct {
	t     testing.TB
	dir   string
	soft  *swtpm.TPM
	chip  *Chip
	state []byte
}

var (
	release = key()
	program = sha256.Sum256([]byte("the vault program"))
	nonce   = [32]byte{9, 8, 7}
	vault   = [32]byte{1, 2, 3}
)

func key() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func public(k *ecdsa.PrivateKey) tpm.PublicKey {
	p, err := tpm.KeyOf(&k.PublicKey)
	if err != nil {
		panic(err)
	}
	return p
}

// newBoard is a machine whose TPM is new. Its folder has a short name: a
// socket's path may not be long.
func newBoard(t testing.TB) *board {
	t.Helper()
	if err := swtpm.Missing(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "tpm")
	if err != nil {
		t.Fatal(err)
	}
	b := &board{t: t, dir: dir}
	t.Cleanup(func() { b.cut(); os.RemoveAll(dir) })
	b.powerOn()
	return b
}

// powerOn starts the machine: the registers are empty.
func (b *board) powerOn() {
	b.t.Helper()
	var err error
	if b.soft, err = swtpm.Start(b.dir); err == nil {
		b.chip, err = Open(swtpm.Socket(b.dir))
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// cut is a power cut.
func (b *board) cut() {
	if b.soft != nil {
		b.soft.Kill()
		b.soft = nil
	}
}

func (b *board) restart() { b.t.Helper(); b.cut(); b.powerOn() }

// setUp makes a platform, once.
func (b *board) setUp() {
	b.t.Helper()
	must(b.t, b.chip.SetUp(public(release), b.keep))
}

func (b *board) keep(state []byte) error { b.state = state; return nil }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// approve signs an approval of a program on this board.
func (b *board) approve(k *ecdsa.PrivateKey, measurement [32]byte) tpm.Approval {
	b.t.Helper()
	boot, err := b.chip.Boot()
	must(b.t, err)
	a, err := tpm.Approve(k, measurement, boot.Programs())
	must(b.t, err)
	return a
}

func (b *board) launch(measurement [32]byte) Launch {
	b.t.Helper()
	return Launch{State: b.state, Measurement: measurement, Approval: b.approve(release, measurement)}
}

// start starts the vault program.
func (b *board) start() *Platform {
	b.t.Helper()
	p, err := b.chip.Start(b.launch(program))
	must(b.t, err)
	return p
}

// started is a machine on which a vault has been started for the first time.
func started(t testing.TB) (*board, *Platform) {
	t.Helper()
	b := newBoard(t)
	b.setUp()
	return b, b.start()
}

func (p *Platform) evidence(t testing.TB) attest.Evidence {
	t.Helper()
	e, err := p.Evidence(t.Context(), attest.ReportData(vault, nonce, 0, "acme"))
	must(t, err)
	return e
}

// policy accepts the board's vault.
func (b *board) policy() attest.Policy {
	b.t.Helper()
	st, err := ParseState(b.state)
	must(b.t, err)
	key, err := st.AttestationKey()
	must(b.t, err)
	boot, err := b.chip.Boot()
	must(b.t, err)
	return attest.Policy{
		Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: time.Now().Unix() + 3600, Development: true,
		Vaults: []attest.Vault{{Measurement: program}},
		TPM:    &attest.TPM{Keys: [][32]byte{key}, Boot: [][32]byte{boot.Digest()}},
	}
}

func verify(t testing.TB, e attest.Evidence, p attest.Policy) (attest.Claims, error) {
	t.Helper()
	b, err := e.Marshal()
	must(t, err)
	return attest.Verify(b, p, nonce, time.Now(), tpm.Verifier{})
}

// raw is a connection of somebody else's to the same TPM.
func (b *board) raw() transport.TPM { return socket(swtpm.Socket(b.dir)) }

// extend extends a register, as anybody may.
func (b *board) extend(pcr uint, event string) {
	b.t.Helper()
	b.extendDigest(pcr, sha256.Sum256([]byte(event)))
}

func (b *board) extendDigest(pcr uint, d [32]byte) {
	b.t.Helper()
	_, err := tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(pcr), Auth: tpm2.PasswordAuth(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: d[:]}}},
	}.Execute(b.raw())
	must(b.t, err)
}

// measure extends M, as a launcher does.
func (b *board) measure(program [32]byte) {
	b.t.Helper()
	b.extendDigest(tpm.VaultPCR, attest.MeasurementDigest(program))
}

func isRC(err error, rc tpm2.TPMRC) bool { return errors.Is(err, rc) }

func wantRC(t testing.TB, what string, err error, rc tpm2.TPMRC) {
	t.Helper()
	if !isRC(err, rc) {
		t.Errorf("%s: %v, want %v", what, err, rc)
	}
}
