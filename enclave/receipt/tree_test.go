package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"
)

func leaf(n int) Leaf {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return Leaf{sha256.Sum256(b[:]), sha256.Sum256(append(b[:], 'r'))}
}

func tree(n int) (t Tree) {
	for i := range n {
		t = t.With(leaf(i))
	}
	return t
}

// plain is the hash of RFC 6962, section 2.1, written from its text.
func plain(leaves [][]byte) [32]byte {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		l, r := plain(leaves[:k]), plain(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
	}
}

func TestRootIsRFC6962(t *testing.T) {
	for n := range 40 {
		tr := tree(n)
		var leaves [][]byte
		for _, l := range tr.leaves {
			leaves = append(leaves, append(bytes.Clone(l.Handle[:]), l.Record[:]...))
		}
		h := plain(leaves)
		b := binary.BigEndian.AppendUint64([]byte("volar/root/1"), uint64(n))
		if want := sha256.Sum256(append(b, h[:]...)); tr.Root() != want {
			t.Errorf("%d leaves: root %x, want %x", n, tr.Root(), want)
		}
	}
	if got := hex.EncodeToString(tree(3).leaves[0].Handle[:2]) < hex.EncodeToString(tree(3).leaves[1].Handle[:2]); !got {
		t.Error("leaves are out of order")
	}
}

// However a tree came about, the same records have the same root.
func TestTreeHasNoHistory(t *testing.T) {
	want := tree(20).Root()
	var back Tree
	for i := 29; i >= 0; i-- {
		back = back.With(leaf(i))
	}
	other := leaf(3)
	other.Record[0] ^= 1
	back = back.With(other)
	if back.Root() == tree(30).Root() {
		t.Error("another record, the same root")
	}
	back = back.With(leaf(3))
	for i := 20; i < 30; i++ {
		back = back.Without(leaf(i).Handle)
	}
	if back.Without(leaf(77).Handle).Root() != want || back.Len() != 20 {
		t.Error("the root depends on the way")
	}
	if NewTree([]Leaf{leaf(2), leaf(0), leaf(1)}).Root() != tree(3).Root() {
		t.Error("made at once, it is another tree")
	}
	seen := map[[32]byte]int{}
	for n := range 30 {
		r := tree(n).Root()
		if was, ok := seen[r]; ok {
			t.Errorf("%d and %d people have the same root", was, n)
		}
		seen[r] = n
	}
}

func TestProofs(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 33} {
		tr := tree(n)
		root := tr.Root()
		for i := range n + 6 {
			h := leaf(i).Handle
			b, err := tr.Prove(h).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			p, err := ParseProof(b)
			if err != nil {
				t.Fatal(err)
			}
			in, out := p.Included(root, h), p.Absent(root, h)
			if (in == nil) != (i < n) || (out == nil) != (i >= n) {
				t.Errorf("%d of %d: included %v, absent %v", i, n, in, out)
			}
			other := leaf(1000 + i)
			if p.Included(root, other.Handle) == nil || i < n && p.Absent(root, h) == nil {
				t.Errorf("%d of %d: the proof shows what is not so", i, n)
			}
			if p.Absent(tree(n+1).Root(), h) == nil || p.Included(tree(n+1).Root(), h) == nil {
				t.Errorf("%d of %d: the proof fits another root", i, n)
			}
		}
	}
}

// Neighbours that are none, and leaves that are moved, prove no absence.
func TestAbsenceCannotBeFeigned(t *testing.T) {
	tr := tree(16)
	root := tr.Root()
	victim := tr.leaves[8].Handle
	around := Proof{Size: 16, Steps: []Step{tr.step(7), tr.step(9)}}
	for name, p := range map[string]Proof{
		"with a gap":      around,
		"first alone":     {Size: 16, Steps: []Step{tr.step(9)}},
		"last alone":      {Size: 16, Steps: []Step{tr.step(7)}},
		"nothing":         {Size: 16},
		"empty":           {},
		"moved":           {Size: 16, Steps: []Step{around.Steps[0], {8, around.Steps[1].Leaf, around.Steps[1].Path}}},
		"of another size": {Size: 8, Steps: []Step{tr.step(7)}},
		"itself":          tr.Prove(victim),
	} {
		if err := p.Absent(root, victim); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No single bit of a proof can change.
func TestEveryBitOfAProofCounts(t *testing.T) {
	tr := tree(9)
	h := leaf(100).Handle
	good, err := tr.Prove(h).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if p, err := ParseProof(b); err == nil && p.Absent(tr.Root(), h) == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
		}
	}
}

func TestHandleBindsAll(t *testing.T) {
	one := Handle("acme", [32]byte{1}, [16]byte{1})
	for name, h := range map[string][32]byte{
		"tenant":   Handle("acm", [32]byte{1}, [16]byte{1}),
		"operator": Handle("acme", [32]byte{2}, [16]byte{1}),
		"person":   Handle("acme", [32]byte{1}, [16]byte{2}),
	} {
		if h == one {
			t.Errorf("the %s is not in it", name)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	good, _ := tree(5).Prove(leaf(9).Handle).Marshal()
	f.Add(good)
	f.Add([]byte{0x83, 1, 0, 0x80})
	root := tree(5).Root()
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		if again, err := p.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x parsed and encodes as %x, %v", b, again, err)
		}
		if p.Absent(root, leaf(2).Handle) == nil {
			t.Fatalf("%x proves that somebody is absent who is not", b)
		}
	})
}

func BenchmarkRoot20000(b *testing.B) {
	var leaves []Leaf
	for i := range 20000 {
		leaves = append(leaves, leaf(i))
	}
	t := NewTree(leaves)
	for b.Loop() {
		t.Root()
	}
}
