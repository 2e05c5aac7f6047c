// Package receipt is what a stranger needs in order to believe that somebody
// was forgotten: the tree over a tenant's records whose root a receipt names,
// statements about who is in it and who is not, the voucher that ties a
// tenant's receipt key to an attested vault, and the check of all of them.
package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Handle stands for a person of a tenant where the pseudonym itself may not
// stand: SHA-256("volar/handle/1" || operator key || person || tenant). The
// pseudonym is 128 random bits, so a handle tells nothing to whoever does not
// know it already, and differs from tenant to tenant.
func Handle(tenant string, operator [32]byte, person [16]byte) [32]byte {
	b := []byte("volar/handle/1")
	b = append(b, operator[:]...)
	b = append(b, person[:]...)
	return sha256.Sum256(append(b, tenant...))
}

// Leaf is one person's record in the tree.
type Leaf struct {
	Handle [32]byte
	Record [32]byte // SHA-256 of the encrypted record
}

// bytes is what is hashed, with the prefix of RFC 6962, section 2.1.
func (l Leaf) bytes() []byte { return append(l.Handle[:], l.Record[:]...) }

// Tree is a tenant's records in the order of their handles, so that who is
// not in it can be shown too: by the two that lie next to each other around
// the gap. Its hashing is that of RFC 6962 (SHA-256, leaves and nodes apart).
// The zero Tree is empty.
type Tree struct {
	leaves []Leaf
}

// NewTree is the tree of leaves in any order, of different handles. It takes
// the slice.
func NewTree(leaves []Leaf) Tree {
	slices.SortFunc(leaves, func(a, b Leaf) int { return bytes.Compare(a.Handle[:], b.Handle[:]) })
	return Tree{leaves}
}

// Len is how many people the tree holds.
func (t Tree) Len() int { return len(t.leaves) }

// find gives the place of a handle, or the place where it would be.
func (t Tree) find(handle [32]byte) (at int, found bool) {
	return slices.BinarySearchFunc(t.leaves, handle, func(l Leaf, h [32]byte) int {
		return bytes.Compare(l.Handle[:], h[:])
	})
}

// With is the tree with a leaf more, or with one in place of the same person's.
func (t Tree) With(l Leaf) Tree {
	at, found := t.find(l.Handle)
	leaves := slices.Clone(t.leaves)
	if found {
		leaves[at] = l
		return Tree{leaves}
	}
	return Tree{slices.Insert(leaves, at, l)}
}

// Without is the tree without a person.
func (t Tree) Without(handle [32]byte) Tree {
	at, found := t.find(handle)
	if !found {
		return t
	}
	return Tree{slices.Delete(slices.Clone(t.leaves), at, at+1)}
}

// Root is what a receipt names: SHA-256("volar/root/1" || number of leaves ||
// root of RFC 6962). The number is in the hash and not beside it, so a root
// alone does not tell how many people a tenant has.
func (t Tree) Root() [32]byte {
	return rootOf(uint64(len(t.leaves)), t.hash(0, len(t.leaves)))
}

func rootOf(size uint64, merkle []byte) [32]byte {
	b := binary.BigEndian.AppendUint64([]byte("volar/root/1"), size)
	return sha256.Sum256(append(b, merkle...))
}

// hash is the hash over leaves from up to to.
func (t Tree) hash(from, to int) []byte {
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, l := range t.leaves[from:to] {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(l.bytes()), nil); err != nil {
			panic(err) // a range that begins at 0 takes leaf after leaf
		}
	}
	if from == to {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	h, err := r.GetRootHash(nil)
	if err != nil {
		panic(err)
	}
	return h
}
