package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder of keys is made once, is nobody else's to read, and public.pem is
// enough to check with.
func TestImageKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	out, _ := palmctl(t, exitDone, "image", "key", dir, "--json")
	var made struct{ Folder, Release string }
	decode(t, out, &made)
	if made.Folder != dir || len(made.Release) != 64 {
		t.Errorf("image key says %+v", made)
	}
	for _, name := range []string{"boot.pem", "release.pem", "modules.pem", "authority.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "public.pem"))
	if err != nil || strings.Contains(string(public), "PRIVATE") || strings.Count(string(public), "BEGIN PUBLIC KEY") != 2 {
		t.Errorf("public.pem: %v\n%s", err, public)
	}
	_, errs := palmctl(t, exitUsage, "image", "key", dir)
	if !strings.Contains(errs, "never written over") {
		t.Errorf("the same folder again: %s", errs)
	}
}

func TestImageVerifyRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	palmctl(t, exitDone, "image", "key", dir)
	public := filepath.Join(dir, "public.pem")
	for name, c := range map[string]struct {
		code int
		args []string
		says string
	}{
		"no key":          {exitUsage, []string{dir}, "required flag"},
		"key of no kind":  {exitUsage, []string{dir, "--key", filepath.Join(dir, "boot.pem")}, "public.pem"},
		"no such image":   {exitUsage, []string{dir + "/none", "--key", public}, "no such file"},
		"another file":    {exitUsage, []string{public, "--key", public}, "neither a folder nor"},
		"without a paper": {exitWrong, []string{dir, "--key", public}, "manifest.json.sig"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs := palmctl(t, c.code, append([]string{"image", "verify"}, c.args...)...)
			if !strings.Contains(out+errs, c.says) {
				t.Errorf("%s%s\nwant %q", out, errs, c.says)
			}
		})
	}
}

func TestImageBuildRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	palmctl(t, exitDone, "image", "key", dir)
	base := []string{"image", "build", "--boards", "../../boards", "--out", filepath.Join(dir, "out"), "--kernel", dir, "--programs", dir, "--loader", dir}
	for name, c := range map[string]struct {
		code int
		args []string
		says string
	}{
		"nothing prepared":    {exitWrong, []string{"--board", "qemu-virt", "--version", "1.2.3", "--key", dir}, "make image BOARD=qemu-virt"},
		"board without boot":  {exitUsage, []string{"--board", "sim", "--version", "1.2.3", "--key", dir}, "never flashed"},
		"unknown board":       {exitUsage, []string{"--board", "vax", "--version", "1.2.3", "--key", dir}, "no board"},
		"no keys":             {exitUsage, []string{"--board", "qemu-virt", "--version", "1.2.3", "--key", dir + "/none"}, "palmctl image key"},
		"version":             {exitUsage, []string{"--board", "qemu-virt", "--version", "1", "--key", dir}, "three numbers"},
		"authority of no key": {exitUsage, []string{"--board", "qemu-virt", "--version", "1.2.3", "--key", dir, "--authority", dir + "/boot.pem"}, "Ed25519"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := palmctl(t, c.code, append(base, c.args...)...)
			if !strings.Contains(errs, c.says) {
				t.Errorf("%s\nwant %q", errs, c.says)
			}
		})
	}
}
