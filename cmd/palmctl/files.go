package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// readFile reads a file of at most limit bytes.
func readFile(what, path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(fmt.Errorf("read %s: %w", what, err), "give the path of the %s", what)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if int64(len(b)) > limit {
		return nil, usage(fmt.Errorf("read %s: %s has more than %d bytes", what, path, limit), "this is another kind of file")
	}
	return b, nil
}

// writeFile makes a new file; what is there stays as it is.
func writeFile(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return usage(fmt.Errorf("write: %w", err), "nothing is ever written over: choose another place or move it away")
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// hexKey reads a public key of 64 hex digits.
func hexKey(what, text string) ([32]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		return [32]byte{}, usage(fmt.Errorf("%s: %q is not 64 hex digits", what, text), "it stands as operator in the vault's configuration")
	}
	return [32]byte(b), nil
}

const maxKeyFile = 16 << 10

// privateKey reads a private key of one kind, named in words: PKCS #8, PEM.
// next is how to make one.
func privateKey[K any](what, path, kind, next string) (key K, err error) {
	b, err := readFile(what, path, maxKeyFile)
	if err != nil {
		return key, err
	}
	defer clear(b)
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return key, usage(fmt.Errorf("%s: %s has no PEM block of type PRIVATE KEY", what, path), "%s", next)
	}
	defer clear(block.Bytes)
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return key, usage(fmt.Errorf("%s: %s: %w", what, path, err), "%s", next)
	}
	key, ok := any.(K)
	if !ok {
		return key, usage(fmt.Errorf("%s: %s holds a key of another kind than %s", what, path, kind), "%s", next)
	}
	return key, nil
}

// operatorKey reads an operator's private key.
func operatorKey(path string) (ed25519.PrivateKey, error) {
	return privateKey[ed25519.PrivateKey]("operator key", path, "Ed25519", "make one with: openssl genpkey -algorithm ed25519 -out operator.pem")
}
