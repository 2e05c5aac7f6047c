package chip

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
	"volar/wire/canonical"
)

// What a unit's chip refuses.
var (
	ErrWiped    = errors.New("the TPM has no storage key of a unit: it is new, or was reset")
	ErrFirmware = errors.New("the TPM does not open this to the firmware that was started")
	ErrNotHere  = errors.New("not sealed by this TPM since its last reset, or damaged")
	ErrWell     = errors.New("a secret has 1 to 128 bytes")
)

// Unit is a palm device's chip: it seals the unit's secret to the firmware,
// counts the floor of its versions, and says which firmware runs. A chip is a
// vault's or a unit's, never both: they use the same places in it.
type Unit struct{ chip *Chip }

// OpenUnit connects to /dev/tpmrm0 or to the socket of a TPM made of software.
func OpenUnit(path string) (*Unit, error) {
	c, err := Open(path)
	if err != nil {
		return nil, err
	}
	return &Unit{c}, nil
}

// Close ends the connection.
func (u *Unit) Close() error { return u.chip.Close() }

// Endorsement is the certificate (DER) that the chip's maker gave to its RSA
// endorsement key, or ErrNoCert.
func (u *Unit) Endorsement() ([]byte, error) { return u.chip.Endorsement() }

// Firmware is the value of the firmware register.
func (u *Unit) Firmware() (pcr8 [32]byte, err error) {
	err = u.chip.do("read PCR 8", func(t transport.TPM) error {
		values, err := registers(t, []uint{tpm.FirmwarePCR})
		if err == nil {
			pcr8 = values[0]
		}
		return err
	})
	return pcr8, err
}

// unitSealed is what Seal gives, as CBOR. The storage key's public half is
// noted in it, and salts the session in which the secret is opened.
type unitSealed struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Storage []byte // TPMT_PUBLIC
	Most    uint64 // the floor's counter, at most
	Object  Object
}

// MaxUnitSealed bounds a unit's sealed secret, in bytes.
const MaxUnitSealed = 1 << 10

var unitCodec = canonical.New(4, 16)

// Seal encrypts a secret of 1 to 128 bytes so that it opens to the firmware
// that PCR 8 names, which may be one that does not run yet, while the floor
// is no higher than the firmware's own. The first Seal makes the storage key.
func (u *Unit) Seal(secret []byte, pcr8 [32]byte, floor uint64) (sealed []byte, err error) {
	if len(secret) == 0 || len(secret) > MaxSecret {
		return nil, fmt.Errorf("tpm: seal: %w, not %d", ErrWell, len(secret))
	}
	err = u.chip.do("seal the unit's secret", func(t transport.TPM) error {
		storage, err := u.storage(t)
		if errors.Is(err, ErrWiped) {
			storage, err = u.makeUnitStorage(t)
		}
		if err != nil {
			return err
		}
		base, err := u.base(t)
		if err != nil {
			return err
		}
		name, err := floorName()
		if err != nil {
			return err
		}
		f := unitSealed{Version: 1, Storage: storage, Most: base + floor}
		if f.Object, err = u.chip.seal(t, secret, tpm.FirmwareSeal(pcr8, name, f.Most)); err != nil {
			return err
		}
		sealed, err = unitCodec.Marshal(f)
		return err
	})
	return sealed, err
}

// Unseal opens what Seal made for the firmware that runs.
func (u *Unit) Unseal(sealed []byte) (secret []byte, err error) {
	f, noted, malformed := parseUnitSealed(sealed)
	err = u.chip.do("open the unit's secret", func(t transport.TPM) error {
		storage, err := u.storage(t)
		switch {
		case err != nil: // ErrWiped says more than that the bytes are none
			return err
		case malformed != nil:
			return malformed
		case string(storage) != string(f.Storage):
			return fmt.Errorf("%w: another storage key", ErrNotHere)
		}
		u.chip.storage = noted
		secret, err = u.unseal(t, f)
		return err
	})
	return secret, err
}

// parseUnitSealed reads what Seal gave, and the storage key noted in it.
func parseUnitSealed(b []byte) (f unitSealed, storage *tpm2.TPMTPublic, err error) {
	if len(b) > MaxUnitSealed {
		return f, nil, fmt.Errorf("%w: %d bytes, at most %d", ErrNotHere, len(b), MaxUnitSealed)
	}
	if err = unitCodec.Unmarshal(b, &f); err == nil && f.Version != 1 {
		err = fmt.Errorf("version %d, want 1", f.Version)
	}
	if err == nil {
		storage, err = tpm2.Unmarshal[tpm2.TPMTPublic](f.Storage)
	}
	if err != nil {
		return unitSealed{}, nil, fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	return f, storage, nil
}

// unseal loads the object and goes through tpm.FirmwareSeal's policy.
func (u *Unit) unseal(t transport.TPM, f unitSealed) ([]byte, error) {
	item, err := u.chip.load(t, f.Object)
	if err != nil {
		if refused(err) || malformed(err) {
			return nil, fmt.Errorf("%w: %w", ErrNotHere, err)
		}
		return nil, err
	}
	defer flush(t, item.Handle)
	policy := tpm2.Policy(tpm2.TPMAlgSHA256, 16, u.satisfy(f.Most), tpm2.AESEncryption(128, tpm2.EncryptOut), tpm2.Salted(storageHandle, *u.chip.storage))
	r, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: item.Handle, Name: item.Name, Auth: policy}}.Execute(t)
	if err != nil {
		if s := policy.Handle(); s != tpm2.TPMRHNull {
			flush(t, s)
		}
		if refused(err) {
			return nil, fmt.Errorf("%w: %w", ErrFirmware, err)
		}
		return nil, err
	}
	return r.OutData.Buffer, nil
}

// satisfy goes through tpm.FirmwareSeal's policy.
func (u *Unit) satisfy(most uint64) tpm2.PolicyCallback {
	return func(t transport.TPM, s tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
		if _, err := (tpm2.PolicyPCR{PolicySession: s, Pcrs: selection(tpm.FirmwarePCR)}).Execute(t); err != nil {
			return err
		}
		user, index, err := u.floor()
		if err != nil {
			return err
		}
		_, err = tpm2.PolicyNV{AuthHandle: user, NVIndex: index, PolicySession: s, OperandB: tpm2.TPM2BOperand{Buffer: be64(most)}, Operation: tpm2.TPMEOUnsignedLE}.Execute(t)
		return err
	}
}
