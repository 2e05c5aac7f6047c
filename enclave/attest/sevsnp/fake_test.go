package sevsnp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/kds"
	fake "github.com/google/go-sev-guest/testing"
	"github.com/google/go-sev-guest/verify/trust"

	"volar/enclave/attest"
)

var (
	now     = time.Unix(1_800_000_000, 0)
	program = [32]byte{1}
	vault   = [32]byte{2}
	nonce   = [32]byte{3}
	events  = attest.Events{Measurement: program, VaultKey: vault}
	data    = attest.ReportData(vault, nonce, 4, "acme")
	field   = attest.Bound(data, events.Register())
	image   = [48]byte{10}
	tcb     = kds.TCBParts{BlSpl: 3, TeeSpl: 1, SnpSpl: 8, UcodeSpl: 115}
	chip    = [64]byte{5, 6, 7}
)

// amd is a manufacturer with certificates of our own, and one of its chips.
type amd struct {
	t      testing.TB
	signer *fake.AmdSigner
	roots  map[string][]*trust.AMDRootCerts
}

func newAMD(t testing.TB) *amd {
	t.Helper()
	extensions := fake.CustomExtensions(tcb, chip[:], "", "Milan-B0")
	b := &fake.AmdSignerBuilder{
		Keys: fake.DefaultAmdKeys(), ProductName: "Milan-B0", CSPID: "cloud",
		ArkCreationTime: now, AskCreationTime: now, AsvkCreationTime: now, VcekCreationTime: now, VlekCreationTime: now,
		VcekCustom: fake.CertOverride{Extensions: extensions},
		VlekCustom: fake.CertOverride{Extensions: fake.CustomExtensions(tcb, nil, "cloud", "Milan-B0")},
	}
	s, err := b.TestOnlyCertChain()
	if err != nil {
		t.Fatal(err)
	}
	return &amd{t, s, map[string][]*trust.AMDRootCerts{"Milan": {{
		ProductLine: "Milan", ProductCerts: &trust.ProductCerts{Ask: s.Ask, Asvk: s.Asvk, Ark: s.Ark},
	}}}}
}

// Where fields lie in a report (SEV-SNP ABI, table 23).
const (
	atPolicy, atVMPL, atCurrent, atSigner, atData, atImage = 0x08, 0x30, 0x38, 0x48, 0x50, 0x90
	atReported, atChip, atCommitted, atLaunch, atSignature = 0x180, 0x1a0, 0x1e0, 0x1f0, 0x2a0
)

func put(r []byte, at int, v uint64) { binary.LittleEndian.PutUint64(r[at:], v) }

// report is an honest guest's, not signed yet.
func (a *amd) report() []byte {
	raw := fake.CreateRawReport(&fake.TestReportOptions{ReportData: field[:]})
	r := raw[:abi.ReportSize]
	put(r, atPolicy, abi.SnpPolicyToBytes(abi.SnpPolicy{SMT: true}))
	copy(r[atImage:], image[:])
	copy(r[atChip:], chip[:])
	v, err := kds.ComposeTCBParts(tcb)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, at := range []int{atCurrent, atReported, atCommitted, atLaunch} {
		put(r, at, uint64(v))
	}
	return r
}

// sign gives the evidence's body.
func (a *amd) sign(r []byte) []byte {
	a.t.Helper()
	x, y, err := a.signer.Sign(abi.SignedComponent(r))
	if err == nil {
		err = abi.SetSignature(x, y, r)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	key := a.signer.Vcek.Raw
	if info, err := abi.ParseSignerInfo(binary.LittleEndian.Uint32(r[atSigner:])); err == nil && info.SigningKey == abi.VlekReportSigner {
		key = a.signer.Vlek.Raw
	}
	return encode(a.t, body{version, r, key})
}

func encode(t testing.TB, f body) []byte {
	t.Helper()
	b, err := codec.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func policy() attest.Policy {
	return attest.Policy{
		Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: now.Unix() + 3600,
		Vaults: []attest.Vault{{Measurement: program}},
		SNP: &attest.SNP{
			Images: [][48]byte{{9}, image}, SMT: true,
			TCB: []attest.SNPTCB{{Product: "Genoa"}, {Product: "Milan", Bootloader: 3, TEE: 0, SNP: 8, Microcode: 115}},
		},
	}
}
