package attest

import "errors"

// Why a vault is refused, beside ErrMalformed. The text for people is Why's.
var (
	ErrPolicyForm        = errors.New("no policy in the form of one")
	ErrPolicySignature   = errors.New("policy not signed by the operator")
	ErrPolicyTenant      = errors.New("policy of another tenant")
	ErrPolicyDevelopment = errors.New("policy for development on a device that is in service")
	ErrPolicyTime        = errors.New("policy not valid at this time")
	ErrPolicyOld         = errors.New("policy older than one seen before")
	ErrMemory            = errors.New("the device's record of what it has seen does not work")
	ErrSimulated         = errors.New("simulated platform not accepted")
	ErrDebug             = errors.New("platform in debug mode")
	ErrKind              = errors.New("kind of evidence not accepted")
	ErrMeasurement       = errors.New("vault program not on the list")
	ErrFloor             = errors.New("vault program older than allowed")
	ErrPlatform          = errors.New("machine or image not on the list")
	ErrOutdated          = errors.New("firmware of the machine older than allowed")
	ErrStale             = errors.New("statement made too long ago, or clock wrong")
	ErrBinding           = errors.New("statement is not about this log, key, nonce, epoch and tenant")
	ErrSignature         = errors.New("statement not signed by an accepted platform")
	ErrRollback          = errors.New("the vault's gallery is older than seen before")
)

// Reason is a refusal for people. The zero Reason is none.
type Reason struct {
	Name string // one word or two, for logs and programs
	Area Area
	Text string // what is wrong, in plain words
	Hint string // what to do next
}

// Area is the part at fault, as the face of a device tells it.
type Area uint8

// The areas. The zero Area is none.
const (
	AreaPolicy  Area = 1 + iota // the device's settings
	AreaUnknown                 // a vault or a machine that is not on the list
	AreaOpen                    // a vault that its host can look into
	AreaOld                     // a vault, a machine or a gallery of the past
	AreaProof                   // a proof that is none
)

// reasons is in the order in which causes are looked for: an error may wrap several.
var reasons = []struct {
	cause error
	Reason
}{
	{ErrPolicySignature, Reason{"policy-signature", AreaPolicy, "The policy file is not signed by this tenant's operator.", "Copy the policy from the operator again, or correct the operator's key in the unit's configuration."}},
	{ErrPolicyTenant, Reason{"policy-tenant", AreaPolicy, "The policy file belongs to another tenant.", "Install the policy of the tenant that this device belongs to."}},
	{ErrPolicyDevelopment, Reason{"policy-development", AreaPolicy, "The policy is for development, and this device is in service.", "Install a policy without development. Only a device on a bench says development = true."}},
	{ErrPolicyTime, Reason{"policy-time", AreaPolicy, "The policy is not valid at this time.", "Check the device's clock, then ask the operator for a new policy."}},
	{ErrPolicyOld, Reason{"policy-old", AreaPolicy, "The policy is older than one that this device has already used.", "Install the newest policy. If it is the newest, somebody tried to lead this device back: report it."}},
	{ErrPolicyForm, Reason{"policy-form", AreaPolicy, "There is no policy file, or it is damaged.", "Run 'palmctl policy show' on it, and copy it from the operator again."}},
	{ErrMemory, Reason{"memory", AreaPolicy, "The device cannot read or write what it has seen before.", "Its storage may be worn out or damaged: replace the device, or provision it again."}},
	{ErrSimulated, Reason{"simulated", AreaOpen, "The vault runs on a simulated platform, which protects nothing.", "Start the vault on a real platform, or use a policy for development on a bench."}},
	{ErrDebug, Reason{"debug", AreaOpen, "The vault's machine is in debug mode: its owner can look inside.", "Start the enclave or guest again without debug."}},
	{ErrRollback, Reason{"rollback", AreaOld, "The vault's gallery is older than this device has seen: somebody put an old copy back.", "Stop the host and keep its disks. After a recovery on purpose, raise the policy's generation."}},
	{ErrFloor, Reason{"vault-old", AreaOld, "The vault's program is older than the policy allows.", "Update the vault on the host."}},
	{ErrOutdated, Reason{"firmware-old", AreaOld, "The machine's firmware is older than the policy allows.", "Update the host's firmware and microcode."}},
	{ErrStale, Reason{"stale", AreaOld, "The proof was made too long ago, or this device's clock is wrong.", "Check the clock of the device and of the host."}},
	{ErrKind, Reason{"kind", AreaUnknown, "The vault runs on a kind of machine that the policy does not accept.", "Add the kind to the policy, or move the vault to an accepted machine."}},
	{ErrMeasurement, Reason{"vault-unknown", AreaUnknown, "The vault's program is not on the policy's list.", "Compare it with 'palmctl measure'; add a release to the policy only if you built or checked it."}},
	{ErrPlatform, Reason{"machine-unknown", AreaUnknown, "The machine, its boot or its image is not on the policy's list.", "Check what was started on the host, and add it to the policy only if you know it."}},
	{ErrBinding, Reason{"binding", AreaProof, "The proof is genuine but was made for something else: another vault, device or moment.", "Connect again. If it stays, the host is passing on somebody else's proof: report it."}},
	{ErrSignature, Reason{"signature", AreaProof, "The proof is not signed by an accepted platform.", "Check which machine answers at the host's address, and the policy's keys."}},
	{ErrMalformed, Reason{"malformed", AreaProof, "What the host sent is not a proof of this version.", "Check the host's address, and that device and vault are of the same release."}},
}

// Why finds the reason in an error of Check, Verify or OpenPolicy. It is
// false for every other error.
func Why(err error) (Reason, bool) {
	for _, r := range reasons {
		if errors.Is(err, r.cause) {
			return r.Reason, true
		}
	}
	return Reason{}, false
}
