package firmware

import (
	"bytes"
	"testing"

	"volar/wire"
)

// The receipt of a deletion is handed out with the decision, and nothing is
// where there is none.
func TestReceiptIsHandedOut(t *testing.T) {
	for _, paper := range [][]byte{nil, []byte("a signed receipt")} {
		bubble(t, func(t *testing.T, b *bench) {
			slip, err := wire.NewSlip(paper)
			if err != nil {
				t.Fatal(err)
			}
			b.call = func(_ int, m wire.Message) (wire.Message, error) {
				if _, ok := m.(wire.Begin); ok {
					return wire.Challenge{Nonce: wire.Nonce{1}}, nil
				}
				return wire.Answer{Status: wire.Accepted, Person: wire.Person{9}, Slip: slip}, nil
			}
			b.orders <- Order{Purpose: wire.Delete, Person: wire.Person{9}}
			b.start(Config{Orders: b})
			d := b.wave()
			b.stop()
			if d.Outcome != Accepted || !bytes.Equal(d.Receipt, paper) {
				t.Errorf("%+v", d)
			}
		})
	}
}
