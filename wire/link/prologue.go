package link

import (
	"crypto/sha256"

	"volar/wire"
)

// prologue is what both sides must have seen alike before the handshake: the
// version, the tenant, the nonce, the evidence, and, when a session is
// renewed, the handshake before. previous is zero for the first.
//
//	version 1 | length of tenant 1 | tenant | nonce 32 | SHA-256(evidence) 32 | previous 32
func prologue(h wire.Hello, evidence []byte, previous [32]byte) []byte {
	digest := sha256.Sum256(evidence)
	b := append([]byte{wire.Version, byte(len(h.Tenant))}, h.Tenant...)
	b = append(b, h.Nonce[:]...)
	b = append(b, digest[:]...)
	return append(b, previous[:]...)
}
