package attest

import "fmt"

// Seen is what a device remembers of the policies and vaults that it has
// accepted: the witness against whoever would lead it back to an old policy,
// to an old release, or to an old state of the gallery. The zero Seen has
// seen nothing.
//
// A host that owns the chip in which the vault counts (a virtual TPM's state
// is a file) can turn the counter back together with the store. The vault
// cannot notice; a device that has seen it further on does. So what counts
// here is how often records have changed, which no host can do by itself: it
// could count up the chip's own epochs again by starting the vault.
type Seen struct {
	Version    uint64 // newest policy
	Floor      uint64 // highest floor
	Generation uint64 // of that policy
	Epoch      uint64 // how far the vault's gallery had come, under that generation
}

// maxSeen bounds the encoded record, in bytes.
const maxSeen = 64

// seenBytes is Seen as CBOR: [version, policy, floor, generation, epoch].
type seenBytes struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Seen    [4]uint64
}

// Marshal returns the one encoding of s, at most 64 bytes.
func (s Seen) Marshal() ([]byte, error) {
	return codec.Marshal(seenBytes{Version: version, Seen: [4]uint64{s.Version, s.Floor, s.Generation, s.Epoch}})
}

// ParseSeen reads what Marshal wrote; no bytes at all are the zero Seen. An
// error wraps ErrMemory: a device that cannot remember cannot witness.
func ParseSeen(b []byte) (Seen, error) {
	if len(b) == 0 {
		return Seen{}, nil
	}
	var w seenBytes
	if len(b) > maxSeen {
		return Seen{}, fmt.Errorf("attest: read what was seen: %w: %d bytes, at most %d", ErrMemory, len(b), maxSeen)
	}
	if err := codec.Unmarshal(b, &w); err != nil {
		return Seen{}, fmt.Errorf("attest: read what was seen: %w: %w", ErrMemory, err)
	}
	if w.Version != version {
		return Seen{}, fmt.Errorf("attest: read what was seen: %w: version %d, want %d", ErrMemory, w.Version, version)
	}
	return Seen{w.Seen[0], w.Seen[1], w.Seen[2], w.Seen[3]}, nil
}

// admit refuses a policy that leads back.
func (s Seen) admit(p Policy) error {
	switch {
	case p.Version < s.Version:
		return fmt.Errorf("%w: version %d, this device has seen %d", ErrPolicyOld, p.Version, s.Version)
	case p.Floor < s.Floor:
		return fmt.Errorf("%w: floor %d, this device has seen %d", ErrPolicyOld, p.Floor, s.Floor)
	case p.Generation < s.Generation:
		return fmt.Errorf("%w: generation %d, this device has seen %d", ErrPolicyOld, p.Generation, s.Generation)
	}
	return nil
}

// after is what has been seen once p has been admitted and c accepted.
func (s Seen) after(p Policy, c Claims) (Seen, error) {
	if p.Generation > s.Generation {
		s.Epoch = 0
	}
	if c.Epoch < s.Epoch {
		return s, fmt.Errorf("%w: epoch %d, this device has seen %d", ErrRollback, c.Epoch, s.Epoch)
	}
	return Seen{p.Version, p.Floor, p.Generation, c.Epoch}, nil
}
