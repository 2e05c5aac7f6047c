package update

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"volar/wire/bundle"
)

// system is what a slot holds, as its boot part says: a stand-in for a signed
// FIT, which nobody but the maker can write.
type system struct {
	Name   string
	Serial uint64
	Floor  uint64
	Root   [32]byte // hash of the root
	Size   int      // of the root
	Manner string   // "" healthy, "ill", "dies" before it can say anything
}

const partSize = 24 << 10

// build makes the parts of a system.
func build(s system) bundle.System {
	root := make([]byte, 20<<10)
	rand.NewChaCha8([32]byte{byte(s.Serial)}).Read(root[:2<<10])
	s.Root, s.Size = sha256.Sum256(root), len(root)
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	boot := append(fmt.Appendf(nil, "FIT %6d %x ", len(text), sha256.Sum256(text)), text...)
	return bundle.System{Serial: s.Serial, Parts: [2][]byte{boot, root}}
}

// read reads a system from a boot part, as the boot loader does: anything that
// is not whole is damaged.
func read(b []byte) (s system, size int, err error) {
	var n int
	var sum []byte
	if _, err := fmt.Sscanf(string(b[:min(len(b), 80)]), "FIT %6d %x ", &n, &sum); err != nil {
		return s, 0, err
	}
	const head = 4 + 6 + 1 + 64 + 1
	if n > len(b)-head || sha256.Sum256(b[head:head+n]) != [32]byte(sum) {
		return s, 0, errors.New("not signed")
	}
	return s, head + n, json.Unmarshal(b[head:head+n], &s)
}

// fit is the hash of the boot part of a slot, or zero.
func (w *world) fit(slot string) [32]byte {
	_, n, err := read(w.parts["boot_"+slot])
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256(w.parts["boot_"+slot][:n])
}

// offered is a bundle on its way.
type offered struct {
	manifest, payload []byte
}

func offer(s system, base *system) offered {
	now := build(s)
	var from *bundle.System
	if base != nil {
		b := build(*base)
		from = &b
	}
	var b bytes.Buffer
	if _, err := bundle.Make(context.Background(), &b, key, bundle.Manifest{Board: "test", Name: s.Name, Floor: s.Floor}, now, from, nil); err != nil {
		panic(err)
	}
	r := bytes.NewReader(b.Bytes())
	manifest, err := bundle.Head(r)
	if err != nil {
		panic(err)
	}
	payload, _ := io.ReadAll(r)
	return offered{manifest, payload}
}

// bring offers a bundle and brings all that is missing of it.
func (o offered) bring(u *Updater) error {
	have, err := u.Offer(context.Background(), o.manifest)
	if err != nil {
		return err
	}
	for block := int64(600); have < int64(len(o.payload)); {
		n := min(block, int64(len(o.payload))-have)
		if err := u.Block(context.Background(), have, o.payload[have:have+n]); err != nil {
			return err
		}
		have += n
	}
	return nil
}
