package replay

import (
	"crypto/rand"
	"io"
	mathrand "math/rand/v2"
	"sync"

	"volar/wire"
)

// chance stands in for crypto/rand.Reader: a fixed stream, into which the
// nonces of a tape can be put.
type chance struct {
	mu      sync.Mutex
	stream  *mathrand.ChaCha8
	planted *wire.Nonce
}

// drawFrom makes crypto/rand a fixed stream until the function that it returns
// is called. It concerns the whole process.
func drawFrom(seed [32]byte) (*chance, func()) {
	c := &chance{stream: mathrand.NewChaCha8(seed)}
	before := rand.Reader
	rand.Reader = c
	return c, func() { rand.Reader = before }
}

// plant lets the next read of a nonce's length give n. The vault draws its
// challenge by such a read, and between a question for it and the answer
// nothing else is as long.
func (c *chance) plant(n *wire.Nonce) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.planted = n
}

func (c *chance) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.planted != nil && len(b) == len(c.planted) {
		n := copy(b, c.planted[:])
		c.planted = nil
		return n, nil
	}
	return c.stream.Read(b)
}

var _ io.Reader = (*chance)(nil)
