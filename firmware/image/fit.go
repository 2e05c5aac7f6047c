package image

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"volar/boards"
)

// fitSource is the image tree that mkimage makes a FIT of. The configuration's
// signature covers the hashes of all that it names. Nothing is compressed:
// a small change then is a small update.
var fitSource = template.Must(template.New("fit").Parse(`/dts-v1/;
/ {
	description = "Volar {{.Version}} for {{.Board}}";
	#address-cells = <1>;
	images {
		kernel {
			description = "Linux";
			data = /incbin/("kernel");
			type = "kernel"; arch = "arm64"; os = "linux"; compression = "none";
			load = <{{.Address}}>; entry = <{{.Address}}>;
			hash-1 { algo = "sha256"; };
		};
		ramdisk {
			description = "initramfs";
			data = /incbin/("ramdisk");
			type = "ramdisk"; arch = "arm64"; os = "linux"; compression = "none";
			hash-1 { algo = "sha256"; };
		};
{{- if .Tree}}
		fdt {
			description = "device tree";
			data = /incbin/("fdt");
			type = "flat_dt"; arch = "arm64"; compression = "none";
			hash-1 { algo = "sha256"; };
		};
{{- end}}
	};
	configurations {
		default = "conf";
		conf {
			kernel = "kernel"; ramdisk = "ramdisk";{{if .Tree}} fdt = "fdt";{{end}}
			signature-1 {
				algo = "sha256,rsa2048"; key-name-hint = "boot";
				sign-images = "kernel", "ramdisk"{{if .Tree}}, "fdt"{{end}};
			};
		};
	};
};
`))

// fitParts are what a slot's FIT is made of. Tree is empty where the machine
// brings its own.
type fitParts struct {
	Board, Version string
	Kernel         []byte
	Ramdisk        []byte
	Tree           []byte
	Load           boards.Address
}

// buildFIT makes and signs a slot's FIT. mkimage does both, so that what the
// boot loader will check is made by the boot loader's own tool.
func buildFIT(ctx context.Context, dir string, p fitParts, key *rsa.PrivateKey, epoch int64) ([]byte, error) {
	address, _ := p.Load.MarshalText()
	var source bytes.Buffer
	if err := fitSource.Execute(&source, map[string]any{"Board": p.Board, "Version": p.Version, "Address": string(address), "Tree": len(p.Tree) > 0}); err != nil {
		return nil, fmt.Errorf("image: describe the FIT: %w", err)
	}
	keys := filepath.Join(dir, "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		return nil, fmt.Errorf("image: build the FIT: %w", err)
	}
	defer os.RemoveAll(keys)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("image: build the FIT: %w", err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, b := range map[string][]byte{"kernel": p.Kernel, "ramdisk": p.Ramdisk, "fdt": p.Tree, "fit.its": source.Bytes(), "keys/boot.key": secret} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return nil, fmt.Errorf("image: build the FIT: %w", err)
		}
	}
	if err := tool(ctx, dir, epoch, "mkimage", "-f", "fit.its", "-k", "keys", "-r", "boot.fit"); err != nil {
		return nil, err
	}
	fit, err := os.ReadFile(filepath.Join(dir, "boot.fit"))
	if err != nil {
		return nil, fmt.Errorf("image: build the FIT: %w", err)
	}
	if len(fit) > BootSize {
		return nil, fmt.Errorf("image: the FIT has %d bytes, its partition %d", len(fit), BootSize)
	}
	return fit, nil
}

// tool runs a program of the system in dir, with the same surroundings on
// every machine, and gives what it said when it fails.
func tool(ctx context.Context, dir string, epoch int64, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			return &MissingTool{name}
		}
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = dir
	c.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC", "MTOOLS_SKIP_CHECK=1", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch)}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("image: %s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// MissingTool is a program that building needs and this machine lacks.
type MissingTool struct{ Name string }

func (e *MissingTool) Error() string { return "image: this machine has no " + e.Name }

// PCR8 is what PCR 8 of the TPM's SHA-256 bank holds after the boot loader
// measured a FIT: fit is the SHA-256 of boot.fit.
func PCR8(fit [32]byte) [32]byte {
	return sha256.Sum256(append(make([]byte, 32), fit[:]...))
}
