package attest

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"time"
)

// What a vault may have its platform vouch for beside its Noise key.
const (
	UseReceipt = "receipt" // an Ed25519 key that signs receipts of deletions
	UseRestore = "restore" // an HPKE key to which a gallery may be handed over
)

// KeyData is the report data of evidence that vouches for a key of the vault:
// SHA-512("palm/key/v1" || length of use in one byte || use || Noise key ||
// epoch || SHA-256(key) || tenant). It is no session's report data for any nonce,
// so nobody gets such evidence by saying hello with a nonce of their choice.
func KeyData(use string, vaultKey [32]byte, epoch uint64, key []byte, tenant string) [64]byte {
	digest := sha256.Sum256(key)
	b := append([]byte("palm/key/v1"), byte(len(use)))
	b = append(b, use...)
	b = append(b, vaultKey[:]...)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = append(b, digest[:]...)
	return sha512.Sum512(append(b, tenant...))
}

// VerifyKey checks that encoded evidence vouches for a key and its use, under
// a policy that the caller trusts. Unlike Verify it proves no freshness: a
// vault that the policy accepts held the key once.
func VerifyKey(evidence []byte, p Policy, use string, key []byte, now time.Time, with ...Verifier) (Claims, error) {
	return verify(evidence, p, func(e Evidence, events Events) [64]byte {
		return KeyData(use, events.VaultKey, e.Epoch, key, p.Tenant)
	}, now, with...)
}
