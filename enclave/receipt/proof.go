package receipt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"volar/wire/canonical"
)

// MaxProof is the longest encoded Proof, in bytes. A path has at most 40
// hashes, enough for 2^40 people.
const (
	MaxProof = 4096
	maxPath  = 40
)

// ErrProof means that a proof does not show what it should.
var ErrProof = errors.New("the proof does not lead to this root")

// Proof shows that a handle is in a tree, or that it is not. It shows the
// leaves on both sides of the place where the handle lies or would lie; those
// name other people's handles, so it is for people who may know how many
// there are, and not for publication.
type Proof struct {
	Size  uint64
	Steps []Step // one: the leaf itself, or the only neighbour. Two: neighbours, next to each other
}

// Step is a leaf and its way to the root.
type Step struct {
	Index uint64
	Leaf  Leaf
	Path  [][]byte // hashes of 32 bytes, from the leaf up, as in RFC 6962, section 2.1.1
}

// Prove shows that a handle is in the tree, or that it is not.
func (t Tree) Prove(handle [32]byte) Proof {
	p := Proof{Size: uint64(t.Len())}
	at, found := t.find(handle)
	if found {
		p.Steps = []Step{t.step(at)}
		return p
	}
	for i := max(at-1, 0); i <= min(at, t.Len()-1); i++ {
		p.Steps = append(p.Steps, t.step(i))
	}
	return p
}

// step is one leaf with the hashes that lead from it to the root.
func (t Tree) step(i int) Step {
	n, err := proof.Inclusion(uint64(i), uint64(t.Len()))
	if err != nil {
		panic(err) // i is a leaf of the tree
	}
	var hashes [][]byte
	for _, id := range n.IDs {
		from, to := id.Coverage()
		hashes = append(hashes, t.hash(int(from), int(min(to, uint64(t.Len())))))
	}
	path, err := n.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		panic(err)
	}
	return Step{uint64(i), t.leaves[i], path}
}

// Included says whether p shows that the tree of this root holds the handle.
func (p Proof) Included(root, handle [32]byte) error {
	if len(p.Steps) != 1 || p.Steps[0].Leaf.Handle != handle {
		return fmt.Errorf("receipt: check inclusion: %w: it shows another leaf", ErrProof)
	}
	if err := p.step(root, p.Steps[0]); err != nil {
		return fmt.Errorf("receipt: check inclusion: %w", err)
	}
	return nil
}

// Absent says whether p shows that the tree of this root lacks the handle.
func (p Proof) Absent(root, handle [32]byte) error {
	if err := p.absent(root, handle); err != nil {
		return fmt.Errorf("receipt: check absence: %w", err)
	}
	return nil
}

func (p Proof) absent(root, handle [32]byte) error {
	for _, s := range p.Steps {
		if err := p.step(root, s); err != nil {
			return err
		}
	}
	before := func(s Step) bool { return bytes.Compare(s.Leaf.Handle[:], handle[:]) < 0 }
	after := func(s Step) bool { return bytes.Compare(s.Leaf.Handle[:], handle[:]) > 0 }
	switch n := len(p.Steps); {
	case p.Size == 0 && n == 0 && rootOf(0, rfc6962.DefaultHasher.EmptyRoot()) == root:
		return nil
	case n == 1 && p.Steps[0].Index == 0 && after(p.Steps[0]):
		return nil
	case n == 1 && p.Steps[0].Index == p.Size-1 && before(p.Steps[0]):
		return nil
	case n == 2 && p.Steps[0].Index+1 == p.Steps[1].Index && before(p.Steps[0]) && after(p.Steps[1]):
		return nil
	}
	return fmt.Errorf("%w: it leaves room for the handle", ErrProof)
}

func (p Proof) step(root [32]byte, s Step) error {
	leaf := rfc6962.DefaultHasher.HashLeaf(s.Leaf.bytes())
	merkle, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, s.Index, p.Size, leaf, s.Path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	if rootOf(p.Size, merkle) != root {
		return ErrProof
	}
	return nil
}

type (
	proofForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Size    uint64
		Steps   []stepForm
	}
	stepForm struct {
		_      struct{} `cbor:",toarray"`
		Index  uint64
		Handle [32]byte
		Record [32]byte
		Path   [][]byte
	}
)

var codec = canonical.New(6, maxPath)

// Marshal is the one encoding of p.
func (p Proof) Marshal() ([]byte, error) {
	f := proofForm{Version: version, Size: p.Size}
	for _, s := range p.Steps {
		f.Steps = append(f.Steps, stepForm{Index: s.Index, Handle: s.Leaf.Handle, Record: s.Leaf.Record, Path: s.Path})
	}
	return codec.Marshal(f)
}

// ParseProof reads what Marshal wrote and nothing else.
func ParseProof(b []byte) (Proof, error) {
	if len(b) > MaxProof {
		return Proof{}, fmt.Errorf("receipt: parse proof: %d bytes, at most %d", len(b), MaxProof)
	}
	var f proofForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return Proof{}, fmt.Errorf("receipt: parse proof: %w", err)
	}
	if f.Version != version || len(f.Steps) > 2 {
		return Proof{}, fmt.Errorf("receipt: parse proof: version %d with %d leaves, want %d and at most 2", f.Version, len(f.Steps), version)
	}
	p := Proof{Size: f.Size}
	for _, s := range f.Steps {
		for _, h := range s.Path {
			if len(h) != 32 {
				return Proof{}, fmt.Errorf("receipt: parse proof: a hash of %d bytes, want 32", len(h))
			}
		}
		p.Steps = append(p.Steps, Step{s.Index, Leaf{s.Handle, s.Record}, s.Path})
	}
	return p, nil
}

// version is the first field of everything here that is encoded.
const version = 1
