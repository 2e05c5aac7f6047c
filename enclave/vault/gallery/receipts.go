package gallery

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"

	"volar/enclave/receipt"
	"volar/wire"
)

// maxOwed is how many receipts of one tenant a head remembers until the store
// holds them. Older ones were given to whoever asked for the deletion.
const maxOwed = 64

// owed is a receipt that the store may not hold yet. It is kept in the sealed
// head that makes the deletion true, so there is no receipt before the
// counter has moved, and after that none is lost by a crash.
type owed struct {
	handle  [32]byte
	before  uint64
	after   uint64
	root    [32]byte
	time    int64
	program [32]byte // which vault did it
}

func (o owed) receipt() wire.Receipt {
	return wire.Receipt{Handle: o.handle, Before: o.before, After: o.after, Root: o.root,
		Time: max(o.time, 1), Clock: wire.HostClock, Measurement: o.program}
}

// Where the host finds what is meant for people and not for the vault.
func receiptName(handle [32]byte) string { return "receipt/" + hex.EncodeToString(handle[:]) }
func absenceName(handle [32]byte) string { return "absence/" + hex.EncodeToString(handle[:]) }
func voucherName(key ed25519.PublicKey) string {
	return "voucher/" + hex.EncodeToString(key)
}

// signer is the tenant's receipt key.
func (s *shelf) signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.signing[:]) }

// Certify lets the gallery give receipts: program is the measurement of this
// vault, and vouch makes the voucher of a tenant's receipt key. Vouchers, and
// receipts that an earlier start still owes, go to the store. Until then
// nobody can be deleted.
func (g *Gallery) Certify(ctx context.Context, program [32]byte, vouch func(Tenant, ed25519.PublicKey) ([]byte, error)) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	if program == ([32]byte{}) {
		return errors.New("gallery: certify: the vault has no measurement")
	}
	var vouchers []wire.Blob
	_, shelves, _ := g.state()
	for _, s := range shelves {
		if !s.open {
			continue
		}
		public := s.signer().Public().(ed25519.PublicKey)
		b, err := vouch(s.Tenant, public)
		if err != nil {
			return fmt.Errorf("gallery: certify tenant %s: %w", s.Name, err)
		}
		vouchers = append(vouchers, wire.Blob{Key: voucherName(public), Value: b})
	}
	if err := g.write(ctx, vouchers); err != nil {
		return fmt.Errorf("gallery: certify: %w", err)
	}
	g.program = program
	g.certifyAll(ctx, nil)
	return nil
}

// certifyAll signs what is owed, gives each deletion of this batch its
// receipt, and offers all of them to the store.
func (g *Gallery) certifyAll(ctx context.Context, ops []*op) {
	var papers []wire.Blob
	_, shelves, _ := g.state()
	for _, s := range shelves {
		for _, o := range s.owed {
			signed, err := wire.SignReceipt(o.receipt(), s.signer())
			if err != nil {
				continue // the head that holds it was checked when it was read
			}
			papers = append(papers, s.papers(o, signed)...)
			for _, waiting := range ops {
				if waiting.err == nil && waiting.tenant == s.Name && waiting.record == nil && s.handle(waiting.person) == o.handle {
					waiting.receipt = signed
				}
			}
		}
	}
	if !g.sweep(ctx, papers) {
		return
	}
	for _, s := range shelves {
		s.owed = nil // the next head is without them
	}
}

// papers is what the store gets for one deletion: the receipt and, while the
// tree is still the one that it names, the proof that the person is not in it.
func (s *shelf) papers(o owed, signed []byte) []wire.Blob {
	list := []wire.Blob{{Key: receiptName(o.handle), Value: signed}}
	if o.root != s.root {
		return list
	}
	absence, err := s.tree.Prove(o.handle).Marshal()
	if err != nil || len(absence) > receipt.MaxProof {
		return list
	}
	return append(list, wire.Blob{Key: absenceName(o.handle), Value: absence})
}
