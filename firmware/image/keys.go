package image

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// Files of a key folder. Whoever has them can make images that units run, so
// that a release's lie elsewhere than in a repository.
const (
	BootKeyFile    = "boot.pem"    // RSA-2048: the FIT's signature, which the boot loader checks
	ReleaseKeyFile = "release.pem" // Ed25519: manifests and update bundles
	ModuleKeyFile  = "modules.pem" // RSA-2048 and its certificate: kernel modules
	// AuthorityKeyFile holds the Ed25519 key that signs provisioning tickets.
	AuthorityKeyFile = "authority.pem"
)

const bootBits = 2048

// Keys are what an image is signed with.
type Keys struct {
	Boot    *rsa.PrivateKey
	Release ed25519.PrivateKey
}

// Public are the halves that an image is checked with.
type Public struct {
	Boot    *rsa.PublicKey
	Release ed25519.PublicKey
}

// Public gives the public halves.
func (k *Keys) Public() Public {
	return Public{&k.Boot.PublicKey, k.Release.Public().(ed25519.PublicKey)}
}

// MakeKeys makes a new folder with new keys, for development. Nothing is
// written over.
func MakeKeys(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("image: make keys: %w", err)
	}
	boot, err := rsa.GenerateKey(rand.Reader, bootBits)
	if err != nil {
		return fmt.Errorf("image: make keys: %w", err)
	}
	_, release, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("image: make keys: %w", err)
	}
	_, authority, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("image: make keys: %w", err)
	}
	modules, err := moduleKey()
	if err != nil {
		return fmt.Errorf("image: make keys: %w", err)
	}
	return errors.Join(
		writeKey(filepath.Join(dir, BootKeyFile), boot),
		writeKey(filepath.Join(dir, ReleaseKeyFile), release),
		writeKey(filepath.Join(dir, AuthorityKeyFile), authority),
		os.WriteFile(filepath.Join(dir, ModuleKeyFile), modules, 0o600),
	)
}

func writeKey(path string, key any) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("image: make keys: %w", err)
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// moduleKey is a key and its certificate in one PEM file, as the kernel's
// build wants them (Documentation/admin-guide/module-signing.rst).
func moduleKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, bootBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Volar kernel modules"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), KeyUsage: x509.KeyUsageDigitalSignature, SubjectKeyId: []byte("volar modules")}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...), nil
}

// ReadKeys reads a key folder.
func ReadKeys(dir string) (*Keys, error) {
	boot, err := readKey[*rsa.PrivateKey](filepath.Join(dir, BootKeyFile))
	if err != nil {
		return nil, err
	}
	if boot.N.BitLen() != bootBits || boot.E != 65537 {
		return nil, fmt.Errorf("image: read keys: %s has %d bits and exponent %d, the boot loader takes %d and 65537", BootKeyFile, boot.N.BitLen(), boot.E, bootBits)
	}
	release, err := readKey[ed25519.PrivateKey](filepath.Join(dir, ReleaseKeyFile))
	if err != nil {
		return nil, err
	}
	return &Keys{Boot: boot, Release: release}, nil
}

func readKey[K any](path string) (key K, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return key, fmt.Errorf("image: read keys: %w", err)
	}
	defer clear(raw)
	block, _ := pem.Decode(raw)
	if block == nil {
		return key, fmt.Errorf("image: read keys: %s has no PEM block", path)
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return key, fmt.Errorf("image: read keys: %s: %w", path, err)
	}
	key, ok := any.(K)
	if !ok {
		return key, fmt.Errorf("image: read keys: %s holds a %T", path, any)
	}
	return key, nil
}

// ReadPublic reads a folder of keys, or one file of public keys as Export
// writes it.
func ReadPublic(path string) (Public, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Public{}, fmt.Errorf("image: read public keys: %w", err)
	}
	if info.IsDir() {
		k, err := ReadKeys(path)
		if err != nil {
			return Public{}, err
		}
		return k.Public(), nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return Public{}, fmt.Errorf("image: read public keys: %w", err)
	}
	var p Public
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return Public{}, fmt.Errorf("image: read public keys: %s: %w", path, err)
		}
		switch k := key.(type) {
		case *rsa.PublicKey:
			p.Boot = k
		case ed25519.PublicKey:
			p.Release = k
		}
	}
	if p.Boot == nil || p.Release == nil {
		return Public{}, fmt.Errorf("image: read public keys: %s has not both an RSA and an Ed25519 key", path)
	}
	return p, nil
}

// Export is both public keys in one PEM file, for whoever checks images.
func (p Public) Export() ([]byte, error) {
	var out []byte
	for _, key := range []any{p.Boot, p.Release} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("image: export public keys: %w", err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return out, nil
}

// ReleaseID is the public half of the release key as release.json has it.
func (p Public) ReleaseID() string { return hex.EncodeToString(p.Release) }

// ReadAuthority reads the public key of who signs provisioning tickets: 64 hex
// digits, or the path of a PEM file with it or with its private half.
func ReadAuthority(from string) (ed25519.PublicKey, error) {
	if b, err := hex.DecodeString(from); err == nil && len(b) == ed25519.PublicKeySize {
		return b, nil
	}
	raw, err := os.ReadFile(from)
	if err != nil {
		return nil, fmt.Errorf("image: read the authority's key: %w", err)
	}
	defer clear(raw)
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("image: read the authority's key: %s has no PEM block", from)
	}
	if private, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if k, ok := private.(ed25519.PrivateKey); ok {
			return k.Public().(ed25519.PublicKey), nil
		}
	}
	if public, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		if k, ok := public.(ed25519.PublicKey); ok {
			return k, nil
		}
	}
	return nil, fmt.Errorf("image: read the authority's key: %s holds no Ed25519 key", from)
}
