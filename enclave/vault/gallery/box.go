package gallery

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// kind is what a blob holds. It is the first part of the blob's name in the
// store and is bound into its encryption.
type kind string

const (
	kindHead   kind = "head"
	kindPage   kind = "page"
	kindRecord kind = "rec"
	kindEscrow kind = "recovery" // a name only: see package recovery for what it holds
)

// blobID is the random name of a page or a record.
type blobID [16]byte

// ref points to a blob and says exactly which bytes it must hold.
type ref struct {
	ID    blobID
	Key   key
	Hash  [32]byte // SHA-256 of the blob
	Epoch uint64   // in which it was written
}

// name is the blob's key in the store. It says nothing of tenant or person.
func (r ref) name(k kind) string { return string(k) + "/" + hex.EncodeToString(r.ID[:]) }

// headName is where the head of an epoch lies.
func headName(epoch uint64) string { return fmt.Sprintf("%s/%020d", kindHead, epoch) }

// newRef draws a name and a key.
func newRef(epoch uint64) ref {
	r := ref{Epoch: epoch}
	_, _ = rand.Read(r.ID[:]) // never fails: crypto/rand ends the program instead
	_, _ = rand.Read(r.Key[:])
	return r
}

// close encrypts a blob under r's key, bound to what it is, whose it is and
// when it was written, notes its hash in r, and clears plain.
func (r *ref) close(k kind, t Tenant, plain []byte) ([]byte, error) {
	box, err := shut(r.Key, binding(k, t, r.ID, r.Epoch), plain)
	clear(plain)
	if err != nil {
		return nil, err
	}
	r.Hash = sha256.Sum256(box)
	return box, nil
}

// open decrypts the blob that r points to.
func (r *ref) open(k kind, t Tenant, box []byte) ([]byte, error) {
	if sha256.Sum256(box) != r.Hash {
		return nil, fmt.Errorf("%s %x of epoch %d: %w", k, r.ID[:4], r.Epoch, ErrAltered)
	}
	plain, err := unshut(r.Key, binding(k, t, r.ID, r.Epoch), box)
	if err != nil {
		return nil, fmt.Errorf("%s %x of epoch %d: %w", k, r.ID[:4], r.Epoch, err)
	}
	return plain, nil
}

// binding is the associated data of a blob. All parts but the last have
// fixed lengths.
func binding(k kind, t Tenant, id blobID, epoch uint64) []byte {
	b := append([]byte("volar/gallery/3/"), k[0]) // head, page and rec differ in their first letter
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = append(b, id[:]...)
	b = append(b, t.Operator[:]...)
	return append(b, t.Name...)
}

// shut is XChaCha20-Poly1305 with a random nonce in front.
func shut(k key, aad, plain []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, aad), nil
}

func unshut(k key, aad, box []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	if len(box) < aead.NonceSize() {
		return nil, ErrAltered
	}
	plain, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], aad)
	if err != nil {
		return nil, ErrAltered
	}
	return plain, nil
}
