package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/firmware/image"
	"volar/firmware/provision/rehearsal"
	"volar/wire/bundle"
	"volar/wire/prov"
)

// factory makes images as far as a bundle is concerned: two parts and a
// signed manifest.
type factory struct {
	t         *testing.T
	dir, keys string
	release   ed25519.PrivateKey
}

func newFactory(t *testing.T) *factory {
	t.Helper()
	f := &factory{t: t, dir: t.TempDir()}
	f.keys = f.path("keys")
	if err := image.MakeKeys(f.keys); err != nil {
		t.Fatal(err)
	}
	k, err := image.ReadKeys(f.keys)
	if err != nil {
		t.Fatal(err)
	}
	f.release = k.Release
	return f
}

func (f *factory) path(name string) string { return filepath.Join(f.dir, name) }

// image makes the folder of a version.
func (f *factory) image(version string) string {
	f.t.Helper()
	serial, err := image.SerialOf(version)
	if err != nil {
		f.t.Fatal(err)
	}
	dir := f.path(version)
	root := make([]byte, 300<<10)
	rand.NewChaCha8([32]byte{1}).Read(root)
	parts := map[string][]byte{"slot/boot.fit": []byte("boot of " + version), "slot/root.img": append(root, version...)}
	m := image.Manifest{
		Release: image.Release{Board: "qemu-virt", Version: version, Serial: serial, Floor: 1, Built: 1, UpdateKey: strings.Repeat("ab", 32)},
		Disk:    image.DiskGUID("qemu-virt").String(), Verity: image.Verity{Root: strings.Repeat("ab", 32), Salt: "00", DataBlocks: 1, HashBlock: 1},
		Boot: part("slot/boot.fit", parts["slot/boot.fit"]), Root: part("slot/root.img", parts["slot/root.img"]),
	}
	for _, p := range []*image.Part{&m.SBOM, &m.Packed, &m.Map, &m.Image} {
		*p = part("u.img", []byte("not looked at"))
	}
	m.Image.Size = image.DiskSize
	if parts["manifest.json"], err = json.Marshal(&m); err != nil {
		f.t.Fatal(err)
	}
	parts["manifest.json.sig"] = ed25519.Sign(f.release, append([]byte("volar image manifest 1\x00"), parts["manifest.json"]...))
	if err := os.MkdirAll(filepath.Join(dir, "slot"), 0o700); err != nil {
		f.t.Fatal(err)
	}
	for name, b := range parts {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	return dir
}

// do runs palmctl, wants an exit code, and gives what it printed.
func (f *factory) do(want int, args ...string) string {
	f.t.Helper()
	var out, errs bytes.Buffer
	code := run(ctx, args, &out, &errs)
	if code != want {
		f.t.Fatalf("palmctl %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), errs.String())
	}
	if want != exitDone && !strings.Contains(errs.String(), "hint: ") {
		f.t.Errorf("palmctl %s: no hint: %s", strings.Join(args, " "), errs.String())
	}
	return out.String() + errs.String()
}

// A bundle is made of an image, whole and as a delta, shown, and verified.
func TestBundle(t *testing.T) {
	f := newFactory(t)
	old, now := f.image("1.2.3"), f.image("1.2.4")
	full, delta := f.path("full"), f.path("delta")
	f.do(exitDone, "bundle", "make", now, "--key", f.keys, "--out", full)
	f.do(exitDone, "bundle", "make", now, "--from", old, "--key", f.keys, "--out", delta)
	for _, want := range []string{"qemu-virt 1.2.4, serial 1002004, floor 1, full\n", "checked: signature, every byte, and what comes out of it\n"} {
		if said := f.do(exitDone, "bundle", "verify", full, "--key", f.keys); !strings.Contains(said, want) {
			t.Errorf("verify does not say %q:\n%s", want, said)
		}
	}
	if said := f.do(exitDone, "bundle", "show", delta, "--key", f.keys); !strings.Contains(said, "delta from serial 1002003") {
		t.Errorf("show says\n%s", said)
	}
	f.do(exitDone, "bundle", "verify", delta, "--key", f.keys, "--from", old)
	var shown about
	if err := json.Unmarshal([]byte(f.do(exitDone, "bundle", "show", delta, "--key", f.keys, "--json")), &shown); err != nil || shown.From != 1002003 || shown.Size > 4096 {
		t.Errorf("as JSON %+v, %v", shown, err)
	}

	f.do(exitUsage, "bundle", "verify", delta, "--key", f.keys) // a delta of what?
	f.do(exitUsage, "bundle", "verify", delta, "--key", f.keys, "--from", now)
	f.do(exitUsage, "bundle", "make", old, "--from", now, "--key", f.keys, "--out", f.path("back"))
	f.do(exitUsage, "bundle", "make", now, "--key", f.keys, "--out", full) // it is there
	f.do(exitUsage, "bundle", "show", filepath.Join(now, "manifest.json"), "--key", f.keys)
	if err := image.MakeKeys(f.path("other")); err != nil {
		t.Fatal(err)
	}
	f.do(exitWrong, "bundle", "show", full, "--key", f.path("other"))
	b, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-9] ^= 1
	if err := os.WriteFile(full, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f.do(exitWrong, "bundle", "verify", full, "--key", f.keys)
	if err := os.WriteFile(filepath.Join(now, "slot/root.img"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	f.do(exitUsage, "bundle", "make", now, "--key", f.keys, "--out", f.path("damaged"))
}

// A repository is made, filled, refreshed, and its keys are replaced.
func TestRepo(t *testing.T) {
	f := newFactory(t)
	repo, keys, file := f.path("repo"), f.path("roles"), f.path("bundle")
	f.do(exitDone, "bundle", "make", f.image("1.2.4"), "--key", f.keys, "--out", file)
	f.do(exitDone, "repo", "init", repo, "--keys", keys, "--key", f.keys)
	f.do(exitUsage, "repo", "init", repo, "--keys", f.path("more"), "--key", f.keys)
	f.do(exitDone, "repo", "add", repo, file, "--keys", keys, "--key", f.keys)
	f.do(exitWrong, "repo", "add", repo, file, "--keys", keys, "--key", f.keys) // a version is published once
	if said := f.do(exitDone, "repo", "show", repo); !strings.Contains(said, "can be updated to:\n  qemu-virt/1.2.4.full ") {
		t.Errorf("show says\n%s", said)
	}
	// The machine that refreshes has two keys only.
	online := f.path("online")
	if err := os.Mkdir(online, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"snapshot", "timestamp"} {
		if err := os.Rename(filepath.Join(keys, role+".pem"), filepath.Join(online, role+".pem")); err != nil {
			t.Fatal(err)
		}
	}
	f.do(exitDone, "repo", "refresh", repo, "--keys", online)
	f.do(exitWrong, "repo", "refresh", repo, "--keys", keys)
	f.do(exitWrong, "repo", "withdraw", repo, "qemu-virt/1.2.4.full", "--keys", online)
	for _, role := range []string{"snapshot", "timestamp"} {
		if err := os.Rename(filepath.Join(online, role+".pem"), filepath.Join(keys, role+".pem")); err != nil {
			t.Fatal(err)
		}
	}
	f.do(exitUsage, "repo", "rotate", repo, "--keys", keys, "--new", f.path("new"), "--role", "king")
	f.do(exitDone, "repo", "rotate", repo, "--keys", keys, "--new", f.path("new"))
	f.do(exitDone, "repo", "withdraw", repo, "qemu-virt/1.2.4.full", "--keys", f.path("new"))
	if said := f.do(exitDone, "repo", "show", repo, "--json"); !strings.Contains(said, `"bundles": []`) {
		t.Errorf("show says\n%s", said)
	}
	f.do(exitUsage, "repo", "show", f.path("nothing"))
	f.do(exitUsage, "repo", "add", repo, "--keys", keys, "--key", f.keys)
}

// A bundle is sent over a line that loses bytes, and what a unit has is not
// sent again after the cable was pulled.
func TestSendBundle(t *testing.T) {
	s := newShop(t)
	payload := make([]byte, 20<<10)
	rand.NewChaCha8([32]byte{2}).Read(payload)
	manifest := []byte("manifest of a bundle")
	synctest.Test(t, func(t *testing.T) {
		u := rehearsal.NewUnit(unitSerial)
		sent := 0
		for number := uint64(1); !bytes.Equal(u.Bundle(), payload); number++ {
			if number > 20 {
				t.Fatalf("after 20 tries the unit has %d bytes", len(u.Bundle()))
			}
			c := rehearsal.NewCable(number, rehearsal.Faults{Flip: 5000})
			go u.Serve(t.Context(), c.Unit)
			client := prov.NewClient(t.Context(), c.Bench, nil)
			ticket := s.sign(unitSerial, number, prov.MayUpdate)
			err := client.Open(t.Context(), unitSerial, s.key, ticket)
			if err == nil {
				err = sendBundle(t.Context(), client, manifest, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload))), func(done, of int64) {
					if sent++; sent%7 == 0 {
						c.Pull()
					}
				})
			}
			c.Pull()
			synctest.Wait()
			if err != nil && number > 1 && len(u.Bundle()) == 0 {
				t.Fatal(err)
			}
		}
		if sent > len(payload)/prov.MaxBlock+20 {
			t.Errorf("%d blocks were sent of %d", sent, len(payload)/prov.MaxBlock)
		}
	})
}

// The time that people are told is that of the line.
func TestSerialTime(t *testing.T) {
	if got := serialTime(1_000_000); got < 2*time.Minute || got > 3*time.Minute {
		t.Errorf("a megabyte takes %v", got)
	}
	if bundle.MaxManifest > prov.MaxBlock {
		t.Error(fmt.Sprint("a manifest takes more than one block: ", bundle.MaxManifest))
	}
}
