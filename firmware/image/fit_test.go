package image

import (
	"os"
	"testing"
)

func TestTmpFIT(t *testing.T) {
	b, err := os.ReadFile("../../build/image/qemu-virt-0.1.0/slot/boot.fit")
	if err != nil {
		t.Skip(err)
	}
	k, err := ReadKeys("../../build/keys")
	if err != nil {
		t.Fatal(err)
	}
	f, err := checkFIT(b, &k.Boot.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(f.Size, len(b), f.readSlot(), f.Release, f.Verity)
}
