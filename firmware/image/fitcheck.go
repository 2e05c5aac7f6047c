package image

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// errFIT means that a FIT would not boot.
var errFIT = errors.New("image: FIT")

// fitImages are the properties of a configuration that name images, of which
// ours has the first two and, for a board with a tree of its own, the third.
var fitImages = []string{"kernel", "ramdisk", "fdt"}

// unhashed are the properties that a configuration's signature does not cover:
// the data, whose hash it covers instead (boot/image-fit-sig.c of U-Boot).
var unhashed = []string{"data", "data-size", "data-position", "data-offset"}

// FIT is what a slot's FIT holds, checked.
type FIT struct {
	Size    int64             // bytes
	Images  map[string][]byte // "kernel", "ramdisk", "fdt"
	Release Release           // what the initramfs says it is
	Verity  Verity            // what the initramfs opens the root with
}

// checkFIT does what the boot loader does: the configuration's signature by
// key, then every image's hash.
func checkFIT(blob []byte, key *rsa.PublicKey) (*FIT, error) {
	t, err := parseTree(blob)
	if err != nil {
		return nil, err
	}
	conf := t.nodes["/configurations/conf"]
	if conf == nil || t.nodes["/configurations"].text("default") != "conf" {
		return nil, fmt.Errorf("%w: no configuration called conf", errFIT)
	}
	hashed := []string{"/", conf.path}
	f := &FIT{Size: int64(len(t.blob)), Images: map[string][]byte{}}
	for _, what := range fitImages {
		if _, ok := conf.props[what]; !ok && what == "fdt" {
			continue
		}
		n := t.nodes["/images/"+conf.text(what)]
		if n == nil || n.props["data"] == nil {
			return nil, fmt.Errorf("%w: no %s", errFIT, what)
		}
		hashed = append(hashed, n.path, n.path+"/hash-1")
		f.Images[what] = n.props["data"]
	}
	if err := t.checkSignature(conf, hashed, key); err != nil {
		return nil, err
	}
	for _, what := range fitImages {
		if f.Images[what] == nil {
			continue
		}
		path := "/images/" + conf.text(what)
		h := t.nodes[path+"/hash-1"]
		sum := sha256.Sum256(f.Images[what])
		if h.text("algo") != "sha256" || !bytes.Equal(h.props["value"], sum[:]) {
			at := t.nodes[path].at["data"]
			return nil, fmt.Errorf("%w: the %s (bytes %d to %d) is not what was signed", errFIT, what, at, at+len(f.Images[what]))
		}
	}
	return f, nil
}

// checkSignature checks a configuration's signature over the listed nodes.
func (t *tree) checkSignature(conf *node, hashed []string, key *rsa.PublicKey) error {
	sig := t.nodes[conf.path+"/signature-1"]
	if sig == nil || len(sig.props["value"]) == 0 {
		return fmt.Errorf("%w: it is not signed", errFIT)
	}
	if a := sig.text("algo"); a != "sha256,rsa2048" {
		return fmt.Errorf("%w: signed by %q, the boot loader takes sha256,rsa2048", errFIT, a)
	}
	covered := sig.props["hashed-strings"]
	if len(covered) != 8 || binary.BigEndian.Uint32(covered) != 0 || int(binary.BigEndian.Uint32(covered[4:])) > t.stringsLen {
		return fmt.Errorf("%w: the signature does not say which strings it covers", errFIT)
	}
	h := sha256.New()
	for _, r := range t.regions(hashed) {
		h.Write(t.blob[t.structAt+r.from : t.structAt+r.to])
	}
	h.Write(t.blob[t.stringsAt : t.stringsAt+int(binary.BigEndian.Uint32(covered[4:]))])
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, h.Sum(nil), sig.props["value"]); err != nil {
		return fmt.Errorf("%w: not signed by this release key, or its description was changed after signing", errFIT)
	}
	return nil
}

type region struct{ from, to int }

// regions are the parts of the structure block that a signature over the
// listed nodes covers, as fdt_find_regions of U-Boot finds them: of a listed
// node everything but its data, of its children the bounds.
func (t *tree) regions(listed []string) (out []region) {
	start, want := -1, 0
	var stack []int
	for _, k := range t.tokens {
		include, stop := false, k.end
		switch k.kind {
		case fdtProp:
			include, stop = want >= 2 && !slices.Contains(unhashed, k.name), k.start
		case fdtNop:
			include, stop = want >= 2, k.start
		case fdtBeginNode:
			stack = append(stack, want)
			if want == 1 {
				stop = k.start
			}
			switch {
			case slices.Contains(listed, k.path):
				want = 2
			case want > 0:
				want--
			default:
				stop = k.start
			}
			include = want > 0
		case fdtEndNode:
			include = want > 0
			want, stack = stack[len(stack)-1], stack[:len(stack)-1]
		case fdtEnd:
			include = true
		}
		switch {
		case include && start < 0:
			start = k.start
			if n := len(out); n > 0 && out[n-1].to == k.start {
				start, out = out[n-1].from, out[:n-1]
			}
		case !include && start >= 0:
			out = append(out, region{start, stop})
			start = -1
		}
	}
	return append(out, region{start, t.tokens[len(t.tokens)-1].end})
}

// readSlot reads what a checked FIT's initramfs says.
func (f *FIT) readSlot() error {
	files, err := readInitramfs(f.Images["ramdisk"])
	if err != nil {
		return err
	}
	for name, into := range map[string]any{"etc/volar/release.json": &f.Release, "etc/volar/verity.json": &f.Verity} {
		if err := strictJSON(files[name], into); err != nil {
			return fmt.Errorf("%w: initramfs: %s: %w", errFIT, name, err)
		}
	}
	if len(files["init"]) == 0 {
		return fmt.Errorf("%w: initramfs: it has no init", errFIT)
	}
	return f.Release.check()
}
