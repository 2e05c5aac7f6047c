package attest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"volar/wire"
)

// Limits of a policy.
const (
	// MaxPolicy is the longest signed policy, in bytes.
	MaxPolicy = 16 << 10

	maxVaults = 32
	maxImages = 32
	maxKeys   = 64
)

// Policy is what a tenant's devices accept. The zero Policy accepts nothing.
// The tenant's operator signs it: SignPolicy, OpenPolicy.
type Policy struct {
	Tenant     string // the tenant whose devices it is for
	Version    uint64 // 1 and up; a device refuses a policy older than the newest that it has seen
	Generation uint64 // raised when the vault's counter begins anew, on another machine; see Seen
	NotBefore  int64  // seconds since 1970; valid from this second
	NotAfter   int64  // and up to and including this one
	Floor      uint64 // the least Release that is accepted; a device never accepts a policy with a lower one again
	Vaults     []Vault

	// Development is for evidence that proves nothing about a machine. Only
	// such a policy may have Simulated, and a device takes it only where its
	// own configuration says development too.
	Development bool

	// What may lie under the vault. A kind that is nil is not accepted.
	TPM       *TPM
	Nitro     *Nitro
	SNP       *SNP
	TDX       *TDX
	Simulated *Simulated
}

// Vault is one allowed vault program.
type Vault struct {
	Measurement [32]byte // SHA-256 of the program, event M
	Release     uint64   // its place in the order of releases, at least the policy's Floor
}

// Check tells whether the policy makes sense; its time is not judged.
func (p Policy) Check() error {
	if err := p.check(); err != nil {
		return fmt.Errorf("attest: policy: %w", err)
	}
	return nil
}

func (p Policy) check() error {
	if err := wire.CheckTenant(p.Tenant); err != nil {
		return err
	}
	switch {
	case p.Version == 0:
		return errors.New("version 0, 1 and up")
	case p.NotBefore <= 0 || p.NotAfter <= p.NotBefore:
		return fmt.Errorf("valid from %d to %d, which is no time", p.NotBefore, p.NotAfter)
	case len(p.Vaults) == 0 || len(p.Vaults) > maxVaults:
		return fmt.Errorf("%d vault programs, 1 to %d", len(p.Vaults), maxVaults)
	case p.Simulated != nil && !p.Development:
		return errors.New("simulated platforms without development")
	}
	for i, v := range p.Vaults {
		switch {
		case v.Measurement == [32]byte{}:
			return errors.New("a vault program with measurement zero")
		case v.Release < p.Floor:
			return fmt.Errorf("vault program %x is of release %d, and the floor is %d", v.Measurement[:8], v.Release, p.Floor)
		case slices.ContainsFunc(p.Vaults[:i], func(o Vault) bool { return o.Measurement == v.Measurement }):
			return fmt.Errorf("vault program %x twice", v.Measurement[:8])
		}
	}
	kinds := p.kinds()
	if len(kinds) == 0 {
		return errors.New("no kind of platform, so no vault would ever be accepted")
	}
	for _, k := range kinds {
		if err := k.section.check(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// section is what a policy says about one kind of platform.
type section interface{ check() error }

type kind struct {
	name    string
	section section
}

// kinds lists the kinds that the policy accepts.
func (p Policy) kinds() (list []kind) {
	if p.TPM != nil {
		list = append(list, kind{KindTPM, p.TPM})
	}
	if p.Nitro != nil {
		list = append(list, kind{KindNitro, p.Nitro})
	}
	if p.SNP != nil {
		list = append(list, kind{KindSNP, p.SNP})
	}
	if p.TDX != nil {
		list = append(list, kind{KindTDX, p.TDX})
	}
	if p.Simulated != nil {
		list = append(list, kind{KindSimulated, p.Simulated})
	}
	return list
}

// Kinds names the kinds that the policy accepts.
func (p Policy) Kinds() (names []string) {
	for _, k := range p.kinds() {
		names = append(names, k.name)
	}
	return names
}

// accepts tells whether evidence of this kind is accepted at all.
func (p Policy) accepts(name string) bool {
	return slices.ContainsFunc(p.kinds(), func(k kind) bool { return k.name == name }) && (name != KindSimulated || p.Development)
}

// Usable tells whether a device that has seen so much uses the policy at now.
func (p Policy) Usable(seen Seen, now time.Time) error {
	if err := p.at(now); err != nil {
		return fmt.Errorf("attest: policy: %w", err)
	}
	if err := seen.admit(p); err != nil {
		return fmt.Errorf("attest: policy: %w", err)
	}
	return nil
}

// at tells whether the policy is valid at now.
func (p Policy) at(now time.Time) error {
	switch s := now.Unix(); {
	case s < p.NotBefore:
		return fmt.Errorf("%w: valid from %s", ErrPolicyTime, stamp(p.NotBefore))
	case s > p.NotAfter:
		return fmt.Errorf("%w: valid until %s", ErrPolicyTime, stamp(p.NotAfter))
	}
	return nil
}

func stamp(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

// release finds the vault program in the policy.
func (p Policy) release(measurement [32]byte) (uint64, error) {
	i := slices.IndexFunc(p.Vaults, func(v Vault) bool { return v.Measurement == measurement })
	if i < 0 || measurement == [32]byte{} {
		return 0, fmt.Errorf("%w: %x", ErrMeasurement, measurement[:8])
	}
	if r := p.Vaults[i].Release; r < p.Floor {
		return 0, fmt.Errorf("%w: release %d, floor %d", ErrFloor, r, p.Floor)
	}
	return p.Vaults[i].Release, nil
}
